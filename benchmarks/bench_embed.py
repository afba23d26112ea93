"""Embedding throughput: all four base modalities of a clip, as `build-index` makes them.

    python benchmarks/bench_embed.py [--presets tiny small paper] [--clips N]

Ours (modality embeddings shared between the four, absent people folded, float32) against the same network
written plainly: four passes over two-person tensors with torch's own TransformerEncoderLayer. One run,
medians of three, ratio last.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from encoder.embed import embed, pick_device
from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.model import ModalityEmbedding, UmURL
from encoder.ragged import RaggedClips
from encoder.subsets import SINGLE_AND_FUSED, members
from encoder.train import PRESETS


class Plain(nn.Module):
    """The network without any short cut."""

    def __init__(self, model: UmURL) -> None:
        super().__init__()
        self.source = model.encoder
        width = model.config.width
        self.temporal = nn.TransformerEncoderLayer(width, 1, width, dropout=0.0, batch_first=True).eval()
        self.spatial = nn.TransformerEncoderLayer(width, 1, width, dropout=0.0, batch_first=True).eval()

    def forward(self, clips: Tensor, modality: str) -> Tensor:
        temporal, spatial = [], []
        for m in members(modality):
            x, embedding = to_modality(clips, m), self.source.embeddings[m]
            assert isinstance(embedding, ModalityEmbedding)
            temporal.append(embedding.temporal(temporal_tokens(x)))
            spatial.append(embedding.spatial(spatial_tokens(x)))
        t, s = torch.stack(temporal).mean(0), torch.stack(spatial).mean(0)
        if len(temporal) > 1:
            t, s = self.source.temporal_fusion(t), self.source.spatial_fusion(s)
        t, s = self.temporal(t + self.source.position), self.spatial(s)
        return torch.cat([t.amax(1), s.amax(1)], dim=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["tiny", "small", "paper"])
    parser.add_argument("--clips", type=int, default=128)
    arguments = parser.parse_args()
    device = pick_device("auto")
    rng = np.random.default_rng(0)
    print(f"{'preset':<8}{'people':<8}{'plain clips/s':>15}{'ours clips/s':>15}{'ratio':>8}")
    for preset in arguments.presets:
        model = UmURL(PRESETS[preset][0], with_projectors=False).eval().to(device)
        plain = Plain(model).to(device)
        for people in (1, 2):
            clips = [
                rng.standard_normal((80, people, 25, 3)).astype(np.float32) for _ in range(arguments.clips)
            ]
            slow = _rate(lambda p=plain, c=clips: _plainly(p, c, device), len(clips))  # type: ignore[misc]
            fast = _rate(
                lambda m=model, c=clips: embed(m, c, modalities=SINGLE_AND_FUSED, device=device),  # type: ignore[misc]
                len(clips),
            )
            print(f"{preset:<8}{people:<8}{slow:>15.0f}{fast:>15.0f}{fast / slow:>8.2f}", flush=True)


@torch.inference_mode()
def _plainly(plain: Plain, clips: list[NDArray[np.float32]], device: torch.device) -> None:
    for i in range(0, len(clips), 64):
        two = [np.pad(c, ((0, 0), (0, 2 - c.shape[1]), (0, 0), (0, 0))) for c in clips[i : i + 64]]
        batch = RaggedClips.of(two).to(device).resized(torch.arange(len(two), device=device))
        for modality in SINGLE_AND_FUSED:
            plain(batch, modality).cpu()


def _rate(run: Callable[[], object], n: int) -> float:
    run()
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return n / statistics.median(seconds)


if __name__ == "__main__":
    main()
