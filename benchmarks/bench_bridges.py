"""Bridges from a picture's joints to a large index: seconds to fit one, and a warm query across it by a native one.

    python benchmarks/bench_bridges.py --library DIR [--clips 114000] [--runs 30]

Makes the library of bench_page.py in DIR (114,000 short made-up clips, ten minutes, 3 GB) unless it is there. Fits a
bridge from coco-17 with its `small` encoder. Then indexes the same clips with a `paper` encoder, whose embeddings of
2,048 numbers are made up, as only their number matters here, and asks it with a clip and with its keypoints by turns.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from bench_page import make_library
from numpy.typing import NDArray

from encoder.embed import Embedder
from umurl_search.clips.clip import Frames
from umurl_search.clips.degrade import Degrading, degrade
from umurl_search.clips.normalization import normalise
from umurl_search.index import build
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.search.options import QueryRequest, SearchOptions
from umurl_search.search.query import answer_query
from umurl_search.search.query_clip import QueryClip
from umurl_search.search.searcher import Searcher
from umurl_search.timing import Clock
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

LAYOUT = "coco-17"
FIT_S, RATIO = 300.0, 1.3
"""Bounds: fitting with the small encoder, a query across the bridge against a native one."""


class MadeUp(Embedder):
    """Embeddings by chance."""

    def __init__(self, model: object, **_: object) -> None:
        self._width = 2 * model.config.width  # type: ignore[attr-defined]
        self._rng, self._device = np.random.default_rng(0), torch.device("cpu")

    def __call__(
        self, clips: Sequence[Frames], modalities: tuple[str, ...]
    ) -> dict[str, NDArray[np.float32]]:
        shape = len(clips), self._width
        return {m: self._rng.standard_normal(shape, dtype=np.float32) for m in modalities}


def fit_with_small(library: Library) -> float:
    started = time.monotonic()
    Searcher(library, "many@e", device="cpu").layout_bridge(LAYOUT, SearchOptions())
    return time.monotonic() - started


def make_wide(library: Library, transform: str) -> str:
    name = f"wide-{transform.partition(':')[0]}"
    if (library.root / "indexes" / name).exists():
        return name
    if not (library.root / "encoders" / "wide").exists():
        train_encoder(
            library,
            TrainRequest(
                dataset="few", preset="paper", epochs=1, batch_size=16, name="wide", looks=0, device="cpu"
            ),
        )
    request = BuildRequest(
        dataset="many",
        encoder="wide",
        device="cpu",
        kind="flat",
        name=name,
        transform=Transform.parse(transform),
    )
    with mock.patch.object(build, "Embedder", MadeUp):
        build.build_index(library, request)
    return name


def ask(searcher: Searcher, clip: QueryClip) -> float:
    request = QueryRequest(clip=clip.name, k=10)
    started = time.monotonic()
    layout = searcher.crossing(clip.layout, request)
    y = searcher.embed([clip.frames], request.modality, layout=layout)
    answer_query(searcher, request, clip, y, Clock())
    return time.monotonic() - started


def compare(library: Library, index: str, runs: int) -> tuple[float, float, float]:
    """Seconds to fit the bridge; of a native query; how many times as long one across takes. Medians of pairs."""
    searcher = Searcher(library, index, device="cpu")
    frames = open_clips(library, "many").frames(5)
    native = QueryClip(name="native", frames=normalise(frames))
    seen = QueryClip(name="seen", frames=normalise(degrade(frames, Degrading(layout=LAYOUT))), layout=LAYOUT)
    started = time.monotonic()
    searcher.layout_bridge(LAYOUT, SearchOptions())
    fitted = time.monotonic() - started
    for clip in (native, seen, native, seen):
        ask(searcher, clip)
    pairs = [(ask(searcher, native), ask(searcher, seen)) for _ in range(runs)]
    ratio = statistics.median(across / alone for alone, across in pairs)
    return fitted, statistics.median(alone for alone, _ in pairs), ratio


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=114_000)
    parser.add_argument("--runs", type=int, default=30)
    words = parser.parse_args()
    library = make_library(words.library, n_clips=words.clips)
    print(
        f"{words.clips:,} clips, bridge with the small encoder: {fit_with_small(library):.0f} s (bound {FIT_S:.0f})"
    )
    for transform in ("none", "half-whiten:256"):
        fitted, alone, ratio = compare(library, make_wide(library, transform), words.runs)
        print(
            f"2,048 dimensions, transform {transform}: bridge {fitted:.0f} s, native query {1000 * alone:.0f} ms, "
            f"across the bridge {ratio:.2f} times as long (bound {RATIO})"
        )


if __name__ == "__main__":
    main()
