"""What other joint layouts cost on a corpus: 1-NN of queries brought down to each, plain coordinates beside.

python benchmarks/bench_layouts.py --library LIBRARY --index INDEX

Queries are seen from a side by chance, within as many degrees as `views` says, three times; or all from one side,
every other one from the opposite, where `from` says so. The bridge covers `views` degrees to either side.
"""

import argparse
import time
from dataclasses import dataclass
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
PICTURES = (
    ("coco-17", 0, 0),
    ("coco-17", 60, 0),
    ("coco-17", 60, None),
    ("coco-17", 90, None),
    ("coco-17", 90, 90),
    ("halpe-26", 60, 0),
    ("openpose-25", 60, None),
)
"""Layout, how far the bridge covers, the side that queries are seen from: by chance where it is None."""
FRAMES = 64


@dataclass(frozen=True, kw_only=True)
class SeenFrom(LayoutQueries):
    """Queries that are all seen from one side, every other one from the opposite."""

    side: int = 0

    def angles(self) -> NDArray[np.float64]:
        return np.where(np.arange(len(self.rows)) % 2, self.side, -self.side).astype(np.float64)


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


def measure(library: Library, view: ProtocolView, asking: LayoutQueries) -> tuple[float, float, float, float]:
    """Accuracy across the bridge, raw, of plain coordinates; seconds of the bridge."""
    split, index, clips = view.split, view.index, open_clips(library, view.dataset)
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
    native = Degrading(layout="ntu25")
    coordinates = accuracy(
        plain(clips, split.gallery, native, np.zeros(len(split.gallery))),
        plain(clips, split.queries, asking.how, asking.angles()),
        view,
    )
    return (*found, coordinates, seconds)  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--index", required=True)
    words = parser.parse_args()
    library = Library(words.library)
    view = open_protocol(library, words.index, None)
    print(f"{'layout':16} views  from   bridge             raw    plain  bridge fitted in s")
    cases: list[tuple[str, int, int | None]] = [(name, 0, 0) for name in SPACE]
    for layout, views, side in [*cases, *PICTURES]:
        how = Degrading(layout=layout, views=views)
        asked = (
            [SeenFrom(library, view, view.split.queries, how, side=side)]
            if side is not None
            else [LayoutQueries(library, view, view.split.queries, how, seed=seed) for seed in SEEDS]
        )
        rows = np.array([measure(library, view, one) for one in asked])
        each, mean = " ".join(f"{value:.3f}" for value in rows[:, 0]), rows.mean(axis=0)
        seen = "chance" if side is None else str(side)
        print(
            f"{layout:16} {views:5}  {seen:6} {each:18} {mean[1]:.3f}  {mean[2]:.3f}  {mean[3]:.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
