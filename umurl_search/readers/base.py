"""What every reader of a format gives to `ingest`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from umurl_search.clips.clip import Outcome
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.types import Splits, State


class Reader(Protocol):
    """A source of recordings in one format. Readers are picklable: workers get a copy each.

    `items` lists the units of work in a fixed order (a file, or a row of an array); it is cheap and reads
    no recording. `read` yields, for each item given and in their order, every outcome that it holds: a bad
    item gives a `LeftOut`, never an exception. `parallel` tells whether items may be read in any process
    and order; otherwise they are read in one go by one process. `state` is the state the coordinates are in.
    `roots` are the files and folders that were given; a reader of motion that is made up has none.
    """

    format: str
    state: State
    parallel: bool
    layout: str

    @property
    def roots(self) -> tuple[Path, ...]: ...
    def items(self) -> Sequence[str]: ...
    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]: ...
    def splits(self) -> Splits: ...
    def files(self) -> Sequence[Path]: ...


def follow_state(conventions: Conventions, reader: Reader) -> Conventions:
    """The conventions by which a reader's clips become the tool's own: bodies that were turned are turned upright."""
    return replace(conventions, upright=True) if reader.state == "body-turned" else conventions
