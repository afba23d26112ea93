"""Pre-training: one readable loop (paper, section 3; schedule as in the released code)."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from encoder.augment import augmented_view
from encoder.errors import UmurlError
from encoder.losses import Losses, umurl_losses
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.subsets import SINGLE_AND_FUSED

Precision = Literal["float32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The schedule. `drop_at`: the epoch, as a share of all, at which the learning rate falls to a tenth.

    `max_seconds` ends a run early, its learning rate as it was; None: it never does.
    """

    epochs: int = 451
    batch_size: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    drop_at: float = 351 / 451
    precision: Precision = "bf16"
    seed: int = 0
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(f"epochs >= 1 and batch_size >= 2, got {self.epochs} and {self.batch_size}")


PRESETS = {
    "paper": (ModelConfig(width=1024), TrainConfig()),
    "small": (
        ModelConfig(width=256),
        TrainConfig(epochs=80, batch_size=32, learning_rate=1e-3, drop_at=0.8),
    ),
    "tiny": (
        ModelConfig(width=64, projection=512),
        TrainConfig(epochs=16, batch_size=32, learning_rate=2e-3, drop_at=0.8, precision="float32"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """Where a run stands after a step; losses are this step's, rate is in clips a second."""

    epoch: int
    step: int
    total_steps: int
    losses: dict[str, float]
    clips_per_s: float


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What surrounds the loop. `on_step` is told of every step, `should_stop` is asked after each,
    `save` is given the state at least every `save_every_s` seconds and when stopping."""

    on_step: Callable[[Step], None] = lambda step: None
    should_stop: Callable[[], bool] = lambda: False
    save: Callable[[dict[str, Any]], None] = lambda state: None
    save_every_s: float = 60.0


class Interrupted(Exception):
    """`should_stop` said so; the state was saved."""


def train(
    clips: RaggedClips,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    hooks: Hooks = Hooks(),
    state: dict[str, Any] | None = None,
) -> UmURL:
    """Pre-trains on normalised clips and returns the model in evaluation mode.

    `state` is what an earlier run of the same configuration saved: the run goes on from that step, with the
    bits it would have had. Raises UmurlError when there are fewer than two clips or the loss is not finite,
    Interrupted when asked to stop.
    """
    n = len(clips)
    if n < 2:
        raise UmurlError(
            f"training needs at least 2 clips, there are {n}: choose another dataset or protocol"
        )
    torch.manual_seed(config.seed)
    batch_size = min(config.batch_size, n)
    steps_per_epoch = n // batch_size
    total_steps = config.epochs * steps_per_epoch
    model = UmURL(model_config).to(device).train()
    optimiser = torch.optim.Adam(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    generator = torch.Generator(device).manual_seed(config.seed)
    clips = clips.to(device)
    first_step = 0 if state is None else _restore(state, model, optimiser, generator)
    begun = saved_at = time.monotonic()
    for step in range(first_step, total_steps):
        started = time.monotonic()
        epoch, batch = divmod(step, steps_per_epoch)
        _set_rate(optimiser, config, epoch)
        index = _epoch_order(n, config.seed, epoch)[batch * batch_size : (batch + 1) * batch_size].to(device)
        losses = _losses(model, clips, index, config.precision, generator)
        optimiser.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        terms = _checked_terms(losses, step, epoch)
        rate = batch_size / (time.monotonic() - started)
        hooks.on_step(
            Step(epoch=epoch, step=step + 1, total_steps=total_steps, losses=terms, clips_per_s=rate)
        )
        stop = hooks.should_stop()
        if stop or time.monotonic() - saved_at > hooks.save_every_s:
            hooks.save(_state(step + 1, model, optimiser, generator))
            saved_at = time.monotonic()
        if stop:
            raise Interrupted
        if config.max_seconds is not None and time.monotonic() - begun > config.max_seconds:
            break
    return model.eval()


def _losses(
    model: UmURL, clips: RaggedClips, index: Tensor, precision: Precision, generator: torch.Generator
) -> Losses:
    views = {modality: augmented_view(clips, index, generator) for modality in SINGLE_AND_FUSED}
    with torch.autocast(index.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        own = model.own_projections(views)
        fused = model.fused_projections(views["fused"])
    return umurl_losses(own, fused)


def _checked_terms(losses: Losses, step: int, epoch: int) -> dict[str, float]:
    terms = {name: float(value.detach()) for name, value in vars(losses).items()}
    total = float(losses.total.detach())
    if not math.isfinite(total):
        named = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        raise UmurlError(
            f"the loss became {total} at step {step + 1}, in epoch {epoch + 1} ({named}): "
            "lower --learning-rate or train with --precision float32"
        )
    return {"loss": total, **terms}


def _set_rate(optimiser: torch.optim.Optimizer, config: TrainConfig, epoch: int) -> None:
    dropped = epoch >= round(config.epochs * config.drop_at)
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * (0.1 if dropped else 1.0)


def _epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(n, generator=generator)


def _state(
    step: int, model: UmURL, optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> dict[str, Any]:
    return {
        "step": step,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": generator.get_state(),
    }


def _restore(
    state: dict[str, Any], model: UmURL, optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> int:
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    generator.set_state(state["generator"].cpu())
    return int(state["step"])


def describe(model_config: ModelConfig, config: TrainConfig) -> dict[str, Any]:
    """Both configurations as plain data, to be written beside a result."""
    return {"model": asdict(model_config), "training": asdict(config)}
