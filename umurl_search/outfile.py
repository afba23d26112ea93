"""Files that a user named: there whole, or as they were before."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from encoder.errors import UmurlError


def require_place(out: Path, *suffixes: str) -> None:
    """Raises UmurlError unless `out` has one of the suffixes and can be a file in a folder that exists."""
    if out.suffix.lower() not in suffixes or not out.parent.is_dir() or out.is_dir():
        listed = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise UmurlError(f"{out}: give a file that ends in {listed}, in a folder that exists")


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file aside first; it then takes the place of what was there, in one step.

    Raises UmurlError when it cannot be written; what was there stays.
    """
    aside: str | None = None
    try:
        descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except OSError as error:
        cause = error.strerror or " ".join(str(error).split())
        raise UmurlError(f"{path}: cannot be written ({cause}): mend that or give another file") from error
    finally:
        if aside is not None:
            Path(aside).unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """`write_file` of what there is already."""
    write_file(path, lambda file: file.write(content))
