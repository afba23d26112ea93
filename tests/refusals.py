"""Commands that must fail: one line on stderr, and a library left as it was."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Result

from encoder.errors import UmurlError
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
Refused = Callable[..., str]
FOUR_NAMES = ("S001C001P001R001A001", "S001C001P002R001A001", "S001C001P003R001A002")


def hashes(root: Path) -> dict[str, str]:
    """Every file's hash, but for the empty files that builders lock."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


@pytest.fixture
def refused(command: Command, tmp_path: Path) -> Refused:
    """Runs a command that must fail; gives its one line on stderr. The library must not change."""
    library = tmp_path / "library"

    def call(*arguments: object, code: int = 1) -> str:
        before = hashes(library)
        result = command(*arguments)
        assert (result.code, result.out) == (code, ""), result
        assert result.err.count("\n") == 1, result.err
        assert result.err.startswith("umurl-search: "), result.err
        assert hashes(library) == before
        return result.err

    return call


@contextlib.contextmanager
def raises_typed(pattern: str) -> Iterator[pytest.ExceptionInfo[UmurlError]]:
    """As `pytest.raises`, of an error's message and hint together, as a terminal has them."""
    with pytest.raises(UmurlError) as raised:
        yield raised
    typed = raised.value.typed
    del raised  # its traceback holds this frame: what the failed work had open would stay so
    assert re.search(pattern, typed), typed


def has(line: str, *parts: object) -> None:
    for part in parts:
        assert str(part) in line


def four_clips(folder: Path, names: tuple[str, ...] = FOUR_NAMES) -> Path:
    folder.mkdir()
    for name in names:
        np.save(folder / f"{name}.npy", make_clip(name))
    return folder
