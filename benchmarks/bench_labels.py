"""What `--labels FILE` costs when many clips are ingested: the ratio with it to without, in turn.

    python benchmarks/bench_labels.py [--clips N] [--runs N] [--columns N]

A made-up array of a whole data set (N, T, 25, 3) in a temporary folder, read into a fresh library each time, on one
core; the table names all clips and gives a label, a subject and further columns. Prints the median ratio of the pairs
and its 95 % bootstrap interval.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

N_FRAMES = 64
_RESAMPLED = 10_000


def write_array(path: Path, n: int) -> Path:
    """n clips of one person, made of a few by shifting them in space."""
    made = [make_clip(f"S001C001P001R001A{i:03}")[:N_FRAMES, 0] for i in (1, 2, 4, 5, 8, 10)]
    whole = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, N_FRAMES, 25, 3))
    shifts = np.random.default_rng(0).normal(scale=0.5, size=(n, 3)).astype(np.float32)
    for i in range(n):
        whole[i] = made[i % len(made)] + shifts[i]
    whole.flush()
    return path


def write_labels(path: Path, n: int, *, n_columns: int) -> Path:
    """A row for each clip of the array."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(["name", "label", "subject", *(f"c{i}" for i in range(n_columns))]) + "\n")
        for i in range(n):
            own = (f"w{(i + k) % 11}" if k % 2 else str((i * (k + 3)) % 97) for k in range(n_columns))
            file.write(",".join([f"X_{i:05}", str(i % 60), str(i % 100), *own]) + "\n")
    return path


def measure(folder: Path, source: Path, labels: Path | None) -> tuple[float, float]:
    """Seconds of one ingest into a fresh library: by the clock, and of the processor."""
    root = folder / "library"
    shutil.rmtree(root, ignore_errors=True)
    begun, cpu = time.perf_counter(), time.process_time()
    report = ingest(Library(root), Request(name="big", source=source, labels=labels), workers=1)
    seconds = time.perf_counter() - begun, time.process_time() - cpu
    assert (report.labelled == report.used) == (labels is not None), report.notes
    return seconds


def interval(ratios: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of medians of samples drawn with replacement."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratios, size=(_RESAMPLED, len(ratios))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=114_000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--columns", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        source = write_array(folder / "X.npy", given.clips)
        labels = write_labels(folder / "labels.csv", given.clips, n_columns=given.columns)
        pairs = []
        for run in range(given.runs):
            order = (None, labels) if run % 2 == 0 else (labels, None)
            took = {said is not None: measure(folder, source, said) for said in order}
            pairs.append((took[True], took[False]))
            print(", ".join(f"{wall:.2f} s ({cpu:.2f} s of CPU)" for wall, cpu in pairs[-1]), flush=True)
    print(
        f"{given.clips:,} clips, {given.columns} further columns; {given.runs} pairs, with against without:"
    )
    for which, name in enumerate(("clock", "processor")):
        ratios = np.array([told[which] / plain[which] for told, plain in pairs])
        low, high = interval(ratios)
        plain = np.median([one[which] for _, one in pairs])
        print(
            f"{name}: median ratio {np.median(ratios):.3f} ({low:.3f} to {high:.3f}), {plain:.1f} s without"
        )


if __name__ == "__main__":
    main()
