"""Gives a dataset, encoder or index another name; nothing is read or embedded again.

Files get a second name (a hard link) in a folder of the new name, then one transaction of the catalog switches, then
the old folders go. An interrupted run leaves the old name or the new one whole, and perhaps folders of the other, which
`repair` deletes.
"""

import os
import shutil
from pathlib import Path

from encoder.errors import BadInputError, StorageError, reason_of
from umurl_search.datasets import protocols
from umurl_search.files import sealed_folder
from umurl_search.library.catalog.changes import PART_MARK
from umurl_search.library.encoder_registry import SHIPPED
from umurl_search.library.library import Library, check_name
from umurl_search.maintenance.inspect_and_doctor import resolve
from umurl_search.maintenance.results import Renamed


def rename(library: Library, what: str, new: str) -> Renamed:
    """what: as of `delete`. Raises UmurlError for an unknown thing, a name that is taken, and the shipped encoder."""
    if SHIPPED in (what, new):
        raise BadInputError(f"'{SHIPPED}' is the encoder in the package: its name stays")
    with library.read() as catalog:
        resolve(catalog, what)
    with library.write_lock():
        with library.read() as catalog:
            kind, name = resolve(catalog, what)
            folders = catalog.parts(kind, name) if kind != "encoder" else [name]
            taken = {row["name"] for row in getattr(catalog, _LISTS[kind])()}
        check_name(new, what=f"the {kind}")
        _require_free(kind, name, new, taken)
        place = {"dataset": library.clips, "encoder": library.encoder, "index": library.index_folder}[kind]
        moves = {
            folder: _renamed_folder(folder, number, new) for number, folder in enumerate(folders, start=1)
        }
        for old, fresh in moves.items():
            _link(place(old), place(fresh))
        with library.write() as catalog:
            catalog.rename(kind, name, new, moves)
    for old in moves:
        sealed_folder.remove(place(old))
    return Renamed(name=new, before=name, kind=kind)


_LISTS = {"dataset": "datasets", "encoder": "encoders", "index": "indexes"}


def _require_free(kind: str, name: str, new: str, taken: set[str]) -> None:
    if new in taken:
        raise BadInputError(f"the library holds {kind} '{new}' already")
    actions = protocols.find(new).actions
    if kind == "dataset" and actions and actions != protocols.find(name).actions:
        raise BadInputError(f"'{new}' is the name of a known dataset, whose actions and protocols are others")


def _renamed_folder(folder: str, number: int, new: str) -> str:
    """The folder of a part under the new name."""
    return (
        new if PART_MARK not in folder else f"{new}{PART_MARK}{max(2, int(folder.rpartition(PART_MARK)[2]))}"
    )


def _link(folder: Path, fresh: Path) -> None:
    """A folder of the same files under another name, whole or not there. Raises UmurlError where that cannot be."""
    if fresh.exists():  # left by a run that was interrupted
        sealed_folder.remove(fresh)
    partial = sealed_folder.partial_of(fresh)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(folder, partial, copy_function=os.link)
        os.rename(partial, fresh)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StorageError(f"{fresh}: cannot be made ({reason_of(error)})") from error
