"""The pre-training loss (paper, section 3.3; weights as in the released code)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CONSISTENCY_WEIGHT = 5.0
VARIANCE_WEIGHT = 5.0


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Scalars: `intra`, `inter`, and variance and covariance summed over all projections."""

    intra: Tensor
    inter: Tensor
    variance: Tensor
    covariance: Tensor

    @property
    def total(self) -> Tensor:
        return CONSISTENCY_WEIGHT * (self.intra + self.inter) + self.variance + self.covariance

    @property
    def terms(self) -> dict[str, Tensor]:
        """`loss`, which is the total, and what it is made of."""
        return {
            "loss": self.total,
            "intra": self.intra,
            "inter": self.inter,
            "variance": self.variance,
            "covariance": self.covariance,
        }


def umurl_losses(own: dict[str, Tensor], fused: dict[str, Tensor]) -> Losses:
    """own, fused: the projections z_m and u_m of every modality m trained (three in the paper), each (B, P)."""
    every = torch.stack([*own.values(), *(fused[m] for m in own)]).float()
    z, u = every.chunk(2)
    centred, squares = _centre(every)
    return Losses(
        intra=(z - u).square().mean(dim=(1, 2)).sum(),
        inter=(z - z.mean(dim=0)).square().mean(dim=(1, 2)).sum(),
        variance=_variance_of(squares, every.shape[1]).sum(),
        covariance=_covariance_of(centred, squares).sum(),
    )


def variance_term(x: Tensor) -> Tensor:
    """5 * mean(relu(1 - std)), the std of each column of x (..., B, D) over the batch. Returns (...)."""
    return _variance_of(_centre(x.float())[1], x.shape[-2])


def covariance_term(x: Tensor) -> Tensor:
    """Sum of the squared off-diagonal covariances of x (..., B, D), over D. Returns (...)."""
    return _covariance_of(*_centre(x.float()))


def _centre(x: Tensor) -> tuple[Tensor, Tensor]:
    """(..., B, D) less the batch's mean, and (..., D) the sums of its squares."""
    centred = x - x.mean(dim=-2, keepdim=True)
    return centred, centred.square().sum(dim=-2)


def _variance_of(squares: Tensor, b: int) -> Tensor:
    std = torch.sqrt(squares / (b - 1) + 1e-4)
    return VARIANCE_WEIGHT * functional.relu(1 - std).mean(dim=-1)


def _covariance_of(centred: Tensor, squares: Tensor) -> Tensor:
    """The sum of squares of the D x D covariance is that of the B x B Gram matrix of the centred batch, so the smaller
    of the two is formed. In float32 whatever the autocast."""
    b, d = centred.shape[-2:]
    turned = centred.transpose(-2, -1)
    with torch.autocast(centred.device.type, enabled=False):
        gram = centred @ turned if b < d else turned @ centred
    all_squares = gram.square().sum(dim=(-2, -1))
    return (all_squares - squares.square().sum(dim=-1)) / ((b - 1) ** 2 * d)
