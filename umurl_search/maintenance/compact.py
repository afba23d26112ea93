"""Makes one store of a dataset's parts, and one index of each index's, without clips that are gone.

Nothing is embedded again: frames and embeddings are copied, the maps fitted on the clips that are there now. One
transaction of the catalog puts the new folders in the place of the old, which are deleted then.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.index import BLOCK, IDS, SPANS, Index, embeddings_file, write_maps
from umurl_search.index.kind_selection import describe_recall, write_vectors
from umurl_search.index.open_index import index_of
from umurl_search.library.catalog.changes import PART_MARK
from umurl_search.library.catalog.open_catalog import copy_if_old
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.library.clip_store import EXTENTS, FRAMES, JOURNAL, Clips, ClipStore, journal_of, open_clips
from umurl_search.library.library import Library
from umurl_search.library.missing import require_dataset
from umurl_search.progress import Progress, no_progress
from umurl_search.result import Result

WORTHWHILE_GONE = 0.1
"""Share of rows on disk that are of clips that are gone; further parts are always worth it."""
_COPIED_BYTES = 2**26


@dataclass(frozen=True, kw_only=True)
class CompactReport(Result):
    """What a compaction did."""

    dataset: str
    done: bool
    """whether it was worthwhile"""
    parts: int
    """folders before, of the dataset and its indexes"""
    gone: int
    """clips whose bytes were dropped"""
    clips: int
    """that are there"""
    before: int
    """bytes"""
    after: int
    """bytes"""
    indexes: list[str] = field(default_factory=list)
    """names"""
    seconds: dict[str, float] = field(default_factory=dict)
    """`total`"""


def compact(
    library: Library, dataset: str, *, force: bool = False, progress: Progress = no_progress
) -> CompactReport:
    """Makes a dataset and its indexes a part each, if there are further parts or many clips are gone.

    Ids stay. Raises UmurlError for an unknown dataset, and while another process changes the library.
    """
    started = time.monotonic()
    with library.write_lock():
        copy_if_old(library.catalog_path)
        with library.read() as catalog:
            require_dataset(catalog, dataset)
            columns = catalog.clips_of(dataset)
            rows = [row for row in catalog.indexes() if row["dataset"] == dataset]
            old = {("dataset", dataset): catalog.parts("dataset", dataset)}
            old |= {("index", row["name"]): catalog.parts("index", row["name"]) for row in rows}
            new = {key: catalog.next_folder(*key) for key in old}
        store = open_clips(library, dataset)
        indexes = {row["name"]: index_of(library, row) for row in rows}
        gone = store.n_stored - len(store)
        n_parts = sum(map(len, old.values()))
        before = _bytes(library, old)
        worth = n_parts > len(old) or gone > WORTHWHILE_GONE * store.n_stored or (gone and force)
        told: dict[str, Any] = {
            "dataset": dataset,
            "parts": n_parts,
            "gone": gone,
            "clips": len(store),
            "before": before,
        }
        owners = {dataset, *indexes}
        if not worth:
            sweep_leftovers(library, owners)
            return CompactReport(
                **told, done=False, after=before, seconds={"total": time.monotonic() - started}
            )
        _one_store(library, store, columns, old, new, dataset, progress)
        for name, index in indexes.items():
            _one_index(library, index, new["index", name], columns, progress)
        parts = [
            (*key, folder, len(columns.id) if key[0] == "dataset" else len(indexes[key[1]].ids))
            for key, folder in new.items()
        ]
        with library.write() as catalog:
            catalog.change_clips(
                dataset,
                parts=parts,
                replaced=list(old),
                expected=columns.id,
                stored=np.arange(len(columns.id), dtype=np.int64),
            )
        sweep_leftovers(library, owners)
    after = _bytes(library, {key: [folder] for key, folder in new.items()})
    return CompactReport(
        **told, done=True, after=after, indexes=list(indexes), seconds={"total": time.monotonic() - started}
    )


def _place(library: Library, kind: str, folder: str) -> Path:
    return library.clips(folder) if kind == "dataset" else library.index_folder(folder)


def _bytes(library: Library, parts: dict[tuple[str, str], list[str]]) -> int:
    there = (_place(library, kind, name) for (kind, _), names in parts.items() for name in names)
    return sum(path.stat().st_size for folder in there for path in folder.rglob("*") if path.is_file())


def _one_store(
    library: Library,
    store: Clips,
    columns: ClipColumns,
    old: dict[tuple[str, str], list[str]],
    new: dict[tuple[str, str], str],
    dataset: str,
    progress: Progress,
) -> None:
    target = library.clips(new["dataset", dataset])
    said = {
        key: value for key, value in store.manifest.items() if key not in ("files", "checksum", "first_id")
    }
    with sealed_folder.building(target, resume_token=f"compact-{store.signature}") as partial:
        sealed_folder.remove(target)
        sealed_folder.need_space(partial, store.n_bytes, what="the compacted clips")
        described = _descriptions(library, old["dataset", dataset])
        kept, end = [], 0
        with (
            open(partial / FRAMES, "wb") as file,
            progress("Copying clips", total=len(store), unit="clips") as advance,
        ):
            for row in range(len(store)):
                frames = np.ascontiguousarray(store.frames(row), dtype="<f4")
                file.write(frames.tobytes())
                end += frames.nbytes
                kept.append(described[int(columns.part[row]), int(columns.store_row[row])])
                advance(1)
        extents = [(clip["frames"], clip["people"]) for clip in kept]
        np.save(partial / EXTENTS, np.array(extents, dtype=np.int32).reshape(-1, 2), allow_pickle=False)
        entry = {"items": len(kept), "clips": kept, "left_out": [], "frames_end": end}
        sealed_folder.write_text(partial / JOURNAL, json.dumps(entry, ensure_ascii=False) + "\n")
        sealed_folder.seal(partial, target, {**said, "signature": _signature(store)})


def _signature(store: Clips) -> str:
    return hashlib.sha256(f"compacted {store.signature}".encode()).hexdigest()


def _descriptions(library: Library, names: list[str]) -> dict[tuple[int, int], dict[str, Any]]:
    """(part, row) -> what the journals say of each clip."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for part, name in enumerate(names, start=1):
        clips = [clip for entry in journal_of(library.clips(name)) for clip in entry["clips"]]
        assert len(clips) == len(ClipStore(library.clips(name))), name
        found |= {(part, row): clip for row, clip in enumerate(clips)}
    return found


def _one_index(library: Library, index: Index, folder: str, columns: ClipColumns, progress: Progress) -> None:
    target = library.index_folder(folder)
    dropped = ("files", "checksum", "rounding", "search", "quality", "first_id")
    said = {key: value for key, value in index.manifest.items() if key not in dropped}
    token = hashlib.sha256(
        index.ids.tobytes() + repr([str(part.folder) for part in index.parts]).encode()
    ).hexdigest()
    with sealed_folder.building(target, resume_token=f"compact-{token}") as partial:
        sealed_folder.remove(target)
        n, d = len(index.ids), said["dimension"]
        sealed_folder.need_space(partial, 4 * n * d * (len(index.modalities) + 2), what="the compacted index")
        with progress("Copying embeddings", total=len(index.modalities) + 1, unit="modalities") as advance:
            for modality in index.modalities:
                _copy(index, modality, partial / embeddings_file(modality), (n, d))
                advance(1)
            arrays = {
                m: np.load(partial / embeddings_file(m), mmap_mode="r", allow_pickle=False)
                for m in index.modalities
            }
            maps = fit_maps(arrays, index.transform)
            write_maps(partial, maps)
            kind = index.parts[0].kind
            labels = columns.label if index.spans is None else None
            recall = describe_recall(index.manifest)
            measured = write_vectors(partial, arrays["fused"], maps, kind=kind, recall=recall, labels=labels)
            np.save(partial / IDS, index.ids, allow_pickle=False)
            if index.spans is not None:
                np.save(partial / SPANS, index.spans, allow_pickle=False)
            advance(1)
        sealed_folder.seal(partial, target, {**said, "clips": n, "index_kind": kind, **measured})


def _copy(index: Index, modality: str, path: Path, shape: tuple[int, int]) -> None:
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    place, start = 0, 0
    for part in index.parts:
        stored = part.embeddings(modality)
        mine = index.slots[(index.slots >= start) & (index.slots < start + len(stored))] - start
        for i in range(0, len(mine), BLOCK):
            rows = mine[i : i + BLOCK]
            out[place : place + len(rows)] = stored[rows]
            place += len(rows)
        start += len(stored)
    out.flush()
    assert place == shape[0], (place, shape)


def leftovers(library: Library, owners: Collection[str] | None = None) -> list[Path]:
    """What interrupted runs left: folders half deleted, and folders of what the catalog knows that it does not name
    as a part.

    owners: the datasets and indexes whose leftovers are wanted; unless given, all, and those of encoders.
    """
    with library.read() as catalog:
        known = {
            "clips": {row["name"]: catalog.parts("dataset", row["name"]) for row in catalog.datasets()},
            "indexes": {row["name"]: catalog.parts("index", row["name"]) for row in catalog.indexes()},
            "encoders": {row["name"]: [row["name"]] for row in catalog.encoders()},
        }
    found = []
    for room, parts in known.items():
        there = sorted(path for path in (library.root / room).glob("*") if path.is_dir())
        listed = {library.root / room / folder for folders in parts.values() for folder in folders}
        found += [
            path
            for path in there
            if (_is_left_over(path.name, parts) or _is_second_name(path, listed))
            and (owners is None or _owner(path.name) in owners)
        ]
    return found


def _is_second_name(path: Path, listed: Collection[Path]) -> bool:
    """Whether a folder that the catalog does not know holds a very file of one that it knows: a renaming was
    interrupted."""
    if path in listed:
        return False
    linked = [file for file in path.iterdir() if file.is_file() and file.stat().st_nlink > 1]
    return any(
        (one / file.name).is_file() and file.samefile(one / file.name) for file in linked for one in listed
    )


def _owner(folder: str) -> str:
    """Whose part a folder is."""
    return folder.removeprefix(".").removesuffix(".removed").partition(PART_MARK)[0]


def _is_left_over(folder: str, parts: dict[str, list[str]]) -> bool:
    """parts: folders by owner. A first folder of an owner unknown is a run's that was killed before it was entered:
    the same command enters it."""
    if folder.startswith("."):
        return folder.endswith(".removed")
    return folder not in parts.get(_owner(folder), ()) and (PART_MARK in folder or _owner(folder) in parts)


def sweep_leftovers(library: Library, owners: Collection[str] | None = None) -> list[Path]:
    """Deletes what `leftovers` names. Call it while holding `Library.write_lock`."""
    found = leftovers(library, owners)
    for path in found:
        shutil.rmtree(path) if path.name.startswith(".") else sealed_folder.remove(path)
    return found
