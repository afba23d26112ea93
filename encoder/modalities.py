"""Joint, bone and motion, and the tokens that the network reads.

Letters: N clips, T frames, M people, V joints, C coordinates. Clips are (N, T, M, V, C) float32.
"""

import torch
from torch import Tensor

from encoder.errors import UmurlError
from encoder.skeleton import PARENTS

BASE = ("joint", "bone", "motion")
FUSED = "fused"
SINGLE_AND_FUSED = (*BASE, FUSED)
ALL = ("joint", "bone", "motion", "joint+bone", "joint+motion", "bone+motion", FUSED)


def parse(text: str) -> str:
    """The canonical name of a subset: `bone+joint` is `joint+bone`, all three are `fused`.

    Raises UmurlError when a part is not a modality or stands twice.
    """
    parts = list(BASE) if text == FUSED else text.split("+")
    if not set(parts) <= set(BASE) or len(set(parts)) < len(parts):
        raise UmurlError(f"no modality '{text}': give joint, bone, motion, any + of them, or fused")
    return FUSED if len(parts) == len(BASE) else "+".join(m for m in BASE if m in parts)


def members(modality: str) -> tuple[str, ...]:
    """The base modalities in a canonical name, in the order joint, bone, motion."""
    return BASE if modality == FUSED else tuple(modality.split("+"))


def to_modality(clips: Tensor, modality: str) -> Tensor:
    """One base modality of joint coordinates (paper, section 3.1).

    clips: (N, T, M, V, C). bone is child minus parent; motion is the next frame minus this, last frame zero.
    """
    if modality == "joint":
        return clips
    if modality == "bone":
        return clips - clips[:, :, :, list(PARENTS)]
    assert modality == "motion", modality
    return torch.cat([clips[:, 1:] - clips[:, :-1], torch.zeros_like(clips[:, :1])], dim=1)


def temporal_tokens(clips: Tensor) -> Tensor:
    """(N, T, M, V, C) to (N, T, M*V*C): one token a frame."""
    return clips.flatten(2)


def spatial_tokens(clips: Tensor) -> Tensor:
    """(N, T, M, V, C) to (N, M*V, T*C): one token a person's joint."""
    n, t, m, v, c = clips.shape
    return clips.permute(0, 2, 3, 1, 4).reshape(n, m * v, t * c)
