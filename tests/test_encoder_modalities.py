"""Tokens of every modality against the released code's, and no tensor made of Python numbers."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from golden_arrays import arrays, to_batch
from torch.utils._python_dispatch import TorchDispatchMode

from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.modality_sets import BASE


@pytest.mark.parametrize("modality", BASE)
def test_tokens(modality: str) -> None:
    resized = to_batch(arrays("preprocess.npz")["resized"])
    want = arrays("modalities.npz")
    clips = to_modality(resized, modality)
    np.testing.assert_allclose(temporal_tokens(clips), want[f"{modality}_t"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(spatial_tokens(clips), want[f"{modality}_s"], rtol=0, atol=1e-6)


def test_every_array_of_modalities_is_compared() -> None:
    assert set(arrays("modalities.npz")) == {f"{m}_{stream}" for m in BASE for stream in "ts"}


class Ops(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen[str(op)] += 1
        return op(*args, **(kwargs or {}))


def test_no_modality_makes_a_tensor_of_python_numbers() -> None:
    """On a GPU that is a copy from pageable memory, for which the host waits."""
    clips = torch.zeros(2, 64, 1, 25, 3)
    to_modality(clips, "bone")
    with Ops() as ops:
        to_modality(clips, "bone")
    assert ops.seen["aten.lift_fresh.default"] == 0
    assert sum(ops.seen.values()) > 0
