"""Embedding throughput: the network written plainly in PyTorch, and this project's `embed`, in one run.

    python benchmarks/bench_embed.py [--widths 64 256 1024] [--clips N]

Clips a second; medians of three, taken in turn; ratios to plain in brackets. Plain (benchmarks/plain.py) is the
released form: two-person tensors, float32, one pass a modality subset. `fused`: that subset alone; `base`: joint,
bone, motion and fused, as `build-index` makes them. Then the cosine of bf16 to float32, the smallest over the clips.
Where bf16 would be emulated its columns are empty.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from plain import PlainEncoder

from encoder.embed import Embedder, pick_device
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from encoder.precision import multiplies_bf16
from encoder.ragged import RaggedClips

Clips = list[NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--widths", nargs="+", type=int, default=[64, 256, 1024])
    parser.add_argument("--clips", type=int, default=128)
    arguments = parser.parse_args()
    device = pick_device("auto")
    rng = np.random.default_rng(0)
    print(f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'width':<7}{'people':<8}{'subsets':<9}{'plain':>7}{'float32':>17}{'bf16':>17}{'cosine':>10}")
    for width in arguments.widths:
        model = UmURL(ModelConfig(width=width), with_projectors=False).eval().to(device)
        plain = PlainEncoder(width).eval().to(device)
        exact_one = Embedder(model, n_clips=10**6, device=device, precision="float32")
        embedders = [exact_one]
        if multiplies_bf16(device):
            embedders.append(Embedder(model, n_clips=10**6, device=device, precision="bf16"))
        for people, subsets in (
            (1, ("fused",)),
            (2, ("fused",)),
            (1, SINGLE_AND_FUSED),
            (2, SINGLE_AND_FUSED),
        ):
            shape = (80, people, 25, 3)
            clips = [0.3 * rng.standard_normal(shape).astype(np.float32) for _ in range(arguments.clips)]
            runs = [
                lambda p=plain, c=clips, s=subsets: _embed_plainly(p, c, s, device),
                *(lambda e=e, c=clips, s=subsets: e(c, s) for e in embedders),
            ]
            slow, *fast = _rates(runs, len(clips))  # type: ignore[arg-type]
            told = "".join(f"{rate:>9.0f} ({rate / slow:4.2f})" for rate in fast)
            if len(embedders) == 2:
                x, y = (e(clips, ("fused",))["fused"] for e in embedders)
                cosine = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
                told += f"{cosine.min():>11.6f}"
            name = "fused" if len(subsets) == 1 else "base"
            print(f"{width:<7}{people:<8}{name:<9}{slow:>7.0f}{told}", flush=True)


@torch.inference_mode()
def _embed_plainly(plain: PlainEncoder, clips: Clips, subsets: tuple[str, ...], device: torch.device) -> None:
    for i in range(0, len(clips), 64):
        two = [np.pad(c, ((0, 0), (0, 2 - c.shape[1]), (0, 0), (0, 0))) for c in clips[i : i + 64]]
        batch = RaggedClips.of(two).to(device).resize(torch.arange(len(two), device=device))
        for modality in subsets:
            plain(batch, modality).cpu()


def _rates(runs: list[Callable[[], object]], n: int) -> list[float]:
    seconds: list[list[float]] = [[] for _ in runs]
    for turn in range(4):
        for run, kept in zip(runs, seconds, strict=True):
            begun = time.perf_counter()
            run()
            if turn:  # the first warms up
                kept.append(time.perf_counter() - begun)
    return [n / statistics.median(kept) for kept in seconds]


if __name__ == "__main__":
    main()
