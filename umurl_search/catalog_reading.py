"""DuckDB kept ready to read catalogs: to start it takes as long as to read a catalog ten times.

A kept DuckDB is in memory and closed to all files but one catalog's, and its configuration is locked, for the sake of
filters that users give. The catalog is open only while somebody reads it, so that others can write.
"""

import atexit
import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import duckdb

_MOST_KEPT = 4
_NAME = "library"
_ENDINGS = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
"""Of a catalog's files: a writer that was killed leaves more than one."""

_lock = threading.Lock()
_kept: OrderedDict[tuple[int, str], "_Ready"] = OrderedDict()


class Reading:
    """A connection whose tables are a catalog's. Close it soon."""

    def __init__(self, path: Path) -> None:
        """Raises duckdb.Error where the catalog cannot be opened."""
        self._key = os.getpid(), os.path.abspath(path)
        with _lock:
            if self._key not in _kept:
                _kept[self._key] = _Ready(self._key[1])
            _kept.move_to_end(self._key)
            self._ready = _kept[self._key]
            with self._letting_go():
                self.connection = self._ready.opened()

    def close(self) -> None:
        self.connection.close()
        with _lock:
            with contextlib.suppress(duckdb.Error), self._letting_go():  # who read was told
                self._ready.give_back()
            for key in [key for key, one in _kept.items() if not one.readers][:-_MOST_KEPT]:
                _kept.pop(key).connection.close()

    @contextlib.contextmanager
    def _letting_go(self) -> Iterator[None]:
        """After a failure DuckDB may be of no more use: once nobody reads, the next one begins anew."""
        try:
            yield
        except duckdb.Error:
            if not self._ready.readers:
                _kept.pop(self._key, None)
                self._ready.connection.close()
            raise


class _Ready:
    """One DuckDB for one catalog.

    All who read at once share one opening of the file: locks on files are the process's, and to close one of two
    openings would give them up.
    """

    def __init__(self, path: str) -> None:
        self._path, self.readers = path.replace("'", "''"), 0
        self.connection = duckdb.connect(":memory:", config={"temp_directory": ""})
        allowed = ", ".join(f"'{self._path}{ending}'" for ending in _ENDINGS)
        for said in (
            f"allowed_paths = [{allowed}]", "enable_external_access = false", "lock_configuration = true",
        ):  # fmt: skip
            self.connection.execute(f"set {said}")

    def opened(self) -> duckdb.DuckDBPyConnection:
        if not self.readers:
            self.connection.execute(f"attach '{self._path}' as {_NAME} (read_only)")
        connection = self.connection.cursor()
        connection.execute(f"use {_NAME}")
        self.readers += 1
        return connection

    def give_back(self) -> None:
        self.readers -= 1
        if not self.readers:
            self.connection.execute(f"detach {_NAME}")


@atexit.register
def _close_all() -> None:
    with _lock:
        while _kept:
            _kept.popitem()[1].connection.close()
