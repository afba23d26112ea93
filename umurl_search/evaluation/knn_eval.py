"""kNN evaluation in rungs: arrays, then an index with a protocol, asked by its own test clips or another's.

The figures are defined in docs/metrics.md. Letters: Q queries, N gallery clips, D embedding.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from encoder import modality_sets
from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Embeddings, Labels, Rows
from umurl_search.datasets import protocols
from umurl_search.evaluation.cross_dataset import AskedAcross, ask_across
from umurl_search.evaluation.evaluation_results import class_accuracies
from umurl_search.evaluation.metrics import (
    RANKING_METRICS,
    ClassFigure,
    Ranking,
    majority_vote,
    per_class,
    rank_gallery,
    recall_at,
)
from umurl_search.evaluation.retrieval_results import (
    AskedIndex,
    KnnFigures,
    KnnFiguresAcross,
    MatrixFigures,
    MatrixFiguresAcross,
)
from umurl_search.index.bridges_and_whitening import Maps, fit_maps
from umurl_search.index.exact_knn import CPU, Groups, nearest
from umurl_search.index.open_index import ProtocolView, group_ids, open_protocol, search_device
from umurl_search.library import encoder_registry
from umurl_search.library.clip_columns import PERFORMANCE, clip_fields
from umurl_search.library.encoder_registry import overlap_warning
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Advance, Progress, no_advance, no_progress

RECALLS = (1, 5, 10)
_SCORE_BYTES = 2**27
_QUERIES_A_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class RetrievalMetrics:
    """Fractions in 0..1. `ranked`: queries with a relevant clip in their gallery, over which the `ranking` metrics are.

    Without ranking these are NaN and `ranked` is 0. scores: (Q,) of each query's nearest neighbour.
    """

    accuracy: float
    recall_at: dict[str, float]
    ranking: dict[str, float]
    ranked: int
    per_class: list[ClassFigure]
    predicted: Labels
    neighbours: NDArray[np.int64]
    scores: NDArray[np.float64]

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
    k: int = 1,
    groups: Groups = None,
    ranking: bool = True,
    device: torch.device = CPU,
    advance: Advance = lambda n, note="": None,
) -> RetrievalMetrics:
    """kNN retrieval of queries (Q, P) in a gallery (N, P), both rows of length 1 (`LinearMap` makes them).

    groups: numbers (N,) and (Q,); a query never meets clips of its own group (-1: of none).
    ranking: whether to rank the whole gallery, which map and mrr need and which takes far longer than the neighbours.
    `advance` is told of queries done. Raises ValueError when there are no queries.
    """
    if len(queries) == 0:
        raise ValueError("evaluation needs at least one query, got 0")
    k = min(k, len(gallery))
    found = nearest(
        gallery,
        queries,
        max(k, *RECALLS),
        groups=groups,
        device=device,
        advance=no_advance if ranking else advance,
    )
    rows = found.rows
    labels = np.where(rows >= 0, gallery_labels[np.maximum(rows, 0)], -1)
    predicted = majority_vote(labels[:, :k])
    ranks = (
        _rank_in_blocks(gallery, gallery_labels, queries, query_labels, groups, advance) if ranking else None
    )
    relevant = ranks.first_rank > 0 if ranks else np.zeros(0, dtype=bool)
    return RetrievalMetrics(
        accuracy=float((predicted == query_labels).mean()),
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
    )


def _rank_in_blocks(
    gallery: Embeddings,
    gallery_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    groups: Groups,
    advance: Advance,
) -> Ranking:
    """The whole gallery ranked for every query, a block of them at a time."""
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


# an index


@dataclass(frozen=True, kw_only=True)
class EvalRequest:
    """What to evaluate. None: the library's default index, its dataset's first protocol.

    queries: another index, whose protocol's test clips ask in place of this one's; action_map: a file that
    says which actions are the same, where the two datasets' lists do not.
    """

    index: str | None = None
    protocol: str | None = None
    k: int = 1
    query_modality: str = "fused"
    gallery_modality: str = "fused"
    bridge: bool = True
    exclude_same_performance: bool = False
    exclude: tuple[str, ...] = ()
    ranking: bool = True
    queries: str | None = None
    query_protocol: str | None = None
    action_map: Path | None = None
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What `knn-eval` prints, and what it is made of: who asked in which gallery, and what was found."""

    document: KnnFigures
    asked: "EvaluationSetup"
    figures: RetrievalMetrics


def evaluate_index(library: Library, request: EvalRequest, *, progress: Progress = no_progress) -> KnnFigures:
    """The protocol's queries against its gallery, bridge and transform refitted on that gallery alone.

    Raises UmurlError for an unknown index or protocol, modalities that the index does not hold, or queries of
    another index that cannot be compared.
    """
    return evaluate_opened(library, request, progress=progress).document


@retry_if_library_changed
def evaluate_opened(
    library: Library, request: EvalRequest, *, progress: Progress = no_progress
) -> Evaluation:
    """As `evaluate_index`, with what its document was made of."""
    started = time.monotonic()
    asked = _open(library, request)
    pair = (request.query_modality, request.gallery_modality)
    maps = _fit(asked.gallery, [pair], bridge=request.bridge)
    fitted = time.monotonic()
    with progress("Evaluating", total=len(asked.rows), unit="queries") as advance:
        figures, bridged = _figures(asked, maps, pair, request, advance)
    seconds = {
        "fit": fitted - started,
        "search": time.monotonic() - fitted,
        "total": time.monotonic() - started,
    }
    ranking = {name: value if request.ranking else None for name, value in figures.ranking.items()}
    document = KnnFigures(
        **vars(_asked_index(asked, request, seconds)),
        query_modality=pair[0],
        gallery_modality=pair[1],
        bridge=bridged,
        accuracy=figures.accuracy,
        recall_at=figures.recall_at,
        map=ranking["map"],
        mrr=ranking["mrr"],
        more=ranking,
        ranked=figures.ranked if request.ranking else None,
        per_class=class_accuracies(figures.per_class, asked.gallery.dataset),
    )
    if asked.across is not None:
        document = KnnFiguresAcross(**vars(asked.across), **vars(document))
    return Evaluation(document=document, asked=asked, figures=figures)


@retry_if_library_changed
def evaluate_matrix(
    library: Library, request: EvalRequest, *, progress: Progress = no_progress
) -> MatrixFigures:
    """Accuracy of every base modality's queries against every base modality's gallery."""
    started = time.monotonic()
    asked = _open(library, request)
    base = tuple(m for m in modality_sets.SINGLE_AND_FUSED if m in asked.gallery.index.modalities)
    pairs = [(q, g) for q in base for g in base]
    matrix: dict[str, dict[str, float]] = {q: {} for q in base}
    maps = _fit(asked.gallery, pairs, bridge=request.bridge)
    total = len(pairs) * len(asked.rows)
    with progress("Evaluating", total=total, unit="queries") as advance:
        for q, g in pairs:
            matrix[q][g] = _figures(asked, maps, (q, g), request, advance)[0].accuracy
    about = _asked_index(asked, request, {"total": time.monotonic() - started})
    document = MatrixFigures(**vars(about), matrix=matrix, bridge=request.bridge)
    if asked.across is not None:
        document = MatrixFiguresAcross(**vars(asked.across), **vars(document))
    return document


@dataclass(frozen=True, kw_only=True)
class EvaluationSetup:
    """A gallery and who asks in it: rows (Q,) of `queries`, their labels (Q,) in the gallery's list."""

    gallery: ProtocolView
    queries: ProtocolView
    rows: Rows
    labels: Labels
    warnings: list[str]
    across: AskedAcross | None = None


def _asked_index(asked: EvaluationSetup, request: EvalRequest, seconds: dict[str, float]) -> AskedIndex:
    gallery = asked.gallery
    return AskedIndex(
        dataset=gallery.dataset,
        protocol=gallery.split.protocol,
        encoder=gallery.row["encoder"],
        index=gallery.name,
        transform=str(gallery.index.transform),
        k=request.k,
        gallery=len(gallery.split.gallery),
        queries=len(asked.rows),
        exclude_same_performance=request.exclude_same_performance,
        exclude=list(request.exclude),
        warnings=asked.warnings,
        seconds=seconds,
    )


def _open(library: Library, request: EvalRequest) -> EvaluationSetup:
    gallery = open_protocol(library, request.index, request.protocol, other_than=request.queries)
    split = gallery.split
    if len(split.gallery) == 0 or (len(split.queries) == 0 and request.queries is None):
        raise UmurlError(
            f"{gallery.dataset} {split.protocol}: {len(split.gallery)} gallery clips and {len(split.queries)} "
            "queries are in the library, evaluation needs both",
            Hint("ingest more recordings or choose another {option}", option="protocol"),
        )
    if request.queries is not None:
        return _ask_across(library, gallery, request, request.queries)
    entry = encoder_registry.open_encoder(library, gallery.row["encoder"])
    tested = gallery.names(split.queries)
    return EvaluationSetup(
        gallery=gallery,
        queries=gallery,
        rows=split.queries,
        labels=gallery.columns.label[split.queries],
        warnings=overlap_warning(entry, gallery.dataset, split.protocol, tested),
    )


def _ask_across(
    library: Library, gallery: ProtocolView, request: EvalRequest, queries: str
) -> EvaluationSetup:
    found = ask_across(
        library, gallery, queries=queries, protocol=request.query_protocol, action_map=request.action_map
    )
    return EvaluationSetup(
        gallery=gallery,
        queries=found.opened,
        rows=found.rows,
        labels=found.labels,
        warnings=found.warnings,
        across=found.asked,
    )


def _fit(gallery: ProtocolView, pairs: Sequence[tuple[str, str]], *, bridge: bool) -> Maps:
    """What the gallery's own clips say: means, whitenings of its modalities, bridges into them."""
    wanted = [(q, g) for q, g in pairs if q != g and bridge]
    used = dict.fromkeys(m for q, g in pairs for m in ((q, g) if (q, g) in wanted else (g,)))
    arrays = {m: gallery.index.embeddings(m) for m in used}
    return fit_maps(arrays, gallery.index.transform, rows=gallery.split.fitting, pairs=wanted)


def _figures(
    asked: EvaluationSetup, maps: Maps, pair: tuple[str, str], request: EvalRequest, advance: Advance
) -> tuple[RetrievalMetrics, bool]:
    modality, against = pair
    bridged = request.bridge and modality != against
    held, split = asked.gallery, asked.gallery.split
    gallery = maps.gallery(against, bridged=bridged)(held.index.embeddings(against)[split.gallery])
    y = asked.queries.index.embeddings(modality)[asked.rows]
    queries = maps.query(modality, against, bridged=bridged)(y)
    figures = evaluate(
        gallery,
        held.columns.label[split.gallery],
        queries,
        asked.labels,
        k=request.k,
        groups=_groups(asked, request),
        ranking=request.ranking,
        device=search_device(request.device),
        advance=advance,
    )
    return figures, bridged


def _groups(asked: EvaluationSetup, request: EvalRequest) -> Groups:
    """Who a query may not meet, as numbers; both sides must be of the same recordings."""
    fields = PERFORMANCE if request.exclude_same_performance else request.exclude
    if not fields:
        return None
    option = "exclude_same_performance" if request.exclude_same_performance else "exclude"
    gallery, queries = asked.gallery, asked.queries
    if not protocols.share_recordings(gallery.dataset, queries.dataset):
        raise UmurlError(
            f"{queries.dataset} and {gallery.dataset} hold different recordings, nothing is in both",
            Hint("leave out {option}", option=option),
        )
    held, asking = (
        clip_fields(side.columns, fields, dataset=side.dataset, option=option) for side in (gallery, queries)
    )
    held, asking = held[gallery.split.gallery], asking[asked.rows]
    numbers = group_ids(np.concatenate([held, asking]))
    return numbers[: len(held)], numbers[len(held) :]
