"""How much of `build-index` at the paper's size is the encoder's: time inside it and outside it, at NTU-120's size.

    python benchmarks/bench_build.py [--clips 1024]

Made-up clips of NTU's lengths in a store, the network of the paper, four modalities, CPU. Reading, normalising and
writing are timed per clip; fitting the maps, writing the vectors and measuring them at two sizes, and scaled by the
slope to 114,480 clips. About four minutes on two cores.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from made_up import Corpus
from numpy.typing import NDArray

from encoder.embed import Embedder
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import Transform, fit_maps
from umurl_search.index.embed_rows import embed_units
from umurl_search.index.index import write_maps
from umurl_search.index.kind_selection import write_vectors
from umurl_search.index.windows import IndexRows
from umurl_search.library.clip_store import Clips, ClipStore, Record, StoreWriter
from umurl_search.progress import no_progress

NTU120 = 114_480
SIZES = (4096, 12_288)


class Timed(Embedder):
    """An embedder that counts its own seconds."""

    seconds = 0.0

    def __call__(
        self, clips: Sequence[NDArray[np.float32]], modalities: tuple[str, ...]
    ) -> dict[str, NDArray[np.float32]]:
        begun = time.perf_counter()
        y = super().__call__(clips, modalities)
        self.seconds += time.perf_counter() - begun
        return y


def store_of(folder: Path, n: int) -> Clips:
    rng = np.random.default_rng(0)
    with sealed_folder.building(folder, resume_token="") as partial:
        writer = StoreWriter(partial)
        for i in range(n):
            shape = (int(rng.integers(40, 125)), 2 if i % 5 == 0 else 1, 25, 3)
            frames = 0.3 * rng.standard_normal(shape, dtype=np.float32)
            record = Record(
                name=f"c{i}",
                frames=frames,
                label=0,
                subject=1,
                camera=1,
                setup=1,
                replication=1,
                source="",
                source_hash="",
                cut=0,
            )
            writer.add(1, [record], [])
        writer.finish()
        sealed_folder.seal(partial, folder, {"state": "raw"})
    return Clips([ClipStore(folder)], part=np.ones(n, dtype=np.int64), row=np.arange(n))


def time_fit(place: Path, n: int, dimension: int) -> float:
    arrays = {m: Corpus(dimension, seed=i).make(n, seed=i) for i, m in enumerate(SINGLE_AND_FUSED)}
    folder = place / f"fit-{n}"
    folder.mkdir()
    begun = time.perf_counter()
    maps = fit_maps(arrays, Transform())
    write_maps(folder, maps)
    write_vectors(folder, arrays["fused"], maps, kind="flat16")
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=1024)
    n = parser.parse_args().clips
    torch.manual_seed(0)
    model = UmURL(ModelConfig(width=1024), with_projectors=False).eval()
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        clips = store_of(place / "clips", n)
        (place / "index").mkdir()
        timed = Timed(model, n_clips=n, device=torch.device("cpu"))
        begun = time.perf_counter()
        embed_units(
            place / "index",
            clips,
            IndexRows(row=np.arange(n)),
            timed,
            modalities=SINGLE_AND_FUSED,
            dimension=model.config.dimension,
            progress=no_progress,
        )
        whole = time.perf_counter() - begun
        small, large = (time_fit(place, size, model.config.dimension) for size in SIZES)
    slope = (large - small) / (SIZES[1] - SIZES[0])
    fit = small + slope * (NTU120 - SIZES[0])
    inside, beside = timed.seconds / n * NTU120, (whole - timed.seconds) / n * NTU120
    print(
        f"encoder: {n / timed.seconds:.0f} clips/s, four modalities; reading, normalising, writing: "
        f"{(whole - timed.seconds) / whole:.1%} of embedding"
    )
    print(f"maps and vectors: {small:.1f} s at {SIZES[0]:,}, {large:.1f} s at {SIZES[1]:,} clips")
    outside = (beside + fit) / (inside + beside + fit)
    print(
        f"at {NTU120:,} clips: encoder {inside / 60:.1f} min, reading and writing {beside / 60:.1f} min, maps and "
        f"vectors {fit / 60:.1f} min: {outside:.1%} outside the encoder"
    )


if __name__ == "__main__":
    main()
