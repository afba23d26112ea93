"""How fast the host feeds a device: clips a second from the memory-mapped store to packed chunks. No device is needed.

    python benchmarks/bench_feed.py [--clips N] [--repeats R]

Clips of NTU's length (40 to 124 frames, mean 82; a fifth of two people), read before, so in the page cache. `packed`:
raw, as they go to a device that normalises; with two threads each packs its own half. `in random order`: no two are
neighbours. `windows`: of 2 s, every second. `normalised`: clip by clip, as for a CPU, and then packed. Medians of R,
taken in turn. Where CUDA is, chunks lie in pinned memory, which is used again; elsewhere each takes new pages.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from bench_build import store_of

from encoder.packed_clips import Chunk, PackedClips
from encoder.ragged import RaggedClips
from umurl_search.clips.types import Rows
from umurl_search.index import embed_rows
from umurl_search.index.windows import IndexRows, Window, index_rows_of
from umurl_search.library.clip_store import Clips

WANTED = 2500
"""Clips a second and core that keep a GPU busy."""
PINNED = torch.cuda.is_available()


def pack(store: Clips, units: IndexRows) -> None:
    """As `embed_units` packs for a device."""
    for start, stop in pairwise(embed_rows.cut_chunks(store, units, 0, on_device=True)):
        PackedClips.of(embed_rows._raw_chunk(store, units, start, stop), pinned=PINNED)


def pack_in_two_threads(store: Clips, units: IndexRows) -> None:
    halves = [IndexRows(row=row) for row in np.array_split(units.row, 2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda half: pack(store, half), halves))


def normalise_and_pack(store: Clips, units: IndexRows) -> None:
    for chunk in _normalised(store, units):
        RaggedClips.of(chunk.frames)


def normalise_alone(store: Clips, units: IndexRows) -> None:
    for _ in _normalised(store, units):
        pass


def _normalised(store: Clips, units: IndexRows) -> Iterator[Chunk]:
    for start, stop in pairwise(embed_rows.cut_chunks(store, units, 0, on_device=False)):
        yield embed_rows._normalised_chunk(store, units, start, stop)


def measure(runs: list[Callable[[], None]], repeats: int) -> list[float]:
    """Median seconds of each."""
    seconds: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        for run, kept in zip(runs, seconds, strict=True):
            begun = time.perf_counter()
            run()
            if turn:  # the first warms up
                kept.append(time.perf_counter() - begun)
    return [statistics.median(kept) for kept in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=8192)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as text:
        store = store_of(Path(text) / "clips", arguments.clips)
        rows: Rows = np.arange(arguments.clips)
        whole = IndexRows(row=rows)
        mixed = IndexRows(row=np.random.default_rng(0).permutation(rows))
        windows = index_rows_of(store, rows, Window(lengths_s=(2.0,), stride_s=1.0))
        few = IndexRows(row=rows[: max(1, arguments.clips // 8)])
        table: list[tuple[str, int, int, Callable[[], None]]] = [
            ("packed", 1, len(whole), lambda: pack(store, whole)),
            ("packed", 2, len(whole), lambda: pack_in_two_threads(store, whole)),
            ("packed, in random order", 1, len(mixed), lambda: pack(store, mixed)),
            ("windows, packed", 1, len(windows), lambda: pack(store, windows)),
            ("normalised alone", 1, len(few), lambda: normalise_alone(store, few)),
            ("normalised, then packed", 1, len(few), lambda: normalise_and_pack(store, few)),
        ]
        seconds = measure([run for *_, run in table], arguments.repeats)
    print(f"{'':<26}{'threads':>8}{'clips/s':>10}{'a core':>10}{'of ' + format(WANTED, ','):>10}")
    for (name, threads, n, _), took in zip(table, seconds, strict=True):
        rate = n / took
        print(f"{name:<26}{threads:>8}{rate:>10,.0f}{rate / threads:>10,.0f}{rate / threads / WANTED:>9.1f}x")


if __name__ == "__main__":
    main()
