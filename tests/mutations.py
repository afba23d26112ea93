"""One-line mutations of the code, each with the test that notices it: what holds the promise of exact search.

    python tests/mutations.py [--only FILE]

makes a copy of the sources for each, mutates the copy and runs the test there. It ends with exit code 1 where a
mutation survives. Write a further one into `mutation_lists` whenever a review asks "would a test notice if...?".
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mutation_lists import encoding_and_files, figures, indexes, neighbours, readers, statements
from mutation_lists.mutation import Mutation

ROOT = Path(__file__).parents[1]
COPIED = ("umurl_search", "encoder", "cli", "tests", "pyproject.toml")
_AT_ONCE = 2
_LONGEST_S = 120
_SHOWN = 64


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """killed: by a failing test. said: how it ended."""

    mutation: Mutation
    killed: bool
    said: str
    seconds: float


MUTATIONS: tuple[Mutation, ...] = (
    *neighbours.MUTATIONS,
    *indexes.MUTATIONS,
    *figures.MUTATIONS,
    *encoding_and_files.MUTATIONS,
    *statements.MUTATIONS,
    *readers.MUTATIONS,
)
# Not listed, since no result can change:
# - `rerank_until_exact`: `<` for `<=`, since every bound lies above the scores that it bounds by more than
#   rounding.
# - `Vectors.propose`: the bound of the first proposal, `_split`: the farthest first, `_refined`: no mask for absent
#   rows. The bounds become higher or the proposals worse, so more is fetched: time, never a neighbour.
# - `Gallery.search`: `one.rows + start` without its condition, since absent rows have no score and become -1 again.
# - `_PartSearch.search`: other thresholds of gathering or comparing with all, which choose among exact ways.
# - `Catalog.filter`: not sorted, since all who ask look whether an id is among them.
# - `_side` of localize: segments without a label kept, since no reader makes any.
# Not listed, since no data are known that reach them: the terms of a bound that stand for sums in float32
# (`summed`, `computed`, `_ROUNDED_UP`), which hold for the worst that rounding could do.


def copy_of(source: Path, target: Path) -> Path:
    """The sources that the tests run in, with their compiled files: those of what is mutated are out of date by their
    own clock."""
    target.mkdir()
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)
    return target


def mutate(mutation: Mutation, text: str) -> str:
    """The file's text with the mutation. Raises ValueError where it does not hold the old text once."""
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} holds {mutation.old!r} {text.count(mutation.old)} times, not once")
    return text.replace(mutation.old, mutation.new)


def run_tests(folder: Path, tests: Sequence[str], *options: str) -> int | None:
    """pytest's exit code in a copy; None where it takes too long."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_S * len(tests),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def judge_one(mutation: Mutation, base: Path) -> Outcome:
    """Whether the test fails with the mutation, in a copy of the unmutated copy `base`."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as room:
        folder = copy_of(base, Path(room) / "copy")
        path = folder / mutation.file
        path.write_text(mutate(mutation, path.read_text(encoding="utf-8")), encoding="utf-8")
        code = run_tests(folder, [mutation.tests], "-x")
    said = {0: "SURVIVED", 1: "killed", None: f"over {_LONGEST_S} s"}.get(code, f"pytest ended with {code}")
    return Outcome(mutation=mutation, killed=code == 1, said=said, seconds=time.monotonic() - begun)


def judge(mutations: Sequence[Mutation]) -> Iterator[Outcome]:
    """Outcomes in order, two made at a time. Raises ValueError where the tests fail without any mutation."""
    with tempfile.TemporaryDirectory() as room:
        base = copy_of(ROOT, Path(room) / "base")
        code = run_tests(base, sorted({mutation.tests for mutation in mutations}))
        if code != 0:
            raise ValueError(f"the tests do not pass as the sources are: pytest ended with {code}")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(lambda mutation: judge_one(mutation, base), mutations)


def line(outcome: Outcome) -> str:
    shown = " ".join(outcome.mutation.new.split())[:_SHOWN] or "(nothing)"
    return f"{outcome.said:<10} {outcome.seconds:5.1f} s  {outcome.mutation.file:<30} {shown}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Whether the tests notice one-line mutations of the code.")
    parser.add_argument("--only", metavar="FILE", help="mutations of this file, by a part of its name")
    only = parser.parse_args(arguments).only
    chosen = [mutation for mutation in MUTATIONS if only is None or only in mutation.file]
    if not chosen:
        parser.error(
            f"no mutation of '{only}'; there are some of {', '.join(sorted({m.file for m in MUTATIONS}))}"
        )
    killed = []
    for outcome in judge(chosen):
        print(line(outcome), flush=True)
        killed.append(outcome.killed)
    print(f"{sum(killed)} of {len(killed)} mutations are noticed")
    return int(not all(killed))


if __name__ == "__main__":
    sys.exit(main())
