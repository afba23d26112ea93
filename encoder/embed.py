"""Embeds clips in bulk."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.embedding_stream import EmbeddingStream
from encoder.errors import Hint, UmurlError
from encoder.folded import FoldedEncoder
from encoder.model import UmURL
from encoder.options import Precision
from encoder.packed_clips import Chunk
from encoder.precision import pick_precision
from encoder.ragged import RaggedClips

BATCH = 32
"""Clips at once on a CPU: as many as stay in its caches."""
CHUNK = 2048
"""Clips that go to a device at once."""
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
    """`embed` for many calls: what can be made beforehand for `n_clips` in all is made once.

    tell: is given a line where a device's memory does not suffice for the usual batch.
    """

    def __init__(
        self,
        model: UmURL,
        *,
        n_clips: int,
        device: torch.device,
        precision: Precision = "auto",
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._model, self._device = model, device
        self.precision = pick_precision(precision, width=model.config.width, device=device)
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self._stream = EmbeddingStream(
            self._embed, dimension=model.config.dimension, device=device, tell=tell
        )
        with torch.inference_mode():
            worth_it = n_clips >= FOLDED_FROM and model.config.heads == 1
            self._folded = FoldedEncoder(model.encoder, dtype) if worth_it else None

    @property
    def normalises(self) -> bool:
        """Whether `in_chunks` takes raw clips; on a CPU they are normalised one by one, which stay in its caches."""
        return self._device.type != "cpu"

    def in_chunks(
        self, chunks: Iterable[Chunk], modalities: tuple[str, ...]
    ) -> Iterator[dict[str, NDArray[np.float32]]]:
        """y (N, D) float32 for each modality subset, of one chunk after the other.

        A device works on one while the host makes the next, in a thread of its own. Raises ValueError for raw clips
        where the embedder does not normalise.
        """
        if self.normalises:
            yield from self._stream(chunks, modalities)
            return
        for chunk in chunks:
            if any(chunk.is_raw):
                raise ValueError("on a CPU clips are normalised before they are embedded")
            yield self(chunk.frames, modalities)

    def __call__(
        self, clips: Sequence[NDArray[np.float32]], modalities: tuple[str, ...]
    ) -> dict[str, NDArray[np.float32]]:
        """clips: normalised, (T, M, V, C) each. Returns y (N, D) float32 for each modality subset."""
        dimension = self._model.config.dimension
        out = {m: np.empty((len(clips), dimension), np.float32) for m in modalities}
        if not self.normalises:
            self._embed_on_cpu(clips, out)
            return out
        starts = range(0, len(clips), CHUNK)
        parts = (clips[start : start + CHUNK] for start in starts)
        chunks = (Chunk(part, [False] * len(part)) for part in parts)
        for start, found in zip(starts, self._stream(chunks, modalities), strict=True):
            for modality, y in found.items():
                out[modality][start : start + CHUNK] = y
        return out

    @torch.inference_mode()
    def _embed_on_cpu(
        self, clips: Sequence[NDArray[np.float32]], out: dict[str, NDArray[np.float32]]
    ) -> None:
        order = sorted(range(len(clips)), key=lambda i: clips[i].shape[1])
        n_single = sum(clip.shape[1] == 1 for clip in clips)
        groups = order[:n_single], order[n_single:]
        for rows in (group[i : i + BATCH] for group in groups for i in range(0, len(group), BATCH)):
            ragged = RaggedClips.of([clips[i] for i in rows])
            batch = ragged.resize(torch.arange(len(rows)), people=clips[rows[0]].shape[1])
            for modality, y in self._embed(batch, tuple(out)).items():
                out[modality][rows] = y.float().numpy()

    def _embed(self, batch: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        if self._folded is not None:
            return self._folded.embed_many(batch, modalities)
        bf16 = self.precision == "bf16"
        half = torch.autocast(self._device.type, dtype=torch.bfloat16) if bf16 else contextlib.nullcontext()
        with half:
            return self._model.encoder.embed_many(batch, modalities)
