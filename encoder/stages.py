"""The two stages of a run: pre-training, and contrastive tuning where it is asked for. Each has its network, its
optimiser and its loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from encoder.batches import Plan
from encoder.distributed import Processes, gather, wrap_ddp
from encoder.losses import umurl_losses
from encoder.model import UmURL, View
from encoder.nearest_neighbour_tuning import HEAD_RATE, QUEUE, SEEKING, SOUGHT, Tuner
from encoder.schedule import TrainConfig

Terms = dict[str, Tensor]
"""`loss`, and what it is made of."""


class Pretraining:
    """The paper's objective and its optimiser."""

    def __init__(self, model: UmURL, config: TrainConfig, device: torch.device, processes: Processes) -> None:
        self.module: nn.Module = model
        self.names: tuple[str, ...] = model.config.subsets
        self.config, self.device, self.processes = config, device, processes
        groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
        self.optimiser = _adam(groups, config)
        self.called = _compile_if_asked(wrap_ddp(model, device, processes), config)

    def set_rate(self, epoch: float) -> float:
        rate = self.config.rate_at(epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return rate

    def terms(self, views: list[View], step: int) -> Terms:
        """The loss and its terms, over the batch of all processes."""
        with _autocast(self.device, self.config):
            own, fused = self.called(views)
        losses = umurl_losses(gather(own, self.processes), gather(fused, self.processes))
        return {"loss": losses.total, **vars(losses)}


class Tuning:
    """Contrastive tuning and its optimiser, made anew after the last epoch of pre-training."""

    def __init__(
        self, model: UmURL, config: TrainConfig, plan: Plan, device: torch.device, processes: Processes
    ) -> None:
        torch.manual_seed(config.seed + 1)
        self.module = (
            Tuner(model, queue=min(QUEUE, plan.steps_per_epoch * plan.batch_size)).to(device).train()
        )
        self.names = (SOUGHT, SEEKING)
        self.config, self.device, self.processes = config, device, processes
        self.since = config.epochs * plan.steps_per_epoch
        model.projectors.requires_grad_(False)
        new = [*self.module.head.parameters(), *self.module.predictor.parameters()]
        encoder = [p for p in model.encoder.parameters() if p.requires_grad]
        self.optimiser = _adam(
            [{"params": encoder, "lr": config.tune_rate}, {"params": new, "lr": HEAD_RATE}], config
        )
        self.called = _compile_if_asked(wrap_ddp(self.module, device, processes), config)

    def set_rate(self, epoch: float) -> float:
        self.optimiser.param_groups[0]["lr"] = self.config.tune_rate
        return self.config.tune_rate

    def terms(self, views: list[View], step: int) -> Terms:
        with _autocast(self.device, self.config):
            sought, seeking = self.called(views)
        sought = gather({"sought": sought}, self.processes)["sought"].detach()
        loss = self.module.loss(sought, gather(seeking, self.processes), step=step - self.since)
        return {"loss": loss}


Stage = Pretraining | Tuning


def stage_of(
    epoch: int, model: UmURL, config: TrainConfig, plan: Plan, device: torch.device, processes: Processes
) -> Stage:
    if epoch < config.epochs:
        return Pretraining(model, config, device, processes)
    return Tuning(model, config, plan, device, processes)


def _adam(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def _autocast(device: torch.device, config: TrainConfig) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16")


def _compile_if_asked(module: nn.Module, config: TrainConfig) -> Callable[..., Any]:
    return torch.compile(module) if config.compile else module
