"""Work that is stopped on the way."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from umurl_search.ingest.ingest import Request
from umurl_search.library.library import Library
from umurl_search.progress import Advance, Progress
from umurl_search.synthetic.demo_corpus import make_clip


def interrupting_progress(after: int) -> Progress:
    """Progress that is interrupted once `after` pieces of work are done."""

    @contextlib.contextmanager
    def progress(title: str, *, total: int, unit: str) -> Iterator[Advance]:
        calls = [0]

        def advance(n: int, note: str = "") -> None:
            calls[0] += n > 0
            if calls[0] >= after:
                raise KeyboardInterrupt

        yield advance

    return progress


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(library: Library, dataset: str) -> tuple[dict[str, list[Any]], dict[str, list[int]]]:
    with library.read() as catalog:
        columns = catalog.clips_of(dataset).columns
        split = catalog.split(dataset, "xsub")
    return columns, {part: ids.tolist() for part, ids in split.items()}


@pytest.fixture
def request_of_mine(made: Path) -> Request:
    return Request(name="mine", source=made / "clips", splits=made / "splits.json")


class Killed(BaseException):
    pass


def raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def many(folder: Path, n: int, *, n_frames: int) -> Path:
    """n clips of one person, all different."""
    folder.mkdir()
    clip = make_clip("S001C001P001R001A001")[:n_frames]
    for i in range(n):
        np.save(folder / f"S001C001P001R{i // 100 + 1:03d}A{i % 100 + 1:03d}.npy", clip + np.float32(i))
    return folder
