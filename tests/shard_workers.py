"""Processes that make shards and gather them, to be killed on the way; they start quickly, since one that has imported
everything is forked."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from umurl_search.files import shards
from umurl_search.files.shards import Shard
from umurl_search.index import embed_rows
from umurl_search.index.build import build_index, build_shard
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest import parallel_read, recording_shards
from umurl_search.ingest.ingest import Request, ingest, ingest_shard
from umurl_search.library.library import Library

SMALL = 8
"""Items and clips in a chunk."""
OF = 4
PRELOADED = [
    "umurl_search.index.build",
    "umurl_search.index.faiss_library",
    "umurl_search.ingest.ingest",
    "umurl_search.readers.arrays",
]
"""What is imported once for all processes; tests are not on its path."""


def cut_small() -> None:
    """In this process."""
    for module in (parallel_read, recording_shards, embed_rows):
        module.CHUNK = SMALL  # type: ignore[attr-defined]


def work(root: Path, request: Request | BuildRequest, number: int) -> None:
    """Makes a share, or gathers where the number is none of a share."""
    cut_small()
    library, gathers = Library(root), number == OF
    if isinstance(request, Request):
        if gathers:
            ingest(library, request, gathers=True, workers=1)
        else:
            ingest_shard(library, request, Shard(number=number, of=OF), workers=1)
    elif gathers:
        build_index(library, request, gathers=True)
    else:
        build_shard(library, request, Shard(number=number, of=OF))


@dataclass
class Killer:
    """Runs a work's shards beside each other and then the gathering, and kills them at random moments."""

    root: Path
    rng: np.random.Generator
    kills: int
    """to come"""
    killed: dict[str, int] = field(default_factory=lambda: {"shard": 0, "gathering": 0})
    took_s: dict[tuple[type, bool], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

    def run(self, target: Path, request: Request | BuildRequest, is_done: Callable[[], bool]) -> None:
        """The same commands until the gathering ends well; what was not killed must end well."""
        while True:
            missing = [i for i in range(OF) if not shards.is_sealed(target, Shard(number=i, of=OF))]
            if is_done() or not missing:
                missing = [OF]
            if self._run_some(request, missing) and missing == [OF]:
                return

    def _run_some(self, request: Request | BuildRequest, numbers: list[int]) -> bool:
        """Whether all ended well."""
        gathers = numbers == [OF]
        kind = type(request), gathers
        begun = time.monotonic()
        with self._started(request, numbers) as processes:
            if self.kills and kind in self.took_s:
                time.sleep(float(self.rng.uniform(0, self.took_s[kind])))
                victim = processes[int(self.rng.integers(len(processes)))]
                self._kill(victim, "gathering" if gathers else "shard")
        codes = {process.exitcode for process in processes}
        assert codes <= {0, -signal.SIGKILL}, codes
        if codes == {0}:
            self.took_s[kind] = time.monotonic() - begun
        return codes == {0}

    @contextlib.contextmanager
    def _started(self, request: Request | BuildRequest, numbers: list[int]) -> Iterator[list[BaseProcess]]:
        processes: list[BaseProcess] = [
            self._context.Process(target=work, args=(self.root, request, number)) for number in numbers
        ]
        for process in processes:
            process.start()
        try:
            yield processes
        finally:
            for process in processes:
                process.join(60)

    def _kill(self, process: BaseProcess, kind: str) -> None:
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):  # it was done
            os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        if process.exitcode == -signal.SIGKILL:
            self.kills -= 1
            self.killed[kind] += 1
