"""The run that is made when a GPU is at hand: every line of it runs without one, and it loses nothing to a row.

Guards benchmarks/gpu_all.py.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
MISSING = (
    "faiss",
    "duckdb",
    "rich",
    "sklearn",
    "typer",
    "platformdirs",
    "psutil",
    "scipy",
    "pydantic",
    "httpx",
)
NOT_ASKED_FOR = tuple(name for name in MISSING if name not in ("faiss", "duckdb", "platformdirs"))


@pytest.fixture
def gpu_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    import gpu_all

    yield gpu_all
    for name in set(sys.modules) - before:
        if name.split(".")[0] in {path.stem for path in BENCHMARKS.glob("*.py")}:
            del sys.modules[name]


def call(*words: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    program = (
        "import importlib.util, runpy, sys\n"
        f"gone = {without!r}\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in gone:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name in gone else find(name, *more)\n"
        f"sys.argv = ['gpu_all.py', *{words!r}]\n"
        f"runpy.run_path({str(BENCHMARKS / 'gpu_all.py')!r}, run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_row_runs_on_a_cpu_with_small_sizes() -> None:
    ran = call("--device", "cpu", "--tiny")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _, _, summary = ran.stdout.partition("tiny sizes")
    assert "FAILED" not in summary
    assert "LEFT OUT" not in summary
    assert summary.count("training, batch") == 5
    assert summary.strip().endswith("rows, 0 failed or out of time")


@pytest.mark.slow
def test_it_starts_with_torch_numpy_and_safetensors_alone() -> None:
    ran = call("--device", "cpu", "--tiny", without=MISSING)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _, _, summary = ran.stdout.partition("tiny sizes")
    left_out = [line for line in summary.splitlines() if line.startswith("LEFT OUT")]
    assert len(left_out) == 4
    assert all("needs faiss" in line for line in left_out)
    assert "check search" in summary
    assert "1-NN" in summary


def test_a_row_that_fails_takes_no_other_with_it(gpu_all: ModuleType) -> None:
    def fail(setting: object) -> str:
        raise RuntimeError("CUDA error:\nno kernel image")

    setting = gpu_all.Setting(device=torch.device("cpu"), tiny=False)
    failed = gpu_all.run(gpu_all.Row(name="a", work=fail), setting, left_s=99)
    assert str(failed) == "FAILED row a: RuntimeError: CUDA error: no kernel image  (0 s)"
    late = gpu_all.run(gpu_all.Row(name="b", work=fail, takes_s=50), setting, left_s=40.2)
    assert str(late) == "LEFT OUT b: takes 50 s, 40 s are left  (0 s)"
    lacking = gpu_all.run(gpu_all.Row(name="c", work=fail, needs=("no_such",)), setting, left_s=99)
    assert str(lacking) == "LEFT OUT c: needs no_such  (0 s)"
    done = gpu_all.run(gpu_all.Row(name="d", work=lambda setting: "5 clips/s"), setting, left_s=99)
    assert str(done) == "d: 5 clips/s  (0 s)"
    assert [one.counts for one in (failed, late, lacking, done)] == [True, True, False, False]


def test_a_device_that_is_broken_for_good_ends_no_run(
    gpu_all: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> str:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    setting = gpu_all.Setting(device=torch.device("cuda"), tiny=False)
    assert gpu_all.run(gpu_all.Row(name="a", work=fail), setting, left_s=99).word == "FAILED row"


@pytest.mark.slow
def test_rows_that_search_an_index_need_no_more_than_they_say() -> None:
    ran = call("--device", "cpu", "--tiny", "--only", "e", without=NOT_ASKED_FOR)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "check filters: " in ran.stdout
    assert "one query: " in ran.stdout
    assert "build-index of NTU-120: " in ran.stdout


def test_without_a_gpu_it_says_what_is_owed(
    gpu_all: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu_all.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_all.main() == 1
    assert capsys.readouterr().err == "no CUDA device here: these figures are owed\n"
