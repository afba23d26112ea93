"""Stretches of long recordings: overlap, windows into moments, and average precision. Pure numpy.

A stretch is the frames [start, stop) of a recording. The definitions are in docs/metrics.md.

Letters: N windows, R moments, S segments, K thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Fractions = NDArray[np.float64]
_SPARE = 32
OVERLAP = 0.2
"""Temporal IoU with a better window above which a window is the same moment."""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """clip, start, stop: (N,) each; the id of a recording and the frames [start, stop) of it."""

    clip: Integers
    start: Integers
    stop: Integers

    def __post_init__(self) -> None:
        if not len(self.clip) == len(self.start) == len(self.stop):
            sizes = len(self.clip), len(self.start), len(self.stop)
            raise ValueError(f"clip, start and stop are of one length, got {sizes}")
        if (self.stop <= self.start).any():
            raise ValueError("a stretch stops after it starts; one holds no frame")

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, rows: Integers | slice) -> "Intervals":
        return Intervals(clip=self.clip[rows], start=self.start[rows], stop=self.stop[rows])


def cut_windows(n_frames: int, *, window: int, stride: int) -> tuple[Integers, Integers]:
    """Starts and stops of the windows of a recording, ascending.

    All are `window` frames long, unless the recording is shorter: then it is one. The last ends where the recording
    does, so that every frame is in some window.
    """
    if n_frames < 1 or window < 1 or stride < 1:
        raise ValueError(f"frames, window and stride are 1 or more, got {n_frames}, {window}, {stride}")
    last = max(0, n_frames - window)
    starts = np.arange(0, last + 1, stride, dtype=np.int64)
    if starts[-1] != last:
        starts = np.append(starts, last)
    return starts, np.minimum(starts + window, n_frames)


def temporal_iou(one: Intervals, other: Intervals) -> Fractions:
    """Frames shared over frames in either: (len(one), len(other)), 0 across recordings."""
    first = np.maximum(one.start[:, None], other.start)
    last = np.minimum(one.stop[:, None], other.stop)
    shared = np.maximum(0, last - first)
    lengths = (one.stop - one.start)[:, None] + (other.stop - other.start)
    same = one.clip[:, None] == other.clip
    return np.where(same, shared / (lengths - shared), 0.0)


def non_max_suppression(ranked: Intervals, *, overlap: float, most: int) -> Integers:
    """Which of the windows, best first, are moments of their own: positions (<= most,), best first.

    A window is dropped when its temporal IoU with a better one that was kept is above `overlap` (non-maximum
    suppression). What is kept of the first n windows does not depend on those after them.
    """
    alive = np.ones(len(ranked), dtype=bool)
    order = np.argsort(ranked.clip, kind="stable")
    clips, first = np.unique(ranked.clip[order], return_index=True)
    bounds = [*first.tolist(), len(order)]
    of_clip = {c: order[i:j] for c, i, j in zip(clips.tolist(), bounds[:-1], bounds[1:], strict=True)}
    kept: list[int] = []
    for position in range(len(ranked)):
        if len(kept) == most:
            break
        if alive[position]:
            kept.append(position)
            rivals = of_clip[int(ranked.clip[position])]
            alive[rivals[_iou_with(ranked, position, rivals) > overlap]] = False
    return np.array(kept, dtype=np.int64)


def _iou_with(ranked: Intervals, position: int, rivals: Integers) -> Fractions:
    """(n,): the overlap of one window with others of its recording."""
    start, stop = ranked.start[position], ranked.stop[position]
    shared = np.maximum(0, np.minimum(ranked.stop[rivals], stop) - np.maximum(ranked.start[rivals], start))
    lengths = ranked.stop[rivals] - ranked.start[rivals] + (stop - start)
    return np.asarray(shared / (lengths - shared))


def match_segments(
    moments: Intervals, segments: Intervals, *, thresholds: tuple[float, ...]
) -> NDArray[np.bool_]:
    """Which moments, best first, find a segment: (K, R).

    At each threshold a moment finds the segment that it overlaps most of those not found by a better moment, if
    their temporal IoU is the threshold or more. So every segment is found once.
    """
    found = np.zeros((len(thresholds), len(moments)), dtype=bool)
    taken = np.zeros((len(thresholds), len(segments)), dtype=bool)
    overlapping = temporal_iou(moments, segments) if len(segments) else np.zeros((len(moments), 0))
    for rank in np.flatnonzero(overlapping.any(axis=1)).tolist():
        for k, threshold in enumerate(thresholds):
            free = np.where(taken[k], -1.0, overlapping[rank])
            best = int(free.argmax())
            if free[best] >= threshold:
                found[k, rank] = taken[k, best] = True
    return found


def average_precision(found: NDArray[np.bool_], n_segments: int) -> Fractions:
    """(K,) from (K, R): the sum of the precision at each rank that finds a segment, over all there are to be found.

    NaN where there are none.
    """
    if n_segments == 0:
        return np.full(len(found), np.nan)
    precision = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return np.asarray((precision * found).sum(axis=1) / n_segments)


def first_moments(
    search: Callable[[int], Integers], windows: Intervals, *, overlap: float, most: int
) -> Integers:
    """The best `most` moments among N windows: rows of `windows`, best first; fewer where there are fewer.

    search: gives the rows of the best n windows, best first. It is asked for more until there are enough.
    """
    fetch = 4 * most + _SPARE
    while True:
        rows = search(min(fetch, len(windows)))
        kept = rows[non_max_suppression(windows[rows], overlap=overlap, most=most)]
        if len(kept) == most or len(rows) < fetch:
            return kept
        fetch *= 4
