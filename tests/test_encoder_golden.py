"""The encoder room against numbers of the authors' released code (tests/golden)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.augment import corruption_maps, map_joints, shear_maps
from encoder.checkpoint import _renamed, import_released
from encoder.losses import Losses, covariance_term, umurl_losses, variance_term
from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.modality_sets import BASE, SINGLE_AND_FUSED
from encoder.model import UmURL
from encoder.ragged import RaggedClips

GOLDEN = Path(__file__).parent / "golden"
RESIDUE = 1e-4
"""Gradient norms below this are rounding of gradients that are zero on paper (biases before BatchNorm, keys')."""


def arrays(name: str) -> dict[str, NDArray[np.float32]]:
    with np.load(GOLDEN / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def ours(clips: NDArray[np.floating]) -> Tensor:
    """Golden (N, C, T, V, M) as (N, T, M, V, C) float32."""
    return torch.from_numpy(np.ascontiguousarray(clips.transpose(0, 2, 4, 3, 1), dtype=np.float32))


def ours_single(clip: NDArray[np.floating]) -> Tensor:
    """Golden (C, T, V, M) as a batch of one."""
    return ours(clip[None])


@pytest.fixture
def released() -> UmURL:
    return import_released(GOLDEN / "checkpoint_0450.pth.tar")


@pytest.mark.parametrize("modality", BASE)
def test_tokens(modality: str) -> None:
    resized = ours(arrays("preprocess.npz")["resized"])
    want = arrays("modalities.npz")
    clips = to_modality(resized, modality)
    np.testing.assert_allclose(temporal_tokens(clips), want[f"{modality}_t"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(spatial_tokens(clips), want[f"{modality}_s"], rtol=0, atol=1e-6)


def test_every_array_of_modalities_is_compared() -> None:
    assert set(arrays("modalities.npz")) == {f"{m}_{stream}" for m in BASE for stream in "ts"}


def test_shear() -> None:
    want = arrays("augmentations.npz")
    maps = shear_maps(torch.from_numpy(want["shear"].astype(np.float32))[None], 25)
    got = map_joints(ours_single(want["clip"]), maps)
    np.testing.assert_allclose(got, ours_single(want["sheared"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["zeroed", "corrupted"])
def test_corruption(kind: str) -> None:
    want = arrays("augmentations.npz")
    mixing = want["corruption"].astype(np.float32) if kind == "corrupted" else np.zeros((3, 3), np.float32)
    chosen = torch.zeros(1, 25, dtype=torch.bool)
    chosen[0, want["joints"].tolist()] = True
    got = map_joints(ours_single(want["clip"]), corruption_maps(chosen, torch.from_numpy(mixing)[None]))
    np.testing.assert_allclose(got, ours_single(want[kind]), rtol=0, atol=1e-5)


def test_crop() -> None:
    want, prepared = arrays("augmentations.npz"), arrays("preprocess.npz")
    clip = prepared["normalised"][int(want["crop_clip_index"])].transpose(1, 3, 2, 0)
    got = RaggedClips.of([np.ascontiguousarray(clip)]).resized(
        torch.tensor([0]),
        first=torch.tensor([int(want["crop_start"])]),
        length=torch.tensor([int(want["crop_length"])]),
    )
    np.testing.assert_allclose(got, ours_single(want["cropped"]), rtol=0, atol=1e-5)


def relative(got: Tensor, want: NDArray[np.float32]) -> float:
    """The worst row's distance over its norm."""
    distance = np.linalg.norm(got.detach().numpy().astype(np.float64) - want, axis=1)
    return float((distance / np.linalg.norm(want.astype(np.float64), axis=1)).max())


@pytest.mark.parametrize("modality", SINGLE_AND_FUSED)
@torch.inference_mode()
def test_embeddings(released: UmURL, modality: str) -> None:
    want = arrays("embeddings_eval.npz")
    assert relative(released.encoder(ours(want["clips"]), modality), want[f"y_{modality}"]) < 1e-4


@torch.inference_mode()
def test_projections(released: UmURL) -> None:
    want = arrays("embeddings_eval.npz")
    clips = ours(want["clips"])
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
    views = {m: ours(want[f"view_{i}"]) for i, m in enumerate(SINGLE_AND_FUSED, start=1)}
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
    assert {_renamed(name) for name in want} == set(norms) == {n for n, _ in released.named_parameters()}
    residues = [name for name, norm in want.items() if norm < RESIDUE]
    assert len(residues) < len(want) / 5
    for name, norm in want.items():
        if norm < RESIDUE:
            assert norms[_renamed(name)] < RESIDUE, name
        else:
            assert norms[_renamed(name)] == pytest.approx(norm, rel=1e-3), name
