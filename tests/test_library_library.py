"""The folder of a library: who may read and write it at once, and that reading makes none."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Result
from refusals import has, hashes

from umurl_search.library.library import Library

Command = Callable[..., Result]
QUERY = "mine:S001C001P001R001A001"
ROOT = Path(__file__).parents[1]
HOLD = """
import sys, time
from pathlib import Path
from umurl_search.library.library import Library
library = Library(Path(sys.argv[1]))
with library.read() if sys.argv[2] == "read" else library.write():
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def test_a_library_that_is_a_file(tmp_path: Path, command: Command, made: Path) -> None:
    path = tmp_path / "file"
    path.write_text("not a folder")
    for words in (
        ("list",),
        ("verify",),
        ("info",),
        ("delete", "x"),
        ("query", QUERY),
        ("knn-eval",),
        ("doctor",),
        ("ingest", "x", "--source", made / "clips"),
        ("build-index", "mine"),
        ("train", "mine"),
        ("datasets",),
    ):
        result = command(*words, "--library", path)
        assert result.code == 1, words
        assert result.err.count("\n") == 1
        has(result.err, path, "a file")
        assert path.read_text() == "not a folder"


def test_commands_that_read_make_no_library(tmp_path: Path, command: Command) -> None:
    for words in (
        ("verify",),
        ("delete", "x"),
        ("query", QUERY),
        ("knn-eval",),
        ("info", "x"),
        ("train", "x"),
    ):
        result = command(*words)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1), words
    assert not (tmp_path / "library").exists()


READ_ONLY = """
import sys, concurrent.futures.process
from another_user import NOBODY, become
from cli.main import run
copy, *words = sys.argv[1:]
become(NOBODY, rehearsals=[[*line.split(), "--library", copy] for line in words])
print([run(line.split()) for line in words])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can become another user")
def test_a_library_that_may_not_be_written(
    indexed_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, tests = shutil.copytree(indexed_root, tmp_path / "copy"), Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tests.parent), str(tests)]))
    with tempfile.TemporaryDirectory() as everybodys:
        indexed = Library(Path(everybodys) / "library")
        shutil.copytree(indexed_root, indexed.root)
        for path in (Path(everybodys), *indexed.root.rglob("*")):
            path.chmod(0o755)
        monkeypatch.setenv("UMURL_LIBRARY", str(indexed.root))
        before = hashes(indexed.root)
        words = (f"query {QUERY} --k 1 --quiet", "delete mine@e", "build-index mine --as x")
        run = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(copy), *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=tests.parent,
        )
        assert hashes(indexed.root) == before
    assert run.stdout.splitlines()[-1:] == ["[0, 1, 1]"], run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 2, lines
    has(lines[0], indexed.root, "permissions", "--library")
    has(lines[1], indexed.root, "Permission denied")


@contextlib.contextmanager
def hold_catalog(library: Library, how: str, seconds: float) -> Iterator[None]:
    """Another process has the catalog open."""
    words = [sys.executable, "-c", HOLD, str(library.root), how, str(seconds)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.kill()


def test_a_reader_waits_for_a_writer(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 30.0)
    with hold_catalog(library, "write", 0.5):
        assert command("list").code == 0
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 0.2)
    with hold_catalog(library, "write", 60):
        told = command("list")
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert "another process is writing to the library; try again" in told.err


def test_readers_share_and_a_writer_is_told(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.LOCK_WAIT_S", 0.2)
    with hold_catalog(library, "read", 60):
        assert command("list").code == 0
        told = command("delete", "encoder:e")
        assert (told.code, told.err.count("\n")) == (1, 1)
        assert "another process is using the library; try again" in told.err
    assert command("delete", "encoder:e").code == 0
