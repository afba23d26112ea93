"""Joint, bone and motion, and the tokens that the network reads.

Letters: N clips, T frames, M people, V joints, C coordinates. Clips are (N, T, M, V, C) float32.
"""

import torch
from torch import Tensor


def to_modality(clips: Tensor, modality: str, parents: Tensor) -> Tensor:
    """One base modality of joint coordinates (paper, section 3.1).

    clips: (N, T, M, V, C). bone is child minus parent; motion is the next frame minus this, last frame zero.
    parents: (V,) int64, `PARENTS` on the clips' device: made there of Python's numbers, it is a copy for which the host
    waits.
    """
    if modality == "joint":
        return clips
    if modality == "bone":
        return clips - clips.index_select(3, parents)
    assert modality == "motion", modality
    return torch.cat([clips[:, 1:] - clips[:, :-1], torch.zeros_like(clips[:, :1])], dim=1)


def temporal_tokens(clips: Tensor) -> Tensor:
    """(N, T, M, V, C) to (N, T, M*V*C): one token a frame."""
    return clips.flatten(2)


def spatial_tokens(clips: Tensor) -> Tensor:
    """(N, T, M, V, C) to (N, M*V, T*C): one token a person's joint."""
    n, t, m, v, c = clips.shape
    return clips.permute(0, 2, 3, 1, 4).reshape(n, m * v, t * c)
