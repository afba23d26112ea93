"""The network: people, batches, subsets, sizes."""

import pytest
import torch
from small_networks import assert_close, clips, model
from torch import Tensor

from encoder import modality_sets
from encoder.model import ModelConfig

SMALL = ModelConfig(width=16, projection=24)


def with_absent_person(one: Tensor) -> Tensor:
    return torch.cat([one, torch.zeros_like(one)], dim=2)


@pytest.mark.parametrize("config", [SMALL, ModelConfig(width=24, heads=3, layers=2, projection=8)])
@torch.inference_mode()
def test_one_person_is_two_with_the_second_absent(config: ModelConfig) -> None:
    encoder, one = model(config).encoder, clips(5, 1)
    alone = encoder.embed_many(one, modality_sets.ALL)
    both = encoder.embed_many(with_absent_person(one), modality_sets.ALL)
    assert set(alone) == set(modality_sets.ALL)
    assert len(alone) == 7
    for modality in modality_sets.ALL:
        assert_close(alone[modality], both[modality])


@pytest.mark.parametrize("modality", modality_sets.ALL)
def test_one_person_trains_as_two_with_the_second_absent(modality: str) -> None:
    one, weight = clips(4, 1), torch.randn(32, generator=torch.Generator().manual_seed(2))
    gradients = []
    for batch in (one, with_absent_person(one)):
        encoder = model().train().encoder
        (encoder(batch, modality) @ weight).square().sum().backward()
        gradients.append({n: p.grad for n, p in encoder.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    largest = max(float(g.norm()) for g in gradients[0].values())
    for name, gradient in gradients[0].items():
        assert float((gradient - gradients[1][name]).norm()) < 1e-5 * largest, name


@torch.inference_mode()
def test_a_present_second_person_changes_the_embedding() -> None:
    encoder, two = model().encoder, clips(3, 2)
    assert float((encoder(two, "fused") - encoder(two[:, :, :1], "fused")).norm()) > 0.1


@torch.inference_mode()
def test_an_embedding_does_not_depend_on_its_neighbours_or_their_order() -> None:
    encoder, batch = model().encoder, clips(9, 2)
    together = encoder(batch, "fused")
    assert_close(torch.cat([encoder(batch[i : i + 1], "fused") for i in range(9)]), together)
    order = torch.tensor([3, 8, 0, 1, 7, 2, 6, 5, 4])
    assert_close(encoder(batch[order], "fused"), together[order])


@torch.inference_mode()
def test_subsets_asked_for_together_or_alone_are_the_same() -> None:
    encoder, batch = model().encoder, clips(3, 2)
    together = encoder.embed_many(batch, modality_sets.ALL)
    for modality in modality_sets.ALL:
        assert torch.equal(encoder(batch, modality), together[modality])
        others = [together[m] for m in modality_sets.ALL if m != modality]
        assert all(float((other - together[modality]).norm()) > 0.01 for other in others)


@torch.inference_mode()
def test_only_more_than_one_modality_passes_the_fusion_layer() -> None:
    encoder, batch = model().encoder, clips(2, 2)
    before = encoder(batch, "joint")
    encoder.temporal_fusion.weight.zero_()
    encoder.spatial_fusion.weight.zero_()
    assert torch.equal(encoder(batch, "joint"), before)
    nothing_left = encoder(batch, "joint+bone")
    assert_close(nothing_left[:1], nothing_left[1:])


@pytest.mark.parametrize(("width", "heads", "layers"), [(15, 1, 1), (16, 3, 1), (0, 1, 1), (16, 1, 0)])
def test_sizes_that_cannot_be_are_refused(width: int, heads: int, layers: int) -> None:
    with pytest.raises(ValueError, match=r"width is a multiple of 2 \* heads, got ModelConfig"):
        ModelConfig(width=width, heads=heads, layers=layers)
