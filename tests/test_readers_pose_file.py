"""`.pose` files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion_files import HAND, MEDIAPIPE, pose_bytes, write_pose

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers import detect
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.pose_file import PoseReader, is_pose, parse_pose, read_clip

REAL = Path(__file__).parents[2] / "shared/data/skeletons/pose_format/mediapipe.pose"
UPPER = [f"{side}_{part}" for part in ("SHOULDER", "ELBOW", "WRIST", "HIP") for side in ("LEFT", "RIGHT")]
JOINTS = LAYOUTS["mediapipe-33"].joints


def places(n_points: int = 33, *, people: int = 1) -> Any:
    return np.random.default_rng(1).uniform(10, 400, (4, people, n_points, 3)).astype(np.float32)


@pytest.mark.parametrize("version", [0.1, 0.2])
def test_points_are_joints_by_their_names(tmp_path: Path, version: float) -> None:
    path = write_pose(
        tmp_path / "a.pose", places()[:, :, ::-1], parts={"POSE_LANDMARKS": MEDIAPIPE[::-1]}, version=version
    )
    clip = read_clip(path)
    assert (clip.layout, clip.fps, clip.notes) == ("mediapipe-33", 25, ())
    np.testing.assert_array_equal(clip.frames, places())
    assert detect(tmp_path) == detect(path) == "pose"


def test_world_landmarks_are_taken_before_those_of_the_picture(tmp_path: Path) -> None:
    parts = {"POSE_LANDMARKS": MEDIAPIPE, "POSE_WORLD_LANDMARKS": MEDIAPIPE}
    path = write_pose(tmp_path / "a.pose", np.concatenate([places(), -places()], axis=2), parts=parts)
    np.testing.assert_array_equal(read_clip(path).frames, -places())


def test_joints_of_which_the_detector_was_unsure_are_unseen(tmp_path: Path) -> None:
    sure = np.ones((4, 1, 33))
    sure[1, 0, 5], sure[2, 0, 6], sure[3, 0, 7] = 0.29, np.nan, 0.31
    frames = read_clip(write_pose(tmp_path / "a.pose", places(), sure=sure)).frames
    assert not frames[1, 0, 5].any()
    assert not frames[2, 0, 6].any()
    assert frames[3, 0, 7].all()


def test_a_body_without_legs_is_said_to_have_none(tmp_path: Path) -> None:
    parts = {"POSE_LANDMARKS": UPPER, "LEFT_HAND_LANDMARKS": HAND}
    path = write_pose(tmp_path / "a.pose", places(10), parts=parts)
    clip = read_clip(path)
    assert clip.notes == (
        f"{path}: no frame shows the legs: they stay unseen",
        f"{path}: its hands' landmarks were left out: the 25 joints have no fingers",
    )
    seen = {
        name for name, there in zip(JOINTS, np.asarray(clip.frames.any(axis=(0, 1, 3))), strict=True) if there
    }
    assert seen == {name.lower().replace("_", " ") for name in UPPER}


def test_two_people_are_read_of_several(tmp_path: Path) -> None:
    assert read_clip(write_pose(tmp_path / "a.pose", places(people=2))).frames.shape == (4, 2, 33, 3)
    assert read_clip(write_pose(tmp_path / "a.pose", places(people=4))).frames.shape == (4, 2, 33, 3)


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"", "truncated", "the file is empty"),
        (b"\0\0", "truncated", "the file ends too soon"),
        (pose_bytes(places(), version=0.3), "malformed", "version 0.3 of the format"),
        (pose_bytes(places())[:200], "truncated", "the file ends too soon"),
        (pose_bytes(places(), version=0.2)[:-1], "truncated", "its head announces"),
        (pose_bytes(places(), version=0.2, n_frames=2**32 - 1), "truncated", "its head announces"),
        (pose_bytes(places()[:0]), "no body", "it has no frames"),
        (pose_bytes(places(), fps=0), "malformed", "a rate of 0 frames a second"),
        (pose_bytes(places(), parts={}), "malformed", "0 components"),
        (pose_bytes(places(people=7)), "malformed", "7 people of 33 points"),
        (pose_bytes(places(), parts={"pose_keypoints_2d": MEDIAPIPE}), "malformed", "it has no POSE_LANDMARKS"),
        (pose_bytes(places(6), parts={"POSE_LANDMARKS": UPPER[:6]}), "no body", "no frame shows spine base, left hip"),
        (pose_bytes(places(), sure=np.zeros((4, 1, 33))), "no body", "no frame shows"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused(tmp_path: Path, content: bytes, reason: str, detail: str) -> None:
    path = tmp_path / "a.pose"
    path.write_bytes(content)
    with pytest.raises(BadRecordingError) as raised:
        read_clip(path)
    assert raised.value.reason == reason
    assert detail in raised.value.detail
    reader = PoseReader((tmp_path,))
    ((outcome,),) = reader.read(reader.items())
    assert isinstance(outcome, LeftOut)


def test_frames_may_be_more_than_sixteen_bits_count() -> None:
    assert len(parse_pose(pose_bytes(places(), n_frames=1)).places) == 4


def test_other_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.pose").write_text("hello")
    assert not is_pose(tmp_path / "a.pose")
    assert not is_pose(tmp_path)
    with pytest.raises(UmurlError, match="MediaPipe's landmarks are of layout mediapipe-33, not ntu25"):
        PoseReader((tmp_path,), layout="ntu25")


@pytest.mark.data
def test_a_real_file_is_read_and_its_want_of_legs_said() -> None:
    if not REAL.is_file():
        pytest.skip("real recordings are not beside the checkout")
    clip = read_clip(REAL)
    assert (clip.frames.shape, clip.fps, len(clip.notes)) == ((170, 1, 33, 3), 24, 2)
    place = clip.frames[50, 0, JOINTS.index("left shoulder")]
    np.testing.assert_allclose(place, (872.1553, 622.8834, 624.8936), atol=1e-3)
    reader = PoseReader((REAL.parent,))
    ((found,),) = reader.read(reader.items())
    assert isinstance(found, Clip)
