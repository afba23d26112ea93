"""A dataset's clips on disk: one ragged memory-mapped array, as read.

`frames.f32`: float32, little-endian, a clip's (T, M, 25, 3) values after the other's.
`extents.npy`: (N, 2) int32, T and M of each clip. `journal.jsonl`: what was read and left out, in order.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from encoder.errors import DamagedError, Hint, UmurlError, reason_of
from encoder.skeleton import N_JOINTS
from umurl_search.clips.clip import Frames, LeftOut, Segment
from umurl_search.clips.joint_mapping import layout_as_seen
from umurl_search.clips.normalization import check_pipeline, normalise
from umurl_search.clips.types import NORMALISED
from umurl_search.files import sealed_folder
from umurl_search.library.library import Library
from umurl_search.library.missing import REPAIR, require_dataset

FRAMES = "frames.f32"
EXTENTS = "extents.npy"
JOURNAL = "journal.jsonl"
_VALUES_A_PERSON = N_JOINTS * 3


@dataclass(frozen=True, kw_only=True)
class Record:
    """A clip ready for the store. frames: (T, M, 25, 3) float32; segments: in these frames.

    unseen: joints that were marked as not seen, frame by frame. notes: what was assumed in reading it. stands_along:
    the axis along which people stand, where it is not the stated one. older_hash: the hash as versions before made it,
    of coordinates and what is said of them together; not kept.
    """

    name: str
    frames: Frames
    label: int | None
    subject: int | None
    camera: int | None
    setup: int | None
    replication: int | None
    source: str
    source_hash: str
    cut: int
    segments: tuple[Segment, ...] = ()
    action: str | None = None
    unseen: int = 0
    notes: tuple[str, ...] = ()
    stands_along: str | None = None
    older_hash: str = ""


def said_of(clip: Mapping[str, Any]) -> str:
    """What a source says of a clip beside its coordinates, as text: equal as long as it says the same."""
    fields = [clip.get(name) for name in ("label", "action", "subject", "camera", "setup", "replication")]
    return json.dumps([*fields, [list(one) for one in clip.get("segments", ())]])


class ClipStore:
    """A sealed store, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.manifest = sealed_folder.read_manifest(folder, hint=REPAIR)
        try:
            self._extents = np.load(folder / EXTENTS, allow_pickle=False)
            sizes = self._extents.astype(np.int64).prod(axis=1) * _VALUES_A_PERSON
            self._starts = np.concatenate([[0], np.cumsum(sizes)])
            self._values = np.memmap(folder / FRAMES, dtype="<f4", mode="r")
        except (OSError, ValueError, TypeError) as error:
            raise DamagedError(f"{folder}: its arrays are damaged ({reason_of(error)})", REPAIR) from error
        if (self._extents < 1).any() or len(self._values) != self._starts[-1]:
            raise UmurlError(f"{folder}: its frames are not those of its extents", REPAIR)

    def __len__(self) -> int:
        return len(self._extents)

    @property
    def n_bytes(self) -> int:
        return int(self._values.nbytes)

    @property
    def extents(self) -> NDArray[np.int32]:
        """(N, 2) frames and people of each clip."""
        return np.asarray(self._extents, dtype=np.int32)

    def frames(self, row: int) -> Frames:
        """(T, M, 25, 3) float32 as read, a view of the file."""
        t, m = self._extents[row]
        values = self._values[self._starts[row] : self._starts[row + 1]]
        return np.asarray(values).reshape(t, m, N_JOINTS, 3)

    @cached_property
    def is_raw(self) -> bool:
        """Whether its clips are still to be normalised."""
        return self.manifest["state"] not in NORMALISED

    def normalised_frames(self, row: int) -> Frames:
        """(T, M, 25, 3) float32 as the encoder's pipeline wants it, before the resize."""
        frames = self.frames(row)
        return normalise(frames) if self.is_raw else frames


class Clips:
    """A dataset's clips: rows in order of clip id, whichever of its stores each lies in."""

    def __init__(
        self, stores: Sequence[ClipStore], *, part: NDArray[np.int64], row: NDArray[np.int64]
    ) -> None:
        """part: (N,) which store, from 1; row: (N,) where in it."""
        self._stores, self._part, self._row = tuple(stores), part, row

    @cached_property
    def layout(self) -> str:
        """The joint layout, as the first clip shows it."""
        return layout_as_seen(str(self.manifest["conventions"]["layout"]), self.frames(0))

    def __len__(self) -> int:
        return len(self._row)

    @property
    def manifest(self) -> dict[str, Any]:
        """The first store's, which says how all were read."""
        return self._stores[0].manifest

    @property
    def signature(self) -> str:
        """Changes when clips come or go."""
        whole = len(self._stores) == 1 and len(self) == len(self._stores[0])
        if whole:
            return str(self.manifest["signature"])
        stated = [store.manifest["signature"] for store in self._stores]
        rows = hashlib.sha256(np.stack([self._part, self._row]).astype("<i8").tobytes()).hexdigest()
        return hashlib.sha256(json.dumps([stated, rows]).encode()).hexdigest()

    @property
    def n_bytes(self) -> int:
        return sum(store.n_bytes for store in self._stores)

    def extents(self) -> NDArray[np.int32]:
        """(N, 2) frames and people of each clip."""
        found = np.zeros((len(self), 2), dtype=np.int32)
        for part, store in enumerate(self._stores, start=1):
            mine = self._part == part
            found[mine] = store.extents[self._row[mine]]
        return found

    def holds_all(self) -> bool:
        """Whether each clip has a place in a store."""
        sizes = np.array([0, *map(len, self._stores)])
        there = (self._part >= 1) & (self._part <= len(self._stores))
        return bool(there.all() and (self._row < sizes[self._part]).all())

    @property
    def n_stored(self) -> int:
        """Clips on disk, those that are gone too."""
        return sum(len(store) for store in self._stores)

    def frames(self, row: int) -> Frames:
        """(T, M, 25, 3) float32 as read, a view of the file."""
        return self._store(row).frames(int(self._row[row]))

    def is_raw(self, row: int) -> bool:
        """Whether a clip is still to be normalised."""
        return self._store(row).is_raw

    def normalised_frames(self, row: int) -> Frames:
        """(T, M, 25, 3) float32 as the encoder's pipeline wants it, before the resize."""
        return self._store(row).normalised_frames(int(self._row[row]))

    def _store(self, row: int) -> ClipStore:
        return self._stores[int(self._part[row]) - 1]


class StoreWriter:
    """Appends chunks of outcomes to a partial folder; every chunk is on disk before the next is taken.

    A folder left by an interrupted run is cut back to its last whole chunk, and `items_done` says how many
    units of the reader those chunks hold.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        there = _size(folder / FRAMES)
        self.entries = [entry for entry in _whole_entries(folder / JOURNAL) if entry["frames_end"] <= there]
        self.items_done = sum(entry["items"] for entry in self.entries)
        journal_size = sum(len(_line(entry)) for entry in self.entries)
        frames_size = self.entries[-1]["frames_end"] if self.entries else 0
        self._journal = _open_cut(folder / JOURNAL, journal_size)
        self._frames = _open_cut(folder / FRAMES, frames_size)

    def add(
        self,
        n_items: int,
        records: Sequence[Record],
        left_out: Sequence[LeftOut],
        *,
        order: str | None = None,
    ) -> None:
        """order: of a share of a dataset, in which order both were found."""
        for record in records:
            self._frames.write(np.ascontiguousarray(record.frames, dtype="<f4").tobytes())
        _flush(self._frames)
        entry = {
            "items": n_items,
            "clips": [_describe(record) for record in records],
            "left_out": [asdict(entry) for entry in left_out],
            "frames_end": self._frames.tell(),
            **({} if order is None else {"order": order}),
        }
        self._journal.write(_line(entry))
        _flush(self._journal)
        self.entries.append(entry)

    def close(self) -> None:
        self._frames.close()
        self._journal.close()

    @property
    def clips(self) -> list[dict[str, Any]]:
        return [clip for entry in self.entries for clip in entry["clips"]]

    @property
    def left_out(self) -> list[dict[str, Any]]:
        return [one for entry in self.entries for one in entry["left_out"]]

    def finish(self) -> None:
        """Closes the files and writes the extents; the folder can be sealed then."""
        self.close()
        extents: NDArray[np.int32] = np.array(
            [(clip["frames"], clip["people"]) for clip in self.clips], dtype=np.int32
        ).reshape(-1, 2)
        np.save(self.folder / EXTENTS, extents, allow_pickle=False)


def journal_of(folder: Path) -> list[dict[str, Any]]:
    """The entries of a sealed store's journal."""
    return list(_whole_entries(folder / JOURNAL))


def _describe(record: Record) -> dict[str, Any]:
    hidden = {"frames", "older_hash"} | ({"action"} if record.action is None else set())
    hidden |= set() if record.notes else {"notes"}
    hidden |= set() if record.stands_along else {"stands_along"}
    columns = {name: value for name, value in vars(record).items() if name not in hidden}
    return {**columns, "frames": record.frames.shape[0], "people": record.frames.shape[1]}


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


def _whole_entries(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        try:
            entry = json.loads(line)
            _require_entry(entry)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedError(f"{path} is damaged ({reason_of(error)})", REPAIR) from error
        yield entry


def _require_entry(entry: dict[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError for what `StoreWriter` would not have written."""
    counts = [entry["items"], entry["frames_end"]]
    counts += [n for clip in entry["clips"] for n in (clip["frames"], clip["people"])]
    if not all(type(n) is int and 0 <= n < 2**62 for n in counts):
        raise ValueError("it counts in something else than whole numbers")
    if not all(0 < clip["frames"] < 2**31 and 0 < clip["people"] < 2**31 for clip in entry["clips"]):
        raise ValueError("it holds clips of no length, or of an absurd one")
    json.dumps(entry, ensure_ascii=False).encode()  # refuses text that is no text
    if not all(type(clip["name"]) is str for clip in entry["clips"]) or type(entry["left_out"]) is not list:
        raise ValueError("it names clips by something else than text")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open_cut(path: Path, size: int) -> BinaryIO:
    file = open(path, "ab")  # noqa: SIM115 - closed by StoreWriter.close
    file.truncate(size)
    file.seek(size)
    return file


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def open_clips(library: Library, dataset: str) -> Clips:
    """A dataset's clips in order of id. Raises UmurlError where there is none of that name, and
    when they are prepared in another way than this version does."""
    with library.read() as catalog:
        require_dataset(catalog, dataset)
        folders, columns = catalog.parts("dataset", dataset), catalog.clips_of(dataset)
    stores = [ClipStore(library.clips(folder)) for folder in folders]
    again = Hint("{command}, then ingest it with this version", command=("delete", dataset))
    for store in stores:
        check_pipeline(store.manifest["pipeline"], what=f"the clip store of {dataset}", hint=again)
    return Clips(stores, part=columns.part, row=columns.store_row)
