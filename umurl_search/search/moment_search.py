"""Searches an index of windows for moments: of windows that are one moment, the best stands for all.

Letters: Q queries, K moments, P dimensions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.exact_knn import Neighbours
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.temporal_iou import Intervals, first_moments, temporal_iou
from umurl_search.search.results import Hit, LabelledSegment, Moment


def nearest_moments(
    gallery: Gallery,
    windows: Intervals,
    points: Embeddings,
    k: int,
    *,
    overlap: float,
    among: Rows | None = None,
) -> Neighbours:
    """The k best moments for each unit vector (Q, P): rows of the index, one for each moment.

    The gallery is asked for more windows until k moments are among them. among: rows that may be found.
    """
    found = [_moments_of(gallery, windows, points[i : i + 1], k, overlap, among) for i in range(len(points))]
    scores, rows = np.full((len(points), k), -np.inf), np.full((len(points), k), -1, dtype=np.int64)
    for i, (mine, kept) in enumerate(found):
        scores[i, : len(kept)], rows[i, : len(kept)] = mine, kept
    return Neighbours(scores=scores, rows=rows)


def _moments_of(
    gallery: Gallery, windows: Intervals, point: Embeddings, k: int, overlap: float, among: Rows | None
) -> tuple[NDArray[np.float64], Rows]:
    score: dict[int, float] = {}

    def search(n: int) -> Rows:
        ranked = gallery.search(point, n, among=among)
        there = ranked.rows[0] >= 0
        rows = ranked.rows[0][there]
        score.update(zip(rows.tolist(), ranked.scores[0][there].tolist(), strict=True))
        return np.asarray(rows, dtype=np.int64)

    kept = first_moments(search, windows, overlap=overlap, most=k)
    return np.array([score[row] for row in kept.tolist()], dtype=np.float64), kept


def label_moments(hits: Sequence[Hit], segments: dict[str, NDArray[Any]]) -> list[Moment]:
    """Each moment with the labelled segment that it overlaps most and their temporal IoU, None where it meets none.

    segments: the dataset's, as the catalog gives them.
    """
    clips, starts, stops = (
        segments[key].astype(np.int64) for key in ("clip_id", "start_frame", "stop_frame")
    )
    every = Intervals(clip=clips, start=starts, stop=stops)
    found = []
    for hit in hits:
        assert isinstance(hit, Moment), hit
        span = (np.array([one]) for one in (hit.clip_id, hit.start_frame, hit.stop_frame))
        clip, start, stop = span
        overlaps = temporal_iou(Intervals(clip=clip, start=start, stop=stop), every)[0]
        best = int(overlaps.argmax()) if overlaps.any() else None
        segment = None if best is None else _labelled_segment(segments, best, float(overlaps[best]))
        found.append(replace(hit, segment=segment))
    return found


def _labelled_segment(segments: dict[str, NDArray[Any]], row: int, overlap: float) -> LabelledSegment:
    label, action, start, stop = (
        segments[key][row] for key in ("label", "action", "start_frame", "stop_frame")
    )
    return LabelledSegment(
        label=int(label), action=action or None, start_frame=int(start), stop_frame=int(stop), iou=overlap
    )
