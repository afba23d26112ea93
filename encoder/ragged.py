"""Clips of different lengths in one tensor, and the resize that makes batches of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.skeleton import N_FRAMES


@dataclass(frozen=True, kw_only=True)
class RaggedClips:
    """N clips of T_i frames and M_i people (1 or 2) side by side.

    rows: (sum of T_i * M_i, V, C) float32, a clip's rows in the order frame, person.
    start, n_frames, n_people: (N,) int64; `start` is a clip's first row.
    """

    rows: Tensor
    start: Tensor
    n_frames: Tensor
    n_people: Tensor

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def of(cls, clips: Sequence[NDArray[np.float32]]) -> "RaggedClips":
        """Packs clips of shape (T, M, V, C)."""
        rows = np.concatenate([clip.reshape(-1, *clip.shape[2:]) for clip in clips])
        n_frames = torch.tensor([clip.shape[0] for clip in clips])
        n_people = torch.tensor([clip.shape[1] for clip in clips])
        ends = torch.cumsum(n_frames * n_people, dim=0)
        start = ends - n_frames * n_people
        return cls(rows=torch.from_numpy(rows), start=start, n_frames=n_frames, n_people=n_people)

    def to(self, device: torch.device) -> "RaggedClips":
        moved = {name: getattr(self, name).to(device) for name in self.__dataclass_fields__}
        return RaggedClips(**moved)

    def resize(
        self,
        index: Tensor,
        *,
        first: Tensor | None = None,
        length: Tensor | None = None,
        people: int | None = None,
    ) -> Tensor:
        """Frames first .. first+length-1 of the chosen clips, resized to 64 frames.

        Bilinear over time with half-pixel centres (`align_corners=False`).
        index: (B,) clips; first, length: (B,) int64, the whole clip unless given.
        Returns (B, 64, M, V, C) with M = `people`, unless given the largest number among them (which a GPU
        has to be asked for); the absent are zeros.
        """
        n_people = self.n_people[index]
        first = torch.zeros_like(index) if first is None else first
        length = self.n_frames[index] if length is None else length
        low, weight = find_positions(length)
        high = torch.minimum(low + 1, length[:, None] - 1)
        base = self.start[index][:, None]
        row_low = base + (first[:, None] + low) * n_people[:, None]
        row_high = base + (first[:, None] + high) * n_people[:, None]
        m = int(n_people.max()) if people is None else people
        shown = [self._person(p, row_low, row_high, weight, n_people) for p in range(m)]
        return torch.stack(shown, dim=2)

    def _person(self, person: int, low: Tensor, high: Tensor, weight: Tensor, n_people: Tensor) -> Tensor:
        offset = torch.clamp(n_people - 1, max=person)[:, None]
        w = weight[:, :, None, None]
        frames = self.rows[low + offset] * (1 - w) + self.rows[high + offset] * w
        return frames if person == 0 else frames * (n_people > person)[:, None, None, None]


def find_positions(length: Tensor) -> tuple[Tensor, Tensor]:
    """Lower source frame (B, 64) int64 and weight of the next one (B, 64) float32."""
    k = torch.arange(N_FRAMES, device=length.device, dtype=torch.float32)
    scale = (length.float() / N_FRAMES)[:, None]
    position = torch.clamp(scale * (k + 0.5) - 0.5, min=0)
    low = torch.minimum(position.long(), length[:, None] - 1)
    return low, position - low
