"""What sharing out `build-index` gains: one process, two that make a shard each, and two that make all each.

    python benchmarks/bench_shards.py [--rounds 5] [--dataset demo]

The made-up corpus, the shipped encoder, each process with one thread of torch. Times are those of whole commands, from
start to end, the gathering told apart; rounds take turns, medians. Two that make all each say what the machine gives
two processes that have nothing to do with each other. About four minutes on two cores.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

N = 2


class Bench:
    """Commands in a library of their own. seconds: by what was done, a number a round; cpu_s: of the processor."""

    def __init__(self, root: Path, dataset: str) -> None:
        self.root, self.dataset = root, dataset
        self.seconds: dict[str, list[float]] = {}
        self.cpu_s: dict[str, list[float]] = {}
        self.clips = int(self.run([["ingest", dataset]])[0]["used"])

    def run(self, commands: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        """What commands print that run at the same time."""
        environment = {**os.environ, "UMURL_LIBRARY": str(self.root), "OMP_NUM_THREADS": "1"}
        line = [sys.executable, "-m", "cli"]
        started = [
            subprocess.Popen(
                [*line, *words, "--json", "--quiet"], stdout=subprocess.PIPE, text=True, env=environment
            )
            for words in commands
        ]
        printed = [process.communicate()[0] for process in started]
        assert all(process.returncode == 0 for process in started)
        return [json.loads(text) for text in printed]

    def time(self, what: str, work: Callable[[], object]) -> None:
        begun, spent = time.perf_counter(), cpu_of_children()
        work()
        self.seconds.setdefault(what, []).append(time.perf_counter() - begun)
        self.cpu_s.setdefault(what, []).append(cpu_of_children() - spent)

    def build(self, name: str, *options: str) -> list[str]:
        return ["build-index", self.dataset, "--device", "cpu", "--as", name, *options]

    def round(self, i: int) -> None:
        self.time("alone", lambda: self.run([self.build(f"alone-{i}")]))
        shares = [self.build(f"shared-{i}", "--shard", f"{k}/{N}") for k in range(N)]
        self.time("shards", lambda: self.run(shares))
        self.time("gathering", lambda: self.run([self.build(f"shared-{i}", "--gather")]))
        self.time("copies", lambda: self.run([self.build(f"copy-{i}-{k}") for k in range(N)]))
        self.time("start", lambda: self.run([self.build(f"alone-{i}")]))  # is there already


def cpu_of_children() -> float:
    """Seconds that processes which ended spent on processors: other work on them counts little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dataset", default="demo")
    given = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as text:
        bench = Bench(Path(text) / "library", given.dataset)
        for i in range(given.rounds):
            bench.round(i)
    wall, cpu = ({k: statistics.median(v) for k, v in one.items()} for one in (bench.seconds, bench.cpu_s))
    for what, times in bench.seconds.items():
        rounds = ", ".join(f"{one:.1f}" for one in times)
        print(f"{what:10} {wall[what]:6.1f} s, {cpu[what]:6.1f} s of processors   ({rounds})")
    n = bench.clips
    for what, made in (("alone", n), ("shards", n), ("copies", N * n)):
        without = wall[what] - wall["start"]
        print(
            f"{what:10} {made / wall[what]:6.0f} clips/s, {made / without:6.0f} without starting the command"
        )
    print(f"of processors, a process: alone {cpu['alone']:.1f} s, a shard {cpu['shards'] / N:.1f} s")
    print(f"load before {before:.1f}, after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
