"""Options of a training: every value of a preset, sizes of an encoder to start from."""

import json
from collections.abc import Callable

import pytest
import torch
from conftest import Result
from small_trainings import TWELVE_EPOCHS

from encoder import checkpoint
from encoder.model import ModelConfig
from encoder.schedule import TrainConfig
from umurl_search.library import encoder_registry
from umurl_search.library.library import Library
from umurl_search.training.plan import TrainRequest, apply_options
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings

Command = Callable[..., Result]


def test_every_value_of_a_preset_can_be_replaced() -> None:
    given = {
        "width": 8,
        "heads": 2,
        "layers": 3,
        "projection": 5,
        "modalities": ("bone", "joint"),
        "epochs": 7,
        "batch_size": 9,
        "learning_rate": 0.1,
        "weight_decay": 0.2,
        "schedule": "cosine",
        "drop_at": 0.3,
        "warmup_epochs": 1.5,
        "tune_epochs": 3,
        "tune_rate": 0.01,
        "precision": "float32",
        "compile": True,
        "cuda_graphs": True,
        "seed": 4,
        "max_seconds": 5.0,
    }
    model, config = apply_options(TrainRequest(dataset="x", preset="paper", **given))  # type: ignore[arg-type]
    got = {**vars(model), **vars(config)}
    assert got == {**given, "modalities": ("joint", "bone")}
    assert set(got) == {*ModelConfig.__dataclass_fields__, *TrainConfig.__dataclass_fields__}


def test_training_may_start_from_an_encoder(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --learning-rate 0 --start-from e --as again --device cpu"
    assert command(*words.split()).code == 0
    before, after = (checkpoint.load(library.encoder(name)).state_dict() for name in ("e", "again"))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert "running" in name or "tracked" in name or torch.equal(after[name], tensor), name
    entry = encoder_registry.open_encoder(library, "again")
    assert entry.config["started_from"]["encoder"] == "e"
    assert entry.datasets_before == ["mine"]
    assert encoder_registry.overlap(entry, "mine", []) is None  # e may have seen more than this run
    assert encoder_registry.overlap(entry, "ntu60", []) == 0


def test_an_encoder_to_start_from_keeps_its_sizes(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --start-from e --as x --device cpu"
    failed = command(*words.split(), "--width", 32)
    assert (failed.code, failed.out) == (1, "")
    assert "encoder e has width 64, not 32; leave out --width, or start from another encoder" in failed.err
    report = train_encoder(
        library, TrainRequest(**{**vars(TWELVE_EPOCHS), "start_from": "shipped", "epochs": 1})
    )
    config = json.loads((library.encoder(report.encoder) / "config.json").read_text())
    assert config["model"]["width"] == encoder_registry.open_shipped().config["model"]["width"]
