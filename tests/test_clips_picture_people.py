"""People of pictures who are not whole."""

import numpy as np
import pytest

from encoder.skeleton import JOINTS
from umurl_search.clips.picture_people import check_picture_people

LEGS = [j for j, name in enumerate(JOINTS) if name.split(" ")[-1] in ("knee", "ankle", "foot")]


def test_whole_people_are_good() -> None:
    assert check_picture_people(np.ones((4, 1, 25, 3), np.float32)) == ()


def test_legs_that_are_never_seen_are_told() -> None:
    frames = np.ones((4, 1, 25, 3), np.float32)
    frames[:, :, LEGS] = 0
    (note,) = check_picture_people(frames)
    assert note == (
        "legs are never seen: what a detector invented of them is left out, and clips with legs are far from it"
    )
    frames[2, 0, LEGS] = 1
    assert check_picture_people(frames) == ()


def test_half_of_the_frames_need_shoulders_and_hips() -> None:
    frames = np.ones((8, 2, 25, 3), np.float32)
    frames[:4, :, JOINTS.index("left hip")] = 0
    assert check_picture_people(frames) == ()
    frames[4, 0, JOINTS.index("right shoulder")] = 0
    assert check_picture_people(frames) == ()
    frames[4, 1] = 0
    with pytest.raises(ValueError, match=r"^both shoulders and both hips are seen in 3 of 8 frames"):
        check_picture_people(frames)


def test_frames_without_anybody_do_not_count() -> None:
    frames = np.zeros((8, 1, 25, 3), np.float32)
    assert check_picture_people(frames) == ()
    frames[3] = 1
    assert check_picture_people(frames) == ()
