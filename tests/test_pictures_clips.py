"""The clips of a picture, as they were recorded."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from drawings import ReadPage, picture_request
from refusals import raises_typed

from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.pictures.clips import hit_clips
from umurl_search.pictures.render import render
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

CLIP = "mine:S001C001P002R001A005"


def test_hits_that_went_meanwhile_are_said_to_be_gone(indexed: Library) -> None:
    asked = QueryRequest(clip=CLIP, k=2, device="cpu")
    found = query(indexed, asked)
    first, second = found.hits
    gone = replace(found, hits=[first, replace(second, name="gone")])
    with raises_typed("another process added or removed clips while this command ran; run it again"):
        hit_clips(indexed, gone)


def test_coordinates_are_drawn_as_recorded(indexed: Library, tmp_path: Path) -> None:
    render(indexed, picture_request(tmp_path / "a.html"))
    (clip,) = json.loads(ReadPage((tmp_path / "a.html").read_text(encoding="utf-8")).scripts[0])["clips"]
    with indexed.read() as catalog:
        row = catalog.clip("mine", CLIP.removeprefix("mine:"))
    assert row is not None
    raw = open_clips(indexed, "mine").frames(row["store_row"])
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(raw.shape)
    np.testing.assert_allclose(np.diff(mm, axis=0) / 1000, np.diff(raw, axis=0), atol=0.0011)
    assert clip["floor"] == 0
