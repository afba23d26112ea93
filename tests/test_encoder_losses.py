"""The losses of pre-training against slow oracles."""

import numpy as np
import pytest
import torch
from torch import Tensor

from encoder.losses import covariance_term, umurl_losses, variance_term
from encoder.modality_sets import BASE


def naive_covariance(x: Tensor) -> float:
    """Sum over i != j of cov(x)_ij^2, over D, from the D x D matrix in float64."""
    covariance = np.cov(x.double().numpy(), rowvar=False)
    off_diagonal = covariance - np.diag(np.diag(covariance))
    return float((off_diagonal**2).sum() / x.shape[1])


@pytest.mark.parametrize(("b", "d"), [(4, 30), (30, 4), (12, 12), (2, 50), (64, 63)])
def test_covariance_is_that_of_the_whole_matrix(b: int, d: int) -> None:
    x = torch.randn(b, d, generator=torch.Generator().manual_seed(b)) * 3 + 5
    assert float(covariance_term(x)) == pytest.approx(naive_covariance(x), rel=2e-5)


def test_covariance_stays_in_float32_under_autocast() -> None:
    x = torch.randn(16, 40, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(covariance_term(x), covariance_term(x.float()))
        assert float(covariance_term(x)) == pytest.approx(naive_covariance(x), rel=2e-5)


def test_variance_counts_columns_that_vary_too_little() -> None:
    x = torch.tensor([[0.0, 0.0, 1.0], [0.0, 10.0, 1.5]])
    stds = [np.sqrt(np.var(column, ddof=1) + 1e-4) for column in x.double().numpy().T]
    want = 5 * float(np.mean([max(0.0, 1 - std) for std in stds]))
    assert float(variance_term(x)) == pytest.approx(want, rel=1e-5)


def test_the_whole_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    own = {m: torch.randn(6, 10, generator=generator) for m in BASE}
    fused = {m: torch.randn(6, 10, generator=generator) for m in BASE}
    z = {m: own[m].double().numpy() for m in BASE}
    u = {m: fused[m].double().numpy() for m in BASE}
    mean = sum(z.values()) / 3
    intra = sum(float(((z[m] - u[m]) ** 2).mean()) for m in BASE)
    inter = sum(float(((z[m] - mean) ** 2).mean()) for m in BASE)
    every = [*own.values(), *fused.values()]
    vc = sum(float(variance_term(x)) + naive_covariance(x) for x in every)
    losses = umurl_losses(own, fused)
    assert float(losses.intra) == pytest.approx(intra, rel=1e-5)
    assert float(losses.inter) == pytest.approx(inter, rel=1e-5)
    assert float(losses.total) == pytest.approx(5 * (intra + inter) + vc, rel=1e-5)
