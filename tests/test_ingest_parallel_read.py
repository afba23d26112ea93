"""A source read by several processes: the same bytes, bounded memory, kills and interrupts told."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import Result
from interruptions import content, many
from refusals import raises_typed

from umurl_search.clips.clip import Clip
from umurl_search.files import sealed_folder
from umurl_search.ingest import ingest, parallel_read
from umurl_search.ingest.ingest import Request
from umurl_search.library.library import Library
from umurl_search.readers.arrays import NpyReader
from umurl_search.readers.file_per_clip import Place

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]


def test_a_reader_that_fails_leaves_what_was_read(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library, load, count = Library(tmp_path / "new"), NpyReader.load, [0]

    def fail(self: NpyReader, place: Place) -> Clip:
        count[0] += 1
        if count[0] == 30:
            raise OSError(5, "Input/output error")
        return load(self, place)

    monkeypatch.setattr(NpyReader, "load", fail)
    with pytest.raises(OSError, match="Input/output"):
        ingest.ingest(library, request_of_mine, workers=1)
    assert ingest.ingest(library, request_of_mine, workers=1).used == 60
    assert count[0] == 30 + 60 - 24


def test_two_processes_read_the_same_bytes_as_one(tmp_path: Path) -> None:
    source = many(tmp_path / "many", 150, n_frames=4)
    np.save(source / "S001C001P001R001A013.npy", np.full((4, 25, 3), np.nan))
    libraries = [Library(tmp_path / f"by{n}") for n in (1, 2)]
    for n, library in enumerate(libraries, start=1):
        report = ingest.ingest(library, Request(name="x", source=source), workers=n)
        assert (report.used, report.left_out) == (149, {"non-finite": 1})
    one, two = (content(library.clips("x")) for library in libraries)
    assert one == two


def test_a_killed_reading_process_is_told(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def __init__(self, *_: object, **__: object) -> None: ...

        def submit(self, *_: object) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool("a process died"))
            return future

        def shutdown(self, **_: object) -> None: ...

    monkeypatch.setattr(parallel_read, "ProcessPoolExecutor", Broken)
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    with raises_typed(r"process that reads recordings was killed.*run the same command"):
        ingest.ingest(Library(tmp_path / "new"), request_of_mine, workers=2)


@pytest.mark.slow
def test_ctrl_c_in_an_ingest_of_several_processes(tmp_path: Path, command: Command) -> None:
    """A terminal sends it to all of them, also to those that are just starting."""
    source, library = many(tmp_path / "many", 2000, n_frames=20), Library(tmp_path / "library")
    words = ["ingest", "x", "--source", str(source), "--library", str(library.root)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and not (sealed_folder.partial_of(library.clips("x")) / "token").exists():
        time.sleep(0.01)
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (130, "", 1), err
    assert "the same command does the rest" in err
    assert command(*words, "--json").json["used"] == 2000


@pytest.mark.slow
def test_the_memory_of_an_ingest_is_bounded(tmp_path: Path) -> None:
    source = many(tmp_path / "many", 500, n_frames=150)
    words = [sys.executable, "-m", "cli.main", "ingest", "x", "--source", str(source)]
    process = psutil.Popen([*words, "--library", str(tmp_path / "new")], cwd=ROOT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = [process, *process.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in tree))
        time.sleep(0.05)
    assert process.returncode == 0
    assert 2**20 < peak < 2**30
