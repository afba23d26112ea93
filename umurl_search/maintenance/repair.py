"""Rebuilds what is damaged from what is sound.

The catalog comes back from the copy that every change of it leaves; an index from its own embeddings, else from clips
and encoder; clips from the recordings that they were read from, if those are still the same. An encoder cannot be
rebuilt. Whatever is not sound in the end is told.
"""

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import DamagedError, Hint, NotFoundError, UmurlError
from umurl_search.clips.normalization import Conventions
from umurl_search.files import sealed_folder
from umurl_search.files.atomic import replacing
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_beside
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.kind_selection import describe_recall
from umurl_search.index.windows import Window
from umurl_search.ingest.change_detection import items_of
from umurl_search.ingest.ingest import about_store, reopen_source
from umurl_search.ingest.parallel_read import chunks
from umurl_search.library import encoder_registry
from umurl_search.library.catalog.open_catalog import BACKUP, CATALOG, DamagedCatalogError, copy_may_be_old
from umurl_search.library.clip_store import Record, StoreWriter
from umurl_search.library.library import Library
from umurl_search.maintenance.compact import sweep_leftovers
from umurl_search.maintenance.unfinished_shards import sweep_useless
from umurl_search.maintenance.verify import verify
from umurl_search.progress import Progress, no_progress
from umurl_search.readers.base import Reader
from umurl_search.result import Result


@dataclass(kw_only=True)
class RepairReport(Result):
    """What was mended, and what is still wrong."""

    mended: list[str] = field(default_factory=list)
    """a list, a line each"""
    problems: list[str] = field(default_factory=list)
    """what `verify` still finds, a line each"""


def repair(library: Library, *, device: str = "auto", progress: Progress = no_progress) -> RepairReport:
    """Mends what can be mended. Raises UmurlError where there is no library, or another process changes it."""
    if not library.root.is_dir() or not (library.exists() or (library.root / BACKUP).is_dir()):
        raise NotFoundError(f"{library.root}: no library here: nothing to repair")
    report = RepairReport()
    with library.write_lock():
        is_whole = _catalog(library, report)
        swept = [*sweep_leftovers(library), *sweep_useless(library)] if is_whole else []
        report.mended += [f"{path}: left by an interrupted run, deleted" for path in swept]
        with library.read() as catalog:
            stored = {row["name"]: catalog.parts("dataset", row["name"]) for row in catalog.datasets()}
            indexes = [(row, catalog.parts("index", row["name"])) for row in catalog.indexes()]
        for name, parts in stored.items():
            for part, folder in reversed(
                list(enumerate(parts, start=1))
            ):  # those after one that is dropped move up
                if sealed_folder.check(library.clips(folder), full=True):
                    _attempt(report, lambda n=name, p=part, f=folder: _clips(library, n, p, f, progress))
        for row, parts in indexes:
            if any(sealed_folder.check(library.index_folder(folder), full=True) for folder in parts):
                _attempt(report, lambda r=row, p=parts: _index(library, r, p, device, progress))
    report.problems += verify(library, progress=progress)
    return report


def _attempt(report: RepairReport, mend: Any) -> None:
    """Notes what was mended, or why it could not be."""
    try:
        report.mended.append(mend())
    except UmurlError as error:
        report.problems.append(error.typed)


def _catalog(library: Library, report: RepairReport) -> bool:
    """Puts a damaged catalog back; False where that may lack the last change, whose folders have to stay then."""
    try:
        with library.read() as catalog:
            catalog.problems()
        _backup(library, report)
        return True
    except DamagedCatalogError as error:
        damage = error.message
    except UmurlError:
        if library.catalog_path.exists():
            raise
        damage = f"{library.catalog_path} is missing"
    backup = library.root / BACKUP
    wrong = sealed_folder.check(backup, full=True)
    if wrong:
        raise UmurlError(
            f"{damage}; its copy cannot be used either ({wrong[0]})", "ingest and build again elsewhere"
        )
    for path in (library.catalog_path, library.catalog_path.with_name(CATALOG + ".wal")):
        if path.exists():
            os.replace(path, path.with_name(f"{path.name}.damaged"))
    aside = library.catalog_path.with_name(CATALOG + ".tmp")
    with replacing(library.catalog_path, aside=aside) as file, open(backup / CATALOG, "rb") as copy:
        shutil.copyfileobj(copy, file)
    old = copy_may_be_old(library.catalog_path)
    if not old:
        with library.write():  # brings a copy of an older version up to date
            pass
    which = "last change but for one that was killed: run that command again" if old else "last change"
    report.mended.append(f"{library.catalog_path}: put back from the copy of its {which}")
    return not old


def _backup(library: Library, report: RepairReport) -> None:
    """Copies a sound catalog again where its copy is damaged."""
    wrong = sealed_folder.check(library.root / BACKUP, full=True)
    if not wrong and copy_may_be_old(library.catalog_path):
        wrong = [f"{library.root / BACKUP} may be older than the catalog"]
    if wrong:
        with library.write():
            pass
        report.mended.append(f"{wrong[0]}: copied again from the catalog")


def _clips(library: Library, name: str, part: int, folder: str, progress: Progress) -> str:
    """Reads a store's clips again, each from where it came, into a folder that takes the damaged one's place.

    Raises UmurlError where one is not the same any more.
    """
    damaged = library.clips(folder)
    with library.read() as catalog:
        columns, sources, origins = catalog.clips_of(name), catalog.sources(name), catalog.origins(name)
        target = library.clips(catalog.next_folder("dataset", name))
    sizes = zip(columns.columns["frames"], columns.columns["people"], strict=True)
    mine = {
        n: size for n, p, size in zip(columns.name, columns.part.tolist(), sizes, strict=True) if p == part
    }
    if not mine:
        with library.write() as catalog:
            catalog.drop_part(name, part, expected=columns.id)
        sealed_folder.remove(damaged)
        return f"{damaged}: dropped, none of its clips is there any more"
    with sealed_folder.building(target, resume_token=secrets.token_hex(16)) as partial:
        writer = StoreWriter(partial)
        try:
            for number in sorted({sources[n].source for n in mine}):
                wanted = {
                    n: (sources[n].hash, *size) for n, size in mine.items() if sources[n].source == number
                }
                reader, conventions = reopen_source(name, origins[number - 1])
                _read_again(writer, reader, conventions, wanted, progress, title=f"Reading {name}")
            read = {clip["name"]: row for row, clip in enumerate(writer.clips)}
            lost = [n for n in mine if n not in read]
            if lost:
                raise DamagedError(
                    f"{damaged} is damaged, and {lost[0]}{_count_others(lost)} cannot be read again as it was from "
                    f"{', '.join(origins[sources[lost[0]].source - 1]['roots'])}",
                    Hint("put it back, or {command}, then ingest it", command=("delete", name)),
                )
            writer.finish()
        except UmurlError:
            shutil.rmtree(partial)
            raise
        finally:
            writer.close()
        sealed_folder.seal(partial, target, about_store(reader, conventions, _signature(damaged, writer)))
    with library.write() as catalog:
        catalog.replace_store(
            name, part, target.name, {sources[n].id: read[n] for n in mine}, expected=columns.id
        )
    sealed_folder.remove(damaged)
    return f"{damaged}: {len(mine)} clips read again"


def _count_others(names: list[str]) -> str:
    return f" (and {len(names) - 1} others)" if len(names) > 1 else ""


def _read_again(
    writer: StoreWriter,
    reader: Reader,
    conventions: Conventions,
    wanted: dict[str, tuple[str, int, int]],
    progress: Progress,
    *,
    title: str,
) -> None:
    """Appends the clips of these names that are as they were. wanted: name -> hash of the source, frames, people."""
    items = items_of(reader, wanted)
    with progress(title, total=len(items), unit="clips") as advance:
        for outcomes in chunks(reader, conventions, items, workers=None):
            found = [
                one
                for group in outcomes
                for one in group
                if isinstance(one, Record)
                and wanted.get(one.name) == (one.source_hash, *one.frames.shape[:2])
            ]
            writer.add(len(outcomes), found, [])
            advance(len(outcomes))


def _signature(damaged: Path, writer: StoreWriter) -> str:
    """What the damaged store's manifest says, if that is sound: it is of the same clips."""
    said = sealed_folder.manifest_or_none(damaged)
    hashes = json.dumps([clip["source_hash"] for clip in writer.clips])
    return said["signature"] if said else hashlib.sha256(hashes.encode()).hexdigest()


def _index(library: Library, row: dict[str, Any], parts: list[str], device: str, progress: Progress) -> str:
    """Builds an index again beside itself, as one part, and takes its place in one transaction."""
    first = library.index_folder(parts[0])
    said = sealed_folder.manifest_or_none(first)
    if said is None:
        raise DamagedError(
            f"{first}: its manifest is damaged, so what it was made of is not known",
            Hint("{command}, then build it again", command=("delete", f"index:{row['name']}")),
        )
    request = BuildRequest(
        dataset=row["dataset"],
        encoder=row["encoder"],
        kind=row["kind"],
        name=row["name"],
        device=device,
        modalities="all" if len(said["modalities"]) == 7 else "base",
        transform=Transform.parse(row["transform"]),
        precision=said["precision"],
        window=Window.from_manifest(said),
        recall=describe_recall(said),
    )
    encoder_registry.of_index(library, row)
    with library.read() as catalog:
        ids, folder = catalog.clip_ids(row["dataset"]), catalog.next_folder("index", row["name"])
    n, salvaged = build_beside(library, request, library.index_folder(folder), first, progress=progress)
    with library.write() as catalog:
        swap = ("index", row["name"])
        catalog.change_clips(row["dataset"], parts=[(*swap, folder, n)], replaced=[swap], expected=ids)
    for name in parts:
        sealed_folder.remove(library.index_folder(name))
    return f"{first}: built again from {'its embeddings' if salvaged else 'clips and encoder'}"
