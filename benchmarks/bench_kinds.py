"""Every kind of index at 1,000,000 x 256: build, bytes, memory, latency, recall.

    python benchmarks/bench_kinds.py [--n 1000000] [--kinds flat,flat16,...]

Made-up embeddings; each kind in a process of its own, so that its memory is its own. Recall and effort are those that
the manifest of the index says: of 256 vectors left out of it. Latency: the median of 200 single queries, warm,
re-ranked exactly. One line a kind as it is done, the table last.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from made_up import Corpus
from rich.console import Console
from rich.table import Table
from sealed_rows import seal_index

from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import nearest
from umurl_search.index.faiss_kinds import KINDS
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import Index, vectors_file
from umurl_search.index.kind_names import Kind

DIMENSIONS = 256
ASKED = 200


def measure(folder: Path, kind: Kind, n: int) -> dict[str, float]:
    rows = np.load(folder / "rows.npy", mmap_mode="c")
    begun = time.perf_counter()
    index = seal_index(folder / kind, rows, kind)
    built = time.perf_counter() - begun
    build_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    said = index.manifest
    view = Gallery(index=Index(index.folder), against="fused", mapping=LinearMap(), centred=False)
    points = Corpus(DIMENSIONS).make(ASKED, seed=7)
    for point in points[:5]:
        view.search(point[None], 10)
    taken = []
    for point in points:
        start = time.perf_counter()
        view.search(point[None], 10)
        taken.append(time.perf_counter() - start)
    truth = nearest(rows, points[:64], 10).rows
    found = np.concatenate([view.search(point[None], 10).rows for point in points[:64]])
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), truth.tolist(), strict=True)])
    quality, file = said["quality"], index.folder / vectors_file(centred=False)
    return {
        "build_s": built,
        "build_gib": build_gib,
        "mib": file.stat().st_size / 2**20,
        "ms": statistics.median(taken) * 1e3,
        "recall_1": quality["recall_at"]["1"],
        "recall_10": quality["recall_at"]["10"],
        "new_recall_10": float(recall),
        "effort": said["search"]["effort"],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--one", help="what this process measures, as KIND,FOLDER")
    asked = parser.parse_args()
    if asked.one:
        kind, folder = asked.one.split(",")
        print(json.dumps(measure(Path(folder), kind, asked.n)))
        return
    table = Table(
        "kind",
        "build",
        "peak memory",
        "on disk",
        "one query",
        "recall@1",
        "recall@10",
        "of new queries",
        "effort",
    )
    with tempfile.TemporaryDirectory() as place:
        np.save(Path(place) / "rows.npy", Corpus(DIMENSIONS).make(asked.n, seed=1))
        for kind in asked.kinds.split(","):
            words = [sys.executable, __file__, "--n", str(asked.n), "--one", f"{kind},{place}"]
            got = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            print(kind, json.dumps(got), flush=True)
            table.add_row(
                kind,
                f"{got['build_s']:.0f} s",
                f"{got['build_gib']:.1f} GiB",
                f"{got['mib']:,.0f} MiB",
                f"{got['ms']:.1f} ms",
                f"{got['recall_1']:.3f}",
                f"{got['recall_10']:.3f}",
                f"{got['new_recall_10']:.3f}",
                f"{got['effort']:.0f}",
            )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
