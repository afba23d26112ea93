"""Guards cli/main.py and cli/terminal.py: of a problem one line, ours, whatever the libraries have to say."""

import io
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def umurl(tmp_path: Path) -> Run:
    """Runs `umurl-search` in a process of its own."""

    def call(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONW")}
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env={**kept, **more},
        )

    return call


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("true",)


def of_protocol_4() -> bytes:
    return pickle.dumps({"state_dict": {"a": Trap()}}, protocol=4)


def of_torch() -> bytes:
    content = io.BytesIO()
    torch.save({"state_dict": {"a": Trap()}}, content)
    return content.getvalue()


def program() -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (of_protocol_4, "a damaged or foreign pickle"),
        (of_torch, "it holds posix.system, no tensor"),
        (program, "an archive of another kind, TorchScript or tar"),
        (
            lambda: of_torch()[:-100],
            "PytorchStreamReader failed reading zip archive: failed finding central directory",
        ),
    ],
)
def test_a_checkpoint_that_is_refused(
    make: Callable[[], bytes], cause: str, umurl: Run, tmp_path: Path
) -> None:
    path = tmp_path / "some.pth.tar"
    path.write_bytes(make())
    told = umurl("import-encoder", path, "--as", "x")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"umurl-search: {path}: refused, not a checkpoint of plain tensors ({cause}); give one as its authors released "
        "it\n"
    )


def test_what_a_terminal_would_obey_is_written_out(umurl: Run, tmp_path: Path) -> None:
    told = umurl("query", tmp_path / "a\x1b[2Jb\nc.npy", "--library", tmp_path / "none")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert told.stderr.isascii()
    assert "\x1b" not in told.stderr


SPAWNING = """
import logging, multiprocessing, warnings
import numpy

def warn():
    warnings.warn("said by a library")
    numpy.float32(1e38) * numpy.float32(10)
    logging.getLogger("matplotlib").warning("a font is missing")

if __name__ == "__main__":
    from cli import main
    main.run = lambda arguments: (warn(), child.start(), child.join(), child.exitcode)[-1]
    child = multiprocessing.get_context("spawn").Process(target=warnings.warn, args=("said in a worker",))
    main.main()
"""


def run_spawning(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A command in which libraries warn, here and in a process of its own."""
    script = folder / "spawning.py"
    script.write_text(SPAWNING)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONW")}
    return subprocess.run(
        [sys.executable, *options, script],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "PYTHONPATH": str(ROOT)},
    )


def test_libraries_warn_in_no_process(tmp_path: Path) -> None:
    told = run_spawning(tmp_path)
    assert (told.returncode, told.stderr) == (0, "")


def test_whoever_asks_for_warnings_gets_them(tmp_path: Path) -> None:
    told = run_spawning(tmp_path, "-W", "default")
    for said in (
        "UserWarning: said by a library",
        "RuntimeWarning: overflow",
        "UserWarning: said in a worker",
    ):
        assert said in told.stderr


IMPORTING = """
import logging, sys, warnings
import duckdb, numpy  # they set filters of their own
before = list(warnings.filters), list(sys.warnoptions), logging.root.manager.disable
from cli.main import run
import umurl_search
run(["list"])
assert before == (list(warnings.filters), list(sys.warnoptions), logging.root.manager.disable), warnings.filters
"""


def test_a_program_that_imports_this_keeps_its_warnings() -> None:
    told = subprocess.run(
        [sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert told.returncode == 0, told.stderr
