"""Frames and people in pose estimators' JSON."""

from typing import Any

import pytest
from detector_files import person, points

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.keypoint_dialects import number_names, read_detections

ONE = {"keypoints": points(person("coco-17"))}


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["a_2.jpg", "a_10.jpg"], [2, 10]),
        (["1", "2"], [1, 2]),
        (["a1.jpg", "b2.jpg"], [None, None]),
        (["a.jpg", "b.jpg"], [None, None]),
        (["2021-09-27 161106.png", "2021-09-28 161107.png"], [None, None]),
    ],
)
def test_numbers_in_names(names: list[str], numbers: list[int | None]) -> None:
    assert number_names(names) == numbers


def test_several_poses_of_a_task_are_several_people() -> None:
    landmarks = [{"x": 0.1, "y": 0.2, "z": 0.3}] * 33
    (frame,) = read_detections({"pose_landmarks": [landmarks, landmarks]}).frames
    assert [one.points.shape for one in frame.people] == [(33, 3), (33, 3)]


def test_the_rate_may_stand_in_what_is_said_of_the_video() -> None:
    assert read_detections({"video": {"fps": 24.0}, "frames": [ONE]}).fps == 24
    assert read_detections({"fps": "no", "frames": [ONE]}).fps is None


def test_hands_beside_the_pose_are_noticed() -> None:
    (frame,) = read_detections([{**ONE, "left_hand_landmarks": [{"x": 1}]}]).frames
    assert frame.has_fingers


@pytest.mark.parametrize(
    "content", [None, "text", {"frames": {"frames": {"frames": 3}}}, [3], {"a": [1], "b": 2}]
)
def test_other_documents_are_refused(content: Any) -> None:
    with pytest.raises(BadRecordingError):
        read_detections(content)
