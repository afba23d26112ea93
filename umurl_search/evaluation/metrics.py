"""Retrieval figures from arrays: pure numpy. Letters: Q queries, N gallery clips, K neighbours.

Scores rise with similarity. A gallery's order is its order of clip ids: ties go to the lower position.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.types import Labels

Scores = NDArray[np.floating]
Vote = Literal["majority", "weighted"]
"""How neighbours vote for a query's label: one clip one vote, or each weighted with exp(cosine / temperature)."""
TEMPERATURE = 0.07
MOST_NEIGHBOURS = 10_000
"""That vote: every pair of them is compared."""
_COMPARED_AT_ONCE = 2**26


def majority_vote(neighbours: Labels) -> Labels:
    """The commonest label among each query's neighbours, ties to the label of the nearer neighbour.

    neighbours: (Q, K) labels, nearest first, -1 where there was no neighbour. Returns (Q,), -1 if none at all.
    """
    q, k = neighbours.shape
    out = np.empty(q, dtype=np.int64)
    step = max(1, _COMPARED_AT_ONCE // (k * k))
    for i in range(0, q, step):
        block = neighbours[i : i + step]
        same = block[:, :, None] == block[:, None, :]
        winner = np.where(block >= 0, same.sum(axis=2), 0).argmax(axis=1)
        out[i : i + step] = block[np.arange(len(block)), winner]
    return out


def weighted_vote(neighbours: Labels, scores: Scores, *, temperature: float) -> Labels:
    """The label with the greatest sum of exp(score / temperature) among each query's neighbours, ties to the nearer.

    As DINO evaluates (Caron et al., 2021). neighbours: (Q, K) labels, nearest first, -1 where there was no neighbour;
    scores: (Q, K) cosines. Returns (Q,), -1 if none at all.
    """
    q, k = neighbours.shape
    out = np.empty(q, dtype=np.int64)
    step = max(1, _COMPARED_AT_ONCE // (k * k))
    for i in range(0, q, step):
        block, near = neighbours[i : i + step], scores[i : i + step].astype(np.float64)
        weights = np.where(block >= 0, np.exp((near - near[:, :1]) / temperature), 0)
        same = block[:, :, None] == block[:, None, :]
        winner = np.where(block >= 0, (same * weights[:, None, :]).sum(axis=2), 0).argmax(axis=1)
        out[i : i + step] = block[np.arange(len(block)), winner]
    return out


def recall_at(neighbours: Labels, wanted: Labels, k: int) -> float:
    """Share of queries with a clip of their label among the first k. neighbours: (Q, >= k) labels."""
    return float((neighbours[:, :k] == wanted[:, None]).any(axis=1).mean())


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Per query (Q,): average precision, rank of the first relevant clip, number of relevant clips.

    Where nothing is relevant, average precision is NaN and the rank 0.
    """

    average_precision: NDArray[np.float64]
    first_rank: NDArray[np.int64]
    n_relevant: NDArray[np.int64]

    def __getitem__(self, queries: NDArray[np.bool_]) -> "Ranking":
        return Ranking(
            average_precision=self.average_precision[queries],
            first_rank=self.first_rank[queries],
            n_relevant=self.n_relevant[queries],
        )


@dataclass(frozen=True, kw_only=True)
class RankingMetric:
    """A figure of ranked galleries.

    of: from the `Ranking` of the queries with a relevant clip in their gallery. header: of its column; meaning: in
    words; is_share: it is shown in percent.
    """

    of: Callable[[Ranking], float]
    header: str
    meaning: str
    is_share: bool = True

    def write(self, value: float) -> str:
        """As it is shown."""
        return percent(value) if self.is_share else f"{value:.3f}"


RANKING_METRICS: dict[str, RankingMetric] = {
    "map": RankingMetric(
        of=lambda ranks: _mean(ranks.average_precision), header="mAP", meaning="mean average precision"
    ),
    "mrr": RankingMetric(
        of=lambda ranks: _mean(1 / ranks.first_rank),
        header="MRR",
        meaning="mean reciprocal rank of the first relevant clip",
        is_share=False,
    ),
}
"""Key of the document -> metric. `knn-eval`, the report and the page show all of them."""


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def list_metrics() -> str:
    """Their headers, in words."""
    *others, last = (metric.header for metric in RANKING_METRICS.values())
    return f"{', '.join(others)} and {last}" if others else last


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else 0.0


def rank_gallery(
    scores: Scores, relevant: NDArray[np.bool_], allowed: NDArray[np.bool_] | None = None
) -> Ranking:
    """Ranks the whole gallery for each query.

    scores: (Q, N). relevant: (Q, N). allowed: (Q, N), False where a clip is left out of the query's gallery.
    """
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
        relevant = relevant & allowed
    ascending = np.sort(scores, axis=1)
    rows = [_rank_one(s, a, r) for s, a, r in zip(scores, ascending, relevant, strict=True)]
    ap, first, count = zip(*rows, strict=True) if rows else ((), (), ())
    return Ranking(
        average_precision=np.array(ap, dtype=np.float64),
        first_rank=np.array(first, dtype=np.int64),
        n_relevant=np.array(count, dtype=np.int64),
    )


def _rank_one(scores: Scores, ascending: Scores, relevant: NDArray[np.bool_]) -> tuple[float, int, int]:
    """scores, ascending: (N,), the second sorted. Ranks count from 1."""
    positions = np.flatnonzero(relevant)
    if positions.size == 0:
        return float("nan"), 0, 0
    mine = scores[positions]
    n = len(scores)
    above = n - np.searchsorted(ascending, mine, side="right")
    equal = n - above - np.searchsorted(ascending, mine, side="left")
    ranks = above + 1
    for i in np.flatnonzero(equal > 1):
        ranks[i] += int((scores[: positions[i]] == mine[i]).sum())
    ranks.sort()
    precision = np.arange(1, len(ranks) + 1) / ranks
    return float(precision.mean()), int(ranks[0]), len(ranks)


@dataclass(frozen=True, kw_only=True)
class ClassFigure:
    label: int
    queries: int
    accuracy: float


def per_class(predicted: Labels, wanted: Labels) -> list[ClassFigure]:
    """Accuracy of the queries of each label, labels ascending."""
    return [
        ClassFigure(
            label=int(c),
            queries=int((wanted == c).sum()),
            accuracy=float((predicted[wanted == c] == c).mean()),
        )
        for c in np.unique(wanted)
    ]


def effective_rank(y: NDArray[np.float32]) -> float:
    """exp of the entropy of the normalised singular values of the centred embedding y (N, D).

    1 where all clips lie on a line, min(N - 1, D) where they fill the space evenly; 0 where nothing varies
    (Roy and Vetterli, 2007).
    """
    centred = y.astype(np.float64) - y.mean(axis=0, dtype=np.float64)
    values = np.linalg.svd(centred, compute_uv=False)
    if values.sum() <= 1e-12:
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def spread(y: NDArray[np.float32]) -> float:
    """Mean standard deviation of the columns of y (N, D), rows scaled to length 1, times sqrt(D).

    1 where directions are spread evenly, 0 where all rows point the same way.
    """
    norms = np.linalg.norm(y, axis=1, keepdims=True)
    unit = y / np.where(norms > 0, norms, 1)
    return float(unit.std(axis=0).mean() * np.sqrt(y.shape[1]))
