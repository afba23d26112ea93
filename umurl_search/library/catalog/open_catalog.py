"""Opens the catalog's file: makes it, migrates it, waits for others, says what is wrong with it."""

import contextlib
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from encoder.errors import (
    BadInputError,
    BusyError,
    DamagedError,
    Hint,
    NotFoundError,
    StorageError,
    UmurlError,
    reason_of,
)
from umurl_search.files import sealed_folder
from umurl_search.library.catalog.connection import InUseError, Reading, connect_to_write
from umurl_search.library.catalog.queries import Catalog
from umurl_search.library.catalog.schema_and_migrations import MIGRATIONS, SCHEMA, SCHEMA_VERSION

LOCK_WAIT_S = 5.0
_INTERRUPTED = "Query interrupted"
CATALOG = "catalog.duckdb"
BACKUP = "catalog-copy"
"""Folder beside the catalog: a sealed copy of it as of its last change, for `repair`."""


ANOTHER_LIBRARY = Hint("give another {option}", option="library")


class DamagedCatalogError(DamagedError):
    """The catalog's file cannot be read or written as it should."""


class OlderCatalogError(BadInputError):
    """The catalog is of an older version, and it was opened to read."""


@contextlib.contextmanager
def open_catalog(path: Path, *, write: bool = False) -> Iterator[Catalog]:
    """The catalog, made or migrated first when opened to write.

    Opened to read, it forbids files and settings to whatever SQL runs: for filters given by a user. Raises UmurlError
    when it is missing, held by another process for more than a few seconds, too new or too old, and
    DamagedCatalogError, then or at any use of it, when its file cannot be read or written.
    """
    if not write and not path.exists():
        raise NotFoundError(
            f"{path.parent}: no library here yet", Hint("make one with: {command}", command=("demo",))
        )
    with contextlib.ExitStack() as stack:
        stack.enter_context(_raise_interrupts())
        opened = _open(path, write=write)
        stack.callback(opened.close)
        connection = opened.connection if isinstance(opened, Reading) else opened
        try:
            with _copy_after(connection, path.parent / BACKUP) if write else contextlib.nullcontext():
                _check_version(connection, path, write=write)
                yield Catalog(connection)
        except duckdb.Error as error:
            raise _unusable_error(path, error) from error


@contextlib.contextmanager
def _raise_interrupts() -> Iterator[None]:
    """Ctrl-C as such, which DuckDB makes a RuntimeError of."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def _copy_after(connection: duckdb.DuckDBPyConnection, target: Path) -> Iterator[None]:
    """Seals a copy of the open catalog after what is done to it. Through SQL: opening its file here would give up
    DuckDB's lock on it.

    The copy's partial folder is there from before the first change: where no one writes, it says that a writer was
    killed, perhaps after its change and before the copy (`copy_may_be_old`).
    """
    with sealed_folder.building(target, resume_token=secrets.token_hex(16)) as partial:
        try:
            yield
        except UmurlError:  # nothing was changed
            shutil.rmtree(partial)
            raise
        try:
            _copy(connection, partial, target)
        except (duckdb.Error, OSError) as error:
            raise StorageError(
                f"{target}: the catalog is changed, its copy cannot be written ({reason_of(error)})",
                Hint("make room, then {command} copies it", command=("repair",)),
            ) from error


def _copy(connection: duckdb.DuckDBPyConnection, partial: Path, target: Path) -> None:
    name = connection.execute("select current_database()").fetchall()[0][0]
    connection.execute(f"attach '{_quote(partial / CATALOG)}' as catalog_copy")
    connection.execute(f'copy from database "{name}" to catalog_copy')
    connection.execute("detach catalog_copy")
    sealed_folder.seal(partial, target, {"kind": "catalog-copy", "schema_version": SCHEMA_VERSION})


def require_current(path: Path) -> None:
    """Raises UmurlError where a catalog is not there or is of an older version: for who may not change it."""
    with open_catalog(path):
        pass


def copy_may_be_old(path: Path) -> bool:
    """Whether the last writer of a catalog did not live to copy it (or is about to)."""
    return sealed_folder.partial_of(path.parent / BACKUP).exists()


def copy_if_old(path: Path) -> None:
    """Copies the catalog where its last writer did not live to."""
    if path.exists() and copy_may_be_old(path):
        with open_catalog(path, write=True):
            pass


_NO_ROOM = ("could not write file", "file too large", "no space left", "disk quota exceeded")


def _quote(path: Path) -> str:
    return str(path).replace("'", "''")


def _open(path: Path, *, write: bool) -> duckdb.DuckDBPyConnection | Reading:
    """Waits a little for who holds it."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return connect_to_write(path) if write else Reading(path)
        except (duckdb.Error, RuntimeError, InUseError) as error:
            text = " ".join(str(error).split())
            if text == _INTERRUPTED:
                raise
            held = "lock" in text.lower() and "conflict" in text.lower()
            held |= (
                isinstance(error, InUseError) or "file handle conflict" in text
            )  # by threads of this process
            if not held:
                raise _unusable_error(path, error) from error
            if time.monotonic() > deadline:
                doing = "using" if write else "writing to"
                raise BusyError(f"{path}: another process is {doing} the library", "try again") from error
            time.sleep(0.1)


def _unusable_error(path: Path, error: Exception) -> UmurlError:
    whole = str(error).lower()
    if any(said in whole for said in _NO_ROOM):
        return StorageError(
            f"{path}: the catalog cannot be written ({reason_of(error)})", "make room and go on"
        )
    if "permission denied" in whole or "read-only" in whole:
        hint = Hint("change its permissions or give another {option}", option="library")
    else:
        hint = Hint("{command} puts back the copy of its last change", command=("repair",))
    return DamagedCatalogError(f"{path}: the catalog cannot be used ({reason_of(error)})", hint)


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, *, write: bool) -> None:
    version = _version(connection)
    if version is None:
        if not write or connection.execute("select 1 from information_schema.tables").fetchall():
            raise BadInputError(f"{path}: not a catalog of this program", ANOTHER_LIBRARY)
        connection.execute(f"begin; {SCHEMA} insert into meta values ({SCHEMA_VERSION}, 1, 0); commit;")
        return
    if version > SCHEMA_VERSION:
        raise UmurlError(f"{path}: made by a newer version (schema {version})", "upgrade umurl-search")
    missing = [old for old in range(version, SCHEMA_VERSION) if old not in MIGRATIONS]
    if missing:
        raise UmurlError(f"{path}: schema {version} is too old for this version", "make the library again")
    if version < SCHEMA_VERSION and not write:
        raise OlderCatalogError(
            f"{path}: made by an older version (schema {version})",
            Hint("run: {command}", command=("doctor",)),
        )
    for old in range(version, SCHEMA_VERSION):
        connection.execute(f"begin; {MIGRATIONS[old]} update meta set schema_version = {old + 1}; commit;")


def _version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The schema's, None where there is none. Asked for first: to list all tables takes DuckDB ten times as long."""
    try:
        found = connection.execute("select max(schema_version) from meta").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return int(found[0][0] or 0)
