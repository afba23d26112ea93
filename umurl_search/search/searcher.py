"""Answers queries: clip to embedding to map to neighbours to catalog rows.

Letters: Q queries, K hits, D embedding.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from encoder.embed import embed, pick_device
from encoder.errors import BusyError, DamagedError, Hint, NotFoundError
from encoder.joint_layouts import find_layout
from encoder.model import UmURL
from encoder.options import Precision
from umurl_search.clips.body_axes import make_upright
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, check_pipeline
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import CPU, Neighbours
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.layout_bridges import LayoutBridge, asked_modalities, bring_down, side_by_side
from umurl_search.index.open_index import open_index, require_rows
from umurl_search.index.temporal_iou import Intervals
from umurl_search.index.windows import windows_of
from umurl_search.library import encoder_registry
from umurl_search.library.clip_columns import PERFORMANCE, clip_fields, sql_types
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_while_changing
from umurl_search.progress import Progress, no_progress
from umurl_search.search.catalog_memory import CatalogMemory
from umurl_search.search.hits import find_columns, make_hit, mark_query, performance_of
from umurl_search.search.layout_crossing import answer_by_layout, crossing, enter_gallery, open_bridge
from umurl_search.search.moment_search import nearest_moments
from umurl_search.search.options import MatchOptions, SearchOptions
from umurl_search.search.query_clip import (
    QueryBatch,
    QueryClip,
    conventions_of,
    is_turned_by_trunk,
    read_array,
    read_clip,
)
from umurl_search.search.results import Answer, Hit

T = TypeVar("T")


class Searcher:
    """An index kept open with its encoder. Where it was built again or changed, the next search opens it anew.

    Safe to use from several threads. Raises UmurlError for an unknown index or one made in another way.
    """

    def __init__(self, library: Library, name: str | None = None, *, device: str = "auto") -> None:
        self.library, self._opened_at, self._stamp = library, library.changes(), library.stamp()
        self.index, self.row = open_index(library, name)
        self.device = pick_device(device)
        self.dataset = self._checked_dataset()
        self._galleries: dict[tuple[Any, ...], tuple[Gallery, LinearMap]] = {}
        self._layout_bridges: dict[tuple[str, str, str, int], LayoutBridge] = {}
        self._seen, self._fitting = CatalogMemory(), threading.RLock()

    def _checked_dataset(self) -> dict[str, Any]:
        """The row of the index's dataset. Raises UmurlError where it is gone, or clips were prepared in another way."""
        check_pipeline(
            self.index.manifest["pipeline"],
            what=f"index {self.row['name']}",
            hint=Hint("{command}, then build it again", command=("delete", f"index:{self.row['name']}")),
        )
        with self.library.read() as catalog:
            dataset = catalog.dataset_as_read(self.row["dataset"])
        if dataset is None:
            raise NotFoundError(
                f"index {self.row['name']} is of dataset '{self.row['dataset']}', which is gone",
                "ingest it again",
            )
        return dataset

    @property
    def parts(self) -> "tuple[Searcher, ...]":
        """The searchers that this one asks: itself."""
        return (self,)

    @property
    def is_current(self) -> bool:
        """Whether the library still holds the index as it was opened: not built again, changed or deleted."""
        with self.library.read() as catalog:
            return self.row in catalog.indexes()

    def refresh(self) -> None:
        """Opens the index anew where it was built again or its clips changed. Raises UmurlError where it is gone."""
        stamp = self.library.stamp()
        if stamp != self._stamp:
            if not self.is_current:
                self._open_again()
            self._stamp = stamp

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
        self.refresh()
        read = self._retry(lambda: [self._read(clip, conventions) for clip in clips])
        return self.ask(read, how)

    def ask(self, clips: Sequence[QueryClip], how: SearchOptions) -> list[Answer]:
        """The best hits for each of some clips, in their order; clips of each layout are embedded together."""

        def answer(some: Sequence[QueryClip], layout: str | None) -> list[Answer]:
            y = self.embed([clip.frames for clip in some], how.modality, layout=layout)
            names, rows = [clip.name for clip in some], [clip.row for clip in some]
            return self.answer(QueryBatch(names=names, y=y, rows=rows, layout=layout), how)

        return answer_by_layout(clips, [self.crossing(clip.layout, how) for clip in clips], answer)

    def _read(self, clip: str | Path | Frames, conventions: Conventions | None) -> QueryClip:
        if isinstance(clip, list | tuple):
            raise ValueError("a list: give an array")
        if isinstance(clip, np.ndarray):
            return read_array(clip, conventions=conventions or self.conventions("array"))
        return read_clip(self.library, str(clip), conventions=conventions or self.conventions(str(clip)))

    def conventions(self, clip: str, stated: object = None) -> Conventions:
        """What is stated (as `ClipFileOptions`); else, of arrays, what the index's dataset was read by; else NTU's."""
        return conventions_of(clip, self.dataset, {} if stated is None else vars(stated))

    def embed(self, clips: Sequence[Frames], modality: str, *, layout: str | None = None) -> Embeddings:
        """(Q, D) float32 of normalised clips (T, M, 25, 3); where they cross from a layout (Q, K D), modalities side by
        side."""
        asked = (modality,) if layout is None else asked_modalities(modality, self.index.modalities)
        stays = layout is not None and find_layout(self.layout).dims == 2
        shown = clips if stays else self.turn_alike(clips)
        return side_by_side(self._embed(shown, asked, "float32" if layout is None else "auto"), asked)

    def _embed(
        self, clips: Sequence[Frames], modalities: tuple[str, ...], precision: Precision
    ) -> dict[str, Embeddings]:
        return embed(self.model, clips, modalities=modalities, device=self.device, precision=precision)

    def turn_alike(self, clips: Sequence[Frames]) -> list[Frames]:
        """The clips as those of the index are: turned upright, or seen in a picture."""
        if find_layout(self.layout).dims == 2:
            return [bring_down(frames, self.layout) for frames in clips]
        return [make_upright(frames) for frames in clips] if is_turned_by_trunk(self.dataset) else list(clips)

    @cached_property
    def layout(self) -> str:
        """The joint layout of the index's dataset, as its first clip shows it."""
        return open_clips(self.library, self.row["dataset"]).layout

    def crossing(self, layout: str, how: MatchOptions) -> str | None:
        """The layout from which clips cross to this index by a bridge, None where they do not."""
        return crossing(self, layout, how)

    def layout_bridge(
        self, layout: str, how: MatchOptions, *, progress: Progress = no_progress
    ) -> LayoutBridge:
        """How clips of a layout enter the gallery (`open_bridge`), read once."""
        key = layout, how.modality, how.against, how.views
        with self._fitting:
            if key not in self._layout_bridges:
                self._layout_bridges[key] = open_bridge(self, layout, how, progress=progress)
            return self._layout_bridges[key]

    def holds_layout_bridge(self, layout: str, how: MatchOptions) -> bool:
        """Whether that is at hand already."""
        return (layout, how.modality, how.against, how.views) in self._layout_bridges

    def passing(self, where: str | None, *, absent: Mapping[str, str] | None = None) -> Rows | None:
        """Rows of the index whose clips pass the filter, ascending; None without one. absent: as of `QueryBatch`."""
        if where is None:
            return None
        seen, asked = self._refresh_seen(), (where, *sorted(absent or ()))
        if asked not in seen.passing:
            with self.library.read() as catalog:
                seen.passing[asked] = catalog.filter(where, self.row["dataset"], absent=absent)
        return np.flatnonzero(np.isin(self.index.ids, seen.passing[asked]))

    @property
    def columns(self) -> dict[str, str]:
        """What a filter may name and a hit show, and the SQL types."""
        with self.library.read() as catalog:
            return sql_types() | catalog.own_columns(self.row["dataset"])

    def _refresh_seen(self) -> "CatalogMemory":
        """What was read of the catalog and still holds: all of it is forgotten when the catalog's file has changed."""
        stamp, seen = self.library.stamp(), self._seen
        if seen.stamp != stamp or seen.is_full:
            self._seen = seen = CatalogMemory(stamp=stamp)
        return seen

    def answer(self, asking: QueryBatch, how: SearchOptions) -> list[Answer]:
        """Hits for embeddings that are there already, of the encoder that the index was made with when it was opened.

        Opens the index again where clips that it holds have gone. Raises UmurlError where it has another encoder now.
        """
        encoder = self.row["encoder_hash"]
        self.refresh()
        if self.row["encoder_hash"] != encoder:
            raise BusyError(
                f"index {self.row['name']} was built again with another encoder", "embed the clips again"
            )
        return self._retry(lambda: self._answer(asking, how))

    def _retry(self, work: Callable[[], T]) -> T:
        """What the work gives; again, with the index opened anew, where it fails and clips have come or gone."""
        return retry_while_changing(
            work, changes=self.library.changes, seen=lambda: self._opened_at, refresh=self._open_again
        )

    def _open_again(self) -> None:
        now = self.library.changes()
        before = self.row["encoder_hash"]
        self.index, self.row = open_index(self.library, self.row["name"])
        self.dataset = self._checked_dataset()
        self._galleries, self._layout_bridges, self._opened_at = {}, {}, now
        changed = ("model",) if self.row["encoder_hash"] != before else ()
        for opened in ("_performances", "windows", "layout", *changed):
            self.__dict__.pop(opened, None)

    def _answer(self, asking: QueryBatch, how: SearchOptions) -> list[Answer]:
        among, shown = self.passing(how.where, absent=asking.absent), self.find_shown(how)
        gallery, mapping = self._gallery(how, asking)
        points = (replace(mapping, mean=asking.y.mean(axis=0)) if asking.centred else mapping)(asking.y)
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
        known = asking.rows or [None] * len(asking.names)
        return [
            Answer(name=name, passing=n, hits=mark_query(self._hits(scores, mine, rows, shown), name, row))
            for name, row, (scores, mine, n) in zip(asking.names, known, found, strict=True)
        ]

    def _gallery(self, how: SearchOptions, asking: QueryBatch) -> tuple[Gallery, LinearMap]:
        key = (how.modality, how.against, how.bridged, how.views, asking.layout, asking.centred)
        if key not in self._galleries:
            self.index.require(how.against)
            maps = self.index.maps(how.modality, how.against)
            crossed = how.bridged or asking.layout is not None or asking.centred
            gallery = Gallery(
                index=self.index,
                against=how.against,
                centred=crossed and self.index.transform.kind == "none",
                mapping=maps.gallery(how.against, bridged=crossed),
                device=self.device,
            )
            self._galleries[key] = gallery, enter_gallery(self, maps, how, asking)
        return self._galleries[key]

    def searched_by(self, how: SearchOptions) -> str:
        """What answered queries of these options last, as `Gallery.searched_by`."""
        galleries = [pair for part in self.parts for pair in part._galleries.items()]
        opened = [one for key, (one, _) in galleries if key[1] == how.against]
        return opened[-1].searched_by if opened else f"faiss on {CPU}"

    def _search_excluding(
        self,
        gallery: Gallery,
        point: Embeddings,
        how: SearchOptions,
        among: Rows | None,
        name: str,
        row: dict[str, Any] | None,
    ) -> tuple[NDArray[np.float64], Rows, int]:
        same = (self._performances == np.array(performance_of(name, row), dtype=np.int64)).all(axis=1)
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

    @property
    def datasets(self) -> list[str]:
        """The datasets of the clips that are searched, each once."""
        return list(dict.fromkeys(part.row["dataset"] for part in self.parts))

    def find_shown(self, how: SearchOptions) -> list[str]:
        """The columns to show, spelled as they are kept. Raises UmurlError for one that there is not."""
        return find_columns(how.shown, self.columns, datasets=self.datasets) if how.shown else []

    def notes(self, how: SearchOptions) -> list[str]:
        """What to know of all answers: which clips the filter leaves out because a column of theirs is not known."""
        return [
            f"{name} is not known of {n:,} clips; `is distinct from` keeps them"
            for name, n in self.count_unknown(how.where).items()
        ]

    def count_unknown(
        self, where: str | None, *, absent: Mapping[str, str] | None = None
    ) -> Mapping[str, int]:
        """Column -> how many clips a filter leaves out because it is not known of them. absent: as of `QueryBatch`."""
        if where is None:
            return {}
        seen, asked = self._refresh_seen(), (where, *sorted(absent or ()))
        if asked not in seen.unknown:
            with self.library.read() as catalog:
                seen.unknown[asked] = catalog.unknown_to(where, self.row["dataset"], absent=absent)
        counts = {name: int(np.isin(self._clip_ids, ids).sum()) for name, ids in seen.unknown[asked].items()}
        return {name: n for name, n in counts.items() if n}

    @property
    def _clip_ids(self) -> Rows:
        return np.unique(self.index.ids)

    def segments(self) -> dict[str, NDArray[Any]]:
        """What is said to happen in the recordings of the index's dataset."""
        with self.library.read() as catalog:
            return catalog.segments(self.row["dataset"])

    def _hits(
        self,
        scores: NDArray[np.float64],
        found: Rows,
        rows: dict[int, dict[str, Any]],
        shown: Sequence[str],
    ) -> tuple[Hit, ...]:
        kept = found >= 0
        ids = self.index.ids[found[kept]].tolist()
        spans = [None] * len(ids) if self.index.spans is None else self.index.spans[found[kept]].tolist()
        return tuple(
            make_hit(rows[i], rank=rank, score=float(score), span=span, index=self.row["name"], shown=shown)
            for rank, (i, score, span) in enumerate(zip(ids, scores[kept], spans, strict=True), start=1)
        )
