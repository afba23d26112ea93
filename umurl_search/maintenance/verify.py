"""Whether a library is sound: every file hashed, every table read, what must agree compared."""

from pathlib import Path

import numpy as np

from encoder.errors import UmurlError
from umurl_search.files import sealed_folder
from umurl_search.index.open_index import index_of
from umurl_search.library.catalog.open_catalog import BACKUP, DamagedCatalogError, copy_may_be_old
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_while_changing
from umurl_search.maintenance.unfinished_shards import describe_useless
from umurl_search.progress import Progress, no_progress

FOLDERS = ("clips", "encoders", "indexes")


def verify(library: Library, *, progress: Progress = no_progress) -> list[str]:
    """What is wrong in the library, one phrase each: every file hashed, every table read, both compared.

    Once more where something is wrong and another process changed the library meanwhile.
    """
    return retry_while_changing(
        lambda: _verify(library, progress),
        changes=lambda: _changes(library),
        is_whole=lambda problems: not problems,
    )


def _changes(library: Library) -> int | None:
    try:
        return library.changes()
    except DamagedCatalogError:
        return None


def _verify(library: Library, progress: Progress) -> list[str]:
    problems, listed = _check_catalog(library)
    damaged = set()
    with progress("Verifying", total=sum(map(len, listed.values())), unit="folders") as advance:
        for room, names in listed.items():
            for name in names:
                found = sealed_folder.check(library.root / room / name, full=True)
                damaged |= {name} if found else set()
                problems += found
                advance(1)
            problems += _strays(library, room, names)
    problems += _check_copy(library)
    return (
        problems + _disagreements(library, damaged) + describe_useless(library)
        if library.exists() and not _is_unreadable(problems)
        else problems
    )


def _is_unreadable(problems: list[str]) -> bool:
    return any("the catalog cannot be used" in problem for problem in problems)


def _check_catalog(library: Library) -> tuple[list[str], dict[str, list[str]]]:
    """The catalog's problems and the folders in each room (by what is there where it cannot be read)."""
    try:
        with library.read() as catalog:
            problems = catalog.problems()
            listed = {
                "clips": [f for row in catalog.datasets() for f in catalog.parts("dataset", row["name"])],
                "encoders": [row["name"] for row in catalog.encoders()],
                "indexes": [f for row in catalog.indexes() for f in catalog.parts("index", row["name"])],
            }
    except DamagedCatalogError as error:
        return [error.typed], {room: _folders_in(library.root / room) for room in FOLDERS}
    return problems, listed


def _disagreements(library: Library, damaged: set[str]) -> list[str]:
    """Stores and indexes, whole in themselves, that do not hold what the catalog says."""
    with library.read() as catalog:
        stored = [row["name"] for row in catalog.datasets()]
        rows = catalog.indexes()
        parts = {("index", row["name"]): catalog.parts("index", row["name"]) for row in rows}
        parts |= {("dataset", name): catalog.parts("dataset", name) for name in stored}
    problems = []
    for name in stored:
        if not damaged & set(parts["dataset", name]):
            clips = open_clips(library, name)
            if not clips.holds_all():
                problems.append(f"{library.clips(name)}: the catalog names clips that it does not hold")
            else:
                problems += _other_sizes(library, name, clips)
    for row in rows:
        if not damaged & set(parts["index", row["name"]]):
            try:
                index_of(library, row)
            except UmurlError:
                problems.append(
                    f"{library.index_folder(row['name'])}: its clip ids are not those of the catalog: "
                    f"delete index:{row['name']}, build it again"
                )
    return problems


def _other_sizes(library: Library, name: str, clips: Clips) -> list[str]:
    """Clips that have other numbers of frames or people in their store than in the catalog."""
    with library.read() as catalog:
        columns = catalog.clips_of(name)
    said = np.stack([columns.columns["frames"], columns.columns["people"]], axis=1)
    if len(clips) != len(said):  # changed meanwhile
        return []
    differ = np.flatnonzero((said != clips.extents()).any(axis=1))
    return [
        f"{library.clips(name)}: clip {columns.name[i]} has other frames or people than the catalog says: "
        f"umurl-search delete {name}, then ingest it"
        for i in differ[:1]
    ]


def _check_copy(library: Library) -> list[str]:
    """What is wrong with the catalog's copy: damage, or that its last writer did not live to make it."""
    backup = library.root / BACKUP
    if not library.exists():
        return []
    if sealed_folder.is_held(sealed_folder.lock_of(backup)):  # just being made
        return []
    if copy_may_be_old(library.catalog_path) or not backup.exists():
        return [f"{backup} is not of the catalog's last change: umurl-search repair copies it"]
    return sealed_folder.check(backup, full=True)


def _strays(library: Library, room: str, names: list[str]) -> list[str]:
    """Folders that the catalog does not know, but for those of a process that is about to enter them."""
    there = [library.root / room / name for name in _folders_in(library.root / room) if name not in names]
    if there and library.is_changing():
        return []
    cure = "run the command that made it again, or umurl-search repair, or delete the folder"
    return [
        f"{path} is not in the catalog: {cure}"
        for path in there
        if not sealed_folder.is_held(sealed_folder.lock_of(path))
    ]


def _folders_in(room: Path) -> list[str]:
    """Names of whole things; what is being built, or was left half built, starts with a dot."""
    there = sorted(room.iterdir()) if room.is_dir() else []
    return [path.name for path in there if path.is_dir() and not path.name.startswith(".")]
