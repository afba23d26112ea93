"""Work in threads, a bounded number at a time, so that the event loop never waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from umurl_search.serve.errors import HttpError

T = TypeVar("T")


class ThreadPool:
    """A bounded thread pool. A request waits at most `wait_s` for a thread; with `waiting` requests queued it is
    refused at once."""

    def __init__(self, n: int, *, name: str, wait_s: float, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(n, thread_name_prefix=name)
        self._free = asyncio.Semaphore(n)
        self._wait_s, self._most_waiting = wait_s, waiting
        self.waiting, self.working = 0, 0

    async def run(self, work: Callable[[], T]) -> T:
        """What the work gives. Raises HttpError (503) when no thread comes free."""
        await self._take()
        loop = asyncio.get_running_loop()
        self.working += 1
        running = self._pool.submit(work)
        running.add_done_callback(lambda done: _tell(loop, self._release))
        return await asyncio.wrap_future(running)

    async def _take(self) -> None:
        if self.waiting >= self._most_waiting:
            raise HttpError(503, "the server is busy: ask again in a few seconds", retry_s=2)
        self.waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_s)
        except TimeoutError as error:
            raise HttpError(503, "the server is busy: ask again in a few seconds", retry_s=2) from error
        finally:
            self.waiting -= 1

    def _release(self) -> None:
        """The thread is free again, even where nobody waits any more for what it did."""
        self.working -= 1
        self._free.release()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what)
