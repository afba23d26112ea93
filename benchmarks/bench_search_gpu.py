"""Search on a GPU: exact evaluation at NTU-120 X-Sub's size, one query by torch and by FAISS, filters. Its table last.

    python benchmarks/bench_search_gpu.py [--device cuda] [--tiny]

Needs torch, numpy and safetensors; rows about FAISS need a GPU build of it and say so where there is none. Ids are
compared with the CPU's on the same queries. `--device cpu --tiny` shows in seconds that it runs. Under five minutes.
"""

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from made_up import Array, Corpus
from numpy.typing import NDArray

from umurl_search.index import device_memory
from umurl_search.index.device_vectors import hold
from umurl_search.index.exact_knn import CPU, Neighbours, nearest, products_with, rerank_until_exact
from umurl_search.index.faiss_gpu import flat_on_gpus
from umurl_search.index.faiss_library import is_usable, n_gpus

GALLERY, QUERIES, DIMENSIONS = 63_026, 50_919, 2_048
CORPUS = 114_000
CHECKED = 2048
K = 10
Mask = NDArray[np.bool_]


def seconds_of(work: Callable[[], object], *, times: int = 20) -> float:
    """Of one, the median; the answer is on the host when it ends."""
    work()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def evaluation(device: torch.device, scale: int) -> list[str]:
    corpus = Corpus(DIMENSIONS // scale)
    gallery, queries = corpus.make(GALLERY // scale, seed=1), corpus.make(QUERIES // scale, seed=2)
    found = nearest(gallery, queries, 1, device=device)
    taken = seconds_of(lambda: nearest(gallery, queries, 1, device=device), times=3)
    truth = nearest(gallery, queries[:CHECKED], 1)
    same, checked = int((truth.rows == found.rows[:CHECKED]).sum()), len(truth.rows)
    whole = f"exact 1-NN of {len(queries):,} in {len(gallery):,} x {DIMENSIONS // scale:,}, from host memory"
    return [f"{whole}: {taken:.2f} s; {same} of {checked} as on the CPU"]


def single_queries(device: torch.device, scale: int) -> list[str]:
    """One query after another in a gallery that lies on the device, unfiltered and filtered."""
    corpus = Corpus(DIMENSIONS // scale)
    rows, points = corpus.make(CORPUS // scale, seed=1), corpus.make(64, seed=2)
    n, p = rows.shape
    begun = time.perf_counter()
    torch_there = hold(lambda: iter([rows]), n=n, p=p, device=device, by_faiss=False)
    if torch_there is None:
        return ["one query: the gallery does not lie on this device"]
    lines = [f"{n:,} x {p:,} uploaded in {time.perf_counter() - begun:.2f} s"]
    for share in (None, 0.001, 0.05, 0.5):
        among = None if share is None else np.asarray(np.random.default_rng(0).random(n) < share)
        ours = [_ask(torch_there.propose, rows, point, among) for point in points]
        theirs = nearest(rows if among is None else rows[among], points, K)
        truth = theirs.rows if among is None else np.flatnonzero(among)[theirs.rows]
        taken = seconds_of(functools.partial(_ask, torch_there.propose, rows, points[:1], among))
        asked = "all rows" if share is None else f"{100 * share:g} % of the rows"
        lines.append(f"one query of {asked}, torch: {1000 * taken:.2f} ms; {_count_same(ours, truth)}")
    return [*lines, *_by_faiss(rows, points, device)]


def _by_faiss(rows: Array, points: Array, device: torch.device) -> list[str]:
    if not is_usable() or n_gpus() == 0:
        return ["FAISS on the GPU: this build of FAISS drives none, owed"]
    there = flat_on_gpus([rows], n=len(rows), p=rows.shape[1], device=device)
    if there is None:
        return ["FAISS on the GPU: no memory"]

    def propose(asked: Array, fetch: int, *, among: object = None) -> object:
        return there.propose(asked, fetch)

    ours = [_ask(propose, rows, point, None) for point in points]
    taken = seconds_of(lambda: _ask(propose, rows, points[:1], None))
    return [
        f"one query of all rows, FAISS on {len(there.gpus)}: {1000 * taken:.2f} ms; "
        f"{_count_same(ours, nearest(rows, points, K).rows)}"
    ]


def _ask(propose: Callable[..., object], rows: Array, point: Array, among: Mask | None) -> Neighbours:
    asked = point.reshape(1, -1)
    n = len(rows) if among is None else int(among.sum())
    return rerank_until_exact(
        lambda asking, fetch: propose(asked, fetch, among=among),  # type: ignore[arg-type, return-value]
        products_with(rows, asked),
        K,
        n_queries=1,
        n_rows=n,
    )


def _count_same(ours: list[Neighbours], truth: NDArray[np.int64]) -> str:
    same = sum(np.array_equal(one.rows[0], rows) for one, rows in zip(ours, truth, strict=True))
    return f"{same} of {len(ours)} the CPU's ten"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="an eighth of each size, to see that it runs")
    typed = parser.parse_args()
    device, scale = torch.device(typed.device), 8 if typed.tiny else 1
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: these figures are owed", file=sys.stderr)
        return 1
    if device == CPU:  # through the code that a GPU goes through
        device_memory.holds_galleries = lambda device: True
        device_memory.free_bytes = lambda device: 2**40
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU in a GPU's place"
    lines = [f"{name}, torch {torch.__version__}", *evaluation(device, scale)]
    print(lines[-1], flush=True)
    lines += single_queries(device, scale)
    print("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
