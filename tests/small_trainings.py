"""Small trainings into a library, stopped where a test says."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encoder import precision
from encoder.train import TrainingInterrupted
from umurl_search.library.library import Library
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

TINY = TrainRequest(
    dataset="mine",
    preset="tiny",
    epochs=6,
    batch_size=8,
    name="slow",
    device="cpu",
    looks=0,
    save_every_s=0.0,
)
STEPS = 18
TWELVE_EPOCHS = TrainRequest(
    dataset="mine", preset="tiny", epochs=12, batch_size=16, precision="float32", name="slow", device="cpu"
)


def like_tiny(**given: Any) -> TrainRequest:
    return TrainRequest(**{**vars(TINY), **given})


def stop_after(steps: int) -> Callable[[], bool]:
    left = iter([False] * (steps - 1))
    return lambda: next(left, True)


def interrupt(library: Library, request: TrainRequest, *, after: int) -> None:
    with pytest.raises(TrainingInterrupted):
        train_encoder(library, request, should_stop=stop_after(after))


def weights(library: Library, name: str = "slow") -> bytes:
    return (library.encoder(name) / "weights.safetensors").read_bytes()


def set_units(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: there)


def read_training_config(library: Library) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((library.encoder("slow") / "config.json").read_text())
    return said


@pytest.fixture(scope="module")
def uninterrupted(made: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("trained") / "library"
    shutil.copytree(made / "library", root)
    train_encoder(Library(root), TWELVE_EPOCHS)
    return weights(Library(root), "slow")
