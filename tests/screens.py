"""A terminal to write on."""

import io
import sys
from collections.abc import Callable

import pytest


class Screen(io.StringIO):
    """A terminal to write on."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Screen]:
    """Makes stdout a terminal so many columns wide."""

    def make(columns: int) -> Screen:
        out = Screen()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", "40")
        return out

    return make
