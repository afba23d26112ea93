"""Retries what reads a library while another process changes it."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from encoder.errors import UmurlError
from umurl_search.library.library import Library

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Changes = Callable[[], int | None]
_TRIES = 5


def retry_while_changing(
    work: Callable[[], T],
    *,
    changes: Changes,
    seen: Changes | None = None,
    refresh: Callable[[], None] = lambda: None,
    is_whole: Callable[[T], bool] = lambda found: True,
) -> T:
    """What the work gives; again where it fails, or is not whole, and the library changed since.

    changes: the library's number of changes. seen: the number that the work rests on; None: that before the work.
    refresh: reads anew what the work rests on. Raises what the work raises where nothing changed.
    """
    for _ in range(_TRIES):
        before = (seen or changes)()
        try:
            found = work()
        except (UmurlError, FileNotFoundError):
            if changes() == before:
                raise
        else:
            if is_whole(found) or changes() == before:
                return found
        refresh()
    return work()


def retry_if_library_changed(work: F) -> F:
    """Retries the function if it failed while another process changed the library, its first argument."""

    @functools.wraps(work)
    def run_with_retry(library: Library, *args: Any, **kwargs: Any) -> Any:
        return retry_while_changing(lambda: work(library, *args, **kwargs), changes=library.changes)

    return cast(F, run_with_retry)
