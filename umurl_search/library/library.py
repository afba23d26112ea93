"""One folder on disk: catalog, clips, encoders, indexes."""

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

from encoder.errors import BadInputError, Hint, StorageError, UmurlError
from umurl_search.files import sealed_folder
from umurl_search.library.catalog.open_catalog import (
    ANOTHER_LIBRARY,
    CATALOG,
    OlderCatalogError,
    open_catalog,
)
from umurl_search.library.catalog.queries import Catalog

_RESERVED = ("dataset", "encoder", "index")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


@dataclass(frozen=True)
class Library:
    """A library's root folder and the places in it."""

    root: Path

    @classmethod
    def open(cls, root: str | Path | None = None) -> Self:
        """The library in a folder, `default_root` when None. Raises UmurlError when there is none, or not of this
        version."""
        library = cls(default_root() if root is None else Path(root))
        with library.read():
            return library

    @property
    def catalog_path(self) -> Path:
        return self.root / CATALOG

    def clips(self, dataset: str) -> Path:
        return self.root / "clips" / dataset

    def encoder(self, name: str) -> Path:
        return self.root / "encoders" / name

    def index_folder(self, name: str) -> Path:
        return self.root / "indexes" / name

    def exists(self) -> bool:
        """Whether there is a library. Raises UmurlError where a file lies in its place."""
        if self.root.exists() and not self.root.is_dir():
            raise BadInputError(f"{self.root}: a file, not a library's folder", ANOTHER_LIBRARY)
        return self.catalog_path.exists()

    @contextmanager
    def write_lock(self) -> Iterator[None]:
        """Held while clips come or go or folders are made into one. Raises UmurlError, naming the holder, when another
        process does that."""
        self.make()
        if not os.access(self.root, os.W_OK):
            raise StorageError(
                f"{self.root}: may not be written",
                Hint("change its permissions or give another {option}", option="library"),
            )
        with sealed_folder.exclusive_lock(
            self._lock, doing=f"{self.root}: another process is changing the library"
        ):
            yield

    @property
    def _lock(self) -> Path:
        return self.root / ".changing.lock"

    def is_changing(self) -> bool:
        """Whether a process holds `write_lock`."""
        return sealed_folder.is_held(self._lock)

    def changes(self) -> int | None:
        """A number that every change of clips raises; None where there is no library."""
        if not self.exists():
            return None
        with self.read() as catalog:
            return catalog.changes()

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes whenever the catalog's file does; costs no opening of it."""
        catalog = os.path.join(self.root, CATALOG)
        found = []
        for path in (catalog, catalog + ".wal"):
            with contextlib.suppress(FileNotFoundError):
                found.append(os.stat(path))
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in found)

    @contextlib.contextmanager
    def read(self) -> Iterator[Catalog]:
        """The catalog to read; one of an older version is brought up to date first, where it may be written.

        Raises UmurlError when there is no library.
        """
        self.exists()
        with contextlib.ExitStack() as stack:
            try:
                catalog = stack.enter_context(open_catalog(self.catalog_path))
            except OlderCatalogError:
                if not all(os.access(path, os.W_OK) for path in (self.root, self.catalog_path)):
                    raise
                with open_catalog(self.catalog_path, write=True):
                    pass
                catalog = stack.enter_context(open_catalog(self.catalog_path))
            yield catalog

    def write(self) -> AbstractContextManager[Catalog]:
        """The catalog to write, the library made first if need be. Hold it briefly: writers are alone."""
        self.make()
        return open_catalog(self.catalog_path, write=True)

    def make(self) -> None:
        try:
            for folder in ("clips", "encoders", "indexes"):
                (self.root / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise StorageError(f"{self.root}: cannot be made ({reason})", ANOTHER_LIBRARY) from error


def default_root() -> Path:
    """`UMURL_LIBRARY`, else the platform's data folder."""
    stated = os.environ.get("UMURL_LIBRARY")
    return Path(stated) if stated else Path(platformdirs.user_data_dir("umurl-search", appauthor=False))


def check_name(name: str, *, what: str) -> str:
    """`name` if it can name a folder of the library. Raises UmurlError with the rule."""
    if name in _RESERVED:
        raise UmurlError(f"'{name}' cannot name {what}: it has a meaning of its own", "choose another name")
    if not can_name(name):
        raise UmurlError(
            f"'{name}' cannot name {what}", "use letters, digits and . _ @ + -, at most 100, no / or space"
        )
    return name


def can_name(text: str) -> bool:
    """Whether a folder of a library can be called that."""
    return _NAME.fullmatch(text) is not None and text not in _RESERVED
