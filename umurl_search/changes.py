"""Clips that come and go: `add`, `update`, `remove`, without embedding again what has not changed.

New clips are a part of their own, of the dataset's store and of each of its indexes: sealed folders NAME~2, NAME~3
beside the first. One transaction of the catalog enters them all, and takes out the clips that go; before it nothing
has changed, after it everything has. Letters: n clips.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.embed import Embedder, pick_device
from encoder.errors import UmurlError
from umurl_search import datasets, encoders, folders
from umurl_search.catalog_file import copy_if_old
from umurl_search.clip import LeftOut
from umurl_search.clipstore import Clips, ClipStore, Record, journal_of
from umurl_search.index import Index, embeddings_file
from umurl_search.index_rows import DONE, embed_units, write_units
from umurl_search.ingest import Request, about_store, open_source
from umurl_search.kinds import EXACT, Kind
from umurl_search.library import Library
from umurl_search.opening import index_of, open_clips
from umurl_search.preprocess import Conventions
from umurl_search.progress import Progress, silent
from umurl_search.quality import write_vectors
from umurl_search.readers.base import Reader
from umurl_search.readers.tree import decode_place
from umurl_search.reading import FILE_FORMATS, fill, stamp
from umurl_search.roster import described
from umurl_search.windows import Units, Window, units_of

_ONE_CLIP_A_FILE = tuple(fmt for fmt in FILE_FORMATS if fmt != "pku-mmd")


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """What changes. source None: where the dataset was ingested from.

    changed: take clips that are there with another content, in place of clips that are not there yet. removed: take
    those again, too, that were removed.
    """

    dataset: str
    source: Path | None = None
    format: str | None = None
    slicing: str = "start:end"
    changed: bool = False
    removed: bool = False
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class ChangeReport:
    """`unchanged`: clips of the source that stay as they are; `new` and `gone`: what an update saw and left alone."""

    dataset: str
    added: int = 0
    replaced: int = 0
    removed: int = 0
    unchanged: int = 0
    new: int = 0
    gone: int = 0
    clips: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Before:
    """The dataset as the change finds it."""

    row: dict[str, Any]
    ids: NDArray[np.int64]
    sources: dict[str, tuple[int, str]]
    left_out: dict[str, str]
    indexes: tuple[dict[str, Any], ...]
    folder: str
    untrimmed: bool


def take_in(library: Library, request: ChangeRequest, *, progress: Progress = silent) -> ChangeReport:
    """Adds clips that are not there yet, or replaces those whose source file has another content now.

    Clips are told apart by name. Every index of the dataset gets the new clips. An interrupted run goes on where it
    stopped. Raises UmurlError for an unknown dataset, a source in another format, and while another process changes
    the library.
    """
    started = time.monotonic()
    with library.changing():
        before = _before(library, request.dataset)
        reader, conventions = _source(library, before, request)
        known_bad = {
            name for name, why in before.left_out.items() if not (request.removed and why == "removed")
        }
        sift = _Sift(before=before, changed=request.changed, reader=reader, passed_over=known_bad)
        items = sift.items()
        target = library.clips(before.folder)
        token = _token(before, reader, request)
        n = _store(library, target, token, reader, conventions, items, sift, progress) if items else 0
        if n == 0:
            return sift.report(clips=len(before.ids), seconds=time.monotonic() - started)
        parts = [("dataset", request.dataset, target.name, n)]
        parts += [
            _index_part(library, row, before, target, token, request.device, progress)
            for row in before.indexes
        ]
        added = described(datasets.find(request.dataset), reader, journal_of(target))
        added["first_id"] = ClipStore(target).manifest["first_id"]
        removed = [before.sources[name][0] for name in added["clips"]["name"] if name in before.sources]
        with library.write() as catalog:
            _require_same_indexes(catalog.indexes(), before)
            catalog.change_clips(
                request.dataset, removed=removed, added=added, parts=parts, expected=before.ids
            )
    return sift.report(
        clips=len(before.ids) + n - len(removed), seconds=time.monotonic() - started, taken=n,
        indexes=[row["name"] for row in before.indexes],
    )  # fmt: skip


def _before(library: Library, dataset: str) -> _Before:
    copy_if_old(library.catalog_path)
    with library.read() as catalog:
        row = catalog.dataset(dataset)
        if row is None:
            known = ", ".join(one["name"] for one in catalog.datasets()) or "none"
            raise UmurlError(
                f"no dataset '{dataset}' in the library (it has {known}): umurl-search ingest {dataset}"
            )
        return _Before(
            row=row, ids=catalog.clip_ids(dataset), sources=catalog.sources(dataset),
            left_out={one["name"]: one["reason"] for one in catalog.left_out(dataset)},
            indexes=tuple(one for one in catalog.indexes() if one["dataset"] == dataset),
            folder=catalog.next_folder("dataset", dataset), untrimmed=len(catalog.segments(dataset)["clip_id"]) > 0,
        )  # fmt: skip


def _source(library: Library, before: _Before, request: ChangeRequest) -> tuple[Reader, Conventions]:
    """The source opened as the dataset's first was. Raises UmurlError where it is in another format or state."""
    row = before.row
    if datasets.find(row["name"]).actions == "demo":
        raise UmurlError(f"'{row['name']}' is made up: nothing can be added to it")
    source = request.source or Path(row["source"])
    if not source.exists():
        raise UmurlError(f"{source}: no such file or folder; give --source the recordings of {row['name']}")
    said = open_clips(library, row["name"]).manifest["conventions"]
    asked = Request(
        name=row["name"], source=source, format=request.format or row["format"], layout=said["layout"],
        fps=said["fps"], up=said["up"], scale=said["scale"], slicing=request.slicing, untrimmed=before.untrimmed,
    )  # fmt: skip
    reader, conventions = open_source(datasets.find(row["name"]), asked)
    if reader.state != row["state"]:
        raise UmurlError(
            f"{source}: its coordinates are {reader.state}, those of {row['name']} {row['state']}"
        )
    return reader, conventions


@dataclass(kw_only=True)
class _Sift:
    """What of a source is wanted; counts the rest."""

    before: _Before
    changed: bool
    reader: Reader
    passed_over: set[str]
    unchanged: int = 0
    new: int = 0
    seen: set[str] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)

    def items(self) -> Sequence[str]:
        """Units of work that may hold something wanted: where a clip is a file, the others are not read."""
        every = self.reader.items()
        if self.reader.format not in _ONE_CLIP_A_FILE:
            return every
        return [item for item in every if self._may_hold(item)]

    def _may_hold(self, item: str) -> bool:
        place = decode_place(item, self.reader.roots)  # type: ignore[attr-defined]
        known = self.before.sources.get(place.name)
        self.seen.add(place.name)
        if known is None and not self.changed:
            return place.name not in self.passed_over
        if known is None:
            self.new += place.name not in self.passed_over
            return False
        if self.changed and place.path.is_file() and folders.sha256_of(place.path) != known[1]:
            return True
        self.unchanged += 1
        return False

    def keep(self, outcome: Record | LeftOut) -> bool:
        known = self.before.sources.get(outcome.name)
        self.seen.add(outcome.name)
        if isinstance(outcome, LeftOut):
            wanted = known is None and outcome.name not in self.passed_over and not self.changed
            wanted = wanted or (self.changed and known is not None)
            self.left_out[outcome.reason] = self.left_out.get(outcome.reason, 0) + wanted
            return wanted
        if self.changed and known is None:
            self.new += 1
            return False
        if known is not None and (not self.changed or outcome.source_hash == known[1]):
            self.unchanged += 1
            return False
        return known is not None or outcome.name not in self.passed_over

    def report(
        self, *, clips: int, seconds: float, taken: int = 0, indexes: Sequence[str] = ()
    ) -> ChangeReport:
        gone = len(set(self.before.sources) - self.seen) if self.changed else 0
        return ChangeReport(
            dataset=self.before.row["name"], added=0 if self.changed else taken, replaced=taken if self.changed else 0,
            unchanged=self.unchanged, new=self.new, gone=gone, clips=clips, indexes=list(indexes),
            left_out={reason: n for reason, n in self.left_out.items() if n}, seconds={"total": seconds},
        )  # fmt: skip


def _token(before: _Before, reader: Reader, request: ChangeRequest) -> str:
    """Names one change of one state of the dataset, so that a run cut short goes on and no other does."""
    stamps = [[str(path), *stamp(path)] for path in reader.files()]
    said = [
        before.row["signature"],
        before.folder,
        before.ids.tolist(),
        request.changed,
        request.slicing,
        stamps,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _store(
    library: Library, target: Path, token: str, reader: Reader, conventions: Conventions, items: Sequence[str],
    sift: _Sift, progress: Progress,
) -> int:  # fmt: skip
    """Seals the new clips' store, unless a run before has; returns how many it holds, 0 where none is wanted."""
    with folders.building(target, resume_token=token) as partial:
        if _says(target, signature=token):
            shutil.rmtree(partial)
            return len(ClipStore(target))
        folders.remove(target)
        n = fill(
            partial, reader, conventions, title=f"Reading {sift.before.row['name']}", progress=progress, workers=None,
            items=items, keep=sift.keep, may_be_empty=True,
        )  # fmt: skip
        if n:
            with library.write() as catalog:
                first_id = catalog.reserve_ids(n)
            folders.seal(partial, target, {**about_store(reader, conventions, token), "first_id": first_id})
        return n


def _index_part(
    library: Library, row: dict[str, Any], before: _Before, clips: Path, token: str, device: str, progress: Progress
) -> tuple[str, str, str, int]:  # fmt: skip
    """Embeds the new clips for one index; returns its part as the catalog enters it."""
    index, opened = index_of(library, row), ClipStore(clips)
    store = Clips([opened], part=np.ones(len(opened), dtype=np.int64), row=np.arange(len(opened)))
    with library.read() as catalog:
        target = library.index_folder(catalog.next_folder("index", row["name"]))
    first_id = int(store.manifest["first_id"])
    entry = encoders.open_encoder(library, row["encoder"])
    if entry.hash != row["encoder_hash"]:
        raise UmurlError(
            f"index {row['name']} was made with another '{entry.name}' than the one of that name now: "
            f"umurl-search delete index:{row['name']} first"
        )
    said = index.manifest
    about: dict[str, Any] = {
        "kind": "index", "version": said["version"], "dataset": row["dataset"], "dataset_signature": token,
        "encoder": row["encoder"], "encoder_hash": row["encoder_hash"], "pipeline": said["pipeline"],
        "transform": said["transform"], "metric": said["metric"], "modalities": said["modalities"],
        "precision": said["precision"], "dimension": said["dimension"], "recipe": said["recipe"],
        "index_kind": _kind_of_part(said.get("index_kind", "flat")), "first_id": first_id,
        **{key: said[key] for key in ("window_s", "stride_s") if key in said},
    }  # fmt: skip
    with folders.building(target, resume_token=f"{token}-{first_id}") as partial:
        if _says(target, dataset_signature=token, first_id=first_id):
            shutil.rmtree(partial)
            return "index", row["name"], target.name, len(Index(target).ids)
        folders.remove(target)
        units = units_of(store, np.arange(len(store)), Window.of(said))
        place, modalities = pick_device(device), tuple(said["modalities"])
        embedder = Embedder(
            entry.load().to(place), n_clips=len(units), device=place, precision=said["precision"]
        )
        embed_units(
            partial,
            store,
            units,
            embedder,
            modalities=modalities,
            dimension=said["dimension"],
            progress=progress,
        )
        measured = _fill_part(partial, index, units, first_id + np.arange(len(store)), about["index_kind"])
        folders.seal(partial, target, {**about, "clips": len(units), **measured})
    return "index", row["name"], target.name, len(units)


def _fill_part(
    partial: Path, index: Index, units: Units, ids: NDArray[np.int64], kind: Kind
) -> dict[str, Any]:
    """Writes ids and searchable vectors beside a further part's embeddings, by the maps of the first."""
    write_units(partial, units, ids)
    fused = np.load(partial / embeddings_file("fused"), mmap_mode="r", allow_pickle=False)
    measured = write_vectors(partial, fused, index.all_maps(), kind=kind)
    (partial / DONE).unlink(missing_ok=True)
    return measured


def _says(folder: Path, **wanted: Any) -> bool:
    """Whether a folder is sealed and whole, and its manifest says this."""
    if not folder.exists() or folders.check(folder, full=False):
        return False
    said = folders.read_manifest(folder, remedy="umurl-search repair")
    return all(said.get(key) == value for key, value in wanted.items())


def _kind_of_part(first: Kind) -> Kind:
    """Additions are few: they are searched exactly, whatever the first part is."""
    return first if first in EXACT else "flat16"


def _require_same_indexes(now: Sequence[dict[str, Any]], before: _Before) -> None:
    made = {(row["name"], row["made"]) for row in now if row["dataset"] == before.row["name"]}
    if made != {(row["name"], row["made"]) for row in before.indexes}:
        raise UmurlError(
            f"an index of {before.row['name']} was made or deleted meanwhile: run the command again"
        )


def remove(
    library: Library, dataset: str, *, names: Sequence[str] = (), where: str | None = None
) -> ChangeReport:
    """Takes clips out of a dataset and of all its indexes, by name, or all those that pass a filter.

    Their bytes stay on disk until `compact`. Raises UmurlError for unknown names, where nothing passes, and where
    nothing would be left.
    """
    started = time.monotonic()
    with library.changing():
        before = _before(library, dataset)
        chosen = _named(before, names) | _passing(library, before, where)
        if not chosen:
            raise UmurlError(f'no clip of {dataset} passes --where "{where}": nothing was removed')
        if len(chosen) == len(before.ids):
            raise UmurlError(f"that is all of {dataset}: umurl-search delete {dataset} takes it out whole")
        with library.write() as catalog:
            catalog.change_clips(dataset, removed=sorted(chosen), expected=before.ids)
    return ChangeReport(
        dataset=dataset, removed=len(chosen), clips=len(before.ids) - len(chosen),
        indexes=[row["name"] for row in before.indexes], seconds={"total": time.monotonic() - started},
    )  # fmt: skip


def _named(before: _Before, names: Sequence[str]) -> set[int]:
    unknown = [name for name in names if name not in before.sources]
    if unknown:
        raise UmurlError(f"no clip '{unknown[0]}' in {before.row['name']}: nothing was removed")
    return {before.sources[name][0] for name in names}


def _passing(library: Library, before: _Before, where: str | None) -> set[int]:
    if where is None:
        return set()
    with library.read(locked=True) as catalog:
        return set(np.intersect1d(catalog.filter(where), before.ids).tolist())
