"""Segments at the store's frame rate."""

import pytest

from umurl_search.clips.clip import Segment
from umurl_search.clips.crop import to_store_rate


@pytest.mark.parametrize(("n_source", "n_store"), [(100, 100), (100, 199), (200, 101), (90, 31)])
def test_frames_of_the_source_become_frames_of_the_store(n_source: int, n_store: int) -> None:
    segments = [Segment(1, None, start, stop) for start, stop in ((0, 10), (10, 90), (80, n_source), (5, 6))]
    moved = to_store_rate(segments, n_source=n_source, n_store=n_store)
    for before, after in zip(segments, moved, strict=True):
        assert abs(after.start / n_store - before.start / n_source) <= 0.5 / n_store + 1e-12
        assert 0 <= after.start < after.stop <= n_store
        assert after.label == 1
    assert moved[2].stop == n_store
