"""Draws what `serve` says."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from umurl_search.serve.documents import Served


def print_address(served: "Served") -> None:
    """The address in a line of its own, for people and for programs that wait for it."""
    print(served.url, flush=True)
