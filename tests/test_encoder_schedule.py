"""Presets and the learning rate at every point of a run."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from short_runs import CONFIG

from encoder.model import UmURL
from encoder.schedule import PRESETS, TrainConfig, describe


def count(parts: torch.nn.Module) -> float:
    return sum(p.numel() for p in parts.parameters()) / 1e6


def test_the_paper_preset_has_the_papers_sizes() -> None:
    with torch.device("meta"):
        paper = UmURL(PRESETS["paper"][0])
    assert paper.config.dimension == 2048
    assert round(count(paper.encoder), 2) == 22.07
    assert round(count(paper), 2) == 72.45


def test_every_preset_leaves_the_precision_to_the_machine() -> None:
    assert {name: config.precision for name, (_, config) in PRESETS.items()} == dict.fromkeys(PRESETS, "auto")


def test_the_paper_preset_is_the_papers_schedule() -> None:
    model, config = PRESETS["paper"]
    assert (model.width, model.heads, model.layers, model.projection) == (1024, 1, 1, 4096)
    assert (config.epochs, config.batch_size) == (451, 512)
    assert (config.learning_rate, config.weight_decay) == (5e-4, 1e-5)
    assert round(config.epochs * config.drop_at) == 351
    assert describe(model, config)["training"]["epochs"] == 451


@pytest.mark.parametrize(
    ("given", "epoch", "rate"),
    [
        ({}, 0, 1.0),
        ({}, 77.9, 1.0),
        ({}, 78, 0.1),
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 50, 0.5),
        ({"schedule": "cosine"}, 100, 0.0),
        ({"warmup_epochs": 10}, 0, 0.0),
        ({"warmup_epochs": 10}, 5, 0.5),
        ({"warmup_epochs": 10}, 10, 1.0),
        ({"schedule": "cosine", "warmup_epochs": 50}, 25, 0.5 * 0.5 * (1 + 0.5**0.5)),
    ],
)
def test_the_learning_rate_at_a_point_of_the_run(given: dict[str, Any], epoch: float, rate: float) -> None:
    config = TrainConfig(epochs=100, learning_rate=3.0, drop_at=0.78, **given)
    assert config.rate_at(epoch) == pytest.approx(3 * rate)


@pytest.mark.parametrize("given", [{"epochs": 0}, {"batch_size": 1}])
def test_a_schedule_that_cannot_be(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"epochs >= 1 and batch_size >= 2, got"):
        replace(CONFIG, **given)  # type: ignore[arg-type]
