"""Embedding in bulk: mixed batches, none at all, devices, and when the network is folded."""

import numpy as np
import pytest
import torch
from small_networks import assert_close, made_clips, model, moved_model

from encoder.embed import FOLDED_FROM, Embedder, embed, pick_device
from encoder.errors import UmurlError
from encoder.folded import FoldedEncoder
from encoder.precision import BF16_FROM

CPU = torch.device("cpu")


def test_several_heads_are_not_folded() -> None:
    model = moved_model(heads=2)
    with pytest.raises(ValueError, match="only an encoder of one head can be folded, got 2"):
        FoldedEncoder(model.encoder, torch.float32)
    many = embed(model, made_clips(1) * FOLDED_FROM, modalities=("fused",), device=CPU)["fused"]
    few = embed(model, made_clips(1), modalities=("fused",), device=CPU)["fused"]
    np.testing.assert_allclose(many[: len(few)], few, atol=1e-6)


def test_many_clips_are_folded_and_few_are_not() -> None:
    model, clips = moved_model(), made_clips(1) + made_clips(2)
    times = -(-FOLDED_FROM // len(clips))
    folded = Embedder(model, n_clips=times * len(clips), device=CPU)
    plain = Embedder(model, n_clips=len(clips), device=CPU)
    assert (folded._folded is None, plain._folded is None) == (False, True)
    np.testing.assert_allclose(
        folded(clips, ("fused",))["fused"], plain(clips, ("fused",))["fused"], atol=2e-5
    )


@pytest.mark.parametrize("n_clips", [1, 100])
def test_the_precision_asked_for(n_clips: int) -> None:
    model, clips = moved_model(width=BF16_FROM), made_clips(1)
    exact, half = (
        Embedder(model, n_clips=n_clips, device=CPU, precision=p)(clips, ("fused",))["fused"]
        for p in ("float32", "bf16")
    )
    cosine = (exact * half).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(half, axis=1)
    assert 0.999 < cosine.min() < 1
    assert np.abs(exact - half).max() > 1e-4


def test_a_batch_of_mixed_people_embeds_as_each_clip_alone() -> None:
    rng = np.random.default_rng(0)
    shapes = [(70, 2), (12, 1), (64, 2), (1, 1), (300, 1)]
    ragged = [rng.normal(size=(t, m, 25, 3)).astype(np.float32) for t, m in shapes]
    encoder = model()
    together = embed(encoder, ragged, modalities=("motion", "fused"), device=CPU)
    for i, clip in enumerate(ragged):
        alone = embed(encoder, [clip], modalities=("motion", "fused"), device=CPU)
        for modality, y in alone.items():
            assert y.dtype == np.float32
            assert_close(torch.from_numpy(together[modality][i]), torch.from_numpy(y[0]))


def test_no_clips_give_no_rows() -> None:
    assert embed(model(), [], modalities=("bone",), device=CPU)["bone"].shape == (0, 32)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UmurlError, match=r"^no device 'cuda:63': \d+ CUDA devices here$") as raised:
        pick_device("cuda:63")
    assert raised.value.typed.endswith("; use --device cpu")
