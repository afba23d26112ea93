"""kNN evaluation in rungs: arrays, then an index with a protocol.

The figures are defined in docs/metrics.md. Letters: Q queries, N gallery clips, D embedding.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder import subsets
from encoder.errors import UmurlError
from umurl_search import datasets, encoders, training
from umurl_search.build import overlap_warning
from umurl_search.catalog import ClipColumns
from umurl_search.index import Groups, Index, nearest
from umurl_search.library import Library
from umurl_search.maps import Embeddings, Maps, fit_maps
from umurl_search.metrics import Labels, Ranking, majority_vote, per_class, rank_gallery, recall_at
from umurl_search.progress import Advance, Progress, silent

RECALLS = (1, 5, 10)
PERFORMANCE = ("setup", "subject", "replication", "label")
_SCORE_BYTES = 2**27
_QUERIES_A_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Fractions in 0..1. `ranked`: queries with a relevant clip in their gallery, over which map and mrr are."""

    accuracy: float
    recall_at: dict[str, float]
    map: float
    mrr: float
    ranked: int
    per_class: list[dict[str, Any]]
    predicted: Labels
    neighbours: NDArray[np.int64]


def evaluate(
    gallery: Embeddings,
    gallery_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    *,
    k: int = 1,
    groups: Groups = None,
    gpu: int | None = None,
    advance: Advance = lambda n, note="": None,
) -> Figures:
    """kNN retrieval of queries (Q, P) in a gallery (N, P), both rows of length 1 (`maps.Map` makes them).

    groups: numbers (N,) and (Q,); a query never meets clips of its own group (-1: of none).
    `advance` is told of queries done. Raises ValueError when there are no queries.
    """
    if len(queries) == 0:
        raise ValueError("evaluation needs at least one query, got 0")
    k = min(k, len(gallery))
    found, rankings = [], []
    step = min(_QUERIES_A_BLOCK, max(1, _SCORE_BYTES // (4 * len(gallery))))
    for i in range(0, len(queries), step):
        block = slice(i, i + step)
        own = None if groups is None else (groups[0], groups[1][block])
        found.append(nearest(gallery, queries[block], max(k, *RECALLS), groups=own, gpu=gpu).rows)
        rankings.append(_ranking(gallery, gallery_labels, queries[block], query_labels[block], own))
        advance(len(found[-1]))
    rows = np.concatenate(found)
    labels = np.where(rows >= 0, gallery_labels[np.maximum(rows, 0)], -1)
    predicted = majority_vote(labels[:, :k])
    first = np.concatenate([ranking.first_rank for ranking in rankings])
    precision = np.concatenate([ranking.average_precision for ranking in rankings])
    ranked = first > 0
    return Figures(
        accuracy=float((predicted == query_labels).mean()),
        recall_at={str(r): recall_at(labels, query_labels, r) for r in RECALLS},
        map=float(precision[ranked].mean()) if ranked.any() else 0.0,
        mrr=float((1 / first[ranked]).mean()) if ranked.any() else 0.0,
        ranked=int(ranked.sum()),
        per_class=[vars(figure) for figure in per_class(predicted, query_labels)],
        predicted=predicted,
        neighbours=rows,
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
    """What to evaluate. None: the index built last, its dataset's first protocol."""

    index: str | None = None
    protocol: str | None = None
    k: int = 1
    query_modality: str = "fused"
    gallery_modality: str = "fused"
    bridge: bool = True
    exclude_same_performance: bool = False
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Split:
    """A protocol's clips as rows of the index: gallery, queries and what maps may be fitted on."""

    protocol: str
    gallery: NDArray[np.int64]
    queries: NDArray[np.int64]
    fitting: NDArray[np.int64]


def evaluate_index(library: Library, request: EvalRequest, *, progress: Progress = silent) -> dict[str, Any]:
    """The protocol's queries against its gallery, bridge and transform refitted on that gallery alone.

    Raises UmurlError for an unknown index or protocol, or modalities that the index does not hold.
    """
    started = time.monotonic()
    opened = _open(library, request)
    pair = (request.query_modality, request.gallery_modality)
    maps = _fit(opened, [pair], bridge=request.bridge)
    fitted = time.monotonic()
    with progress("Evaluating", total=len(opened.split.queries), unit="queries") as advance:
        figures, bridged = _figures(opened, maps, pair, request, advance)
    names = datasets.action_names(datasets.find(opened.dataset).actions)
    seconds = {
        "fit": fitted - started,
        "search": time.monotonic() - fitted,
        "total": time.monotonic() - started,
    }
    return {
        **_head(opened, request),
        "query_modality": pair[0], "gallery_modality": pair[1], "bridge": bridged,
        "transform": str(opened.index.transform), "k": request.k,
        "gallery": len(opened.split.gallery), "queries": len(opened.split.queries),
        "accuracy": figures.accuracy, "recall_at": figures.recall_at, "map": figures.map, "mrr": figures.mrr,
        "ranked": figures.ranked,
        "per_class": [_named(row, names) for row in figures.per_class],
        "exclude_same_performance": request.exclude_same_performance,
        "warnings": opened.warnings, "seconds": seconds,
    }  # fmt: skip


def evaluate_matrix(library: Library, request: EvalRequest, *, progress: Progress = silent) -> dict[str, Any]:
    """Accuracy of every base modality's queries against every base modality's gallery."""
    started = time.monotonic()
    opened = _open(library, request)
    base = subsets.SINGLE_AND_FUSED
    pairs = [(q, g) for q in base for g in base]
    matrix: dict[str, dict[str, float]] = {q: {} for q in base}
    maps = _fit(opened, pairs, bridge=request.bridge)
    total = len(pairs) * len(opened.split.queries)
    with progress("Evaluating", total=total, unit="queries") as advance:
        for q, g in pairs:
            matrix[q][g] = _figures(opened, maps, (q, g), request, advance)[0].accuracy
    return {
        **_head(opened, request), "matrix": matrix, "bridge": request.bridge,
        "transform": str(opened.index.transform), "k": request.k,
        "gallery": len(opened.split.gallery), "queries": len(opened.split.queries),
        "exclude_same_performance": request.exclude_same_performance,
        "warnings": opened.warnings, "seconds": {"total": time.monotonic() - started},
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Opened:
    index: Index
    dataset: str
    encoder: str
    columns: ClipColumns
    split: Split
    warnings: list[str]


def _head(opened: _Opened, request: EvalRequest) -> dict[str, Any]:
    return {
        "dataset": opened.dataset, "protocol": opened.split.protocol, "encoder": opened.encoder,
        "index": opened.index.folder.name,
    }  # fmt: skip


def _open(library: Library, request: EvalRequest) -> _Opened:
    index, row = open_index(library, request.index)
    dataset = row["dataset"]
    with library.read() as catalog:
        known = catalog.protocols(dataset)
        protocol = request.protocol or training.first_protocol(dataset, known)
        if protocol is None:
            raise UmurlError(f"{dataset} has no protocol to evaluate: ingest it with --splits FILE")
        if protocol not in known:
            raise UmurlError(f"{dataset} has no protocol '{protocol}': it has {', '.join(known) or 'none'}")
        parts = catalog.split(dataset, protocol)
        columns = catalog.clips_of(dataset)
    split = _split(protocol, parts, index.ids, columns, dataset)
    tested = [columns.name[i] for i in split.queries]
    entry = encoders.open_encoder(library, row["encoder"])
    warnings = overlap_warning(entry, dataset, protocol, tested)
    return _Opened(
        index=index, dataset=dataset, encoder=row["encoder"], columns=columns, split=split, warnings=warnings
    )


def open_index(library: Library, name: str | None) -> tuple[Index, dict[str, Any]]:
    """The index of that name, the one built last when None. Raises UmurlError listing what there is."""
    rows = []
    if library.exists():
        with library.read() as catalog:
            rows = catalog.indexes()
    if not rows:
        raise UmurlError(
            "the library holds no index yet: umurl-search build-index NAME (or: umurl-search demo)"
        )
    row = rows[0] if name is None else next((row for row in rows if row["name"] == name), None)
    if row is None:
        known = ", ".join(row["name"] for row in rows)
        raise UmurlError(f"no index '{name}'; there are {known}: umurl-search build-index makes one")
    index = Index(library.index(row["name"]))
    if index.manifest["clips"] != row["clips"] or len(index.ids) != row["clips"]:
        raise UmurlError(f"index {row['name']} and the catalog disagree: umurl-search verify")
    return index, row


def _split(
    protocol: str,
    parts: dict[str, NDArray[np.int64]],
    ids: NDArray[np.int64],
    columns: ClipColumns,
    dataset: str,
) -> Split:
    """Rows of labelled clips. Without a gallery of its own, a protocol's gallery is its training part."""
    labelled = columns.id[columns.label >= 0]
    asked = np.concatenate([np.zeros(0, dtype=np.int64), *parts.values()])
    if len(labelled) == 0 or (len(asked) and not np.isin(asked, labelled).any()):
        raise UmurlError(
            f"{dataset} {protocol}: its clips have no labels, evaluation needs them: ingest recordings whose names "
            "or files state the action (SsssCccPpppRrrrAaaa), under another name"
        )
    rows = {part: np.searchsorted(ids, wanted[np.isin(wanted, labelled)]) for part, wanted in parts.items()}
    empty = np.zeros(0, dtype=np.int64)
    train, test = rows.get("train", empty), rows.get("test", empty)
    gallery = rows.get("gallery", empty if protocol in datasets.WITH_EXEMPLARS else train)
    if len(gallery) == 0 or len(test) == 0:
        raise UmurlError(
            f"{dataset} {protocol}: {len(gallery)} gallery clips and {len(test)} queries are in the library, "
            "evaluation needs both: ingest more recordings or choose another --protocol"
        )
    return Split(protocol=protocol, gallery=gallery, queries=test, fitting=np.union1d(train, gallery))


def _fit(opened: _Opened, pairs: Sequence[tuple[str, str]], *, bridge: bool) -> Maps:
    used = dict.fromkeys(m for pair in pairs for m in pair)
    arrays = {m: opened.index.embeddings(m) for m in used}
    wanted = [(q, g) for q, g in pairs if q != g and bridge]
    return fit_maps(arrays, opened.index.transform, rows=opened.split.fitting, pairs=wanted)


def _figures(
    opened: _Opened, maps: Maps, pair: tuple[str, str], request: EvalRequest, advance: Advance
) -> tuple[Figures, bool]:
    modality, against = pair
    bridged = request.bridge and modality != against
    split, labels = opened.split, opened.columns.label
    gallery = maps.gallery(against, bridged=bridged)(opened.index.embeddings(against)[split.gallery])
    queries = maps.query(modality, against, bridged=bridged)(opened.index.embeddings(modality)[split.queries])
    groups = None
    if request.exclude_same_performance:
        numbers = performances(opened.columns, dataset=opened.dataset)
        groups = (numbers[split.gallery], numbers[split.queries])
    figures = evaluate(
        gallery, labels[split.gallery], queries, labels[split.queries],
        k=request.k, groups=groups, gpu=search_gpu(request.device), advance=advance,
    )  # fmt: skip
    return figures, bridged


def performances(columns: ClipColumns, *, dataset: str) -> NDArray[np.int64]:
    """(N,) a number a performance: clips of one setup, subject, replication and action, whatever the camera.

    Raises UmurlError on data that lacks these fields.
    """
    fields = [columns.columns[name] for name in PERFORMANCE]
    if any(value is None for field in fields for value in field):
        raise UmurlError(
            f"{dataset} does not say setup, subject, replication and action of every clip: "
            "--exclude-same-performance cannot be used on it"
        )
    _, numbers = np.unique(np.array(fields, dtype=np.int64).T, axis=0, return_inverse=True)
    return np.asarray(numbers, dtype=np.int64).ravel()


def search_gpu(device: str) -> int | None:
    """The GPU that FAISS is to search on, None for the CPU: where torch would use it and FAISS can."""
    from encoder.embed import pick_device
    from umurl_search.index import gpu_search_available

    chosen = pick_device(device)
    return (chosen.index or 0) if chosen.type == "cuda" and gpu_search_available() else None


def _named(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    label = row["label"]
    return {"label": label, "action": names[label] if label < len(names) else None, **row}
