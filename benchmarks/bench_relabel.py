"""Time to give 100,000 clips labels and eight columns of one's own, and to filter by one of these or by `subject`.

    python benchmarks/bench_relabel.py [--clips N]

A made-up catalog without recordings, in a temporary folder. Filters: medians of nine, in turn.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from umurl_search.ingest.relabel import relabel
from umurl_search.library.library import Library

WORDS = ("happy", "sad", "angry", "calm")
FILTERS = ("subject = 3", "c1 = 3", "c0 = 'happy' and c5 = 2")


def make_library(root: Path, n: int) -> Library:
    """A catalog of n clips that say their subject alone."""
    library, names = Library(root / "library"), [f"clip_{i:06}" for i in range(n)]
    numbers = {name: [1] * n for name in ("camera", "setup", "replication", "people", "frames")}
    texts = {"source": [f"{name}.npy" for name in names], "source_hash": ["x"] * n, "said": ["[]"] * n}
    clips: dict[str, Any] = {
        "name": names,
        "label": [None] * n,
        "subject": np.arange(n) % 100,
        **numbers,
        **texts,
    }
    stated = {"layout": "ntu25", "fps": 30.0, "up": "y", "scale": 1.0}
    row = {
        "name": "big",
        "format": "npy",
        "state": "raw",
        "source": "s",
        "signature": "x",
        "report": {},
        **stated,
    }
    with library.write() as catalog:
        catalog.add_dataset(row, clips=clips, splits=[], left_out=[], read_from={"roots": []})
    return library


def write_labels(path: Path, n: int) -> Path:
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"name,label,{','.join(f'c{i}' for i in range(8))}\n")
        for i in range(n):
            own = (
                WORDS[i % 4],
                i % 97,
                f"{i / 7:.3f}",
                i % 2 == 1,
                WORDS[i % 3],
                i % 5,
                i % 1000,
                f"t{i % 11}",
            )
            file.write(f"clip_{i:06},{i % 60},{','.join(map(str, own))}\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=100_000)
    n = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        library = make_library(Path(folder), n)
        labels = write_labels(Path(folder) / "labels.csv", n)
        begun = time.perf_counter()
        report = relabel(library, "big", labels)
        seconds = time.perf_counter() - begun
        print(f"{report.relabelled:,} clips relabelled, {len(report.columns)} columns: {seconds:.1f} s")
        took: dict[str, list[float]] = {where: [] for where in FILTERS}
        for _ in range(9):
            for where in FILTERS:
                with library.read() as catalog:
                    begun = time.perf_counter()
                    catalog.filter(where, "big")
                    took[where].append(time.perf_counter() - begun)
        first = statistics.median(took[FILTERS[0]])
        for where, times in took.items():
            middle = statistics.median(times)
            print(f"{where}: {1000 * middle:.1f} ms, {middle / first:.2f} of the first")


if __name__ == "__main__":
    main()
