"""Rebuilds what is damaged from what is sound.

The catalog comes back from the copy that every change of it leaves; an index from its own embeddings, else from clips
and encoder; clips from the recordings that they were read from, if those are still the same. An encoder cannot be
rebuilt. Whatever is not sound in the end is told.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import UmurlError
from umurl_search import datasets, encoders, folders
from umurl_search.build import BuildRequest, build_beside
from umurl_search.catalog_file import BACKUP, CATALOG, DamagedCatalogError, copy_may_be_old
from umurl_search.clipstore import journal_of
from umurl_search.compaction import sweep
from umurl_search.ingest import Request, about_store, open_source
from umurl_search.library import Library
from umurl_search.maps import Transform
from umurl_search.progress import Progress, silent
from umurl_search.reading import Keep, fill
from umurl_search.soundness import verify
from umurl_search.windows import Window


@dataclass(kw_only=True)
class RepairReport:
    """mended: one line each. problems: what `verify` still finds, one line each."""

    mended: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def repair(library: Library, *, device: str = "auto", progress: Progress = silent) -> RepairReport:
    """Mends what can be mended. Raises UmurlError where there is no library, or another process changes it."""
    if not library.root.is_dir() or not (library.exists() or (library.root / BACKUP).is_dir()):
        raise UmurlError(f"{library.root}: no library here: nothing to repair")
    report = RepairReport()
    with library.changing():
        is_whole = _catalog(library, report)
        swept = sweep(library) if is_whole else []
        report.mended += [f"{path}: left by an interrupted run, deleted" for path in swept]
        with library.read() as catalog:
            stored = {row["name"]: (row, catalog.parts("dataset", row["name"])) for row in catalog.datasets()}
            indexes = [(row, catalog.parts("index", row["name"])) for row in catalog.indexes()]
        for name, (row, parts) in stored.items():
            for part, folder in enumerate(parts, start=1):
                if folders.check(library.clips(folder), full=True):
                    _attempt(
                        report, lambda n=name, r=row, p=part, f=folder: _clips(library, n, r, p, f, progress)
                    )
        for row, parts in indexes:
            if any(folders.check(library.index_folder(folder), full=True) for folder in parts):
                _attempt(report, lambda r=row, p=parts: _index(library, r, p, device, progress))
    report.problems += verify(library, progress=progress)
    return report


def _attempt(report: RepairReport, mend: Any) -> None:
    """Notes what was mended, or why it could not be."""
    try:
        report.mended.append(mend())
    except UmurlError as error:
        report.problems.append(str(error))


def _catalog(library: Library, report: RepairReport) -> bool:
    """Puts a damaged catalog back; False where that may lack the last change, whose folders have to stay then."""
    try:
        with library.read() as catalog:
            catalog.problems()
        _backup(library, report)
        return True
    except DamagedCatalogError as error:
        damage = str(error)
    except UmurlError:
        if library.catalog_path.exists():
            raise
        damage = f"{library.catalog_path} is missing"
    backup = library.root / BACKUP
    wrong = folders.check(backup, full=True)
    if wrong:
        raise UmurlError(
            f"{damage}; its copy cannot be used either ({wrong[0]}): ingest and build again elsewhere"
        )
    for path in (library.catalog_path, library.catalog_path.with_name(CATALOG + ".wal")):
        if path.exists():
            os.replace(path, path.with_name(f"{path.name}.damaged"))
    aside = library.catalog_path.with_name(CATALOG + ".tmp")
    shutil.copyfile(backup / CATALOG, aside)
    os.replace(aside, library.catalog_path)
    old = copy_may_be_old(library.catalog_path)
    which = "last change but for one that was killed: run that command again" if old else "last change"
    report.mended.append(f"{library.catalog_path}: put back from the copy of its {which}")
    return not old


def _backup(library: Library, report: RepairReport) -> None:
    """Copies a sound catalog again where its copy is damaged."""
    wrong = folders.check(library.root / BACKUP, full=True)
    if not wrong and copy_may_be_old(library.catalog_path):
        wrong = [f"{library.root / BACKUP} may be older than the catalog"]
    if wrong:
        with library.write():
            pass
        report.mended.append(f"{wrong[0]}: copied again from the catalog")


def _clips(
    library: Library, name: str, row: dict[str, Any], part: int, folder: str, progress: Progress
) -> str:
    """Reads a store's recordings again. Raises UmurlError where they are not the same any more."""
    target = library.clips(folder)
    dataset = datasets.find(name)
    made_up = dataset.actions == "demo"
    source = None if made_up else Path(row["source"])
    if source is not None and not source.exists():
        raise UmurlError(
            f"{target} is damaged and {source}, which it was read from, is not there: put it back"
        )
    with library.read() as catalog:
        columns, sources = catalog.clips_of(name), catalog.sources(name)
        untrimmed = len(catalog.segments(name)["clip_id"]) > 0
    mine = [n for n, p in zip(columns.name, columns.part.tolist(), strict=True) if p == part]
    wanted = _names_in(target) or mine
    request = Request(
        name=name, source=source, format=None if made_up else row["format"], layout=row["layout"], fps=row["fps"],
        up=row["up"], scale=row["scale"], untrimmed=untrimmed and not dataset.untrimmed,
    )  # fmt: skip
    reader, conventions = open_source(dataset, request)
    keep: Keep = lambda outcome: outcome.name in set(wanted)  # noqa: E731
    with folders.building(target, resume_token="repair") as partial:
        fill(
            partial, reader, conventions, title=f"Reading {name}", progress=progress, workers=None, keep=keep
        )
        read = [clip for entry in journal_of(partial) for clip in entry["clips"]]
        place = {clip["name"]: (i, clip["source_hash"]) for i, clip in enumerate(read)}
        store_rows = dict(zip(columns.name, columns.store_row.tolist(), strict=True))
        differ = [n for n in mine if place.get(n) != (store_rows[n], sources[n][1])]
        if differ:
            shutil.rmtree(partial)
            raise UmurlError(
                f"{target} is damaged, and {differ[0]} is another recording in {source or name} now: "
                f"umurl-search delete {name}, then ingest it"
            )
        about = about_store(reader, conventions, row["signature"])
        if part > 1:
            about |= {"first_id": sources[mine[0]][0]}
        folders.remove(target)
        folders.seal(partial, target, about)
    return f"{target}: read again from {source or 'its generator'}"


def _names_in(store: Path) -> list[str]:
    """Names of all clips of a damaged store, [] where its journal is what is damaged."""
    problems = folders.check(store, full=True)
    if any("journal" in problem or "manifest" in problem for problem in problems):
        return []
    return [clip["name"] for entry in journal_of(store) for clip in entry["clips"]]


def _index(library: Library, row: dict[str, Any], parts: list[str], device: str, progress: Progress) -> str:
    """Builds an index again beside itself, as one part, and takes its place in one transaction."""
    first = library.index_folder(parts[0])
    said = folders.manifest_or_none(first)
    if said is None:
        raise UmurlError(
            f"{first}: its manifest is damaged, so what it was made of is not known: "
            f"umurl-search delete index:{row['name']}, then build-index {row['dataset']}"
        )
    request = BuildRequest(
        dataset=row["dataset"], encoder=row["encoder"], kind=row["kind"], name=row["name"], device=device,
        modalities="all" if len(said["modalities"]) == 7 else "base", transform=Transform.parse(row["transform"]),
        precision=said["precision"], window=Window.of(said),
    )  # fmt: skip
    if encoders.open_encoder(library, row["encoder"]).hash != row["encoder_hash"]:
        raise UmurlError(
            f"{first} is damaged, and encoder {row['encoder']} is another one now: build it again"
        )
    with library.read() as catalog:
        ids, folder = catalog.clip_ids(row["dataset"]), catalog.next_folder("index", row["name"])
    n, salvaged = build_beside(library, request, library.index_folder(folder), first, progress=progress)
    with library.write() as catalog:
        swap = ("index", row["name"])
        catalog.change_clips(row["dataset"], parts=[(*swap, folder, n)], replaced=[swap], expected=ids)
    for name in parts:
        folders.remove(library.index_folder(name))
    return f"{first}: built again from {'its embeddings' if salvaged else 'clips and encoder'}"
