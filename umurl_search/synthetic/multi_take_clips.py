"""Several performances of one programme as one training clip: every view is of a performance drawn at random.

Pre-training pulls together what is seen of one clip. Here that is one programme done by several people, before
several cameras and sensors, so that who and how it is seen teach the encoder nothing and what is done does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.ragged import RaggedClips


@dataclass(frozen=True, kw_only=True)
class Retakes(RaggedClips):
    """N programmes of R takes each, all with as many people.

    The fields of a clip are those of a programme's first take; takes: all N * R, a programme's in a row. Crops are
    stated in frames of the first take and fall on the same share of the take that is drawn.
    """

    takes: RaggedClips
    n_takes: int
    generator: torch.Generator

    @classmethod
    def group(cls, clips: Sequence[NDArray[np.float32]], *, n_takes: int, seed: int) -> "Retakes":
        """Packs clips of shape (T, M, V, C), `n_takes` of each programme in a row.

        Raises ValueError when they do not come out even, or takes of a programme differ in people.
        """
        if len(clips) % n_takes:
            raise ValueError(f"{n_takes} takes a programme do not divide {len(clips)} clips")
        takes = RaggedClips.of(clips)
        if (takes.n_people.view(-1, n_takes) != takes.n_people[::n_takes, None]).any():
            raise ValueError("takes of one programme show as many people, some here do not")
        first = {name: getattr(takes, name)[::n_takes] for name in ("start", "n_frames", "n_people")}
        generator = torch.Generator().manual_seed(seed)
        return cls(rows=takes.rows, **first, takes=takes, n_takes=n_takes, generator=generator)

    def to(self, device: torch.device) -> "Retakes":
        moved = {name: getattr(self, name).to(device) for name in ("rows", "start", "n_frames", "n_people")}
        return Retakes(**moved, takes=self.takes.to(device), n_takes=self.n_takes, generator=self.generator)

    def resize(
        self,
        index: Tensor,
        *,
        first: Tensor | None = None,
        length: Tensor | None = None,
        people: int | None = None,
    ) -> Tensor:
        """As `RaggedClips.resize`, of a take of each programme drawn at random."""
        drawn = torch.randint(self.n_takes, (len(index),), generator=self.generator)
        row = index * self.n_takes + drawn.to(index.device)
        stated, own = self.n_frames[index], self.takes.n_frames[row]
        first = torch.zeros_like(index) if first is None else first
        length = stated if length is None else length
        begin = torch.minimum(first * own // stated, own - 1)
        size = torch.minimum(torch.clamp(length * own // stated, min=1), own - begin)
        return self.takes.resize(row, first=begin, length=size, people=people)
