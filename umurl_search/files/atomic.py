"""Files that a user named: there whole, or as they were before."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from encoder.errors import StorageError, reason_of


def require_place(out: Path, *suffixes: str) -> None:
    """Raises UmurlError unless `out` has one of the suffixes and can be a file in a folder that exists."""
    listed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
    wrong = (
        f"no folder {out.parent}"
        if not out.parent.is_dir()
        else "a folder is there"
        if out.is_dir()
        else "no such kind of file is written here"
        if out.suffix.lower() not in suffixes
        else None
    )
    if wrong is not None:
        raise StorageError(f"{out}: {wrong}", f"give a file that ends in {listed}, in a folder that exists")


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file aside first; it then takes the place of what was there, in one step, with its permissions.

    A link is followed; what is no regular file is written to as it is. Raises UmurlError when it cannot be written;
    what was there stays.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            with open(target, "wb") as file:
                write(file)
        else:
            with replacing(target) as file:
                write(file)
    except OSError as error:
        cause = error.strerror or f"{reason_of(error)}: no room, most likely"
        raise StorageError(
            f"{path}: cannot be written ({cause})", "mend that or give another file"
        ) from error


@contextlib.contextmanager
def replacing(target: Path, *, aside: Path | None = None) -> Iterator[BinaryIO]:
    """A file that takes the place of `target` in one step when it is whole and on the disk; where writing fails, what
    was there stays. aside: where it lies meanwhile, in the same folder; a name of its own unless given."""
    aside = aside or target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(aside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(aside, stat.S_IMODE(target.stat().st_mode))
        os.replace(aside, target)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a disk that is full does not say where
            error.filename = str(target)
        raise
    finally:
        aside.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """`write_file` of what there is already."""
    write_file(path, lambda file: file.write(content))
