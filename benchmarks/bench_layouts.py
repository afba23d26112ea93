"""What other joint layouts cost on a corpus: 1-NN of queries brought down to each, plain coordinates beside.

python benchmarks/bench_layouts.py --library LIBRARY --index INDEX
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.degrade import Degrading, degrade
from umurl_search.clips.normalization import normalise
from umurl_search.evaluation.layout_eval import LayoutQueries
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.open_index import ProtocolView, open_protocol
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.library import Library

SEEDS = (0, 1, 2)
SPACE = ("mediapipe-33-3d", "smpl-22", "h36m-17", "coco-17-3d")
PICTURES = (("coco-17", 0), ("coco-17", 60), ("halpe-26", 0), ("openpose-25", 60))
FRAMES = 64


def plain(
    clips: Clips, rows: NDArray[np.int64], how: Degrading, angles: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(N, 64 * 75): coordinates of person 1 as normalised, of unit length."""
    found = []
    for row, angle in zip(rows.tolist(), angles, strict=True):
        frames = normalise(degrade(clips.frames(row), how, angle=float(angle)))[:, 0].reshape(-1, 75)
        at = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
        found.append(frames[at].ravel())
    y = np.stack(found)
    return np.asarray(y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def accuracy(gallery: NDArray[np.float32], queries: NDArray[np.float32], view: ProtocolView) -> float:
    labels = view.columns.label
    nearest = (queries @ gallery.T).argmax(axis=1)
    return float((labels[view.split.gallery][nearest] == labels[view.split.queries]).mean())


def measure(
    library: Library, view: ProtocolView, how: Degrading, *, seed: int
) -> tuple[float, float, float, float]:
    """Accuracy across the bridge, raw, of plain coordinates; seconds of the bridge."""
    split, index, clips = view.split, view.index, open_clips(library, view.dataset)
    asking = LayoutQueries(library, view, split.queries, how, seed=seed)
    maps = fit_maps({"fused": index.embeddings("fused")}, index.transform, rows=split.fitting, pairs=[])
    started = time.monotonic()
    asking.fit_bridge("fused", "fused")
    seconds = time.monotonic() - started
    held = np.asarray(index.embeddings("fused")[split.gallery])
    found = []
    for bridge in (True, False):
        crossing = asking.crosses(bridge=bridge)
        gallery = maps.gallery("fused", bridged=crossing)(held)
        found.append(accuracy(gallery, asking.points(maps, "fused", "fused", bridge=bridge), view))
    angles = np.random.default_rng(seed).uniform(-asking.views, asking.views, len(split.queries))
    native = Degrading(layout="ntu25")
    coordinates = accuracy(
        plain(clips, split.gallery, native, np.zeros(len(split.gallery))),
        plain(clips, split.queries, how, angles),
        view,
    )
    return (*found, coordinates, seconds)  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--index", required=True)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    words = parser.parse_args()
    library = Library(words.library)
    view = open_protocol(library, words.index, None)
    cases = [Degrading(layout=name) for name in SPACE]
    cases += [Degrading(layout=name, views=views) for name, views in PICTURES]
    print(f"{'layout':20} views  bridge              raw     plain   bridge fitted in s")
    for how in cases:
        seeds = SEEDS[: words.seeds] if how.views and len(how.angles) > 1 else SEEDS[:1]
        rows = np.array([measure(library, view, replace(how), seed=seed) for seed in seeds])
        each = " ".join(f"{value:.3f}" for value in rows[:, 0])
        mean = rows.mean(axis=0)
        views = how.views if len(how.angles) > 1 or how.layout in ("coco-17", "halpe-26") else 0
        print(
            f"{how.layout:20} {views:5}  {each:18}  {mean[1]:.3f}   {mean[2]:.3f}   {mean[3]:.0f}", flush=True
        )


if __name__ == "__main__":
    main()
