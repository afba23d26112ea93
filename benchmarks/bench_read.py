"""Time to read one raw `.skeleton` file, choose its bodies and normalise it, against an obvious parser of tokens.

    python benchmarks/bench_read.py [FOLDER]

FOLDER: `.skeleton` files, anywhere below; the default is the real recordings beside the checkout, else the
made-up ones of the tests. Times are medians over all readings, of one core.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.readers.file_per_clip import keep_freed_memory
from umurl_search.readers.ntu import read_skeleton

REPOSITORY = Path(__file__).parents[1]
REAL = REPOSITORY.parent / "shared/data/ntu_samples/raw"
MADE_UP = REPOSITORY / "tests/golden/raw"


def read_by_tokens(path: Path) -> Frames:
    """What `read_skeleton` gives, one token at a time: (T, M, 25, 3)."""
    tokens = iter(path.read_text().split())
    frames = np.zeros((int(next(tokens)), 4, 25, 3))
    for frame in frames:
        for position in range(int(next(tokens))):
            places = np.array(list(_joints(tokens)))
            if position < len(frame):
                frame[position] = places
    return choose_bodies(frames).astype(np.float32)


def _joints(tokens: Iterator[str]) -> Iterator[list[float]]:
    for _ in range(10):
        next(tokens)
    for _ in range(int(next(tokens))):
        yield [float(next(tokens)) for _ in range(12)][:3]


def read_and_normalise(path: Path) -> Frames:
    """What becomes of a file until the encoder's resize."""
    return normalise(to_ntu25(read_skeleton(path), Conventions()))


STAGES: dict[str, Callable[[Path], object]] = {
    "token parser": read_by_tokens,
    "read": read_skeleton,
    "read+normalise": read_and_normalise,
}
"""name -> what is timed, given a file; the first is what the others are compared with."""


def measure(stage: Callable[[Path], object], paths: list[Path], *, rounds: int) -> float:
    """Median milliseconds a file."""
    times = []
    for path in paths * rounds:
        start = time.perf_counter()
        stage(path)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=REAL if REAL.is_dir() else MADE_UP)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    paths = sorted(options.folder.rglob("*.skeleton"))
    if not paths:
        parser.error(f"{options.folder}: no .skeleton files")
    keep_freed_memory()
    mean_kb = statistics.mean(path.stat().st_size for path in paths) / 1000
    print(f"{len(paths)} files of {options.folder}, mean {mean_kb:.0f} KB, {options.rounds} rounds")
    print(f"{'stage':<16}{'ms a file':>10}{'ratio':>8}")
    first = 0.0
    for name, stage in STAGES.items():
        median = measure(stage, paths, rounds=options.rounds)
        first = first or median
        print(f"{name:<16}{median:>10.2f}{first / median:>8.1f}")


if __name__ == "__main__":
    main()
