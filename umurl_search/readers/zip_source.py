"""A `.zip` archive as a source: unpacked into a folder of its own, which goes when its reader does.

Nothing is written outside that folder, no link is made, and no more is written than the archive may hold.
"""

import contextlib
import shutil
import stat
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encoder.errors import BadInputError, StorageError, reason_of
from umurl_search.clips.clip import Outcome
from umurl_search.clips.types import Splits, State
from umurl_search.readers.ctrgcn import DAMAGED, MOST_DEFLATED, PACKINGS
from umurl_search.readers.file_per_clip import is_hidden

if TYPE_CHECKING:
    from umurl_search.readers.base import Reader

SUFFIX = ".zip"
_PREFIX = "umurl-search-"
_MOST_MEMBERS = 2_000_000
_BLOCK = 2**20
_ENCRYPTED = 1
_AGAIN = "unpack it by hand and give the folder"


def is_zip_source(path: Path) -> bool:
    """Whether a source is an archive that is to be unpacked."""
    return path.suffix.lower() == SUFFIX and path.is_file()


def unpack(archive: Path, folder: Path) -> Path:
    """Unpacks an archive into an empty folder; gives back the folder in it that holds more than one thing.

    Raises: BadInputError for an archive that is damaged or would write elsewhere, StorageError for want of room.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _require_modest(opened, archive)
            free = shutil.disk_usage(folder).free
            wanted = sum(member.file_size for member in members)
            if wanted > free:
                raise StorageError(
                    f"{archive}: takes {wanted / 2**20:,.1f} MiB unpacked, {free / 2**20:,.1f} are free in {folder}",
                    _AGAIN,
                )
            for member in members:
                _write(opened, member, folder)
    except DAMAGED as error:
        raise BadInputError(f"{archive}: cannot be unpacked ({reason_of(error)})", _AGAIN) from error
    return _inner_folder(folder)


def _require_modest(opened: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The members that are to be written. Raises: BadInputError."""
    every = opened.infolist()
    if len(every) > _MOST_MEMBERS or sum(one.compress_size for one in every) > archive.stat().st_size:
        raise BadInputError(f"{archive}: announces more than it can hold", _AGAIN)
    members = []
    for one in every:
        parts = one.filename.rstrip("/").split("/")
        odd = "\\" in one.filename or "\0" in one.filename or ":" in parts[0]
        if odd or any(part in ("", "..") for part in parts):
            raise BadInputError(f"{archive}: {one.filename[:80]!r} would lie outside it", _AGAIN)
        if one.is_dir() or any(is_hidden(part) for part in parts if part != "."):
            continue
        if stat.S_ISLNK(one.external_attr >> 16) or one.flag_bits & _ENCRYPTED:
            raise BadInputError(f"{archive}: {one.filename[:80]!r} is a link or encrypted", _AGAIN)
        if one.compress_type not in PACKINGS or one.file_size > MOST_DEFLATED * max(1, one.compress_size):
            raise BadInputError(f"{archive}: {one.filename[:80]!r} announces more than it can hold", _AGAIN)
        members.append(one)
    return members


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Writes a member, no more of it than it announces."""
    path = folder.joinpath(*member.filename.split("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with opened.open(member) as source, open(path, "xb") as target:
        while left > 0 and (block := source.read(min(_BLOCK, left))):
            target.write(block)
            left -= len(block)


def _inner_folder(folder: Path) -> Path:
    """The folder, or the only one that lies in it, and so on."""
    while True:
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return folder
        folder = entries[0]


@contextlib.contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The folder of an archive, for as long as it is looked at."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        yield unpack(archive, Path(folder))


class ZipReader:
    """What a reader gives of an unpacked archive. `given` are the roots that were given; `roots` where they lie now."""

    def __init__(self, archive: Path, folder: Path, inner: "Reader") -> None:
        self.given = (archive,)
        self.format: str = inner.format
        self.state: State = inner.state
        self.parallel: bool = inner.parallel
        self.layout: str = inner.layout
        self._inner = inner
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @classmethod
    def open(cls, archive: Path, open_folder: Callable[[Path], "Reader"]) -> "ZipReader":
        """The reader of an archive. Raises: UmurlError where it cannot be unpacked or read."""
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            return cls(archive, folder, open_folder(unpack(archive, folder)))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def __repr__(self) -> str:
        return f"ZipReader({self.given}, {type(self._inner).__name__})"

    @property
    def roots(self) -> tuple[Path, ...]:
        return self._inner.roots

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the reader within."""
        found: tuple[str, ...] = getattr(self._inner, "notes", ())
        return found

    def items(self) -> Sequence[str]:
        return self._inner.items()

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        return self._inner.read(items)

    def splits(self) -> Splits:
        return self._inner.splits()

    def files(self) -> Sequence[Path]:
        return self.given

    def unpacked_files(self) -> Sequence[Path]:
        """The files within that are read."""
        return self._inner.files()


def given_roots(reader: Any) -> tuple[Path, ...]:
    """The places that a reader was given."""
    found: tuple[Path, ...] = reader.given if isinstance(reader, ZipReader) else getattr(reader, "roots", ())
    return found


def files_read(reader: "Reader") -> Sequence[Path]:
    """The files below the roots of a reader that it reads."""
    return reader.unpacked_files() if isinstance(reader, ZipReader) else reader.files()
