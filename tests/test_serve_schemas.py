"""What the API is asked: bounds, defaults, and bodies that are refused."""

import json
from typing import Any

import numpy as np
import pytest
from serving import Client, npy, problem

from umurl_search.synthetic.demo_corpus import make_clip

QUERY = "S001C001P001R001A005"


# queries


def test_how_a_file_is_read_can_be_said(client: Client) -> None:
    clip = make_clip(QUERY)[:2, [0, 0]]
    clip[1, 1] += np.float32(0.1)
    guessed = client.ask_with("x.npy", npy(clip)).json()
    assert "--axes" in guessed["query"]["notes"][0]
    said = [client.ask_with("x.npy", npy(clip), axes=axes).json() for axes in ("MTVC", "TMVC")]
    assert not any("--axes settles it" in note for one in said for note in one["query"]["notes"])
    assert said[0]["hits"] != said[1]["hits"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"clip": "mine:nobody"}, 400, "no clip 'nobody' in mine"),
        ({"clip": "ours:x"}, 400, "no dataset 'ours'"),
        ({"clip": "/etc/passwd.npy"}, 400, "not a clip"),
        ({"clip": "mine:../x.npy"}, 400, "no clip"),
        ({"clip": "mine:x@1-2.npy"}, 400, "no clip"),
        ({"clip": f"mine:{QUERY}@900-901"}, 400, "nobody is there"),
        ({"clip": "upload:x"}, 404, "no such upload"),
        ({"clip": {"id": 10**6}}, 404, "no clip 1000000"),
        ({"clip": {"id": 1}, "index": "x"}, 400, "no index 'x'; there are mine@e"),
        ({"clip": {"id": 1}, "where": "read_csv('/etc/passwd')"}, 400, "read_csv"),
        ({"clip": {"id": 1}, "where": "1=1; drop table clips"}, 400, "filter '1=1; drop table clips': "),
        ({"clip": {"id": 1}, "where": " "}, 400, "nothing is asked; leave it out for all clips"),
        ({"clip": {"id": 1}, "modality": "smell"}, 422, "modality: modality is joint"),
        ({"clip": {"id": 1}, "k": 0}, 422, "k: "),
        ({"clip": {"id": 1}, "k": 501}, 422, "k: "),
        ({"clip": {"id": 1}, "limit": 3}, 422, "limit: "),
        ({"clip": "a\ud800"}, 422, "surrogate"),
        ({}, 422, "clip: "),
    ],
)
def test_a_query_that_is_refused(client: Client, body: Any, status: int, text: str) -> None:
    said = client.post("/api/query", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert text in problem(said, status)


# clips that are sent


def test_stated_conventions_of_a_clip_that_is_sent(client: Client) -> None:
    clip = npy(make_clip(QUERY)[:, :, :20])
    assert client.send("x.npy", clip).json()["layout"] == "kinect-v1"
    assert client.send("x.npy", clip, layout="utd-mhad").json()["layout"] == "utd-mhad"
    assert "joints" in problem(client.send("x.npy", clip, layout="ntu25"), 400)
    assert "fps" in problem(client.send("x.npy", clip, fps="nan"), 422)
