"""Clips that were sent: bounded in number, bytes and frames; what is no clip is refused."""

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from serving import Client, npy, problem

from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

QUERY = "S001C001P001R001A005"


# queries


@pytest.mark.parametrize(
    ("name", "body", "asked", "status", "text"),
    [
        ("x.npy", b"", {}, 400, "x.npy: the body is empty"),
        ("x.npy", b"nonsense", {}, 400, "x.npy"),
        ("x.exe", b"MZ", {}, 400, "x.exe: not a clip"),
        ("x.npy", npy(make_clip(QUERY)), {"index": "x"}, 400, "no index 'x'"),
        ("x.npy", npy(make_clip(QUERY)), {"where": "1=1; drop table clips"}, 400, "filter '1=1; drop"),
        ("x.npy", npy(make_clip(QUERY)), {"k": 0}, 422, "k: "),
        ("x.npy", npy(make_clip(QUERY)), {"clip": "mine:x"}, 422, "clip: "),
        ("x.npy", npy(make_clip(QUERY)), {"fps": "nan"}, 422, "fps: "),
    ],
)
def test_a_file_that_asks_is_refused(
    client: Client, name: str, body: bytes, asked: dict[str, Any], status: int, text: str
) -> None:
    assert text in problem(client.ask_with(name, body, **asked), status)


def test_frames_are_counted_as_they_would_be_held(indexed: Library) -> None:
    small = np.ones((400, 1, 25, 3), np.int8)
    with Client(indexed, upload_bytes=2 * 4 * 75 * 500 * 30) as client:
        assert client.ask_with("x.npy", npy(small), fps=1).status_code == 200
        too_long = npy(np.tile(small, (2, 1, 1, 1)))
        assert "x.npy: more frames" in problem(client.ask_with("x.npy", too_long, fps=1), 413)
        assert client.ask_with("x.npy", too_long, fps=2).status_code == 200


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_what_a_small_file_would_unpack_to_is_looked_at_first(indexed: Library, suffix: str) -> None:
    """A file of a thousandth of the size of its arrays is refused before they are in memory."""
    body = io.BytesIO()
    frames = np.ones((100_000, 25, 3), np.float32)
    if suffix == ".npz":
        np.savez_compressed(body, x=frames)
    else:
        savemat(body, {"x": frames}, do_compression=True)
    del frames
    with Client(indexed, upload_bytes=2**23) as client:
        tracemalloc.start()
        try:
            said = problem(client.send(f"x{suffix}", body.getvalue(), fps=30), 413)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert f"x{suffix}: more frames than there is room for" in said
    assert peak < 10 * 2**20


# clips that are sent


@pytest.mark.parametrize(
    ("name", "body", "text"),
    [
        ("x.npy", b"nonsense", "x.npy"),
        ("x.npy", b"", "x.npy: the body is empty"),
        ("x.exe", b"MZ", "x.exe: not a clip"),
        ("../../x.npy", npy(np.zeros((4, 25, 3), np.float32)), "x.npy: nobody is in any"),
        ("x.npy", npy(np.full((4, 25, 3), np.nan)), "x.npy: non-finite"),
        ("x.npy", npy(np.ones((4, 7, 3))), "x.npy: an array of shape (4, 7, 3) is no clip"),
        ("x.skeleton", b"\xff" * 100, "x.skeleton: "),
        ("x.json", b"[" * 100_000, "x.json: "),
        ("x.txt", b"1 2 3\n", "x.txt: "),
    ],
)
def test_a_file_that_is_no_clip(client: Client, name: str, body: bytes, text: str) -> None:
    line = problem(client.send(name, body), 400)
    assert text in line
    assert "/" not in line.partition(":")[0]


def test_the_oldest_uploads_go(indexed: Library) -> None:
    clip = npy(make_clip(QUERY))
    with Client(indexed, uploads=2) as client:
        tokens = [client.send("x.npy", clip).json()["token"] for _ in range(3)]
        found = [client.get(f"/api/uploads/{token}/frames").status_code for token in tokens]
    assert found == [404, 200, 200]


def test_uploads_are_bounded_in_bytes(indexed: Library) -> None:
    clip = make_clip(QUERY)
    with Client(indexed, upload_bytes=3 * clip.nbytes) as client:
        tokens = [client.send("x.npy", npy(clip)).json()["token"] for _ in range(2)]
        assert [client.get(f"/api/uploads/{token}/frames").status_code for token in tokens] == [404, 200]
        assert "more frames" in problem(client.send("x.npy", npy(clip), fps=1), 413)
