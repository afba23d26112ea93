"""Angles of SMPL's joints under other names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umurl_search.readers import detect
from umurl_search.readers.amass import is_amass, pose_skeleton, read_clip
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.formats import read_clip_file
from umurl_search.readers.smpl_dialects import find_dialect, find_up

TURN = np.tile([np.pi / 2, *[0] * 65], (5, 1))
"""Of somebody who stands where z is up."""
STANDING = np.zeros((5, 66))
"""The same where y is up."""
CAMERA = np.tile([np.pi, *[0] * 65], (5, 1))
"""The same in a camera's frame, y down."""


def write(folder: Path, arrays: Any) -> Path:
    path = folder / "walk.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "fps", "said"),
    [
        ({"root_orient": TURN[:, :3], "pose_body": TURN[:, 3:], "mocap_frame_rate": 60.0}, 60, ""),
        ({"root_orient": TURN[:, :3], "pose_body": TURN[:, 3:]}, None, "30 frames a second are assumed"),
        ({"smpl_poses": np.zeros((5, 72))}, 60, "60 frames a second are assumed, as AIST"),
        (
            {"global_orient": TURN[:, :3], "body_pose": np.zeros((5, 69)), "fps": 25},
            25,
            "people stand along z",
        ),
        (
            {"global_orient": STANDING[:, :3], "body_pose": np.zeros((5, 21, 3)), "fps": 25},
            25,
            "stand along y",
        ),
        ({"global_orient": CAMERA[:, :3], "body_pose": np.zeros((5, 63)), "fps": 25}, 25, "stand along -y"),
        ({"poses": TURN.reshape(5, 22, 3), "betas": np.zeros(10), "fps": 50}, 50, ""),
    ],
)
def test_angles_by_other_names(tmp_path: Path, arrays: Any, fps: float | None, said: str) -> None:
    path = write(tmp_path, arrays)
    assert is_amass(path)
    assert detect(path) == "amass"
    read = read_clip_file(path)
    assert read.fps == fps
    assert (said in " ".join(read.notes)) if said else read.notes == ()
    body, stand = read.frames[0, 0], pose_skeleton(TURN, np.zeros((5, 3)))[0, 0]
    np.testing.assert_allclose(body - body[0], stand - stand[0], atol=2e-6)


def test_places_of_aist_are_divided_by_their_scaling(tmp_path: Path) -> None:
    trans = np.tile([90.0, 180, 0], (5, 1))
    said: dict[str, Any] = {
        "smpl_poses": np.zeros((5, 72)),
        "smpl_trans": trans,
        "smpl_scaling": np.array([90.0]),
    }
    frames = read_clip(write(tmp_path, said)).frames
    np.testing.assert_allclose(frames[:, 0, 0], np.tile([1, 2, 0], (5, 1)), atol=1e-6)
    with pytest.raises(BadRecordingError, match="its smpl_scaling is no number to divide by"):
        read_clip(write(tmp_path, said | {"smpl_scaling": np.array([0.0])}))


def test_what_of_angles_is_not_read_says_what_would_be(tmp_path: Path) -> None:
    matrices: dict[str, Any] = {"global_orient": np.zeros((5, 1, 3, 3)), "body_pose": np.zeros((5, 23, 3, 3))}
    several: list[dict[str, Any]] = [matrices, {"pose_body": np.zeros((5, 63))}]
    for arrays in several:
        path = write(tmp_path, arrays)
        assert is_amass(path)
        with pytest.raises(
            BadRecordingError, match=r"read are poses .T, 66., pose_body and root_orient, body_pose"
        ):
            read_clip(path)


def test_what_says_too_little_is_no_dialect() -> None:
    assert find_dialect({"poses": (5, 72)}) is None
    assert find_dialect({"poses": (5, 72), "trans": (5, 3)}) is not None
    assert find_dialect({"root_orient": (4, 3), "pose_body": (5, 63)}) is None
    assert find_dialect({"root_orient": (5, 6), "pose_body": (5, 63)}) is None
    assert find_dialect({"smpl_poses": (5, 63)}) is None


def test_the_axis_along_which_people_stand() -> None:
    assert find_up(np.zeros((5, 3))) == "y"
    assert find_up(TURN[:, :3]) == "z"
    assert find_up(np.tile([np.pi, 0, 0], (5, 1))) == "-y"
