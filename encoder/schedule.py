"""How a run is trained: the schedule and the presets."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from encoder.model import ModelConfig
from encoder.options import Precision, Schedule
from encoder.precision import pick_precision


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The schedule.

    schedule: `step`, the paper's: at `drop_at`, an epoch as a share of all, the learning rate falls to a
    tenth; `cosine`: it falls to nothing over the whole run. Either rises linearly over `warmup_epochs` first.
    tune_epochs: epochs of nearest-neighbour contrastive tuning afterwards (`encoder.nearest_neighbour_tuning`),
    the encoder's learning rate `tune_rate`. precision: `auto` is bf16 where the device multiplies it and the
    width gains by it, else float32 (`settle_precision` says which). `compile` has torch compile a step, on GPUs only;
    `cuda_graphs`: it replays the launches of a step as one, where one process has it all. `max_seconds` ends a run
    early, its learning rate as it was; None: it never does.
    """

    epochs: int = 451
    batch_size: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    schedule: Schedule = "step"
    drop_at: float = 351 / 451
    warmup_epochs: float = 0.0
    tune_epochs: int = 0
    tune_rate: float = 3e-4
    precision: Precision = "auto"
    compile: bool = False
    cuda_graphs: bool = False
    seed: int = 0
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(f"epochs >= 1 and batch_size >= 2, got {self.epochs} and {self.batch_size}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(f"0 <= warmup_epochs < epochs, got {self.warmup_epochs} and {self.epochs}")

        if self.tune_epochs < 0:
            raise ValueError(f"tune_epochs >= 0, got {self.tune_epochs}")

    def rate_at(self, epoch: float) -> float:
        """The learning rate at a point of the run, in epochs from its start."""
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        elif epoch >= round(self.epochs * self.drop_at):
            rate *= 0.1
        return rate * min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else rate


def settle_precision(config: TrainConfig, *, width: int, device: torch.device) -> TrainConfig:
    """The schedule with the precision that `auto` is for a network of that width on that device."""
    return replace(config, precision=pick_precision(config.precision, width=width, device=device))


PRESETS = {
    "paper": (ModelConfig(width=1024), TrainConfig()),
    "small": (
        ModelConfig(width=256),
        TrainConfig(epochs=80, batch_size=32, learning_rate=1e-3, drop_at=0.8),
    ),
    "tiny": (
        ModelConfig(width=64, projection=512),
        TrainConfig(epochs=16, batch_size=32, learning_rate=2e-3, drop_at=0.8),
    ),
}


def describe(model_config: ModelConfig, config: TrainConfig) -> dict[str, Any]:
    """Both configurations as plain data, to be written beside a result."""
    return {"model": asdict(model_config), "training": asdict(config)}
