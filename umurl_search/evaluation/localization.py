"""How well moments are found in long recordings, in rungs: arrays, then a windowed index with a protocol.

The figures are defined in docs/metrics.md. Letters: Q queries, N windows, S segments, P dimensions, K thresholds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.embed import Embedder
from encoder.errors import Hint, UmurlError
from encoder.precision import precision_here
from umurl_search.clips.clip import Frames
from umurl_search.clips.crop import crop
from umurl_search.clips.types import Embeddings, Labels, Rows
from umurl_search.evaluation.doubts import doubt_classes, doubt_labels
from umurl_search.evaluation.evaluation_results import EvaluatedClass, EvaluatedIndex, Warned, action_of
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.temporal_iou import (
    OVERLAP,
    Intervals,
    average_precision,
    first_moments,
    match_segments,
)
from umurl_search.index.windows import no_windows, windows_of
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import open_clips
from umurl_search.library.encoder_registry import overlap_warning
from umurl_search.library.library import Library
from umurl_search.library.protocol_choice import choose_protocol
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Advance, Progress, no_progress
from umurl_search.result import Result
from umurl_search.search.searcher import Searcher
from umurl_search.timing import Clock

THRESHOLDS = (0.1, 0.3, 0.5)
DEPTH = 1000
"""Moments that are ranked for a query."""
_QUERIES_A_BLOCK = 256
_SCORE_BYTES = 2**27
_LABELLED_CLIPS = 200
"""Labels of one recording that are looked for among the clips that an encoder was trained on."""


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """average: (Q, K), NaN where no segment of the gallery has the query's label. `map`: its mean over the others."""

    average: NDArray[np.float64]
    map: dict[str, float]
    ranked: int


def evaluate_moments(
    gallery: Embeddings,
    windows: Intervals,
    segments: Intervals,
    segment_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    *,
    overlap: float = OVERLAP,
    depth: int = DEPTH,
    advance: Advance = lambda n, note="": None,
) -> AveragePrecision:
    """Average precision of the moments found for each query, at each of `THRESHOLDS`.

    gallery: (N, P) of the windows; queries: (Q, P); rows of length 1. segments: what is to be found. Equal scores go
    to the lower row. `advance` is told of queries done. Raises ValueError when there are no queries or no windows.
    """
    if len(queries) == 0 or len(windows) == 0:
        raise ValueError(f"queries and windows are needed, got {len(queries)} and {len(windows)}")
    of_label = {int(c): segments[np.flatnonzero(segment_labels == c)] for c in np.unique(segment_labels)}
    average = np.full((len(queries), len(THRESHOLDS)), np.nan)
    step = min(_QUERIES_A_BLOCK, max(1, _SCORE_BYTES // (4 * len(windows))))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ gallery.T
        for i, row in enumerate(scores, start=start):
            wanted = of_label.get(int(query_labels[i]))
            if wanted is not None:
                found = first_moments(_order_best_first(row), windows, overlap=overlap, most=depth)
                hits = match_segments(windows[found], wanted, thresholds=THRESHOLDS)
                average[i] = average_precision(hits, len(wanted))
        advance(len(scores))
    ranked = ~np.isnan(average[:, 0])
    return AveragePrecision(average=average, map=_mean(average[ranked]), ranked=int(ranked.sum()))


def _order_best_first(scores: NDArray[np.float32]) -> Callable[[int], Rows]:
    """Of scores (N,): the rows of the n highest, ties to the lower row."""
    order = np.argsort(-scores, kind="stable")
    return lambda n: order[:n]


def _mean(average: NDArray[np.float64]) -> dict[str, float]:
    means = average.mean(axis=0) if len(average) else np.zeros(len(THRESHOLDS))
    return {str(t): float(mean) for t, mean in zip(THRESHOLDS, means, strict=True)}


# an index


@dataclass(frozen=True, kw_only=True)
class LocalizeRequest:
    """What to evaluate. None: the library's default index, its dataset's first protocol."""

    index: str | None = None
    protocol: str | None = None
    modality: str = "fused"
    overlap: float = OVERLAP
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class RecordingCounts(Result):
    """How many whole recordings there are."""

    gallery: int
    """searched"""
    test: int
    """of whose segments some ask"""


@dataclass(frozen=True, kw_only=True)
class ClassPrecision(EvaluatedClass):
    """How well the moments of an action are found."""

    map: dict[str, float]
    """mean average precision of these, by temporal IoU"""


@dataclass(frozen=True, kw_only=True)
class LocalizeFigures(Warned, EvaluatedIndex):
    """How well moments are found in long recordings."""

    modality: str
    transform: str
    """`none` or `half-whiten:D`"""
    window_s: list[float]
    """lengths of the windows in seconds"""
    stride_s: float
    """seconds from one window's start to the next"""
    overlap: float
    """temporal IoU above which two windows are one moment"""
    depth: int
    """moments ranked for a query, at most"""
    queries: int
    """labelled segments of the test recordings"""
    ranked: int
    """of these, those whose action is in the gallery, over which `map` is taken"""
    windows: int
    """of the gallery's recordings"""
    segments: int
    """labelled ones of the gallery's recordings"""
    recordings: RecordingCounts
    """whole ones"""
    left_out: dict[str, int]
    """queries that did not ask: reason: count"""
    map: dict[str, float]
    """mean average precision at temporal IoU `0.1`, `0.3`, `0.5`"""
    per_class: list[ClassPrecision]
    """a list, by label"""
    seconds: dict[str, float]
    """`embed`, `search`, `total`"""


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A part of a protocol: its recordings' ids, their labelled segments with a label each, and how many have none."""

    recordings: Rows
    segments: Intervals
    labels: Labels
    unlabelled: int


@retry_if_library_changed
def localize_eval(
    library: Library, request: LocalizeRequest, *, progress: Progress = no_progress
) -> LocalizeFigures:
    """Segments of the protocol's test recordings ask in the windows of its gallery's recordings.

    A transform is refitted on the gallery's windows alone. Raises UmurlError for an unknown index or protocol, an
    index of whole clips, and where a side has no labelled segments.
    """
    clock = Clock()
    searcher = Searcher(library, request.index, device=request.device)
    index, row = searcher.index, searcher.row
    windows = windows_of(index)
    if windows is None:
        raise no_windows(row["name"], dataset=row["dataset"])
    protocol, gallery, test = _sides(library, row["dataset"], request.protocol)
    embeddings = index.embeddings(request.modality)
    clips, labels = _cut_segments(library, row["dataset"], test)
    y = _embed(searcher, clips, request.modality, progress=progress)
    clock.lap("embed")
    rows = np.flatnonzero(np.isin(windows.clip, gallery.recordings))
    maps = fit_maps(
        {request.modality: embeddings}, index.transform, rows=rows, pairs=[], device=searcher.device
    )
    mapping = maps.gallery(request.modality, bridged=False)
    with progress("Evaluating", total=len(labels), unit="queries") as advance:
        found = evaluate_moments(
            mapping(np.asarray(embeddings[rows])),
            windows[rows],
            gallery.segments,
            gallery.labels,
            mapping(y),
            labels,
            overlap=request.overlap,
            advance=advance,
        )
    clock.lap("search")
    n_empty = len(test.labels) - len(labels)
    return LocalizeFigures(
        dataset=row["dataset"],
        protocol=protocol,
        encoder=row["encoder"],
        index=row["name"],
        modality=request.modality,
        transform=str(index.transform),
        window_s=index.manifest["window_s"],
        stride_s=index.manifest["stride_s"],
        overlap=request.overlap,
        depth=DEPTH,
        queries=len(labels),
        ranked=found.ranked,
        windows=len(rows),
        segments=len(gallery.labels),
        recordings=RecordingCounts(gallery=len(gallery.recordings), test=len(test.recordings)),
        left_out={"no body": n_empty} if n_empty else {},
        map=found.map,
        per_class=_per_class(found.average, labels, row["dataset"]),
        warnings=[*_warn_if_seen(library, row, protocol, test), *_doubt(protocol, gallery, test)],
        seconds=clock.seconds,
    )


def _segments_command(dataset: str) -> tuple[str, ...]:
    return ("ingest", dataset, "--untrimmed", "--segments", "FILE")


def _sides(library: Library, dataset: str, protocol: str | None) -> tuple[str, _Side, _Side]:
    """The protocol, its gallery (else training) part and its test part."""
    with library.read() as catalog:
        chosen = choose_protocol(catalog, dataset, protocol)
        parts, segments = catalog.split(dataset, chosen), catalog.segments(dataset)
    sides = []
    for part in ("gallery" if "gallery" in parts else "train", "test"):
        side = _side(parts.get(part, np.zeros(0, dtype=np.int64)), segments)
        if len(side.labels) == 0:
            raise UmurlError(
                f"{dataset} {chosen}: no labelled segments in the {len(side.recordings)} {part} recordings, evaluation "
                "needs some",
                Hint("delete the dataset, then {command}", command=_segments_command(dataset)),
            )
        sides.append(side)
    return chosen, sides[0], sides[1]


def _side(recordings: Rows, segments: dict[str, NDArray[Any]]) -> _Side:
    labels = np.ma.filled(segments["label"], -1).astype(np.int64)
    theirs = np.isin(segments["clip_id"], recordings)
    mine = np.flatnonzero(theirs & (labels >= 0))
    clip, start, stop = (
        segments[key][mine].astype(np.int64) for key in ("clip_id", "start_frame", "stop_frame")
    )
    return _Side(
        recordings=recordings,
        segments=Intervals(clip=clip, start=start, stop=stop),
        labels=labels[mine],
        unlabelled=int(theirs.sum()) - len(mine),
    )


def _cut_segments(library: Library, dataset: str, side: _Side) -> tuple[list[Frames], Labels]:
    """The segments as clips, normalised, and their labels; those in which nobody is there are left out."""
    clips = open_clips(library, dataset)
    with library.read() as catalog:
        ids = catalog.clips_of(dataset).id
    at, spans = np.searchsorted(ids, side.segments.clip), side.segments
    cut = [
        crop(clips.frames(row), start, stop)
        for row, start, stop in zip(at.tolist(), spans.start.tolist(), spans.stop.tolist(), strict=True)
    ]
    there = np.array([frames is not None for frames in cut], dtype=bool)
    return [frames for frames in cut if frames is not None], side.labels[there]


def _embed(searcher: Searcher, clips: list[Frames], modality: str, *, progress: Progress) -> Embeddings:
    """(Q, D) float32, with the precision that the index was made with, where the hardware has it."""
    precision = precision_here(searcher.index.manifest["precision"], searcher.device)
    embedder = Embedder(searcher.model, n_clips=len(clips), device=searcher.device, precision=precision)
    blocks = []
    with progress("Embedding", total=len(clips), unit="queries") as advance:
        for start in range(0, len(clips), _QUERIES_A_BLOCK):
            blocks.append(embedder(clips[start : start + _QUERIES_A_BLOCK], (modality,))[modality])
            advance(len(blocks[-1]))
    return (
        np.concatenate(blocks) if blocks else np.zeros((0, searcher.index.manifest["dimension"]), np.float32)
    )


def _doubt(protocol: str, gallery: _Side, test: _Side) -> list[str]:
    what, effect = "test segments", "are not ranked, and no part of the figures"
    return [
        *doubt_classes(gallery.labels, test.labels, what=what, effect=effect),
        *doubt_labels(gallery.unlabelled + test.unlabelled, protocol, what="segments"),
    ]


def _per_class(average: NDArray[np.float64], labels: Labels, dataset: str) -> list[ClassPrecision]:
    """mAP of the queries of each label that the gallery has, labels ascending."""
    rows = []
    for label in np.unique(labels[~np.isnan(average[:, 0])]).tolist():
        mine = average[labels == label]
        action = action_of(label, dataset)
        rows.append(ClassPrecision(label=label, action=action, queries=len(mine), map=_mean(mine)))
    return rows


def _warn_if_seen(library: Library, row: dict[str, Any], protocol: str, test: _Side) -> list[str]:
    """What is known of the encoder having been trained on the test recordings, whole or cut into clips."""
    with library.read() as catalog:
        rows = catalog.clips_by_id(test.recordings.tolist())
    names = [row["name"] for row in rows.values()]
    cut = [f"{name}_{k:03d}" for name in names for k in range(_LABELLED_CLIPS)]
    entry, dataset = encoder_registry.open_encoder(library, row["encoder"]), row["dataset"]
    whole = overlap_warning(entry, dataset, protocol, names)
    if whole or not encoder_registry.overlap(entry, dataset, cut):
        return whole
    return [
        f"encoder {entry.name} was trained on actions cut out of the test recordings of {dataset} {protocol}: figures "
        "there flatter it"
    ]
