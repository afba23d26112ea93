"""Time and memory of `ingest` on many raw `.skeleton` files, and of opening the result.

    python benchmarks/bench_ingest.py [--files N] [--folder FOLDER]

Links the folder's files (real recordings beside the checkout, else the tests' made-up ones) under N names of
NTU's pattern, ingests them with the command in a process of its own, and watches the peak memory of that
process and its workers together. The line for NTU-120 is the measured rate multiplied by 114,480 files.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[1]
REAL = REPOSITORY.parent / "shared/data/ntu_samples/raw"
MADE_UP = REPOSITORY / "tests/golden/raw"
NTU120 = 114_480


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--folder", type=Path, default=REAL if REAL.is_dir() else MADE_UP)
    options = parser.parse_args()
    sources = sorted(options.folder.glob("*.skeleton"))
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "nturgb+d_skeletons"
        data.mkdir()
        for i in range(options.files):
            os.link(_copy(sources[i % len(sources)], Path(scratch)), data / f"{_name(i)}.skeleton")
        seconds, peak = _watch([*_COMMAND, "ingest", "ntu120", "--data", scratch, "--quiet"], Path(scratch))
        stored = sum(path.stat().st_size for path in (Path(scratch) / "library").rglob("*") if path.is_file())
    rate = options.files / seconds
    print(
        f"{options.files} files, {seconds:.1f} s, {rate:.0f} files/s, peak memory {peak / 2**20:.0f} MiB "
        f"(all processes), library {stored / 2**20:.0f} MiB"
    )
    print(
        f"NTU-120 by multiplication: {NTU120 / rate / 60:.1f} min, {stored / options.files * NTU120 / 2**30:.1f} GiB"
    )


_COMMAND = [sys.executable, "-c", "from cli.main import main; main()"]


def _copy(source: Path, scratch: Path) -> Path:
    target = scratch / source.name
    if not target.exists():
        target.write_bytes(source.read_bytes())
    return target


def _name(i: int) -> str:
    camera, rest = i % 3 + 1, i // 3
    action, rest = rest % 120 + 1, rest // 120
    replication, rest = rest % 2 + 1, rest // 2
    subject, setup = rest % 106 + 1, rest // 106 + 1
    return f"S{setup:03d}C{camera:03d}P{subject:03d}R{replication:03d}A{action:03d}"


def _watch(command: list[str], scratch: Path) -> tuple[float, int]:
    """Seconds, and the largest sum of resident memory over the process and its children seen."""
    environment = {**os.environ, "UMURL_LIBRARY": str(scratch / "library"), "PYTHONPATH": str(REPOSITORY)}
    begun, peak = time.monotonic(), 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                family = [watched, *watched.children(recursive=True)]
                peak = max(peak, sum(one.memory_info().rss for one in family))
            except psutil.NoSuchProcess:
                continue
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"ingest failed with {process.returncode}")
    return time.monotonic() - begun, peak


if __name__ == "__main__":
    main()
