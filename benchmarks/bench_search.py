"""Exact search against scikit-learn and FAISS, in one run.

    python benchmarks/bench_search.py [--quick]

Evaluation at NTU-120 X-Sub's size (63,026 gallery clips, 50,919 queries, 2,048 dimensions), made-up embeddings;
one warm query against 114,000 clips of 2,048 and of 256 dimensions; memory. About 12 minutes on two cores.
"""

import argparse
import functools
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from made_up import Array, Corpus
from rich.console import Console
from rich.table import Table
from sealed_rows import seal_index
from sklearn.neighbors import NearestNeighbors

from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import nearest
from umurl_search.index.faiss_library import faiss_module
from umurl_search.index.filtered_search import Gallery

GALLERY, QUERIES, DIMENSIONS = 63_026, 50_919, 2_048
CORPUS = 114_000


def seconds_of(work: Callable[[], object], *, times: int) -> float:
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def evaluation(*, n: int, q: int) -> list[tuple[str, ...]]:
    """Ours for all queries; scikit-learn's and FAISS's time measured on a share of them, three times, and scaled."""
    corpus = Corpus(DIMENSIONS)
    gallery, queries = corpus.make(n, seed=1), corpus.make(q, seed=2)
    before = peak_gib()
    begun = time.perf_counter()
    found = nearest(gallery, queries, 1)
    ours = time.perf_counter() - begun
    memory = peak_gib()
    ten = seconds_of(lambda: nearest(gallery, queries, 10), times=1)
    share = min(q, 2048)
    theirs = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute", n_jobs=-1).fit(gallery)
    brute = seconds_of(lambda: theirs.kneighbors(queries[:share]), times=3) * q / share
    faiss = faiss_module()
    flat = seconds_of(
        lambda: faiss.knn(queries[:share], gallery, 1, metric=faiss.METRIC_INNER_PRODUCT), times=3
    )
    flat *= q / share
    compared = min(q, 4096)
    distance, rows = theirs.kneighbors(queries[:compared])
    differ = np.flatnonzero(rows[:, 0] != found.rows[:compared, 0])
    near = np.abs((1 - distance[differ, 0]) - found.scores[differ, 0])
    others = f", the others within {near.max():.0e}" if len(differ) else ""
    told = f"{compared - len(differ):,} of {compared:,} the same{others}"
    return [
        (f"1-NN of {q:,} in {n:,} x {DIMENSIONS:,}, ours", f"{ours:.1f} s", f"{brute / ours:.1f} x", told),
        ("10-NN, ours", f"{ten:.1f} s", f"{brute / ten:.1f} x", ""),
        (
            "scikit-learn, brute cosine, all cores (1-NN)",
            f"{brute:.1f} s",
            "1 x",
            f"scaled from {share:,} queries",
        ),
        ("FAISS, knn (1-NN)", f"{flat:.1f} s", f"{brute / flat:.1f} x", f"scaled from {share:,} queries"),
        (
            "peak memory, ours",
            f"{memory:.2f} GiB",
            "",
            f"{before:.2f} of them gallery, queries and libraries",
        ),
    ]


def ask(view: Gallery, asked: Iterator[Array]) -> object:
    return view.search(next(asked), 10)


def one_query(folder: Path, *, n: int, d: int) -> list[tuple[str, ...]]:
    corpus = Corpus(d)
    rows, points = LinearMap()(corpus.make(n, seed=1)), LinearMap()(corpus.make(40, seed=2))
    faiss = faiss_module()
    flat = faiss.IndexFlatIP(d)
    flat.add(rows)
    asked = iter(np.tile(points, (100, 1)).reshape(-1, 1, d))
    out: list[tuple[str, str]] = []
    ours: dict[str, Callable[[], object]] = {}
    for kind in ("flat16", "sq8"):
        index = seal_index(folder / f"{kind}-{d}", rows, kind)
        view = Gallery(index=index, against="fused", mapping=LinearMap(), centred=False)
        ours[kind] = functools.partial(ask, view, asked)
        same = sum(
            np.array_equal(view.search(p[None], 10).rows, nearest(rows, p[None], 10).rows)
            for p in points[:20]
        )
        out.append((kind, f"{same} of 20 the same ten"))
    ours = {"IndexFlatIP": lambda: flat.search(next(asked), 10), **ours}
    taken: dict[str, list[float]] = {"IndexFlatIP": [], "flat16": [], "sq8": []}
    for _ in range(3):  # warm
        for work in ours.values():
            work()
    for _ in range(40):
        for name, work in ours.items():
            taken[name].append(seconds_of(work, times=1))
    base = statistics.median(taken["IndexFlatIP"])
    told: list[tuple[str, ...]] = [
        (f"one query in {n:,} x {d:,}, IndexFlatIP", f"{base * 1e3:.1f} ms", "1 x", "")
    ]
    for kind, note in out:
        mine = statistics.median(taken[kind])
        told.append(
            (f"one query, {kind}, exact", f"{mine * 1e3:.1f} ms", f"{mine / base:.2f} x its time", note)
        )
    return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, to see that it runs")
    scale = 10 if parser.parse_args().quick else 1
    lines = evaluation(n=GALLERY // scale, q=QUERIES // scale)
    with tempfile.TemporaryDirectory() as place:
        lines += one_query(Path(place), n=CORPUS // scale, d=DIMENSIONS)
        lines += one_query(Path(place), n=CORPUS // scale, d=256)
    table = Table("what", "time", "against", "note")
    for line in lines:
        table.add_row(*line)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
