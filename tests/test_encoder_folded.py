"""The folded network gives the network's own embeddings; in bfloat16 nearly."""

import pytest
import torch
from small_networks import made_clips, moved_model
from torch import Tensor
from torch.nn.functional import cosine_similarity

from encoder.folded import FoldedEncoder
from encoder.modality_sets import ALL, SINGLE_AND_FUSED
from encoder.ragged import RaggedClips


def batch(people: int) -> Tensor:
    clips = made_clips(people)
    return RaggedClips.of(clips).resize(torch.arange(len(clips)))


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
