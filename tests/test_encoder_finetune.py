"""Fine-tuning against a plain loop, its schedule, and that the given model stays as it was."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from refusals import raises_typed
from torch import Tensor, nn

from encoder import finetune as tuning
from encoder.augment import random_crops
from encoder.finetune import FinetuneConfig, finetune
from encoder.model import ModelConfig, UmURL
from encoder.probe import ScoredHead, new_head, probe_result
from encoder.ragged import RaggedClips
from umurl_search.clips.normalization import normalise
from umurl_search.synthetic.demo_corpus import make_clip

CPU = torch.device("cpu")
CONFIG = FinetuneConfig(
    epochs=4, batch_size=4, learning_rate=2e-3, drop_at=0.5, least_steps=0, tests=2, seed=3
)
ACTIONS = (1, 10, 23)


def clips_of(subject: int) -> RaggedClips:
    names = [f"S001C{c:03d}P{subject:03d}R001A{a:03d}" for a in ACTIONS for c in (1, 2, 3)]
    return RaggedClips.of([normalise(make_clip(name)) for name in names])


LABELS = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])


@pytest.fixture(scope="module")
def clips() -> tuple[RaggedClips, RaggedClips]:
    """Nine training and nine test clips of three actions."""
    return clips_of(1), clips_of(2)


@pytest.fixture
def model() -> UmURL:
    torch.manual_seed(0)
    return UmURL(ModelConfig(width=16, projection=32)).eval()


def run(
    model: UmURL, clips: tuple[RaggedClips, RaggedClips], config: FinetuneConfig = CONFIG, **given: Any
) -> list[ScoredHead]:
    given = {"modality": "fused", **given}
    return list(finetune(model, clips[0], LABELS, clips[1], n_classes=3, config=config, device=CPU, **given))


def plain(
    model: UmURL, clips: tuple[RaggedClips, RaggedClips], config: FinetuneConfig, modality: str
) -> Tensor:
    """Scores (Q, K) after the last epoch, one clip at a time through the encoder, an optimiser of its own."""
    train, test = clips
    order = torch.Generator().manual_seed(config.seed)
    crops = torch.Generator().manual_seed(config.seed)
    head = new_head(model.config.dimension, 3, order)
    encoder = copy.deepcopy(model.encoder)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    for epoch in range(config.epochs):
        if epoch == round(config.epochs * config.drop_at):
            optimiser.param_groups[0]["lr"] = config.learning_rate / 10
        everybody = torch.randperm(9, generator=order)
        for start in range(0, 9, config.batch_size):
            rows = everybody[start : start + config.batch_size]
            first, length = torch.zeros_like(rows), train.n_frames[rows]
            if config.crop:
                first, length = random_crops(length, crops)
            losses = []
            for row, f, n in zip(rows, first, length, strict=True):
                clip = train.resize(row[None], first=f[None], length=n[None])
                losses.append(nn.functional.cross_entropy(head(encoder(clip, modality)), LABELS[row][None]))
            optimiser.zero_grad()
            torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    with torch.no_grad():
        whole = [encoder(test.resize(torch.tensor([row])), modality) for row in range(9)]
        return torch.cat([head(y).softmax(dim=1) for y in whole])


@pytest.mark.parametrize("modality", ["fused", "joint", "bone+motion"])
@pytest.mark.parametrize("crop", [True, False])
def test_it_is_the_plain_loop(
    modality: str, crop: bool, model: UmURL, clips: tuple[RaggedClips, RaggedClips]
) -> None:
    config = replace(CONFIG, crop=crop)
    scores = run(model, clips, config, modality=modality)[-1].scores
    np.testing.assert_allclose(scores, plain(model, clips, config, modality), atol=1e-5)


def test_crops_and_modalities_matter(model: UmURL, clips: tuple[RaggedClips, RaggedClips]) -> None:
    usual = run(model, clips)[-1].scores
    assert (usual - run(model, clips, replace(CONFIG, crop=False))[-1].scores).abs().max() > 5e-3
    assert (usual - run(model, clips, modality="joint")[-1].scores).abs().max() > 5e-3


def test_the_model_given_stays_as_it_was(model: UmURL, clips: tuple[RaggedClips, RaggedClips]) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    run(model, clips)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_encoder_is_trained_and_not_only_the_head(
    model: UmURL, clips: tuple[RaggedClips, RaggedClips], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuning.Classifier] = []

    class Watched(tuning.Classifier):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            made.append(self)

    monkeypatch.setattr(tuning, "Classifier", Watched)
    run(model, clips, modality="joint")
    (network,) = made
    own = dict(model.encoder.named_parameters())
    moved = {name for name, p in network.encoder.named_parameters() if not torch.equal(p, own[name])}
    assert {name for name in own if name.startswith("embeddings.joint.")} <= moved
    assert not {name for name in moved if name.startswith(("embeddings.bone.", "temporal_fusion"))}
    assert any(name.startswith("spatial.0.") for name in moved)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(
    model: UmURL, clips: tuple[RaggedClips, RaggedClips]
) -> None:
    first = run(model, clips)[-1].scores
    torch.randn(3)
    assert torch.equal(first, run(model, clips)[-1].scores)
    assert not torch.equal(first, run(model, clips, replace(CONFIG, seed=4))[-1].scores)


def test_it_learns_what_it_is_shown(model: UmURL, clips: tuple[RaggedClips, RaggedClips]) -> None:
    train, _ = clips
    config = replace(CONFIG, epochs=40, crop=False)
    run = finetune(model, train, LABELS, train, modality="fused", n_classes=3, config=config, device=CPU)
    assert probe_result(run, LABELS.numpy()).accuracy == 1.0


@pytest.mark.parametrize(("epochs", "tests", "tested"), [(4, 2, [2, 4]), (5, 2, [2, 4, 5]), (2, 9, [1, 2])])
def test_the_last_epoch_is_tested_whatever_their_number(
    epochs: int, tests: int, tested: list[int], model: UmURL, clips: tuple[RaggedClips, RaggedClips]
) -> None:
    told: list[int] = []
    found = run(model, clips, replace(CONFIG, epochs=epochs, tests=tests), on_step=told.append)
    assert [scored.epoch for scored in found] == tested
    assert told == list(range(1, 3 * epochs + 1))


def test_one_does_not_train_under_the_others_no_grad(
    model: UmURL, clips: tuple[RaggedClips, RaggedClips]
) -> None:
    runs: list[Iterator[ScoredHead]] = [
        finetune(model, clips[0], LABELS, clips[1], modality="fused", n_classes=3, config=CONFIG, device=CPU)
        for _ in range(2)
    ]
    for one, other in zip(*runs, strict=True):
        assert torch.is_grad_enabled()
        assert torch.equal(one.scores, other.scores)


# the schedule


@pytest.mark.parametrize(
    ("clips", "epochs", "steps"), [(1, 500, 1), (32, 500, 1), (33, 250, 2), (431, 50, 14), (5000, 50, 157)]
)
def test_few_clips_are_seen_more_often(clips: int, epochs: int, steps: int) -> None:
    config = FinetuneConfig()
    assert (config.epochs_for(clips), config.steps_for(clips)) == (epochs, steps)
    assert FinetuneConfig.from_epochs(3).epochs_for(clips) == 3
    assert FinetuneConfig.from_epochs(None, seed=2) == FinetuneConfig(seed=2)


def test_the_loss_that_is_no_number_stops_it(model: UmURL, clips: tuple[RaggedClips, RaggedClips]) -> None:
    with raises_typed(r"the classifier's loss became nan in epoch \d+; lower the learning rate"):
        run(model, clips, replace(CONFIG, learning_rate=1e30))


@pytest.mark.parametrize("given", [{"epochs": 0}, {"batch_size": 0}, {"tests": 0}, {"learning_rate": np.inf}])
def test_a_schedule_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match="epochs, batch_size, tests >= 1 and a finite learning_rate > 0, got"
    ):
        replace(CONFIG, **given)
