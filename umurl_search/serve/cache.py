"""The library as the server keeps it at hand: searchers, clips and contents, read again when the library changed.

Letters: N clips, D embedding.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from encoder.embed import FOLDED_FROM, Embedder
from encoder.options import Precision
from umurl_search.clips.clip import Frames
from umurl_search.clips.types import Embeddings
from umurl_search.index.index import Index
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.library import Library
from umurl_search.library.missing import no_dataset, no_index_yet, no_such_index
from umurl_search.library.retry import retry_while_changing
from umurl_search.maintenance.inspect_and_doctor import contents
from umurl_search.maintenance.results import LibraryContents
from umurl_search.search.searcher import Searcher
from umurl_search.serve.errors import HttpError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the library held when its catalog's file had this stamp. changes: how often clips had come or gone."""

    stamp: tuple[tuple[int, int, int], ...]
    changes: int | None
    contents: LibraryContents

    def index(self, name: str | None) -> dict[str, Any]:
        """An index's row, the library's default when None. Raises UmurlError as the commands do."""
        rows = self.contents["indexes"]
        if not rows:
            raise no_index_yet(datasets=[row["name"] for row in self.contents["datasets"]])
        found = [row for row in rows if row["name"] == (name or self.contents["default_index"])]
        if not found:
            raise no_such_index(f"no index '{name}'", rows)
        return dict(found[0])


@dataclass(frozen=True)
class DatasetView:
    """A dataset's clips: their columns and frames, in order of clip id; what happens in them, if they are long."""

    dataset: str
    columns: ClipColumns
    clips: Clips
    segments: dict[str, NDArray[Any]]

    @property
    def layout(self) -> str:
        """The joint layout, as its first clip shows it."""
        return self.clips.layout

    @cached_property
    def places(self) -> dict[str, int]:
        """Name -> row."""
        return {name: i for i, name in enumerate(self.columns.name)}

    @cached_property
    def lowered(self) -> list[str]:
        """(N,) names and actions, to look for text in."""
        actions = self.columns.columns["action"]
        return [
            f"{name}\n{action or ''}".lower() for name, action in zip(self.columns.name, actions, strict=True)
        ]

    def row_of(self, clip_id: int) -> int | None:
        at = int(np.searchsorted(self.columns.id, clip_id))
        return at if at < len(self.columns.id) and self.columns.id[at] == clip_id else None

    def row(self, at: int) -> dict[str, Any]:
        """What the catalog shows of a clip."""
        return {name: values[at] for name, values in self.columns.columns.items()}

    def frames(self, at: int) -> Frames:
        """(T, M, 25, 3) float32 as read."""
        return self.clips.frames(at)


class CachedSearcher(Searcher):
    """One that reads rows and segments from the shelf, not from the catalog's file, and folds its encoder once."""

    def __init__(self, library: Library, name: str, *, device: str, corpus: DatasetView) -> None:
        super().__init__(library, name, device=device)
        self._corpus = corpus

    def look_up(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        rows = {clip_id: self._corpus.row_of(clip_id) for clip_id in ids}
        there = {clip_id: self._corpus.row(at) for clip_id, at in rows.items() if at is not None}
        return there if len(there) == len(ids) else super().look_up(ids)

    @cached_property
    def _embedders(self) -> dict[Precision, Embedder]:
        return {}

    def _embed(
        self, clips: Sequence[Frames], modalities: tuple[str, ...], precision: Precision
    ) -> dict[str, Embeddings]:
        if precision not in self._embedders:
            made = Embedder(self.model, n_clips=FOLDED_FROM, device=self.device, precision=precision)
            self._embedders[precision] = made
        return self._embedders[precision](clips, modalities)

    def segments(self) -> dict[str, NDArray[Any]]:
        return self._corpus.segments


@dataclass(frozen=True)
class OpenIndex:
    """An index kept open: its searcher and its dataset's clips."""

    searcher: Searcher
    corpus: DatasetView
    _arrays: dict[tuple[str, str], Embeddings]

    @property
    def name(self) -> str:
        return str(self.searcher.row["name"])

    @property
    def is_windowed(self) -> bool:
        return self.searcher.windows is not None

    def read_stored(self, clip_id: int, modality: str) -> Embeddings | None:
        """(1, D) of a clip that is a row of the index, where it holds that modality."""
        index = self.searcher.index
        if self.is_windowed or modality not in index.modalities:
            return None
        row = int(np.searchsorted(index.ids, clip_id))
        if row == len(index.ids) or index.ids[row] != clip_id:
            return None
        return self._read_at(index, modality, int(index.slots[row]))

    def _read_at(self, index: Index, modality: str, slot: int) -> Embeddings:
        """(1, D) of a row on disk; the parts' arrays are mapped once."""
        for part in index.parts:
            if slot < len(part.ids):
                key = str(part.folder), modality
                if key not in self._arrays:
                    self._arrays[key] = part.embeddings(modality)
                return np.array(self._arrays[key][slot : slot + 1])
            slot -= len(part.ids)
        raise AssertionError(f"no part holds row {slot}")

    @cached_property
    def clip_rows(self) -> NDArray[np.int64]:
        """Rows of the corpus that the index has, ascending."""
        return np.flatnonzero(np.isin(self.corpus.columns.id, self.searcher.index.ids))

    def passing(self, where: str | None) -> NDArray[np.int64]:
        """Rows of the corpus whose clips are in the index and pass the filter, ascending."""
        found = self.searcher.passing(where)
        if found is None:
            return self.clip_rows
        ids = self.searcher.index.ids[found]
        return np.flatnonzero(np.isin(self.corpus.columns.id, ids))


class LibraryCache:
    """Everything of a library that requests need, opened once. Safe to use from several threads.

    default: the index meant where none is named; None: the library's default.
    """

    def __init__(self, library: Library, *, device: str = "auto", default: str | None = None) -> None:
        self.library, self._device, self._default = library, device, default
        self._snapshot: Snapshot | None = None
        self._held: dict[tuple[Any, ...], Any] = {}
        self._locks: dict[tuple[Any, ...], threading.Lock] = {}
        self._lock = threading.Lock()

    def snapshot(self) -> Snapshot:
        stamp, known = self.library.stamp(), self._snapshot
        if known is not None and known.stamp == stamp:
            return known
        with self._lock:
            known = self._snapshot
            if known is None or known.stamp != stamp:
                there = contents(self.library)
                known = Snapshot(stamp=stamp, changes=self.library.changes(), contents=there)
                self._snapshot = known
        return known

    def contents(self) -> LibraryContents:
        """What `list --json` prints, and which index is meant where none is named."""
        snapshot = self.snapshot()
        return replace(snapshot.contents, default_index=self._choose_default(snapshot))

    def _choose_default(self, snapshot: Snapshot) -> str | None:
        names = [row["name"] for row in snapshot.contents["indexes"]]
        return self._default if self._default in names else snapshot.contents["default_index"]

    def index(self, name: str | None) -> OpenIndex:
        """Raises UmurlError for an unknown index, or one that cannot be searched."""
        snapshot = self.snapshot()
        row = snapshot.index(name or self._choose_default(snapshot))
        key = ("index", row["name"], row["created"], row["encoder_hash"], snapshot.changes)
        return self._keep(key, lambda: self._open(row))

    def _open(self, row: dict[str, Any]) -> OpenIndex:
        corpus = self.corpus(row["dataset"])
        searcher = CachedSearcher(self.library, row["name"], device=self._device, corpus=corpus)
        return OpenIndex(searcher, corpus, {})

    def corpus(self, dataset: str) -> DatasetView:
        """Raises UmurlError for an unknown dataset."""
        return self._corpus(dataset, self.snapshot())

    def _corpus(self, dataset: str, snapshot: Snapshot) -> DatasetView:
        return self._keep(("corpus", dataset, snapshot.changes), lambda: self._read(dataset))

    def _read(self, dataset: str) -> DatasetView:
        def read() -> DatasetView:
            clips = open_clips(self.library, dataset)
            with self.library.read() as catalog:
                columns, segments = catalog.clips_of(dataset), catalog.segments(dataset)
            return DatasetView(dataset, columns, clips, segments)

        return retry_while_changing(
            read,
            changes=self.library.changes,
            is_whole=lambda view: len(view.clips) == len(view.columns.id),
        )

    def clip(self, clip_id: int) -> tuple[DatasetView, int]:
        """Whose clip it is, and its row. Raises HttpError (404) for one that is not there."""
        snapshot = self.snapshot()
        datasets = [row["name"] for row in snapshot.contents["datasets"]]
        opened = {key[1]: held for key, held in list(self._held.items()) if key[0] == "corpus"}
        for dataset in sorted(datasets, key=lambda name: name not in opened):
            corpus = self._corpus(dataset, snapshot)
            at = corpus.row_of(clip_id)
            if at is not None:
                return corpus, at
        raise HttpError(404, f"no clip {clip_id} in the library")

    def find_named(self, dataset: str, name: str) -> tuple[DatasetView, int] | None:
        """A dataset's clip of that name. Raises UmurlError for an unknown dataset."""
        snapshot = self.snapshot()
        known = [row["name"] for row in snapshot.contents["datasets"]]
        if dataset not in known:
            raise no_dataset(dataset, known=known)
        corpus = self._corpus(dataset, snapshot)
        at = corpus.places.get(name)
        return None if at is None else (corpus, at)

    def _keep(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What was made for this key, once; what was made for the same thing before is let go."""
        found: T | None = self._held.get(key)
        if found is not None:
            return found
        with self._lock:
            own = self._locks.setdefault(key[:2], threading.Lock())
        with own:
            found = self._held.get(key)
            if found is None:
                found = make()
                for old in [one for one in list(self._held) if one[:2] == key[:2]]:
                    self._held.pop(old, None)
                self._held[key] = found
        return found
