"""Commands killed at random moments, and before some of their file operations: nothing lost, the same command ends well."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PROGRAM = REPOSITORY / "benchmarks" / "faults.py"


@pytest.mark.slow
@pytest.mark.parametrize(("how", "kills"), [((), 6), (("--steps",), 2)], ids=["moments", "operations"])
def test_a_few_kills_lose_nothing(how: tuple[str, ...], kills: int) -> None:
    words = ["--kills", str(kills), "--commands", "add,remove,compact,build-index", *how]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *words], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines() if " violations" in line and ": " in line)
    assert set(told) == {"add", "remove", "compact", "build-index"}
    assert sum(int(text.split()[0]) for text in told.values()) >= 6
