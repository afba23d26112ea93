"""The folded network gives the network's own embeddings; in bfloat16 nearly."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from encoder.embed import FOLDED_FROM, Embedder, embed
from encoder.folded import FoldedEncoder
from encoder.modality_sets import ALL, SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from encoder.precision import BF16_FROM
from encoder.ragged import RaggedClips
from umurl_search.clips.normalization import normalise
from umurl_search.synthetic.demo_corpus import make_clip

CPU = torch.device("cpu")


def made_clips(people: int) -> list[np.ndarray]:
    """Demo clips; of two people: action 23 on."""
    names = [f"S001C{c:03d}P{p:03d}R001A{a:03d}" for a in (1, 7, 28) for p in (1, 2) for c in (1, 3)]
    clips = [normalise(make_clip(name)) for name in names]
    return [clip for clip in clips if clip.shape[1] == people]


def moved_model(**given: object) -> UmURL:
    """A network whose biases and norms are not what they start as."""
    torch.manual_seed(0)
    model = UmURL(ModelConfig(**{"width": 64, **given}), with_projectors=False).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model


def batch(people: int) -> Tensor:
    clips = made_clips(people)
    return RaggedClips.of(clips).resized(torch.arange(len(clips)))


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("given", [{}, {"layers": 2}])
@torch.inference_mode()
def test_float32_is_the_networks_own(people: int, given: dict[str, object]) -> None:
    model = moved_model(**given)
    want = model.encoder.embed_many(batch(people), ALL)
    got = FoldedEncoder(model.encoder, torch.float32).embed_many(batch(people), ALL)
    assert got.keys() == want.keys()
    for modality in ALL:
        torch.testing.assert_close(got[modality], want[modality], rtol=2e-5, atol=2e-5, msg=modality)


@pytest.mark.parametrize("people", [1, 2])
@torch.inference_mode()
def test_bf16_agrees_to_a_cosine_above_0999(people: int) -> None:
    model = moved_model(width=256)
    want = model.encoder.embed_many(batch(people), SINGLE_AND_FUSED)
    got = FoldedEncoder(model.encoder, torch.bfloat16).embed_many(batch(people), SINGLE_AND_FUSED)
    for modality in SINGLE_AND_FUSED:
        assert float(cosine_similarity(got[modality].float(), want[modality]).min()) > 0.999
        assert not torch.equal(got[modality].float(), want[modality])


@torch.inference_mode()
def test_a_uni_modal_encoder_folds_too() -> None:
    model = moved_model(modalities=("motion",))
    want = model.encoder(batch(2), "motion")
    got = FoldedEncoder(model.encoder, torch.float32).embed_many(batch(2), ("motion", "fused"))
    torch.testing.assert_close(got["fused"], want, rtol=2e-5, atol=2e-5)
    assert torch.equal(got["fused"], got["motion"])


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
