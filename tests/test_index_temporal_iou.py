"""Stretches of recordings: every figure against a slow, obvious count of frames."""

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.index.temporal_iou import (
    Intervals,
    average_precision,
    cut_windows,
    first_moments,
    match_segments,
    non_max_suppression,
    temporal_iou,
)


def stretches(*rows: tuple[int, int, int]) -> Intervals:
    """(clip, start, stop) of each."""
    clip, start, stop = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Intervals(clip=clip, start=start, stop=stop)


def draw_intervals(rng: np.random.Generator, n: int, *, clips: int = 3) -> Intervals:
    start = rng.integers(0, 60, n)
    return Intervals(clip=rng.integers(0, clips, n), start=start, stop=start + rng.integers(1, 30, n))


def frames_of(all_: Intervals, i: int) -> set[tuple[int, int]]:
    return {(int(all_.clip[i]), frame) for frame in range(all_.start[i], all_.stop[i])}


def slow_iou(one: Intervals, i: int, other: Intervals, j: int) -> float:
    a, b = frames_of(one, i), frames_of(other, j)
    return len(a & b) / len(a | b)


def slow_distinct(ranked: Intervals, overlap: float) -> list[int]:
    kept: list[int] = []
    for i in range(len(ranked)):
        if all(slow_iou(ranked, i, ranked, j) <= overlap for j in kept):
            kept.append(i)
    return kept


def slow_right(moments: Intervals, segments: Intervals, threshold: float) -> list[bool]:
    free, found = list(range(len(segments))), []
    for i in range(len(moments)):
        best = max(free, key=lambda j: (slow_iou(moments, i, segments, j), -j), default=None)
        hit = best is not None and slow_iou(moments, i, segments, best) >= threshold
        found.append(hit)
        if hit and best is not None:
            free.remove(best)
    return found


def slow_ap(found: list[bool], n_segments: int) -> float:
    precisions = [sum(found[: i + 1]) / (i + 1) for i in range(len(found)) if found[i]]
    return sum(precisions) / n_segments


@pytest.mark.parametrize(
    ("n_frames", "window", "stride", "wanted"),
    [
        (10, 4, 2, [(0, 4), (2, 6), (4, 8), (6, 10)]),
        (11, 4, 2, [(0, 4), (2, 6), (4, 8), (6, 10), (7, 11)]),
        (10, 4, 5, [(0, 4), (5, 9), (6, 10)]),
        (4, 4, 2, [(0, 4)]),
        (3, 4, 2, [(0, 3)]),
        (1, 60, 15, [(0, 1)]),
        (9, 3, 7, [(0, 3), (6, 9)]),
    ],
)
def test_windows(n_frames: int, window: int, stride: int, wanted: list[tuple[int, int]]) -> None:
    starts, stops = cut_windows(n_frames, window=window, stride=stride)
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == wanted


@pytest.mark.parametrize("n_frames", [1, 2, 29, 30, 31, 59, 60, 61, 100])
@pytest.mark.parametrize(("window", "stride"), [(30, 30), (30, 7), (30, 1), (1, 1)])
def test_windows_leave_no_frame_out(n_frames: int, window: int, stride: int) -> None:
    starts, stops = cut_windows(n_frames, window=window, stride=stride)
    assert set().union(*map(range, starts, stops)) == set(range(n_frames))
    assert set((stops - starts).tolist()) == {min(window, n_frames)}
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= stride).all()


def test_windows_of_nothing_are_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match=r"^frames, window and stride are 1 or more, got 0, 4, 2$"):
        cut_windows(0, window=4, stride=2)


def test_a_stretch_without_frames_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match=r"^a stretch stops after it starts; one holds no frame$"):
        stretches((1, 5, 5))
    with pytest.raises(ValueError, match=r"^clip, start and stop are of one length, got \(2, 1, 1\)$"):
        Intervals(clip=np.zeros(2, np.int64), start=np.zeros(1, np.int64), stop=np.ones(1, np.int64))


@pytest.mark.parametrize("seed", range(5))
def test_temporal_iou_counts_frames(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = draw_intervals(rng, 20), draw_intervals(rng, 15)
    wanted = [[slow_iou(one, i, other, j) for j in range(15)] for i in range(20)]
    np.testing.assert_allclose(temporal_iou(one, other), wanted, rtol=0, atol=1e-15)
    assert np.count_nonzero(wanted) > 20


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_distinct_keeps_what_no_better_one_covers(seed: int, overlap: float) -> None:
    ranked = draw_intervals(np.random.default_rng(seed), 80)
    wanted = slow_distinct(ranked, overlap)
    assert non_max_suppression(ranked, overlap=overlap, most=80).tolist() == wanted
    assert non_max_suppression(ranked, overlap=overlap, most=3).tolist() == wanted[:3]


def test_what_is_kept_of_the_first_does_not_depend_on_the_rest() -> None:
    ranked = draw_intervals(np.random.default_rng(9), 100)
    whole = non_max_suppression(ranked, overlap=0.4, most=100)
    for n in (1, 10, 57):
        assert non_max_suppression(ranked[:n], overlap=0.4, most=100).tolist() == whole[whole < n].tolist()


@pytest.mark.parametrize("most", [1, 3, 10, 200])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_moments_are_those_of_the_whole_ranking(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    windows = draw_intervals(rng, 400)
    order, asked = rng.permutation(400), []

    def search(n: int) -> NDArray[np.int64]:
        asked.append(n)
        return order[:n]

    found = first_moments(search, windows, overlap=0.1, most=most)
    whole = order[slow_distinct(windows[order], 0.1)]
    assert found.tolist() == whole[:most].tolist()
    assert asked[-1] == 400 if most > len(whole) else asked[0] == min(400, 4 * most + 32)


def test_more_windows_are_asked_for_until_there_are_moments_enough() -> None:
    windows = stretches(*[(1, 0, 10)] * 200, *[(clip, 0, 10) for clip in range(2, 7)])
    asked: list[int] = []

    def search(n: int) -> NDArray[np.int64]:
        asked.append(n)
        return np.arange(n)

    assert first_moments(search, windows, overlap=0.2, most=4).tolist() == [0, 200, 201, 202]
    assert asked == [48, 192, 205]


def test_moments_of_a_search_that_finds_fewer_windows_than_asked_for() -> None:
    windows = stretches((1, 0, 10), (1, 2, 12), (2, 0, 10), (3, 0, 10))
    assert first_moments(lambda n: np.array([1, 0, 2]), windows, overlap=0.2, most=5).tolist() == [1, 2]


def test_no_windows_no_moments() -> None:
    assert non_max_suppression(stretches(), overlap=0.5, most=5).tolist() == []


def test_one_moment_seen_by_five_windows_comes_once() -> None:
    ranked = stretches((1, 30, 90), (1, 15, 75), (1, 45, 105), (2, 30, 90), (1, 0, 60), (1, 60, 120))
    assert non_max_suppression(ranked, overlap=0.3, most=9).tolist() == [0, 3]
    assert non_max_suppression(ranked, overlap=0.5, most=9).tolist() == [0, 3, 4, 5]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("seed", range(6))
def test_each_segment_is_found_once_by_the_best_moment(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    moments, segments = draw_intervals(rng, 40), draw_intervals(rng, 12)
    (found,) = match_segments(moments, segments, thresholds=(threshold,))
    wanted = slow_right(moments, segments, threshold)
    assert found.tolist() == wanted
    assert 0 < sum(wanted) <= 12
    (ap,) = average_precision(found[None], len(segments))
    assert ap == pytest.approx(slow_ap(wanted, len(segments)), abs=1e-12)


def test_thresholds_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(3)
    moments, segments = draw_intervals(rng, 60), draw_intervals(rng, 20)
    together = match_segments(moments, segments, thresholds=(0.1, 0.3, 0.5))
    for row, threshold in zip(together, (0.1, 0.3, 0.5), strict=True):
        np.testing.assert_array_equal(row, match_segments(moments, segments, thresholds=(threshold,))[0])


def test_a_segment_found_twice_counts_once() -> None:
    moments, segments = stretches((1, 0, 10), (1, 1, 11), (2, 0, 10)), stretches((1, 0, 10), (2, 5, 15))
    assert match_segments(moments, segments, thresholds=(0.3, 0.5)).tolist() == [
        [True, False, True],
        [True, False, False],
    ]


def test_a_moment_takes_the_segment_it_overlaps_most_of_those_left() -> None:
    segments = stretches((1, 0, 10), (1, 6, 16))
    moments = stretches((1, 4, 14), (1, 5, 15), (1, 5, 15))
    assert match_segments(moments, segments, thresholds=(0.2,)).tolist() == [[True, True, False]]


def test_average_precision_by_hand() -> None:
    found = np.array([[True, False, True, False], [False, False, False, True], [False] * 4])
    np.testing.assert_allclose(average_precision(found, 3), [(1 + 2 / 3) / 3, 0.25 / 3, 0], atol=1e-15)
    assert average_precision(np.ones((1, 4), bool), 4).tolist() == [1.0]
    assert np.isnan(average_precision(found, 0)).all()


def test_without_segments_nothing_is_right() -> None:
    assert match_segments(stretches((1, 0, 4)), stretches(), thresholds=(0.1,)).tolist() == [[False]]
