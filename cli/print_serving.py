"""Draws what `serve` says."""

from typing import Any


def started(document: dict[str, Any]) -> None:
    """The address in a line of its own, for people and for programs that wait for it."""
    print(document["url"], flush=True)
