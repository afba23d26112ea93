"""How long work reports itself, without knowing the terminal."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

Advance = Callable[..., None]
"""advance(n, note=""): n more units are done; `note` is a short text to show beside the bar."""


class Progress(Protocol):
    """Opens a task of `total` units and yields the function that advances it."""

    def __call__(self, title: str, *, total: int, unit: str) -> AbstractContextManager[Advance]: ...


@contextlib.contextmanager
def no_progress(title: str, *, total: int, unit: str) -> Iterator[Advance]:
    """A `Progress` that shows nothing."""
    yield lambda n, note="": None


def no_advance(n: float, note: str = "") -> None:
    """An `Advance` that tells nobody."""
