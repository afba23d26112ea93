"""kNN evaluation of an index with a protocol, asked by its own test clips or another's.

The figures are defined in docs/metrics.md. Letters: Q queries, N gallery clips, D embedding.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from encoder import modality_sets
from encoder.errors import Hint, UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.degrade import VIEWS
from umurl_search.clips.types import Labels, Rows
from umurl_search.datasets import protocols
from umurl_search.evaluation.cross_dataset import AskedAcross, ask_across
from umurl_search.evaluation.doubts import doubt_labels
from umurl_search.evaluation.evaluation_results import action_names_of, class_accuracies
from umurl_search.evaluation.layout_eval import ForeignQueries, LayoutQueries, layout_of_clips
from umurl_search.evaluation.metrics import TEMPERATURE, Vote
from umurl_search.evaluation.retrieval import RetrievalMetrics, evaluate
from umurl_search.evaluation.retrieval_results import (
    AskedIndex,
    KnnFigures,
    KnnFiguresAcross,
    KnnFiguresInLayout,
    MatrixFigures,
    MatrixFiguresAcross,
    MatrixFiguresInLayout,
)
from umurl_search.index.bridges_and_whitening import Maps, fit_maps
from umurl_search.index.exact_knn import Groups
from umurl_search.index.layout_bridges import degrading_to
from umurl_search.index.open_index import ProtocolView, group_ids, open_protocol, search_device
from umurl_search.library import encoder_registry
from umurl_search.library.clip_columns import PERFORMANCE, clip_fields
from umurl_search.library.encoder_registry import overlap_warning
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Advance, Progress, no_progress


@dataclass(frozen=True, kw_only=True)
class EvalRequest:
    """What to evaluate. None: the library's default index, its dataset's first protocol.

    queries: another index, whose protocol's test clips ask in place of this one's; action_map: a file that
    says which actions are the same, where the two datasets' lists do not. query_layout: the queries are brought down to
    this joint layout first; pictures are taken from a side by chance within `views` degrees, noise is the deviation of
    each joint in metres.
    """

    index: str | None = None
    protocol: str | None = None
    k: int | tuple[int, ...] = 1
    vote: Vote = "majority"
    temperature: float = TEMPERATURE
    query_modality: str = "fused"
    gallery_modality: str = "fused"
    bridge: bool = True
    exclude_same_performance: bool = False
    exclude: tuple[str, ...] = ()
    ranking: bool = True
    queries: str | None = None
    query_protocol: str | None = None
    action_map: Path | None = None
    query_layout: str | None = None
    views: int = VIEWS
    noise: float = 0.0
    device: str = "auto"

    @property
    def ks(self) -> tuple[int, ...]:
        """How many neighbours vote, each number once; the first is what `accuracy` is taken with."""
        return tuple(dict.fromkeys((self.k,) if isinstance(self.k, int) else self.k))


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
    maps = _fit(asked.gallery, [pair], bridge=request.bridge, device=request.device)
    fitted = time.monotonic()
    shown = _show(library, asked, request, progress)
    total = len(asked.rows) * (1 if shown is None or asked.across is not None else 2)
    with progress("Evaluating", total=total, unit="queries") as advance:
        figures, bridged = _figures(asked, maps, pair, request, advance, shown)
        is_own = shown is not None and asked.across is None
        native = figures if not is_own else _figures(asked, maps, pair, request, advance)[0]
    seconds = {
        "fit": fitted - started,
        "search": time.monotonic() - fitted,
        "total": time.monotonic() - started,
    }
    ranking = {name: value if request.ranking else None for name, value in figures.ranking.items()}
    document = KnnFigures(
        **vars(_asked_index(asked, request, seconds, doubts=figures.warnings)),
        query_modality=pair[0],
        gallery_modality=pair[1],
        bridge=bridged,
        accuracy=figures.accuracy,
        accuracy_at={str(k): accuracy for k, accuracy in figures.accuracy_at.items()},
        recall_at=figures.recall_at,
        map=ranking["map"],
        mrr=ranking["mrr"],
        more=ranking,
        ranked=figures.ranked if request.ranking else None,
        per_class=class_accuracies(
            figures.per_class, action_names_of(asked.gallery.columns, asked.gallery.dataset)
        ),
    )
    if asked.across is not None:
        document = KnnFiguresAcross(**vars(_tell_across(asked, shown, request)), **vars(document))
    elif shown is not None:
        document = KnnFiguresInLayout(
            **vars(document),
            query_layout=find_layout(shown.how.layout).name,
            views=shown.views,
            noise=shown.how.noise,
            native_accuracy=native.accuracy,
        )
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
    maps = _fit(asked.gallery, pairs, bridge=request.bridge, device=request.device)
    total = len(pairs) * len(asked.rows)
    shown = _show(library, asked, request, progress)
    with progress("Evaluating", total=total, unit="queries") as advance:
        for q, g in pairs:
            figures = _figures(asked, maps, (q, g), request, advance, shown)[0]
            matrix[q][g] = figures.accuracy
    seconds = {"total": time.monotonic() - started}
    about = _asked_index(asked, request, seconds, doubts=figures.warnings)
    document = MatrixFigures(**vars(about), matrix=matrix, bridge=request.bridge)
    if asked.across is not None:
        document = MatrixFiguresAcross(**vars(_tell_across(asked, shown, request)), **vars(document))
    elif shown is not None:
        name = find_layout(shown.how.layout).name
        document = MatrixFiguresInLayout(
            **vars(document), query_layout=name, views=shown.views, noise=shown.how.noise
        )
    return document


def _show(
    library: Library, asked: "EvaluationSetup", request: EvalRequest, progress: Progress
) -> LayoutQueries | None:
    """The queries in the layout that is asked for; those of another index, where their own layout is another.

    Raises UmurlError where both are asked for.
    """
    if request.query_layout is None:
        return None if asked.across is None else _show_foreign(library, asked, request, progress)
    if asked.across is not None:
        raise UmurlError(
            "clips of another index ask as they are",
            Hint("leave out {option}, or give no other index's queries", option="query_layout"),
        )
    held = layout_of_clips(library, asked.gallery.dataset)
    how = degrading_to(request.query_layout, held, views=request.views, noise=request.noise)
    return LayoutQueries(library, asked.gallery, asked.rows, how, device=request.device, progress=progress)


def _show_foreign(
    library: Library, asked: "EvaluationSetup", request: EvalRequest, progress: Progress
) -> LayoutQueries | None:
    """Queries of another index that cross to the gallery from their layout, None where they ask as they are."""
    theirs, ours = (layout_of_clips(library, side.dataset) for side in (asked.queries, asked.gallery))
    if theirs == ours:
        return None
    how = degrading_to(theirs, ours, views=request.views)
    shown = ForeignQueries(
        library,
        asked.gallery,
        asked.rows,
        how,
        device=request.device,
        progress=progress,
        asked=asked.queries,
    )
    is_brought_down = find_layout(ours).dims == 2 and find_layout(theirs).dims == 3
    return shown if is_brought_down or shown.crosses(bridge=request.bridge) else None


def _tell_across(asked: "EvaluationSetup", shown: LayoutQueries | None, request: EvalRequest) -> AskedAcross:
    assert asked.across is not None
    if shown is None or not shown.crosses(bridge=request.bridge):
        return asked.across
    return replace(asked.across, layout_bridge=True, views=shown.views or None)


@dataclass(frozen=True, kw_only=True)
class EvaluationSetup:
    """A gallery and who asks in it: rows (Q,) of `queries`, their labels (Q,) in the gallery's list."""

    gallery: ProtocolView
    queries: ProtocolView
    rows: Rows
    labels: Labels
    warnings: list[str]
    across: AskedAcross | None = None


def _asked_index(
    asked: EvaluationSetup, request: EvalRequest, seconds: dict[str, float], *, doubts: list[str]
) -> AskedIndex:
    gallery = asked.gallery
    return AskedIndex(
        dataset=gallery.dataset,
        protocol=gallery.split.protocol,
        encoder=gallery.row["encoder"],
        index=gallery.name,
        transform=str(gallery.index.transform),
        k=request.ks[0],
        vote=request.vote,
        temperature=request.temperature if request.vote == "weighted" else None,
        gallery=len(gallery.split.gallery),
        queries=len(asked.rows),
        exclude_same_performance=request.exclude_same_performance,
        exclude=list(request.exclude),
        warnings=[*asked.warnings, *_doubt_labels(asked), *doubts],
        seconds=seconds,
    )


def _doubt_labels(asked: EvaluationSetup) -> list[str]:
    sides = {id(side): side for side in (asked.gallery, asked.queries)}
    return [
        line for side in sides.values() for line in doubt_labels(side.split.unlabelled, side.split.protocol)
    ]


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


def _fit(gallery: ProtocolView, pairs: Sequence[tuple[str, str]], *, bridge: bool, device: str) -> Maps:
    """What the gallery's own clips say: means, whitenings of its modalities, bridges into them."""
    wanted = [(q, g) for q, g in pairs if q != g and bridge]
    used = dict.fromkeys(m for q, g in pairs for m in ((q, g) if (q, g) in wanted else (g,)))
    arrays = {m: gallery.index.embeddings(m) for m in used}
    return fit_maps(
        arrays,
        gallery.index.transform,
        rows=gallery.split.fitting,
        pairs=wanted,
        device=search_device(device),
    )


def _figures(
    asked: EvaluationSetup,
    maps: Maps,
    pair: tuple[str, str],
    request: EvalRequest,
    advance: Advance,
    shown: LayoutQueries | None = None,
) -> tuple[RetrievalMetrics, bool]:
    modality, against = pair
    bridged = request.bridge and modality != against
    bridged = bridged or (shown is not None and shown.crosses(bridge=request.bridge))
    held, split = asked.gallery, asked.gallery.split
    gallery = maps.gallery(against, bridged=bridged)(held.index.embeddings(against)[split.gallery])
    if shown is not None:
        queries = shown.points(maps, modality, against, bridge=request.bridge)
    else:
        y = asked.queries.index.embeddings(modality)[asked.rows]
        queries = maps.query(modality, against, bridged=bridged)(y)
    figures = evaluate(
        gallery,
        held.columns.label[split.gallery],
        queries,
        asked.labels,
        k=request.ks,
        vote=request.vote,
        temperature=request.temperature,
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
