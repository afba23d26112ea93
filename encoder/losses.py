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


def umurl_losses(own: dict[str, Tensor], fused: dict[str, Tensor]) -> Losses:
    """own, fused: the projections z_m and u_m of every modality m trained (three in the paper), each (B, P)."""
    own = {m: z.float() for m, z in own.items()}
    fused = {m: fused[m].float() for m in own}
    mean = torch.stack(list(own.values())).mean(dim=0)
    intra = [functional.mse_loss(own[m], fused[m]) for m in own]
    inter = [functional.mse_loss(own[m], mean) for m in own]
    every = [*own.values(), *fused.values()]
    return Losses(
        intra=torch.stack(intra).sum(),
        inter=torch.stack(inter).sum(),
        variance=torch.stack([variance_term(x) for x in every]).sum(),
        covariance=torch.stack([covariance_term(x) for x in every]).sum(),
    )


def variance_term(x: Tensor) -> Tensor:
    """5 * mean(relu(1 - std)), the std of each column of x (B, D) over the batch."""
    std = torch.sqrt(x.var(dim=0) + 1e-4)
    return VARIANCE_WEIGHT * functional.relu(1 - std).mean()


def covariance_term(x: Tensor) -> Tensor:
    """Sum of the squared off-diagonal covariances of x (B, D), over D.

    The sum of squares of the D x D covariance is that of the B x B Gram matrix of the centred batch, so the
    smaller of the two is formed. In float32 whatever the autocast.
    """
    b, d = x.shape
    with torch.autocast(x.device.type, enabled=False):
        centred = x.float() - x.float().mean(dim=0)
        gram = centred @ centred.T if b < d else centred.T @ centred
        all_squares = gram.square().sum()
        diagonal_squares = centred.square().sum(dim=0).square().sum()
        return (all_squares - diagonal_squares) / (b - 1) ** 2 / d
