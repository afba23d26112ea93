"""Frames as the page draws them: whole millimetres above the ground."""

import numpy as np
import pytest
from serving import Client, problem

from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.serve.frames import stand_on_floor

INDEX = "mine@e"


def test_a_clip_and_its_frames(client: Client, indexed: Library) -> None:
    about = client.get("/api/clips/7").json()
    assert (about["id"], about["indexes"], about["segments"]) == (7, [INDEX], [])
    answer = client.get("/api/clips/7/frames")
    stored = open_clips(indexed, "mine").frames(6)
    shape = tuple(map(int, answer.headers["x-shape"].split(",")))
    assert shape == stored.shape
    assert (answer.headers["x-fps"], answer.headers["x-layout"]) == ("30", "ntu25")
    drawn = np.frombuffer(answer.content, dtype="<i2").reshape(shape)
    assert (drawn[0, 0, 0, [0, 2]] == 0).all()
    assert drawn[..., 1].min() == 0
    moved = drawn[5, 0, 3].astype(float) - drawn[0, 0, 3]
    np.testing.assert_allclose(moved, (stored[5, 0, 3] - stored[0, 0, 3]) * 1000, atol=1.01)
    again = client.get("/api/clips/7/frames", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = client.get("/api/clips/7/frames", params={"start": 2, "stop": 5})
    assert part.headers["x-shape"] == f"3,{shape[1]},25,3"
    assert "no frame" in problem(client.get("/api/clips/7/frames", params={"start": 9, "stop": 9}), 400)
    assert "no clip 99" in problem(client.get("/api/clips/99/frames"), 404)


def test_frames_stand_on_the_ground_above_the_origin() -> None:
    frames = np.zeros((3, 2, 25, 3), np.float32)
    frames[:, 0] = np.random.default_rng(0).normal(loc=(5, 1, 3), size=(3, 25, 3))
    frames[1, 0, 9] = 0  # an absent joint
    frames[2, 0, 4] = (frames[0, 0, 0, 0], frames[0, 0, :, 1].min() - 4, frames[0, 0, 0, 2])
    frames[2, 0, 5] = (100, 2, 0)
    drawn = stand_on_floor(frames)
    assert drawn.dtype == np.int16
    assert drawn[0, 0, 0].tolist()[::2] == [0, 0]
    assert not drawn[:, 1].any()
    assert not drawn[1, 0, 9].any()
    assert drawn[2, 0, 4].tolist() == [0, 1, 0]  # at the origin, yet there
    assert drawn[2, 0, 5, 0] == 32767
    height = (frames[0, 0, 7, 1] - frames[2, 0, 4, 1]) * 1000
    assert drawn[0, 0, 7, 1] == pytest.approx(height, abs=1)
    assert not stand_on_floor(np.zeros((2, 1, 25, 3), np.float32)).any()
    late = np.zeros((2, 2, 25, 3), np.float32)
    late[1, 1] = 1
    assert stand_on_floor(late)[1, 1, 0].tolist() == [0, 1, 0]
