"""HTTP/1.1 connections that cannot be held open for nothing: uvicorn's, with deadlines and a bound on their number."""

import asyncio
import time
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from umurl_search.serve.limits import Limits


class BoundedProtocol(H11Protocol):
    """A connection is cut when a request's headers do not come in time, and when nobody reads an answer.

    Where there are as many as may be, the one that has been idle longest makes room.
    """

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._unread, self.idle_since = 0, time.monotonic()

    @property
    def is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        full = len(self.connections) >= self.limits.connections
        super().connection_made(transport)
        self._watch(self.limits.headers_s)
        if full:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_answering:
            self._unread = 0
            self._watch(self.limits.headers_s)

    def on_response_complete(self) -> None:
        self.idle_since = time.monotonic()
        self._watch(self.limits.idle_s + self.limits.headers_s)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def cut(self) -> None:
        self.connections.discard(cast(Any, self))
        self.transport.abort()

    def _make_room(self) -> None:
        idle = [one for one in self.connections if isinstance(one, BoundedProtocol) and not one.is_answering]
        min(idle, key=lambda one: one.idle_since, default=self).cut()

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._deadline = self.loop.call_later(seconds, self._cut_if_late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_if_late(self) -> None:
        """An answer may take its time to be made, and to be read as long as it moves.

        One larger than the transport holds is not complete before it is read: it is waited for while being answered.
        """
        unread, before = self.transport.get_write_buffer_size(), self._unread
        self._unread = unread
        moves = unread != before if self.is_answering else 0 < unread < before
        if moves or (self.is_answering and unread == 0) or (unread and before == 0):
            self._watch(self.limits.headers_s)
        else:
            self.cut()


def bound_protocol(limits: Limits) -> type[BoundedProtocol]:
    return type("Bounded", (BoundedProtocol,), {"limits": limits})
