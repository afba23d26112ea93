"""People that a pose estimator found: order, ghosts, and what layout they have."""

import numpy as np
import pytest

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.detected_people import (
    DetectedFrame,
    DetectedPerson,
    drop_ghosts,
    layout_of_people,
    natural_key,
)


def frame(*shape: int, score: float | None = None) -> DetectedFrame:
    return DetectedFrame(people=(DetectedPerson(points=np.ones(shape), score=score),))


def test_names_are_sorted_as_people_count() -> None:
    assert sorted(["a10", "a2", "b1", "a"], key=natural_key) == ["a", "a2", "a10", "b1"]
    assert sorted(["10", "x", "9"], key=natural_key) == ["9", "10", "x"]


def test_ghosts_go_and_frames_stay() -> None:
    kept, n_ghosts = drop_ghosts([frame(17, 2, score=0.29), frame(17, 2, score=0.3), frame(17, 2)])
    assert ([len(one.people) for one in kept], n_ghosts) == ([0, 1, 1], 1)


@pytest.mark.parametrize(
    ("shape", "stated", "name"),
    [
        ((17, 2), None, "coco-17"),
        ((33, 3), None, "mediapipe-33"),
        ((33, 2), None, "mediapipe-33-2d"),
        ((25, 3), None, "openpose-25-3d"),
        ((17, 3), "h36m-17", "h36m-17"),
        ((17, 2), "h36m-17", "h36m-17-2d"),
        ((136, 2), "halpe-26", "halpe-26"),
    ],
)
def test_layouts(shape: tuple[int, int], stated: str | None, name: str) -> None:
    assert layout_of_people([frame(*shape)], stated).name == name


@pytest.mark.parametrize(
    ("shape", "said"), [((19, 2), "people of 19 joints"), ((17, 3), "h36m-17 or coco-17-3d")]
)
def test_what_the_number_does_not_say(shape: tuple[int, int], said: str) -> None:
    with pytest.raises(BadRecordingError, match=said):
        layout_of_people([frame(*shape)], None)
