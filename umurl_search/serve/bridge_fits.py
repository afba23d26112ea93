"""Bridges from joint layouts that a request needs first: fitted beside the requests, which are told to come again."""

import threading
from concurrent.futures import Future
from typing import Any

from encoder.errors import Hint
from encoder.joint_layouts import find_layout
from umurl_search.search.options import MatchOptions
from umurl_search.search.searcher import Searcher
from umurl_search.serve.errors import HttpError

_RETRY_S = 5


class BridgeFits:
    """One bridge after the other, each once however many ask for it. wait_s: how long a request waits for its own."""

    def __init__(self, *, wait_s: float) -> None:
        self._wait_s = wait_s
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._begun: dict[tuple[Any, ...], Future[None]] = {}

    def require(self, searcher: Searcher, layout: str, how: MatchOptions) -> None:
        """Waits for the bridge from a layout. Raises HttpError (503) while it is being fitted, or as `open_bridge`."""
        if all(part.holds_layout_bridge(layout, how) for part in searcher.parts):
            return
        names = tuple(part.row["name"] for part in searcher.parts)
        key = (*names, layout, how.modality, how.against, how.views)
        with self._lock:
            future = self._begun.get(key)
            if future is None:
                self._begun[key] = future = Future()
                work = (key, future, searcher, layout, how)
                threading.Thread(target=self._fit, args=work, daemon=True, name="bridge").start()
        try:
            future.result(timeout=self._wait_s)
        except TimeoutError:
            asked, index = find_layout(layout).name, ", ".join(names)
            raise HttpError(
                503,
                f"a bridge from {asked} to {index} is being fitted, once: ask again in a while",
                hint=Hint(
                    "{command} with {option} fits it beforehand", command=("build-index",), option="ask_with"
                ),
                retry_s=_RETRY_S,
            ) from None

    def _fit(
        self, key: tuple[Any, ...], future: "Future[None]", searcher: Searcher, layout: str, how: MatchOptions
    ) -> None:
        failure: BaseException | None = None
        try:
            with self._turn:
                searcher.layout_bridge(layout, how)
        except BaseException as error:
            failure = error
        with self._lock:
            del self._begun[key]
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)
