"""Answers a query: clip to embedding to map to neighbours to catalog rows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.embed import embed, pick_device
from encoder.errors import UmurlError
from umurl_search import encoders
from umurl_search.catalog import COLUMNS
from umurl_search.clipfile import QueryClip, read_clip
from umurl_search.index import Index, nearest
from umurl_search.library import Library
from umurl_search.maps import Embeddings, Maps
from umurl_search.names import parse_name
from umurl_search.opening import PERFORMANCE, numbered, open_index, performance_fields, search_gpu
from umurl_search.preprocess import Conventions, Up, check_pipeline
from umurl_search.readers.arrays import Axes


@dataclass(frozen=True, kw_only=True)
class QueryRequest:
    """What to look for and where. None: the index built last; conventions as its dataset was ingested with."""

    clip: str
    modality: str = "fused"
    index: str | None = None
    against: str = "fused"
    k: int = 10
    where: str | None = None
    exclude_same_performance: bool = False
    bridge: bool = True
    axes: Axes | None = None
    layout: str | None = None
    fps: float | None = None
    up: Up | None = None
    scale: float | None = None
    device: str = "auto"


def query(library: Library, request: QueryRequest) -> dict[str, Any]:
    """The k best clips of an index for one clip, those that pass `where` only, exact.

    Raises UmurlError for an unknown index, a clip that cannot be read, a bad filter or an absent modality.
    """
    clock = _Clock()
    index, row = open_index(library, request.index)
    check_pipeline(
        index.manifest["pipeline"], what=f"index {row['name']}",
        remedy=f"umurl-search delete index:{row['name']}, then build it again",
    )  # fmt: skip
    allowed = _allowed(library, request.where, index)
    with library.read() as catalog:
        dataset = catalog.dataset(row["dataset"])
    if dataset is None:
        raise UmurlError(
            f"index {row['name']} is of dataset '{row['dataset']}', which is gone: ingest it again"
        )
    clip = read_clip(
        library, request.clip, conventions=_conventions(request, dataset), axes=request.axes,
        strict_layout=request.layout is not None,
    )  # fmt: skip
    clock.lap("read")
    y = _embedded(library, clip, row, request)
    clock.lap("embed")
    bridged = request.bridge and request.modality != request.against
    groups = _groups(library, clip, row["dataset"]) if request.exclude_same_performance else None
    scores, rows = _search(index, y, request, bridged=bridged, allowed=allowed, groups=groups)
    clock.lap("search")
    hits = _hits(library, index.ids[rows], scores)
    return {
        "query": {
            "clip": request.clip, "modality": request.modality, "frames": len(clip.frames),
            "people": clip.frames.shape[1], "where": request.where, "k": request.k,
            "exclude_same_performance": request.exclude_same_performance,
            "label": clip.row["label"] if clip.row else None, "action": clip.row["action"] if clip.row else None,
            "notes": list(clip.notes),
        },
        "index": {
            "name": row["name"], "dataset": row["dataset"], "encoder": row["encoder"], "against": request.against,
            "bridge": bridged, "transform": row["transform"], "clips": row["clips"],
            "passing": len(index.ids) if allowed is None else len(allowed),
        },
        "hits": hits, "seconds": clock.seconds,
    }  # fmt: skip


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"total": 0.0}
        self._begun = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = now - self._last
        self.seconds["total"] = now - self._begun
        self._last = now


def _allowed(library: Library, where: str | None, index: Index) -> NDArray[np.int64] | None:
    """Rows of the index whose clips pass the filter, ascending; None without a filter."""
    if where is None:
        return None
    with library.read(locked=True) as catalog:
        passing = catalog.filter(where)
    return np.flatnonzero(np.isin(index.ids, passing))


def _conventions(request: QueryRequest, dataset: dict[str, Any]) -> Conventions:
    """What is stated; for arrays, else what the index's dataset was ingested with; else NTU's."""
    inherited = dataset if request.clip.endswith(".npy") and dataset["state"] == "raw" else {}
    return Conventions(
        layout=request.layout or inherited.get("layout", "ntu25"),
        fps=request.fps or inherited.get("fps", 30.0),
        up=request.up or inherited.get("up", "y"),
        scale=request.scale or inherited.get("scale", 1.0),
    )


def _embedded(library: Library, clip: QueryClip, row: dict[str, Any], request: QueryRequest) -> Embeddings:
    entry = encoders.open_encoder(library, row["encoder"])
    if entry.hash != row["encoder_hash"]:
        raise UmurlError(
            f"index {row['name']} was made with another '{entry.name}' than the one of that name now: "
            f"umurl-search delete index:{row['name']}, then build it again"
        )
    device = pick_device(request.device)
    model = entry.load().to(device)
    y = embed(model, [clip.frames], modalities=(request.modality,), device=device, precision="float32")
    return y[request.modality]


Groups = tuple[NDArray[np.int64], NDArray[np.int64]]


def _groups(library: Library, clip: QueryClip, dataset: str) -> Groups:
    """Performances of the index's clips and of the query; raises UmurlError where they are not known."""
    wanted = _performance(clip)
    with library.read() as catalog:
        columns = catalog.clips_of(dataset)
    numbers = numbered(performance_fields(columns, dataset=dataset))
    mine = zip(*(columns.columns[name] for name in PERFORMANCE), strict=True)
    own = next((int(number) for number, values in zip(numbers, mine, strict=True) if values == wanted), -1)
    return numbers, np.array([own])


def _performance(clip: QueryClip) -> tuple[int, ...]:
    """The query's setup, subject, replication and label: the catalog's, or those in its file's name."""
    fields = parse_name(Path(clip.name).stem)
    label = None if fields.action is None else fields.action - 1
    said = {**vars(fields), "label": label} if clip.row is None else clip.row
    values = tuple(said[name] for name in PERFORMANCE)
    if any(value is None for value in values):
        raise UmurlError(
            f"{clip.name}: its performance is not known; --exclude-same-performance needs DATASET:CLIPNAME, or a "
            "file named as in NTU RGB+D (SsssCccPpppRrrrAaaa)"
        )
    return values


def _search(
    index: Index,
    y: Embeddings,
    request: QueryRequest,
    *,
    bridged: bool,
    allowed: NDArray[np.int64] | None,
    groups: Groups | None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    maps: Maps = index.maps(request.modality, request.against)
    index.embeddings(request.against)
    mapping = maps.gallery(request.against, bridged=bridged)
    vectors, faiss_index = index.vectors(request.against, mapping, bridged=bridged)
    point = maps.query(request.modality, request.against, bridged=bridged)(y)
    if allowed is not None:
        if len(allowed) == 0:
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        vectors, faiss_index = vectors[allowed], None
        groups = None if groups is None else (groups[0][allowed], groups[1])
    gpu = search_gpu(request.device)
    k = min(request.k, len(vectors))
    found = nearest(vectors, point, k, faiss_index=faiss_index, gpu=gpu, groups=groups)
    kept = found.rows[0] >= 0
    rows = found.rows[0][kept]
    return found.scores[0][kept], rows if allowed is None else allowed[rows]


def _hits(library: Library, ids: NDArray[np.int64], scores: NDArray[np.float64]) -> list[dict[str, Any]]:
    with library.read() as catalog:
        rows = catalog.clips_by_id(ids.tolist())
    if len(rows) < len(ids):
        raise UmurlError(
            "the index names clips that the catalog does not hold: umurl-search verify says which index"
        )
    shown: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: {  # noqa: E731
        c: row[c] for c in COLUMNS if c not in ("id", "people")
    }
    return [
        {"rank": rank, "score": float(score), "clip_id": int(i), **shown(rows[int(i)])}
        for rank, (i, score) in enumerate(zip(ids, scores, strict=True), start=1)
    ]
