"""Search on a GPU: exact evaluation at NTU-120 X-Sub's size, FAISS there against the CPU, filters. Its table last.

    python benchmarks/bench_search_gpu.py

Needs a CUDA device; rows about FAISS need a GPU build of it and say so where there is none. Ids are compared with the
CPU's on the same queries; the filtered rows check that a selector is never passed to a GPU index. Under five minutes.
"""

import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from bench_search import CORPUS, DIMENSIONS, GALLERY, QUERIES, seal_index
from made_up import Array, Corpus
from numpy.typing import NDArray

from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import CPU, nearest
from umurl_search.index.faiss_kinds import move_to_gpu
from umurl_search.index.faiss_library import faiss_module, n_gpus
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import Index

CHECKED = 2048


def seconds_of(work: Callable[[], object], *, times: int = 5) -> float:
    taken = []
    for _ in range(times):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def evaluation(device: torch.device) -> list[str]:
    corpus = Corpus(DIMENSIONS)
    gallery, queries = corpus.make(GALLERY, seed=1), corpus.make(QUERIES, seed=2)
    found = nearest(gallery, queries, 1, device=device)
    taken = seconds_of(lambda: nearest(gallery, queries, 1, device=device), times=3)
    truth = nearest(gallery, queries[:CHECKED], 1)
    same = int((truth.rows == found.rows[:CHECKED]).sum())
    whole = f"exact 1-NN of {QUERIES:,} in {GALLERY:,} x {DIMENSIONS:,}, from host memory"
    return [f"{whole}: {taken:.2f} s; {same} of {CHECKED} as on the CPU"]


def filters(folder: Path, rows: Array, points: Array, device: torch.device) -> list[str]:
    """Filtered searches of an index asked on the GPU against the CPU's: ids equal, none that does not pass."""
    index, rng = seal_index(folder / "filtered", rows, "flat"), np.random.default_rng(0)
    views = [
        Gallery(index=Index(index.folder), against="fused", mapping=LinearMap(), centred=False, device=where)
        for where in (device, CPU)
    ]
    wrong = 0
    for share in (0.001, 0.05, 0.5):
        among = np.flatnonzero(rng.random(len(rows)) < share)
        ours, theirs = (view.search(points[:16], 10, among=among).rows for view in views)
        wrong += int((ours != theirs).any() or not np.isin(ours[ours >= 0], among).all())
    return [f"filtered searches, 3 shares that pass: {wrong} differ from the CPU's"]


def faiss_rows(folder: Path, rows: Array, points: Array) -> list[str]:
    if n_gpus() == 0:
        return ["FAISS on the GPU: this build of FAISS drives none, owed"]
    faiss_module()
    lines = []
    for kind in ("flat", "ivf-sq8"):
        vectors = seal_index(folder / kind, rows, kind).parts[0].vectors(centred=False)
        free, _ = torch.cuda.mem_get_info()
        there = move_to_gpu(vectors, 0, free_bytes=free)
        effort = None if kind == "flat" else 64
        ours, theirs = (v.propose(points, 10, effort=effort).rows for v in (there, vectors))
        one, other = (
            seconds_of(functools.partial(v.propose, points, 10, effort=effort)) for v in (there, vectors)
        )
        lines.append(
            f"FAISS {kind}, {len(points)} queries: {other / one:.1f} x the CPU's speed, {same_ids(ours, theirs)}"
        )
    return lines


def same_ids(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> str:
    return f"{float((ours == theirs).mean()):.4f} of ids equal"


def main() -> int:
    if not torch.cuda.is_available():
        print("no CUDA device here: these figures are owed", file=sys.stderr)
        return 1
    device = torch.device("cuda:0")
    lines = [f"{torch.cuda.get_device_name()}, torch {torch.__version__}", *evaluation(device)]
    print(lines[-1], flush=True)
    corpus = Corpus(DIMENSIONS)
    rows, points = corpus.make(CORPUS, seed=1), corpus.make(1024, seed=2)
    with tempfile.TemporaryDirectory() as place:
        lines += filters(Path(place), rows, points, device)
        lines += faiss_rows(Path(place), rows, points)
    print("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
