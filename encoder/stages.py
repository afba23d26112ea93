"""The two stages of a run: pre-training, and contrastive tuning where it is asked for. Each has its network, its
optimiser and its loss."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from encoder.batches import Group, Plan, make_views
from encoder.distributed import Processes, gather, wrap_ddp
from encoder.losses import umurl_losses
from encoder.model import UmURL
from encoder.nearest_neighbour_tuning import HEAD_RATE, QUEUE, SEEKING, SOUGHT, Tuner
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig

Terms = dict[str, Tensor]
"""`loss`, and what it is made of."""


class OnViews(nn.Module):
    """A network that is called with what was drawn of a batch: its views are made in here, so that they are compiled
    with it."""

    def __init__(
        self, network: nn.Module, names: Sequence[str], device: torch.device, config: TrainConfig
    ) -> None:
        super().__init__()
        self.network, self.names = network, tuple(names)
        self._device_type, self._is_bf16 = device.type, config.precision == "bf16"

    def forward(self, clips: RaggedClips, groups: Sequence[Group]) -> Any:
        views = make_views(clips, groups, self.names)
        with torch.autocast(self._device_type, dtype=torch.bfloat16, enabled=self._is_bf16):
            return self.network(views)


class Pretraining:
    """The paper's objective and its optimiser."""

    def __init__(self, model: UmURL, config: TrainConfig, device: torch.device, processes: Processes) -> None:
        self.module: nn.Module = model
        self.names: tuple[str, ...] = model.config.subsets
        self.config, self.processes = config, processes
        groups = [{"params": [p for p in model.parameters() if p.requires_grad]}]
        self.optimiser = _adam(groups, config)
        if config.compile and processes.count > 1:  # what exchanges between processes stays outside
            model.embed_views = torch.compile(model.embed_views, dynamic=False)  # type: ignore[method-assign]
        shared = wrap_ddp(OnViews(model, self.names, device, config), device, processes)

        def find_terms(clips: RaggedClips, drawn: Sequence[Group]) -> Terms:
            own, fused = shared(clips, drawn)
            return umurl_losses(gather(own, processes), gather(fused, processes)).terms

        self._find_terms = _compile_if_asked(find_terms, config, processes)

    def set_rate(self, epoch: float) -> float:
        rate = self.config.rate_at(epoch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        return rate

    def terms(self, clips: RaggedClips, drawn: Sequence[Group], step: int) -> Terms:
        """The loss and its terms, over the batch of all processes."""
        _begin_replay(clips, self.config)
        return self._find_terms(clips, drawn)  # type: ignore[no-any-return]


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
        self.config, self.processes = config, processes
        self.since = config.epochs * plan.steps_per_epoch
        model.projectors.requires_grad_(False)
        new = [*self.module.head.parameters(), *self.module.predictor.parameters()]
        encoder = [p for p in model.encoder.parameters() if p.requires_grad]
        self.optimiser = _adam(
            [{"params": encoder, "lr": config.tune_rate}, {"params": new, "lr": HEAD_RATE}], config
        )
        shared = wrap_ddp(OnViews(self.module, self.names, device, config), device, processes)
        self._called = _compile_if_asked(shared, config, processes)

    def set_rate(self, epoch: float) -> float:
        self.optimiser.param_groups[0]["lr"] = self.config.tune_rate
        return self.config.tune_rate

    def terms(self, clips: RaggedClips, drawn: Sequence[Group], step: int) -> Terms:
        _begin_replay(clips, self.config)
        sought, seeking = self._called(clips, drawn)
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


def _compile_if_asked(
    function: Callable[..., Any], config: TrainConfig, processes: Processes
) -> Callable[..., Any]:
    """Of one process alone all is one graph, of fixed shapes."""
    if not config.compile or processes.count > 1:
        return function
    options: dict[str, Any] = {"triton.cudagraphs": True} if config.cuda_graphs else {}
    return torch.compile(function, dynamic=False, options=options)


def _begin_replay(clips: RaggedClips, config: TrainConfig) -> None:
    """Says that what the last step gave is used up, and that the corpus lies where it lay: it is not copied."""
    if not config.cuda_graphs:
        return
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
    for tensor in (clips.rows, clips.start, clips.n_frames, clips.n_people):
        torch._dynamo.mark_static_address(tensor)
