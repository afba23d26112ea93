"""Guards encoder/ but for its training: its numbers are those of the authors' released code (tests/golden)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_arrays import arrays, to_batch
from numpy.typing import NDArray
from torch import Tensor

from encoder.checkpoint import _rename, import_released
from encoder.losses import Losses, covariance_term, umurl_losses, variance_term
from encoder.modality_sets import BASE, SINGLE_AND_FUSED
from encoder.model import UmURL

GOLDEN = Path(__file__).parent / "golden"
RESIDUE = 1e-4
"""Gradient norms below this are rounding of gradients that are zero on paper (biases before BatchNorm, keys')."""


@pytest.fixture
def released() -> UmURL:
    return import_released(GOLDEN / "checkpoint_0450.pth.tar")


def relative(got: Tensor, want: NDArray[np.float32]) -> float:
    """The worst row's distance over its norm."""
    distance = np.linalg.norm(got.detach().numpy().astype(np.float64) - want, axis=1)
    return float((distance / np.linalg.norm(want.astype(np.float64), axis=1)).max())


@pytest.mark.parametrize("modality", SINGLE_AND_FUSED)
@torch.inference_mode()
def test_embeddings(released: UmURL, modality: str) -> None:
    want = arrays("embeddings_eval.npz")
    assert relative(released.encoder(to_batch(want["clips"]), modality), want[f"y_{modality}"]) < 1e-4


@torch.inference_mode()
def test_projections(released: UmURL) -> None:
    want = arrays("embeddings_eval.npz")
    clips = to_batch(want["clips"])
    own, fused = released([dict.fromkeys(SINGLE_AND_FUSED, clips)])
    for modality in BASE:
        assert relative(own[modality], want[f"z_{modality}"]) < 1e-4
        assert relative(fused[modality], want[f"z_fused_{modality}"]) < 1e-4


def test_every_array_of_embeddings_is_compared() -> None:
    compared = (
        {f"y_{m}" for m in SINGLE_AND_FUSED} | {f"z_{m}" for m in BASE} | {f"z_fused_{m}" for m in BASE}
    )
    assert set(arrays("embeddings_eval.npz")) == compared | {"clips"}


def train_step(model: UmURL) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    want = arrays("train_step.npz")
    views = {m: to_batch(want[f"view_{i}"]) for i, m in enumerate(SINGLE_AND_FUSED, start=1)}
    model.train()
    return model([views])  # type: ignore[no-any-return]


def test_losses_of_one_training_step(released: UmURL) -> None:
    want = arrays("train_step.npz")
    own, fused = train_step(released)
    losses: Losses = umurl_losses(own, fused)
    every = [*own.values(), *fused.values()]
    per_term = [float((variance_term(x) + covariance_term(x)).detach()) for x in every]
    np.testing.assert_allclose(per_term, want["vc_per_term"], rtol=1e-4)
    assert float(losses.intra.detach()) == pytest.approx(float(want["intra"]), rel=1e-4)
    assert float(losses.inter.detach()) == pytest.approx(float(want["inter"]), rel=1e-4)
    regularisation = float((losses.variance + losses.covariance).detach())
    assert regularisation == pytest.approx(float(want["regularisation"]), rel=1e-4)
    assert float(losses.total.detach()) == pytest.approx(float(want["loss"]), rel=1e-4)


def test_gradient_norm_of_every_parameter(released: UmURL) -> None:
    want: dict[str, float] = json.loads((GOLDEN / "gradient_norms.json").read_text())
    umurl_losses(*train_step(released)).total.backward()  # type: ignore[no-untyped-call]
    norms = {name: float(p.grad.norm()) for name, p in released.named_parameters() if p.grad is not None}
    assert {_rename(name) for name in want} == set(norms) == {n for n, _ in released.named_parameters()}
    residues = [name for name, norm in want.items() if norm < RESIDUE]
    assert len(residues) < len(want) / 5
    for name, norm in want.items():
        if norm < RESIDUE:
            assert norms[_rename(name)] < RESIDUE, name
        else:
            assert norms[_rename(name)] == pytest.approx(norm, rel=1e-3), name
