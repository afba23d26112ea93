"""Tokens of every modality against the released code's."""

import numpy as np
import pytest
import torch
from golden_arrays import arrays, to_batch

from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.modality_sets import BASE
from encoder.skeleton import PARENTS


@pytest.mark.parametrize("modality", BASE)
def test_tokens(modality: str) -> None:
    resized = to_batch(arrays("preprocess.npz")["resized"])
    want = arrays("modalities.npz")
    clips = to_modality(resized, modality, torch.tensor(PARENTS))
    np.testing.assert_allclose(temporal_tokens(clips), want[f"{modality}_t"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(spatial_tokens(clips), want[f"{modality}_s"], rtol=0, atol=1e-6)


def test_every_array_of_modalities_is_compared() -> None:
    assert set(arrays("modalities.npz")) == {f"{m}_{stream}" for m in BASE for stream in "ts"}
