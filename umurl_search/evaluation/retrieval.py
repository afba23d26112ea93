"""kNN evaluation of arrays: neighbours, votes, whole rankings.

The figures are defined in docs/metrics.md. Letters: Q queries, N gallery clips, D embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Labels
from umurl_search.evaluation.device_ranking import rank_on_device, ranks_there
from umurl_search.evaluation.doubts import doubt_classes, doubt_votes
from umurl_search.evaluation.metrics import (
    RANKING_METRICS,
    TEMPERATURE,
    ClassFigure,
    Ranking,
    Vote,
    majority_vote,
    per_class,
    rank_gallery,
    recall_at,
    weighted_vote,
)
from umurl_search.index.exact_knn import CPU, Groups, nearest
from umurl_search.progress import Advance, no_advance

RECALLS = (1, 5, 10)
_SCORE_BYTES = 2**27
_QUERIES_A_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class RetrievalMetrics:
    """Fractions in 0..1. `ranked`: queries with a relevant clip in their gallery, over which the `ranking` metrics are.

    Without ranking these are NaN and `ranked` is 0. accuracy_at: by how many neighbours vote; accuracy, per_class and
    predicted are the first's. scores: (Q,) of each query's nearest neighbour. warnings: what the figures cannot say.
    """

    accuracy: float
    recall_at: dict[str, float]
    ranking: dict[str, float]
    ranked: int
    per_class: list[ClassFigure]
    accuracy_at: dict[int, float]
    predicted: Labels
    neighbours: NDArray[np.int64]
    scores: NDArray[np.float64]
    warnings: list[str] = field(default_factory=list)

    @property
    def mean_average_precision(self) -> float:
        return self.ranking["map"]

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank of the first relevant clip."""
        return self.ranking["mrr"]


def evaluate(
    gallery: Embeddings,
    gallery_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    *,
    k: int | Sequence[int] = 1,
    vote: Vote = "majority",
    temperature: float = TEMPERATURE,
    groups: Groups = None,
    ranking: bool = True,
    device: torch.device = CPU,
    advance: Advance = lambda n, note="": None,
) -> RetrievalMetrics:
    """kNN retrieval of queries (Q, P) in a gallery (N, P), both rows of length 1 (`LinearMap` makes them).

    k: how many neighbours vote, or several such numbers. temperature: of votes that are weighted with
    exp(cosine / temperature). groups: numbers (N,) and (Q,); a query never meets clips of its own group (-1: of none).
    ranking: whether to rank the whole gallery, which map and mrr need and which takes far longer than the neighbours.
    `advance` is told of queries done. Raises ValueError when there are no queries, no k or a temperature of 0.
    """
    ks = (k,) if isinstance(k, int) else tuple(k)
    if len(queries) == 0:
        raise ValueError("evaluation needs at least one query, got 0")
    if not ks or min(ks) < 1 or temperature <= 0:
        raise ValueError(f"k is 1 or more and the temperature above 0, got {list(ks)} and {temperature}")
    found = nearest(
        gallery,
        queries,
        max(*(min(one, len(gallery)) for one in ks), *RECALLS),
        groups=groups,
        device=device,
        advance=no_advance if ranking else advance,
    )
    rows = found.rows
    labels = np.where(rows >= 0, gallery_labels[np.maximum(rows, 0)], -1)
    voted = {one: _vote(labels, found.scores, one, vote, temperature) for one in ks}
    predicted = voted[ks[0]]
    ranks = (
        _rank(gallery, gallery_labels, queries, query_labels, groups, device=device, advance=advance)
        if ranking
        else None
    )
    relevant = ranks.first_rank > 0 if ranks else np.zeros(0, dtype=bool)
    return RetrievalMetrics(
        accuracy=float((predicted == query_labels).mean()),
        accuracy_at={one: float((mine == query_labels).mean()) for one, mine in voted.items()},
        recall_at={str(r): recall_at(labels, query_labels, r) for r in RECALLS},
        ranking={
            name: metric.of(ranks[relevant]) if ranks else float("nan")
            for name, metric in RANKING_METRICS.items()
        },
        ranked=int(relevant.sum()),
        per_class=per_class(predicted, query_labels),
        predicted=predicted,
        neighbours=rows,
        scores=found.scores[:, 0],
        warnings=_doubt(gallery_labels, query_labels, max(ks), groups),
    )


def _vote(labels: Labels, scores: NDArray[np.float64], k: int, vote: Vote, temperature: float) -> Labels:
    """What the first k neighbours say. labels, scores: (Q, K), nearest first."""
    if vote == "majority":
        return majority_vote(labels[:, :k])
    return weighted_vote(labels[:, :k], scores[:, :k], temperature=temperature)


def _doubt(gallery: Labels, queries: Labels, k: int, groups: Groups) -> list[str]:
    there = np.full(len(queries), len(gallery))
    if groups is not None:
        numbers, counts = np.unique(groups[0], return_counts=True)
        own = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        there -= np.array([own.get(group, 0) if group >= 0 else 0 for group in groups[1].tolist()])
    return [*doubt_classes(gallery, queries), *doubt_votes(k, there)]


def _rank(
    gallery: Embeddings,
    gallery_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    groups: Groups,
    *,
    device: torch.device,
    advance: Advance,
) -> Ranking:
    """The whole gallery ranked for every query, a block of them at a time; on a device that holds it, there."""
    if ranks_there(len(gallery), gallery.shape[1], device):
        return rank_on_device(
            gallery, gallery_labels, queries, query_labels, groups, device=device, advance=advance
        )
    step = min(_QUERIES_A_BLOCK, max(1, _SCORE_BYTES // (4 * len(gallery))))
    blocks = []
    for i in range(0, len(queries), step):
        block = slice(i, i + step)
        own = None if groups is None else (groups[0], groups[1][block])
        blocks.append(_ranking(gallery, gallery_labels, queries[block], query_labels[block], own))
        advance(len(blocks[-1].first_rank))
    return Ranking(
        average_precision=np.concatenate([one.average_precision for one in blocks]),
        first_rank=np.concatenate([one.first_rank for one in blocks]),
        n_relevant=np.concatenate([one.n_relevant for one in blocks]),
    )


def _ranking(
    gallery: Embeddings, gallery_labels: Labels, queries: Embeddings, query_labels: Labels, groups: Groups
) -> Ranking:
    """The whole gallery ranked for a block of queries."""
    relevant = query_labels[:, None] == gallery_labels
    allowed = None
    if groups is not None:
        own = groups[1][:, None]
        allowed = (own < 0) | (own != groups[0])
    return rank_gallery(queries @ gallery.T, relevant, allowed)
