"""Coordinates of a picture and of space, told apart by their numbers."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import person, points, walk

from encoder.errors import UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import LeftOut
from umurl_search.clips.normalization import Conventions
from umurl_search.readers.arrays import NpyReader
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.dimensions import doubt_dimensions
from umurl_search.readers.keypoints_json import read_recording
from umurl_search.search.query_clip import read_clip_frames

OWN = json.dumps(
    {
        "name": "mine",
        "dims": 2,
        "joints": ["left shoulder", "right shoulder", "left hip", "right hip", *"abcdefg"],
    }
)


def scored(layout: str) -> Any:
    """(T, V, 3) pixels and a score."""
    frames = walk(layout)
    return np.concatenate([frames, np.full((*frames.shape[:2], 1), 0.9)], axis=-1)


def in_space(layout: str) -> Any:
    """(T, V, 3) metres, y up."""
    flat = person(layout, at=(0, 0), scale=1) * [1, -1]
    depth = 0.1 * np.sin(np.arange(len(flat)))[:, None]
    return np.tile(np.concatenate([flat, depth], axis=-1), (8, 1, 1))


def typed(path: Path, layout: str | None = None) -> str:
    stated = Conventions(layout=layout or "ntu25")
    with pytest.raises(UmurlError) as raised:
        read_clip_frames(path, conventions=stated, strict_layout=layout is not None)
    assert "\n" not in raised.value.typed
    return raised.value.typed


def save(folder: Path, array: Any) -> Path:
    path = folder / "kp.npy"
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    ("layout", "stated", "named"),
    [
        ("openpose-25", None, "openpose-25"),
        ("kinect-v1", None, "kinect-v1-2d"),
        ("smpl-22", None, "smpl-22-2d"),
        ("coco-17", "h36m-17", "coco-17"),
        ("coco-17", "coco-17-3d", "coco-17"),
    ],
)
def test_pixels_with_a_score_are_not_space(
    tmp_path: Path, layout: str, stated: str | None, named: str
) -> None:
    path = save(tmp_path, scored(layout))
    said = typed(path, stated)
    assert "points of a picture, the third a score, not space" in said
    assert said.endswith(f"; --layout {named} reads them so")
    read = read_clip_frames(path, conventions=Conventions(layout=named), strict_layout=True)
    assert len(read.frames) == 8


@pytest.mark.parametrize(("layout", "stated"), [("openpose-25", None), ("coco-17", "h36m-17")])
@pytest.mark.parametrize("people", [1, 2])
def test_a_row_of_numbers_a_frame_is_read_as_advised(
    tmp_path: Path, layout: str, stated: str | None, people: int
) -> None:
    rows = np.concatenate([np.add(scored(layout), [9 * m, 0, 0]) for m in range(people)], axis=1).reshape(
        8, -1
    )
    path = save(tmp_path, rows)
    assert typed(path, stated).endswith(f"; --layout {layout} reads them so")
    read = read_clip_frames(path, conventions=Conventions(layout=layout), strict_layout=True)
    assert read.frames.shape == (8, people, 25, 3)
    plain = save(tmp_path, np.delete(rows.reshape(8, -1, 3), 2, axis=2).reshape(8, -1))
    read = read_clip_frames(plain, conventions=Conventions(layout=layout), strict_layout=True)
    assert read.frames.shape == (8, people, 25, 3)


def test_a_source_of_pixels_leaves_them_out_with_the_way_to_read_them(tmp_path: Path) -> None:
    reader = NpyReader((save(tmp_path, scored("openpose-25")),), layout="ntu25")
    ((outcome,),) = reader.read(reader.items())
    assert isinstance(outcome, LeftOut)
    assert outcome.detail.endswith("; --layout openpose-25 reads them so")


@pytest.mark.parametrize(
    ("shape", "stated", "said"),
    [
        ((8, 25, 2), None, "25 joints in a picture may be openpose-25: --layout openpose-25 says so"),
        ((8, 17, 2), None, "17 joints in a picture may be coco-17: --layout coco-17 says so"),
        ((8, 22, 2), None, "22 joints in a picture may be smpl-22-2d: --layout smpl-22-2d says so"),
        ((8, 17, 2), "coco-17-3d", "layout coco-17-3d is of joints in space; --layout coco-17 reads them so"),
        ((8, 17, 2), "h36m-17", "layout h36m-17 is of joints in space; --layout coco-17 reads them so"),
        (
            (8, 17, 4),
            "coco-17",
            "layout coco-17 is of joints in a picture; --layout coco-17-3d reads them so",
        ),
    ],
)
def test_arrays_of_other_dimensions_say_the_layout(
    tmp_path: Path, shape: tuple[int, ...], stated: str | None, said: str
) -> None:
    assert said in typed(save(tmp_path, np.ones(shape)), stated)


@pytest.mark.parametrize("at", [(0, 0, 0), (0, 0, 3), (300, 900, 2000)])
def test_space_is_no_picture(tmp_path: Path, at: tuple[float, ...]) -> None:
    scale = 1000 if max(at) > 10 else 1
    said = typed(save(tmp_path, in_space("coco-17") * scale + at), "coco-17")
    assert said.endswith("is of joints in a picture; --layout coco-17-3d reads them so")


@pytest.mark.parametrize("score", [0.5, 1.05, 90])
def test_scores_are_no_depth(score: float) -> None:
    frames = scored("coco-17")[:, None]
    frames[..., 2] = score
    assert doubt_dimensions(frames, find_layout("coco-17")) is None
    assert doubt_dimensions(np.zeros((2, 1, 17, 3)), find_layout("coco-17")) is None


def test_a_layout_file_says_its_dimensions(tmp_path: Path) -> None:
    frames = in_space("coco-17")[:, :11] - [0, 0, 1]
    assert typed(save(tmp_path, frames), OWN).endswith('; the layout file says so: "dims": 3')


@pytest.mark.parametrize(
    ("stated", "named"),
    [("coco-17-3d", "coco-17"), ("halpe-26-3d", "halpe-26"), ("smpl-22-3d", "smpl-22-2d")],
)
def test_keypoints_of_a_picture_are_not_stated_in_space(tmp_path: Path, stated: str, named: str) -> None:
    path = tmp_path / "kp.json"
    path.write_text(json.dumps([{"keypoints": points(one)} for one in walk(stated[:-3])]))
    assert typed(path, stated).endswith(f"{stated} is of joints in space; --layout {named} reads them so")
    assert read_clip_frames(path, conventions=Conventions(layout=named), strict_layout=True).notes == ()


def test_keypoints_in_space_are_not_stated_in_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "kp.json"
    scores = {"keypoint_scores": [0.9] * 17}
    path.write_text(json.dumps([{"keypoints": one.tolist(), **scores} for one in in_space("coco-17")]))
    assert typed(path, "coco-17").endswith("--layout coco-17-3d reads them so")
    assert read_recording(path, layout="coco-17-3d").frames.shape == (8, 1, 17, 3)


def test_depth_that_mediapipe_guessed_may_be_left_out_by_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "kp.json"
    rows = [{"landmarks": points(one / 640, z=-0.1)} for one in walk("mediapipe-33")]
    path.write_text(json.dumps(rows))
    assert read_recording(path, layout="mediapipe-33-2d").layout == "mediapipe-33-2d"


def test_a_refusal_keeps_its_hint_in_another_process() -> None:
    with pytest.raises(BadRecordingError) as raised:
        raise BadRecordingError("malformed", "odd", hint=None)
    assert pickle.loads(pickle.dumps(raised.value)).hint is None
