"""Connections to catalogs. DuckDB is kept ready to read: to start it takes as long as to read a catalog ten times.

A kept DuckDB is in memory and closed to all files but one catalog's, and its configuration is locked, for the sake of
filters that users give. The catalog is open only while somebody reads it, so that others can write.

Locks on files are the process's (POSIX): whoever closes one of two openings of a file gives up the locks of both. So
all who read at once share one opening, whatever path they came by, and who wants to write does not so much as try while
others here read.
"""

import atexit
import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import duckdb

_MOST_KEPT, _THREADS = 4, 2
_NAME = "library"
_ENDINGS = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""Of a catalog's files: a writer that was killed leaves more than one."""

_lock = threading.RLock()
_kept: OrderedDict[str, "_Ready"] = OrderedDict()


class InUseError(Exception):
    """Threads of this process read the catalog."""


def connect_to_write(path: Path) -> duckdb.DuckDBPyConnection:
    """Raises InUseError, and duckdb.Error where the catalog cannot be opened."""
    real = os.path.realpath(path)
    with _lock:
        if real in _kept and _kept[real].readers:
            raise InUseError(f"{path} is read")
        return duckdb.connect(real)


class Reading:
    """A connection whose tables are a catalog's. Close it soon; one that an interrupt left open closes itself."""

    _is_closed = False

    def __init__(self, path: Path) -> None:
        """Raises duckdb.Error where the catalog cannot be opened."""
        real = os.path.realpath(path)
        with _lock:
            if real not in _kept:
                _kept[real] = _Ready(real)
            _kept.move_to_end(real)
            self._ready = _kept[real]
            self._ready.readers.add(id(self))
            with self._ready.renew_after_failure():
                self.connection = self._ready.open_cursor()

    def close(self) -> None:
        with _lock:
            if self._is_closed or not hasattr(self, "_ready"):
                return
            if hasattr(self, "connection"):
                self.connection.close()
            if self._ready.readers <= {id(self)}:
                with (
                    contextlib.suppress(duckdb.Error),
                    self._ready.renew_after_failure(),
                ):  # who read was told
                    self._ready.let_go()
            self._ready.readers.discard(id(self))
            self._is_closed = True
            _close_idle(but=_MOST_KEPT)

    __del__ = close


class _Ready:
    """One DuckDB for one catalog. readers: who reads, by id."""

    def __init__(self, path: str) -> None:
        self._path, self.readers = path, set[int]()
        self.connection = duckdb.connect(":memory:", config={"temp_directory": "", "threads": _THREADS})
        quoted = path.replace("'", "''")
        allowed = ", ".join(f"'{quoted}{ending}'" for ending in _ENDINGS)
        for said in (
            f"allowed_paths = [{allowed}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self.connection.execute(f"set {said}")
        self._attach = f"attach if not exists '{quoted}' as {_NAME} (read_only)"

    def open_cursor(self) -> duckdb.DuckDBPyConnection:
        self.connection.execute(self._attach)
        connection = self.connection.cursor()
        connection.execute(f"use {_NAME}")
        return connection

    def let_go(self) -> None:
        self.connection.execute(f"detach database if exists {_NAME}")

    @contextlib.contextmanager
    def renew_after_failure(self) -> Iterator[None]:
        """After a failure DuckDB may be of no more use: where nobody else reads, the next one begins anew."""
        try:
            yield
        except BaseException:
            if len(self.readers) == 1:
                if _kept.get(self._path) is self:
                    del _kept[self._path]
                self.connection.close()
            raise


def _close_idle(*, but: int = 0) -> None:
    """Closes those that nobody reads, except the last few."""
    idle = [path for path, one in _kept.items() if not one.readers]
    for path in idle[: max(0, len(idle) - but)]:
        _kept.pop(path).connection.close()


@atexit.register
def _close_all() -> None:
    with _lock:
        _close_idle()


def _before_fork() -> None:
    """A child can use no DuckDB of its parent's, nor close it: it gets none."""
    _lock.acquire()
    _close_idle()


os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)
