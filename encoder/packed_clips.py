"""Clips of a chunk behind each other in one buffer, so that one copy takes them to a device.

Letters: N clips, R rows (a row is a person in a frame), V joints, C coordinates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.normalised_batch import NormalisedClips
from encoder.ragged import RaggedClips

_COLUMNS = 4
"""Whole numbers that are told of a clip: frames, people, whether it is raw, and the order in which it is embedded."""


class Chunk(NamedTuple):
    """Clips to embed: frames (T, M, V, C) float32, M of 1 or 2, and of each whether it is still to be normalised."""

    frames: Sequence[NDArray[np.float32]]
    is_raw: Sequence[bool]


@dataclass(frozen=True, kw_only=True)
class PackedClips:
    """A chunk on the host. buffer: (R V C + 4 N,) float32, the rows of all clips, then the bits of int32 columns."""

    buffer: Tensor
    n_clips: int
    n_single: int
    joint_shape: tuple[int, ...]
    any_raw: bool

    @classmethod
    def of(cls, chunk: Chunk, *, pinned: bool = False) -> "PackedClips":
        """pinned: in memory that a CUDA device copies while the host goes on; torch uses it again once that is done."""
        shapes = np.array([clip.shape[:2] for clip in chunk.frames], dtype=np.int32)
        joint_shape = chunk.frames[0].shape[2:]
        n_values, n = int(shapes.prod(axis=1).sum()) * int(np.prod(joint_shape)), len(shapes)
        buffer = torch.empty(n_values + _COLUMNS * n, pin_memory=pinned)
        values = buffer.numpy()
        np.concatenate([clip.reshape(-1) for clip in chunk.frames], out=values[:n_values])
        columns = values[n_values:].view(np.int32).reshape(_COLUMNS, n)
        columns[:2], columns[2] = shapes.T, chunk.is_raw
        columns[3] = np.argsort(shapes[:, 1], kind="stable")
        return cls(
            buffer=buffer,
            n_clips=n,
            n_single=int((shapes[:, 1] == 1).sum()),
            joint_shape=joint_shape,
            any_raw=any(chunk.is_raw),
        )

    def groups(self) -> Iterator[tuple[int, int, int]]:
        """People, and first and last place in the order, of the clips that are embedded together."""
        yield 1, 0, self.n_single
        yield 2, self.n_single, self.n_clips

    def to(self, device: torch.device) -> "ClipsOnDevice":
        """On the device, which is asked nothing."""
        buffer = self.buffer.to(device, non_blocking=True)
        n_values = len(buffer) - _COLUMNS * self.n_clips
        columns = buffer[n_values:].view(torch.int32).view(_COLUMNS, self.n_clips).long()
        n_frames, n_people, is_raw, order = columns.unbind()
        sizes = n_frames * n_people
        clips = RaggedClips(
            rows=buffer[:n_values].view(-1, *self.joint_shape),
            start=torch.cumsum(sizes, dim=0) - sizes,
            n_frames=n_frames,
            n_people=n_people,
        )
        return ClipsOnDevice(NormalisedClips.of(clips, is_raw != 0) if self.any_raw else clips, order)


class ClipsOnDevice(NamedTuple):
    """Clips to be resized, and the order (N,) in which they are: those of one person first."""

    clips: RaggedClips | NormalisedClips
    order: Tensor
