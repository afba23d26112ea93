"""Retries what reads a library while another process changes it."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from encoder.errors import UmurlError
from umurl_search.library.library import Library

F = TypeVar("F", bound=Callable[..., Any])


_TRIES = 5


def retry_if_library_changed(work: F) -> F:
    """What a function of a library gives; once more where that failed, and clips had come or gone while it looked."""

    @functools.wraps(work)
    def again(library: Library, *args: Any, **kwargs: Any) -> Any:
        for _ in range(_TRIES):
            before = library.changes()
            try:
                return work(library, *args, **kwargs)
            except (UmurlError, FileNotFoundError):
                if library.changes() == before:
                    raise
        return work(library, *args, **kwargs)

    return cast(F, again)
