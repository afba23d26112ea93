"""Embeds clips in bulk."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.errors import Hint, UmurlError
from encoder.folded import FoldedEncoder
from encoder.model import UmURL
from encoder.options import Precision
from encoder.precision import pick_precision
from encoder.ragged import RaggedClips

BATCH = {"cpu": 32, "cuda": 512}
"""Clips at once: on a CPU as many as stay in its caches."""
FOLDED_FROM = 64
"""Clips for which multiplying the maps together first is worth it."""


def pick_device(name: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:i` as a device that is there. Raises UmurlError when it is not."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UmurlError(
            f"no device '{name}': {torch.cuda.device_count()} CUDA devices here",
            Hint("use {option}", option="device", value="cpu"),
        )
    return device


@torch.inference_mode()
def embed(
    model: UmURL,
    clips: Sequence[NDArray[np.float32]],
    *,
    modalities: tuple[str, ...],
    device: torch.device,
    precision: Precision = "auto",
) -> dict[str, NDArray[np.float32]]:
    """The embedding y (N, D) float32 of each clip in each modality subset, as the encoder gives it.

    clips: normalised, (T, M, V, C) each, M of 1 or 2. Clips of one person are embedded together, as are those
    of two; an embedding does not depend on its neighbours beyond rounding. float32 gives the network's own
    figures to float32 rounding; with bf16 products they agree to a cosine above 0.999.
    """
    return Embedder(model, n_clips=len(clips), device=device, precision=precision)(clips, modalities)


class Embedder:
    """`embed` for many calls: what can be made beforehand for `n_clips` in all is made once."""

    def __init__(
        self, model: UmURL, *, n_clips: int, device: torch.device, precision: Precision = "auto"
    ) -> None:
        self._model, self._device = model, device
        self.precision = pick_precision(precision, width=model.config.width, device=device)
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        with torch.inference_mode():
            worth_it = n_clips >= FOLDED_FROM and model.config.heads == 1
            self._folded = FoldedEncoder(model.encoder, dtype) if worth_it else None

    @torch.inference_mode()
    def __call__(
        self, clips: Sequence[NDArray[np.float32]], modalities: tuple[str, ...]
    ) -> dict[str, NDArray[np.float32]]:
        """clips: normalised, (T, M, V, C) each. Returns y (N, D) float32 for each modality subset."""
        dimension = self._model.config.dimension
        out = {m: np.empty((len(clips), dimension), np.float32) for m in modalities}
        order = sorted(range(len(clips)), key=lambda i: clips[i].shape[1])
        n_single = sum(clip.shape[1] == 1 for clip in clips)
        groups, size = (order[:n_single], order[n_single:]), BATCH[self._device.type]
        for rows in (group[i : i + size] for group in groups for i in range(0, len(group), size)):
            ragged = RaggedClips.of([clips[i] for i in rows]).to(self._device)
            batch = ragged.resize(
                torch.arange(len(rows), device=self._device), people=clips[rows[0]].shape[1]
            )
            for modality, y in self._embed(batch, modalities).items():
                out[modality][rows] = y.float().cpu().numpy()
        return out

    def _embed(self, batch: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        if self._folded is not None:
            return self._folded.embed_many(batch, modalities)
        bf16 = self.precision == "bf16"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=bf16):
            return self._model.encoder.embed_many(batch, modalities)
