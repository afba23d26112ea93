"""Embeds clips in bulk."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.model import UmURL
from encoder.ragged import RaggedClips

BATCH = 64


def pick_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:i` as a device that is there. Raises UmurlError when it is not."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UmurlError(
            f"no device '{name}': {torch.cuda.device_count()} CUDA devices here; use --device cpu"
        )
    return device


@torch.inference_mode()
def embed(
    model: UmURL,
    clips: Sequence[NDArray[np.float32]],
    *,
    modalities: tuple[str, ...],
    device: torch.device,
) -> dict[str, NDArray[np.float32]]:
    """The embedding y (N, D) float32 of each clip in each modality subset, as the encoder gives it.

    clips: normalised, (T, M, V, C) each, M of 1 or 2. Clips of one person are embedded together, as are those
    of two; an embedding does not depend on its neighbours beyond float32 rounding.
    """
    dimension = model.config.dimension
    out = {m: np.empty((len(clips), dimension), np.float32) for m in modalities}
    order = sorted(range(len(clips)), key=lambda i: clips[i].shape[1])
    n_single = sum(clip.shape[1] == 1 for clip in clips)
    groups = [order[:n_single], order[n_single:]]
    for rows in (group[i : i + BATCH] for group in groups for i in range(0, len(group), BATCH)):
        ragged = RaggedClips.of([clips[i] for i in rows]).to(device)
        batch = ragged.resized(torch.arange(len(rows), device=device))
        for modality, y in model.encoder.embed_many(batch, modalities).items():
            out[modality][rows] = y.float().cpu().numpy()
    return out
