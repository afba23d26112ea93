"""Moments of an index of windows: what is shown of each."""

from typing import Any

import numpy as np

from umurl_search.search.moment_search import label_moments
from umurl_search.search.results import Moment

SEGMENTS = {
    "clip_id": np.array([1, 1, 1, 2]),
    "start_frame": np.array([0, 20, 60, 0]),
    "stop_frame": np.array([25, 60, 90, 100]),
    "label": np.array([4, 9, 2, 7]),
    "action": np.array(["", "wave", "kick", "sit"]),
}


def moment(clip: int, start: int, stop: int) -> Moment:
    said: dict[str, Any] = dict.fromkeys(("label", "action", "subject", "camera", "setup", "replication"))
    said |= {"rank": 1, "score": 0.5, "clip_id": clip, "name": "a", "dataset": "long", "frames": 120}
    said |= {"index": "long@e", "is_query": False}
    return Moment(**said, start_frame=start, stop_frame=stop, start_s=start / 30, end_s=stop / 30)


def segment_of(clip: int, start: int, stop: int) -> tuple[object, ...] | None:
    (hit,) = label_moments([moment(clip, start, stop)], SEGMENTS)
    assert hit.rank == 1
    segment = hit.segment
    return None if segment is None else (segment.label, segment.action, segment.start_frame, segment.iou)


def test_a_moment_is_shown_with_the_segment_it_overlaps_most() -> None:
    assert segment_of(1, 10, 50) == (9, "wave", 20, 30 / 50)
    assert segment_of(1, 0, 24) == (4, None, 0, 24 / 25)
    assert segment_of(2, 50, 60) == (7, "sit", 0, 10 / 100)


def test_a_moment_that_meets_no_segment_has_none() -> None:
    assert segment_of(1, 90, 120) is None
    assert segment_of(3, 0, 25) is None
