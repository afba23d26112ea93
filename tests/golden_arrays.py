"""The released code's arrays (tests/golden) in the layout of the encoder."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"


def arrays(name: str) -> dict[str, NDArray[np.float32]]:
    with np.load(GOLDEN / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def to_batch(clips: NDArray[np.floating]) -> Tensor:
    """Golden (N, C, T, V, M) as (N, T, M, V, C) float32."""
    return torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 2, 4, 3, 1), dtype=np.float32))


def to_single_batch(clip: NDArray[np.floating]) -> Tensor:
    """Golden (C, T, V, M) as a batch of one."""
    return to_batch(clip[None])
