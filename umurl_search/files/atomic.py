"""Files that a user named: there whole, or as they were before."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from encoder.errors import UmurlError, reason_of


def require_place(out: Path, *suffixes: str) -> None:
    """Raises UmurlError unless `out` has one of the suffixes and can be a file in a folder that exists."""
    if out.suffix.lower() not in suffixes or not out.parent.is_dir() or out.is_dir():
        listed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise UmurlError(f"{out}: give a file that ends in {listed}, in a folder that exists")


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
            _replace(target, write)
    except OSError as error:
        cause = error.strerror or f"{reason_of(error)}: no room, most likely"
        raise UmurlError(f"{path}: cannot be written ({cause}): mend that or give another file") from error


def _replace(target: Path, write: Callable[[BinaryIO], object]) -> None:
    aside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(aside, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(aside, stat.S_IMODE(target.stat().st_mode))
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """`write_file` of what there is already."""
    write_file(path, lambda file: file.write(content))
