"""What can be looked through: indexes, their clips, and the values of their columns."""

from collections import Counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.library.clip_columns import facets_of
from umurl_search.maintenance.inspect_and_doctor import info
from umurl_search.result import open_result
from umurl_search.serve.cache import DatasetView, LibraryCache, OpenIndex
from umurl_search.serve.documents import (
    ClipPage,
    ClipRow,
    Columns,
    ColumnValues,
    Segment,
    ServedIndex,
    StoredClip,
    ValueCount,
)
from umurl_search.serve.errors import HttpError

T = TypeVar("T")
MOST_VALUES = 500
MOST_CLIPS = 200


class Browser:
    """Reads the shelf. What costs much is kept until the library changes."""

    def __init__(self, shelf: LibraryCache) -> None:
        self._shelf = shelf
        self._infos: dict[tuple[object, str], ServedIndex] = {}
        self._columns: dict[tuple[object, str], list[ColumnValues]] = {}

    def index_rows(self, index: str) -> OpenIndex:
        """An index by the name in an address. Raises HttpError (404) where there is none of it."""
        known = [row["name"] for row in self._shelf.snapshot().contents["indexes"]]
        if index not in known:
            raise HttpError(404, f"no index '{index}' in the library")
        return self._shelf.index(index)

    def index(self, name: str) -> ServedIndex:
        """What `info INDEX --json` prints, the clips' layout, whether rows are windows, and the dataset's protocols."""
        held, snapshot = self.index_rows(name), self._shelf.snapshot()
        key = snapshot.stamp, name
        found = self._infos.get(key)
        if found is None:
            protocols = {row["name"]: row["protocols"] for row in snapshot.contents["datasets"]}
            found = ServedIndex(
                **vars(info(self._shelf.library, f"index:{name}")),
                layout=held.corpus.layout,
                windowed=held.is_windowed,
                protocols=protocols.get(held.corpus.dataset, []),
            )
            self._infos = {**_of_stamp(self._infos, snapshot.stamp), key: found}
        return found

    def columns(self, index: str, where: str | None) -> Columns:
        """How often each value stands in each column, of the index's clips that pass; the commonest values first."""
        held = self.index_rows(index)
        if where is not None:
            return Columns(columns=_columns(held.corpus, held.passing(where)))
        key = self._shelf.snapshot().stamp, index
        found = self._columns.get(key)
        if found is None:
            found = _columns(held.corpus, held.clip_rows)
            self._columns = {**_of_stamp(self._columns, key[0]), key: found}
        return Columns(columns=found)

    def clips(self, index: str, *, where: str | None, text: str | None, offset: int, limit: int) -> ClipPage:
        """Some of the index's clips that pass and have the text in their name or action, and how many have."""
        held = self.index_rows(index)
        corpus, rows = held.corpus, held.passing(where)
        if text:
            wanted, lowered = text.lower(), corpus.lowered
            rows = np.array([row for row in rows.tolist() if wanted in lowered[row]], dtype=np.int64)
        shown = [open_result(ClipRow, corpus.row(row)) for row in rows[offset : offset + limit].tolist()]
        return ClipPage(total=len(rows), clips=shown)

    def clip(self, clip_id: int) -> StoredClip:
        """A clip's row, the indexes that hold it, and what happens in it where it is a recording."""
        corpus, at = self._shelf.clip(clip_id)
        indexes = [
            row["name"] for row in self._shelf.contents()["indexes"] if row["dataset"] == corpus.dataset
        ]
        about = {
            "fps": STORE_FPS,
            "layout": corpus.layout,
            "indexes": indexes,
            "index": indexes[0] if indexes else None,
            "segments": self.segments(corpus, clip_id),
        }
        return open_result(StoredClip, corpus.row(at) | about)

    @staticmethod
    def segments(corpus: DatasetView, clip_id: int) -> list[Segment]:
        """What happens in a recording: frames, label and action."""
        every = corpus.segments
        labels = np.ma.filled(every["label"], -1).astype(np.int64)
        return [
            Segment(
                start=int(every["start_frame"][i]),
                stop=int(every["stop_frame"][i]),
                label=int(labels[i]) if labels[i] >= 0 else None,
                action=every["action"][i] or None,
            )
            for i in np.flatnonzero(every["clip_id"] == clip_id).tolist()
        ]


def _of_stamp(kept: dict[tuple[object, str], T], stamp: object) -> dict[tuple[object, str], T]:
    """What was read of the library as it is now."""
    return {key: said for key, said in kept.items() if key[0] == stamp}


def _columns(corpus: DatasetView, rows: NDArray[np.int64]) -> list[ColumnValues]:
    found = []
    for name in facets_of(corpus.columns):
        values = corpus.columns.columns[name]
        counts = Counter(values[row] for row in rows.tolist())
        counts.pop(None, None)
        if counts:
            ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0]).zfill(20)))[:MOST_VALUES]
            listed = [ValueCount(value=value, count=n) for value, n in ordered]
            found.append(ColumnValues(column=name, values=listed, distinct=len(counts)))
    return found


def stretch_of(frames: int, start: int | None, stop: int | None) -> slice:
    """The part of a clip of so many frames that is asked for. Raises UmurlError where it holds no frame."""
    first, last = start or 0, frames if stop is None else min(stop, frames)
    if first >= last:
        raise UmurlError(f"no frame from {first} to {last} of {frames}", "start lies before stop")
    return slice(first, last)
