"""Answers queries: clip to embedding to map to neighbours to catalog rows.

Letters: Q queries, K hits, D embedding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from encoder.embed import embed, pick_device
from encoder.errors import DamagedError, Hint, UmurlError
from encoder.model import UmURL
from umurl_search.clips.clip import Frames
from umurl_search.clips.naming import parse_name
from umurl_search.clips.normalization import STORE_FPS, Conventions, check_pipeline
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.exact_knn import Neighbours
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.open_index import open_index, require_rows
from umurl_search.index.temporal_iou import Intervals
from umurl_search.index.windows import windows_of
from umurl_search.library import encoder_registry
from umurl_search.library.clip_columns import PERFORMANCE, clip_fields
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed, retry_while_changing
from umurl_search.search.moment_search import label_moments, nearest_moments
from umurl_search.search.options import ClipFileOptions, QueryRequest, SearchOptions
from umurl_search.search.query_clip import QueryClip, conventions_of, read_array, read_clip
from umurl_search.search.results import (
    SHOWN,
    Answer,
    AskedClip,
    FilteredIndex,
    Hit,
    Moment,
    MomentQueryResult,
    QueryResult,
    SearchedIndex,
    WindowedIndex,
    fewer_hits_note,
)
from umurl_search.timing import Clock

T = TypeVar("T")
_MOST_ROWS = 20_000
_MOST_FILTERS = 64
"""That a searcher keeps in memory; then it begins again."""


@dataclass(frozen=True, kw_only=True)
class QueryBatch:
    """Queries ready to be searched. y: (Q, D) embeddings; rows: what the catalog says of each, None for files."""

    names: Sequence[str]
    y: Embeddings
    rows: Sequence[dict[str, Any] | None] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a searcher has read of the catalog while its file had this stamp: rows of clips, clips that pass filters."""

    stamp: tuple[tuple[int, int, int], ...] = ()
    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    passing: dict[str, Rows] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.rows) > _MOST_ROWS or len(self.passing) > _MOST_FILTERS


class Searcher:
    """An index kept open with its encoder: as it was when it was opened, until clips that it finds have gone.

    Safe to use from several threads. Raises UmurlError for an unknown index or one made in another way.
    """

    def __init__(self, library: Library, name: str | None = None, *, device: str = "auto") -> None:
        self.library, self._opened_at = library, library.changes()
        self.index, self.row = open_index(library, name)
        self.device = pick_device(device)
        check_pipeline(
            self.index.manifest["pipeline"],
            what=f"index {self.row['name']}",
            hint=Hint("{command}, then build it again", command=("delete", f"index:{self.row['name']}")),
        )
        with library.read() as catalog:
            dataset = catalog.dataset(self.row["dataset"])
        if dataset is None:
            raise UmurlError(
                f"index {self.row['name']} is of dataset '{self.row['dataset']}', which is gone",
                "ingest it again",
            )
        self.dataset: dict[str, Any] = dataset
        self._galleries: dict[tuple[str, str, bool], tuple[Gallery, Callable[[Embeddings], Embeddings]]] = {}
        self._seen = _Seen()

    @cached_property
    def model(self) -> UmURL:
        """The encoder that the index was made with."""
        return encoder_registry.of_index(self.library, self.row).load().to(self.device)

    def search(
        self,
        clips: Sequence[str | Path | Frames],
        options: SearchOptions | None = None,
        *,
        conventions: Conventions | None = None,
        **changes: Any,
    ) -> list[Answer]:
        """The k best clips for each of some clips, exactly ranked; all that pass `where` if they are fewer.

        clips: paths or DATASET:CLIPNAME, as `query` takes them, or arrays (T, M, 25, 3) or (T, 25, 3) in metres, y up,
        30 frames a second. options: how to search; `changes` are fields of it: `search(clips, k=5, modality="bone")`.
        Raises UmurlError as `query` does, ValueError for arrays of other shapes, values that are not finite, nobody to
        be seen, or an option outside its limits.
        """
        how = replace(options or SearchOptions(), **changes)
        read = self._retry(lambda: [self._read(clip, conventions) for clip in clips])
        y = self.embed([clip.frames for clip in read], how.modality)
        asking = QueryBatch(names=[clip.name for clip in read], y=y, rows=[clip.row for clip in read])
        return self.answer(asking, how)

    def _read(self, clip: str | Path | Frames, conventions: Conventions | None) -> QueryClip:
        if isinstance(clip, np.ndarray):
            return QueryClip(name="array", frames=read_array(clip))
        return read_clip(self.library, str(clip), conventions=conventions or self.conventions(str(clip)))

    def conventions(self, clip: str, stated: ClipFileOptions | None = None) -> Conventions:
        """What is stated; for arrays, else what the index's dataset was ingested with; else NTU's."""
        return conventions_of(clip, self.dataset, {} if stated is None else vars(stated))

    def embed(self, clips: Sequence[Frames], modality: str) -> Embeddings:
        """(Q, D) float32 of normalised clips (T, M, 25, 3)."""
        y = embed(self.model, list(clips), modalities=(modality,), device=self.device, precision="float32")
        return y[modality]

    def passing(self, where: str | None) -> Rows | None:
        """Rows of the index whose clips pass the filter, ascending; None without a filter."""
        if where is None:
            return None
        seen = self._refresh_seen()
        if where not in seen.passing:
            with self.library.read() as catalog:
                seen.passing[where] = catalog.filter(where)
        return np.flatnonzero(np.isin(self.index.ids, seen.passing[where]))

    def _refresh_seen(self) -> "_Seen":
        """What was read of the catalog and still holds: all of it is forgotten when the catalog's file has changed."""
        stamp, seen = self.library.stamp(), self._seen
        if seen.stamp != stamp or seen.is_full:
            self._seen = seen = _Seen(stamp=stamp)
        return seen

    def answer(self, asking: QueryBatch, how: SearchOptions) -> list[Answer]:
        """Hits for embeddings that are there already. Opens the index again where clips that it holds have gone."""
        return self._retry(lambda: self._answer(asking, how))

    def _retry(self, work: Callable[[], T]) -> T:
        """What the work gives; again, with the index opened anew, where it fails and clips have come or gone."""
        return retry_while_changing(
            work, changes=self.library.changes, seen=lambda: self._opened_at, refresh=self._open_again
        )

    def _open_again(self) -> None:
        now = self.library.changes()
        self.index, self.row = open_index(self.library, self.row["name"])
        self._galleries, self._opened_at = {}, now
        for opened in ("_performances", "windows"):
            self.__dict__.pop(opened, None)

    def _answer(self, asking: QueryBatch, how: SearchOptions) -> list[Answer]:
        among = self.passing(how.where)
        gallery, mapping = self._gallery(how)
        points = mapping(asking.y)
        if how.exclude_same_performance:
            found = [
                self._search_excluding(gallery, points[i : i + 1], how, among, name, row)
                for i, (name, row) in enumerate(zip(asking.names, asking.rows, strict=True))
            ]
        else:
            n = len(self.index.ids) if among is None else len(among)
            whole = self._find_nearest(gallery, points, max(1, min(how.k, n)), how.overlap, among)
            found = [(s, r, n) for s, r in zip(whole.scores, whole.rows, strict=True)]
        rows = self._rows_of([r for _, r, _ in found])
        return [
            Answer(name=name, passing=n, hits=self._hits(scores, mine, rows))
            for name, (scores, mine, n) in zip(asking.names, found, strict=True)
        ]

    def _gallery(self, how: SearchOptions) -> tuple[Gallery, Callable[[Embeddings], Embeddings]]:
        key = (how.modality, how.against, how.bridged)
        if key not in self._galleries:
            self.index.require(how.against)
            maps = self.index.maps(how.modality, how.against)
            gallery = Gallery(
                index=self.index,
                against=how.against,
                centred=how.bridged and self.index.transform.kind == "none",
                mapping=maps.gallery(how.against, bridged=how.bridged),
                device=self.device,
            )
            self._galleries[key] = gallery, maps.query(how.modality, how.against, bridged=how.bridged)
        return self._galleries[key]

    def _search_excluding(
        self,
        gallery: Gallery,
        point: Embeddings,
        how: SearchOptions,
        among: Rows | None,
        name: str,
        row: dict[str, Any] | None,
    ) -> tuple[NDArray[np.float64], Rows, int]:
        same = (self._performances == np.array(_performance(name, row), dtype=np.int64)).all(axis=1)
        others = np.flatnonzero(~same)
        allowed = others if among is None else others[np.isin(others, among)]
        found = self._find_nearest(gallery, point, max(1, min(how.k, len(allowed))), how.overlap, allowed)
        return found.scores[0], found.rows[0], len(allowed)

    def _find_nearest(
        self, gallery: Gallery, points: Embeddings, k: int, overlap: float, among: Rows | None
    ) -> Neighbours:
        """The k best rows for each query: clips, or one window for each moment."""
        if self.windows is None:
            return gallery.search(points, k, among=among)
        return nearest_moments(gallery, self.windows, points, k, overlap=overlap, among=among)

    @cached_property
    def windows(self) -> Intervals | None:
        """Of a windowed index, what its rows are."""
        return windows_of(self.index)

    @cached_property
    def _performances(self) -> Rows:
        """(n, 4) setup, subject, replication and label of each row's clip."""
        with self.library.read() as catalog:
            columns = catalog.clips_of(self.row["dataset"])
        require_rows(columns, self.index)
        option = "exclude_same_performance"
        fields = clip_fields(columns, PERFORMANCE, dataset=self.row["dataset"], option=option)
        return fields[np.searchsorted(columns.id, self.index.ids)]

    def _rows_of(self, found: Sequence[Rows]) -> dict[int, dict[str, Any]]:
        wanted = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *found]))
        ids = np.unique(self.index.ids[wanted[wanted >= 0]])
        seen, wanted_ids = self._refresh_seen(), ids.tolist()
        missing = [i for i in wanted_ids if i not in seen.rows]
        if missing:
            seen.rows.update(self.look_up(missing))
        rows = {i: seen.rows[i] for i in wanted_ids if i in seen.rows}
        if len(rows) < len(ids):
            raise DamagedError(
                "the index names clips that the catalog does not hold",
                Hint("{command} says which index", command=("verify",)),
            )
        return rows

    def look_up(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """What the catalog shows of some clips."""
        with self.library.read() as catalog:
            return catalog.clips_by_id(ids)

    def segments(self) -> dict[str, NDArray[Any]]:
        """What is said to happen in the recordings of the index's dataset."""
        with self.library.read() as catalog:
            return catalog.segments(self.row["dataset"])

    def _hits(
        self, scores: NDArray[np.float64], found: Rows, rows: dict[int, dict[str, Any]]
    ) -> tuple[Hit, ...]:
        kept = found >= 0
        ids = self.index.ids[found[kept]].tolist()
        spans = [None] * len(ids) if self.index.spans is None else self.index.spans[found[kept]].tolist()
        return tuple(
            _hit(rows[i], rank=rank, score=float(score), span=span)
            for rank, (i, score, span) in enumerate(zip(ids, scores[kept], spans, strict=True), start=1)
        )


def _hit(row: dict[str, Any], *, rank: int, score: float, span: tuple[int, int] | None) -> Hit:
    """row: of the clip, as the catalog shows it. span: the frames of a moment, None of a whole clip."""
    known = {"rank": rank, "score": score, "clip_id": row["id"], **{name: row[name] for name in SHOWN}}
    if span is None:
        return Hit(**known)
    start, stop = span
    return Moment(
        **known, start_frame=start, stop_frame=stop, start_s=start / STORE_FPS, end_s=stop / STORE_FPS
    )


@retry_if_library_changed
def query(library: Library, request: QueryRequest) -> QueryResult:
    """The k best clips of an index for one clip, those that pass `where` only, exact.

    Raises UmurlError for an unknown index, a clip that cannot be read, a bad filter or an absent modality.
    """
    clock = Clock()
    searcher = Searcher(library, request.index, device=request.device)
    searcher.passing(request.where)
    clip = read_clip(
        library,
        request.clip,
        conventions=searcher.conventions(request.clip, request),
        axes=request.axes,
        strict_layout=request.layout is not None,
    )
    clock.lap("read")
    y = searcher.embed([clip.frames], request.modality)
    clock.lap("embed")
    return answer_query(searcher, request, clip, y, clock)


def answer_query(
    searcher: Searcher, request: QueryRequest, clip: QueryClip, y: Embeddings, clock: Clock
) -> QueryResult:
    """What `query` says of a clip that is read and embedded: y (1, D)."""
    answer = searcher.answer(QueryBatch(names=[clip.name], y=y, rows=[clip.row]), request)[0]
    clock.lap("search")
    notes = [*clip.notes, *fewer_hits_note(answer, request)]
    label, action = (clip.row["label"], clip.row["action"]) if clip.row else (None, None)
    asked = AskedClip(
        clip=request.clip,
        modality=request.modality,
        frames=len(clip.frames),
        people=clip.frames.shape[1],
        where=request.where,
        k=request.k,
        exclude_same_performance=request.exclude_same_performance,
        label=label,
        action=action,
        notes=notes,
    )
    said = vars(searched_index(searcher, request))
    if searcher.windows is None:
        index = FilteredIndex(**said, passing=answer.passing)
        return QueryResult(query=asked, index=index, hits=list(answer.hits), seconds=clock.seconds)
    moments = label_moments(answer.hits, searcher.segments())
    windowed = WindowedIndex(**said, passing=answer.passing)
    return MomentQueryResult(query=asked, index=windowed, hits=moments, seconds=clock.seconds)


def searched_index(searcher: Searcher, how: SearchOptions) -> SearchedIndex:
    """The index of a searcher as a result says it."""
    row, manifest = searcher.row, searcher.index.manifest
    return SearchedIndex(
        name=row["name"],
        dataset=row["dataset"],
        encoder=row["encoder"],
        against=how.against,
        bridge=how.bridged,
        transform=row["transform"],
        kind=row["kind"],
        clips=row["clips"],
        window_s=manifest.get("window_s"),
        stride_s=manifest.get("stride_s"),
    )


def _performance(name: str, row: dict[str, Any] | None) -> tuple[int, ...]:
    """The query's setup, subject, replication and label: the catalog's, or those in its file's name."""
    fields = parse_name(Path(name).stem)
    label = None if fields.action is None else fields.action - 1
    said = {**vars(fields), "label": label} if row is None else row
    values = tuple(said[field] for field in PERFORMANCE)
    if any(value is None for value in values):
        raise UmurlError(
            f"{name}: its performance is not known",
            Hint(
                "{option} needs DATASET:CLIPNAME, or a file named as in NTU RGB+D (SsssCccPpppRrrrAaaa)",
                option="exclude_same_performance",
            ),
        )
    return values
