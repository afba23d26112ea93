"""Work that takes longer than a request may: done one after the other in a thread, asked after by number."""

import contextlib
import queue
import secrets
import sys
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from encoder.device_errors import device_error_of
from encoder.errors import Hint, UmurlError, one_line
from umurl_search.progress import Advance, Progress
from umurl_search.serve.documents import FailedJob, JobState, RefusedJob
from umurl_search.serve.errors import HttpError

State = Literal["running", "done", "failed"]
Work = Callable[[Progress], Any]
_PATIENCE_S = 5.0
"""For work under way when the server stops."""


class StoppedError(Exception):
    """The server stops: what is not done yet is not needed."""


@dataclass(kw_only=True)
class Job:
    """progress: 0..1. result: what the work gave, once it is done."""

    id: str
    kind: str
    key: Hashable
    state: State = "running"
    progress: float = 0.0
    error: str | None = None
    code: str = "failed"
    hint: Hint | None = None
    result: Any = None

    def describe(self) -> JobState:
        state = self.state  # once: another thread may be changing it, the last of all
        said = JobState(id=self.id, state=state, progress=self.progress)
        if state != "failed":
            return said
        failed = FailedJob(**vars(said), error=self.error or "", code=self.code)
        return failed if self.hint is None else RefusedJob(**vars(failed), hint=self.hint.to_dict())


class Jobs:
    """The last jobs, by id. The same work asked for again is the same job, as long as it is kept and did not fail."""

    def __init__(self, *, most_kept: int, most_waiting: int) -> None:
        self._most_kept, self._most_waiting = most_kept, most_waiting
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._queue: queue.Queue[tuple[Job, Work] | None] = queue.Queue()
        self._lock, self._stopping = threading.Lock(), False
        self._thread: threading.Thread | None = None

    @property
    def unfinished(self) -> int:
        with self._lock:
            return sum(job.state == "running" for job in self._jobs.values())

    def start(self, kind: str, key: Hashable, work: Work) -> Job:
        """Raises HttpError (503) where too many wait already."""
        with self._lock:
            for job in self._jobs.values():
                if job.kind == kind and job.key == key and job.state != "failed":
                    self._jobs.move_to_end(job.id)
                    return job
            if self._queue.qsize() >= self._most_waiting:
                raise HttpError(503, "too many jobs wait already: try again later", retry_s=30)
            job = Job(id=secrets.token_hex(8), kind=kind, key=key)
            self._jobs[job.id] = job
            self._let_go()
            self._queue.put((job, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
        return job

    def _let_go(self) -> None:
        """The oldest jobs that are finished."""
        finished = [one.id for one in self._jobs.values() if one.state != "running"]
        for old in finished[: max(0, len(self._jobs) - self._most_kept)]:
            del self._jobs[old]

    def find(self, kind: str, id: str) -> Job:
        """Raises HttpError (404) for a job that is not there."""
        with self._lock:
            job = self._jobs.get(id)
        if job is None or job.kind != kind:
            raise HttpError(404, f"no such job among the last ones: start it again with POST /api/{kind}")
        return job

    def result(self, kind: str, id: str) -> Any:
        """What a job gave. Raises HttpError (404) while there is nothing."""
        job = self.find(kind, id)
        if job.state != "done":
            raise HttpError(404, f"the job is {job.state}: its state is at /api/{kind}/{id}")
        return job.result

    def close(self) -> None:
        """Stops the work under way as soon as it tells of progress, and waits for that a little: a thread that outlives
        the interpreter keeps DuckDB from being let go, of which it complains on stderr."""
        self._stopping = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while (taken := self._queue.get()) is not None and not self._stopping:
            job, work = taken
            try:
                job.result = work(self._progress(job))
                job.progress, job.state = 1.0, "done"
            except (UmurlError, HttpError, StoppedError) as error:
                if not isinstance(error, StoppedError):
                    job.hint, job.code = error.hint, error.code
                job.error, job.state = one_line(str(error)), "failed"
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                told = device_error_of(error)
                if told is not None:
                    job.hint, job.code = told.hint, told.code
                job.error = "the server failed; its log says how" if told is None else one_line(str(told))
                job.state = "failed"

    def _progress(self, job: Job) -> Progress:
        @contextlib.contextmanager
        def tell(title: str, *, total: int, unit: str) -> Iterator[Advance]:
            done = 0.0

            def advance(n: float, note: str = "") -> None:
                nonlocal done
                if self._stopping:
                    raise StoppedError("the server stopped")
                done += n
                job.progress = min(0.99, done / max(1, total))

            yield advance

        return tell
