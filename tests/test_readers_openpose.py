"""OpenPose's folders of frames."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import flat, openpose, person, walk, write_openpose

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers.openpose import OpenPoseReader, is_openpose_frame, read_recording


def clips(root: Path, layout: str | None = None) -> dict[str, Clip | LeftOut]:
    reader = OpenPoseReader((root,), layout=layout)
    return {outcome.name: outcome for group in reader.read(reader.items()) for outcome in group}


def one(root: Path, layout: str | None = None) -> Clip:
    (clip,) = clips(root, layout).values()
    assert isinstance(clip, Clip), clip
    return clip


def test_a_folder_is_a_clip(tmp_path: Path) -> None:
    clip = one(write_openpose(tmp_path / "squat"))
    assert (clip.name, clip.source, clip.layout) == ("walk", "walk", "openpose-25")
    np.testing.assert_allclose(clip.frames[:, 0, :, :2], walk("openpose-25"), rtol=1e-5)


def test_frames_are_sorted_by_number(tmp_path: Path) -> None:
    for t, joints in enumerate(walk("openpose-18", 12)):
        (tmp_path / f"{t}.json").write_text(json.dumps(openpose([joints])))
    clip = one(tmp_path)
    assert clip.layout == "openpose-18"
    assert clip.name == tmp_path.name
    np.testing.assert_allclose(clip.frames[:, 0, 0, 0], walk("openpose-18", 12)[:, 0, 0], rtol=1e-5)


def test_a_folder_of_folders_is_a_corpus(tmp_path: Path) -> None:
    for name in ("bow", "wave"):
        write_openpose(tmp_path / "train" / name)
    (tmp_path / "labels.json").write_text("{}")
    assert {name: clip.source for name, clip in clips(tmp_path).items()} == {
        "train/bow": "train/bow",
        "train/wave": "train/wave",
    }


def test_frames_of_several_videos_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    write_openpose(tmp_path / "all", 3, prefix="v1")
    write_openpose(tmp_path / "all", 4, prefix="v2")
    found = clips(tmp_path)
    assert {name: len(clip.frames) for name, clip in found.items() if isinstance(clip, Clip)} == {
        "all/v1": 3,
        "all/v2": 4,
    }


def test_what_is_missing_is_unseen(tmp_path: Path) -> None:
    joints = person("openpose-25")
    content: dict[str, Any] = openpose([joints])
    content["people"][0]["pose_keypoints_2d"][3 * 10 : 3 * 11] = [0, 0, 0]
    path = tmp_path / "a_1_keypoints.json"
    path.write_text(json.dumps(content))
    clip = read_recording(path)
    assert not clip.frames[0, 0, 10].any()
    assert "one frame alone" in clip.notes[0]


def test_frames_without_anybody_stay(tmp_path: Path) -> None:
    write_openpose(tmp_path / "walk")
    (tmp_path / "walk" / "walk_000000000003_keypoints.json").write_text('{"version":1.3,"people":[]}')
    assert one(tmp_path / "walk").frames.any(axis=(1, 2, 3)).tolist() == [True] * 3 + [False] + [True] * 4


def test_holes_in_the_numbers_are_filled_and_told(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "walk")
    (folder / "walk_000000000003_keypoints.json").unlink()
    clip = one(folder)
    assert len(clip.frames) == 8
    assert clip.frames[3, 0, 0, 0] == pytest.approx(walk("openpose-25")[3, 0, 0])
    assert "1 frames are missing by their numbers" in clip.notes[0]


def test_three_dimensions_come_before_two(tmp_path: Path) -> None:
    joints = np.column_stack([person("openpose-25"), np.arange(25.0), np.full(25, 0.9)])
    content = {
        "people": [
            {"pose_keypoints_2d": flat(person("openpose-25")), "pose_keypoints_3d": joints.ravel().tolist()}
        ]
    }
    for t in range(2):
        (tmp_path / f"{t}.json").write_text(json.dumps(content))
    clip = one(tmp_path)
    assert clip.layout == "openpose-25-3d"
    assert clip.frames[0, 0, :, 2].tolist() == list(range(25))
    content["people"][0]["pose_keypoints_3d"] = []
    for t in range(2):
        (tmp_path / f"{t}.json").write_text(json.dumps(content))
    assert one(tmp_path).layout == "openpose-25"


def test_fingers_are_told(tmp_path: Path) -> None:
    content = openpose([person("openpose-25")])
    content["people"][0]["hand_left_keypoints_2d"] = [1.0] * 63
    for t in range(2):
        (tmp_path / f"{t}.json").write_text(json.dumps(content))
    assert "fingers were left out" in one(tmp_path).notes[0]


def test_a_damaged_frame_names_its_file(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "walk")
    (folder / "walk_000000000005_keypoints.json").write_text('{"people": [')
    (bad,) = clips(folder).values()
    assert isinstance(bad, LeftOut)
    assert bad.reason == "truncated"
    assert bad.detail.startswith("walk_000000000005_keypoints.json: the JSON ends too soon")


def test_a_stated_layout_wins(tmp_path: Path) -> None:
    write_openpose(tmp_path / "walk")
    (bad,) = clips(tmp_path, "coco-17").values()
    assert isinstance(bad, LeftOut)
    assert bad.detail == "people have 25 joints, layout coco-17 17"


@pytest.mark.parametrize("content", ["", "[]", '{"skeletons": []}', '{"a": {"people": []}}'])
def test_other_files_are_no_frames(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    assert not is_openpose_frame(path)
    assert not is_openpose_frame(tmp_path)
