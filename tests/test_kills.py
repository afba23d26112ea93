"""Guards library/, files/ and ingest/: commands killed at random moments lose nothing, the same command ends well."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PROGRAM = REPOSITORY / "benchmarks" / "faults.py"


@pytest.mark.slow
def test_a_few_kills_lose_nothing(made: Path) -> None:
    commands = ["add", "remove", "compact", "build-index"]
    words = ["--kills", "6", "--commands", ",".join(commands), "--made", str(made / "library")]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *words], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line.partition(": ") for line in done.stdout.splitlines() if line.endswith(" violations")]
    assert [name for name, _, _ in told] == commands
    assert sum(int(text.split()[0]) for _, _, text in told) == 6
