"""Guards readers/, ingest/, library/ and encoder/checkpoint.py: what fuzzing kept (tests/fuzz) is run again."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import pytest
from fuzz.guard import BrokenRuleError, new_home, watch
from fuzz.targets import TARGETS, run_in

FUZZ = Path(__file__).parent / "fuzz"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = new_home()
    yield folder
    rmtree(folder)


@pytest.mark.filterwarnings("ignore")  # of numpy and torch, about what is odd in an input
@pytest.mark.parametrize("name", TARGETS)
def test_seeds_corpus_and_findings(name: str, home: Path) -> None:
    target = TARGETS[name]
    for data in target.seeds():
        run_in(home, target, data, guarded=False)  # imports what is imported late
    kept = [path for kind in ("corpus", "findings") for path in sorted((FUZZ / kind / name).glob("*"))]
    assert kept
    for path in kept:
        try:
            run_in(home, target, path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{path.relative_to(FUZZ)}: {type(error).__name__}: {error}") from error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str, home: Path) -> None:
    """Were they refused, fuzzing would start before the first check."""
    target = TARGETS[name]
    folder = home / "input"
    for data in target.seeds():
        for path, content in target.files(data).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        try:
            if data not in target.refused:
                target.run(folder)
        finally:
            rmtree(folder)


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in FUZZ.rglob("*") if path.parent.name in TARGETS) < 1_100_000


# the guard: what it is there to see, it sees


def test_the_guard_sees_files_opened_elsewhere(home: Path) -> None:
    with pytest.raises(BrokenRuleError, match="opens '/etc/hostname'"), watch(home, n_bytes=1):
        Path("/etc/hostname").read_bytes()


def test_the_guard_sees_writing_and_removing(home: Path) -> None:
    for event in (r"opens '.*/a'", r"os\.remove"):
        with pytest.raises(BrokenRuleError, match=event), watch(home, n_bytes=1):
            _write_and_remove(home / "a")
    with watch(home, n_bytes=1, may_write=True):
        _write_and_remove(home / "a")


def _write_and_remove(path: Path) -> None:
    path.write_bytes(b"a")
    path.unlink()


def test_the_guard_sees_code_that_is_run(home: Path) -> None:
    with pytest.raises(BrokenRuleError, match=r"compiles .*runs"), watch(home, n_bytes=1):
        exec("1 + 1")


def test_the_guard_sees_commands(home: Path) -> None:
    with pytest.raises(BrokenRuleError, match=r"os\.system"), watch(home, n_bytes=1):
        os.system("true")


@pytest.mark.parametrize("mib", [1, 200])
def test_the_guard_sees_memory(mib: int) -> None:
    """In a process of its own, whose memory is small."""
    program = f"from fuzz.guard import *\nwith watch(Path(), n_bytes=100): b'a' * {mib} * 2**20"
    done = subprocess.run([sys.executable, "-c", program], cwd=FUZZ.parent, capture_output=True, text=True)
    seen = re.search(r"BrokenRuleError: 100 bytes took (\d+) MiB", done.stderr)
    assert (done.returncode, seen is None) == ((1, False) if mib == 200 else (0, True)), done.stderr
    assert seen is None or 190 < int(seen[1]) < 220


def test_the_guard_sees_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.guard.LONGEST_S", 0.01)
    with pytest.raises(BrokenRuleError, match=r"^took 0 s of processor time$"), watch(home, n_bytes=1):
        sum(range(3_000_000))
