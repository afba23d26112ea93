"""One index asked by many at once, and for long: the same answers, no more memory.

    python benchmarks/load.py [--queries 100000] [--threads 8] [--processes 4] [--clips 500] [--at-once 100]
                              [--filtered]

Makes a library of made-up clips with an index, asks it CLIPS different queries one by one, then the same from several
threads that share one `Searcher`, and from several processes with one each: every hit and score must be the same.
Then asks QUERIES queries, some at once as `query --batch` does, with a line of the process's memory for every tenth of
them; growth above 5 MiB after a first tenth to warm up is a failure (exit code 1). A query here is an embedding that is
there already: answered by index and catalog, without the network.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.search.options import SearchOptions
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

FLAT_MIB = 5.0
Rows = NDArray[np.float32]
Found = tuple[tuple[int, float], ...]


def make_library(root: Path, *, n_clips: int) -> Library:
    """A library of made-up clips with an encoder barely trained and an index."""
    source = root / "clips"
    source.mkdir()
    for i in range(n_clips):
        name = f"S001C{i % 3 + 1:03d}P{i // 30 % 40 + 1:03d}R{i // 1200 + 1:03d}A{i // 3 % 10 + 1:03d}"
        np.save(source / f"{name}.npy", make_clip(name))
    library = Library(root / "library")
    ingest(library, Request(name="mine", source=source))
    train_encoder(
        library,
        TrainRequest(dataset="mine", preset="tiny", epochs=1, batch_size=16, name="e", looks=0, device="cpu"),
    )
    build_index(library, BuildRequest(dataset="mine", encoder="e", device="cpu"))
    return library


def queries(searcher: Searcher, n: int) -> Rows:
    """(n, D) clips' own embeddings, a little off."""
    stored = np.asarray(searcher.index.embeddings("fused"))
    rng = np.random.default_rng(0)
    chosen = stored[np.arange(n) % len(stored)]
    return np.asarray(chosen + 0.05 * stored.std() * rng.standard_normal(chosen.shape), dtype=np.float32)


def ask(searcher: Searcher, y: Rows, how: SearchOptions) -> Found:
    """Clip ids and scores of the hits for one embedding (D,)."""
    answer = searcher.answer(QueryBatch(names=["q"], y=y[None], rows=[None]), how)[0]
    return tuple((hit.clip_id, hit.score) for hit in answer.hits)


def from_threads(searcher: Searcher, ys: Rows, how: SearchOptions, n_threads: int) -> list[Found]:
    """All queries, by threads that share a searcher."""
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda y: ask(searcher, y, how), ys))


def from_processes(library: Library, how: SearchOptions, n: int, n_processes: int) -> list[str]:
    """What each of several processes, at once, makes of the same queries, as text."""
    words = [
        sys.executable,
        __file__,
        "--ask",
        str(library.root),
        "--clips",
        str(n),
        *(["--filtered"] if how.where else []),
    ]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(n_processes)]
    return [one.communicate()[0].strip() for one in running]


def measure_growth_mib(searcher: Searcher, ys: Rows, how: SearchOptions, *, n: int, at_once: int) -> float:
    """By how much the process's memory grows over n queries, after a tenth as many before; prints as it goes."""
    process, begun = psutil.Process(), time.monotonic()
    mib: list[float] = []
    calls = max(1, n // 10 // at_once)
    for line in range(11):
        for call in range(calls):
            chosen = ys[(np.arange(at_once) + (line * calls + call) * at_once) % len(ys)]
            searcher.answer(QueryBatch(names=["q"] * at_once, y=chosen, rows=[None] * at_once), how)
        mib.append(process.memory_info().rss / 2**20)
        done = (line + 1) * calls * at_once
        print(
            f"{done:>9,} queries  {mib[-1]:8.1f} MiB  {done / (time.monotonic() - begun):6.0f} queries/s",
            flush=True,
        )
    return mib[-1] - mib[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--filtered", action="store_true", help="with a filter in SQL each time")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    how = SearchOptions(k=10, where="camera = 2" if options.filtered else None)
    if options.ask:
        searcher = Searcher(Library(options.ask), device="cpu")
        print([ask(searcher, y, how) for y in queries(searcher, options.clips)])
        return
    with tempfile.TemporaryDirectory() as scratch:
        library = make_library(Path(scratch), n_clips=options.clips)
        searcher = Searcher(library, device="cpu")
        ys = queries(searcher, options.clips)
        alone = [ask(searcher, y, how) for y in ys]
        threads = from_threads(Searcher(library, device="cpu"), ys, how, options.threads) == alone
        told = from_processes(library, how, options.clips, options.processes)
        processes = [one == str(alone) for one in told]
        print(
            f"{len(ys)} queries from {options.threads} threads: {'the same' if threads else 'OTHER'} answers"
        )
        print(f"from {len(told)} processes: {sum(processes)} gave the same answers")
        grown = measure_growth_mib(searcher, ys, how, n=options.queries, at_once=options.at_once)
    print(f"memory: {grown:+.1f} MiB over {options.queries:,} queries")
    sys.exit(0 if threads and all(processes) and grown < FLAT_MIB else 1)


if __name__ == "__main__":
    main()
