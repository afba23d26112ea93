"""Pre-training: one readable loop (paper, section 3; schedule as in the released code)."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from encoder.batches import Plan, batch_views
from encoder.errors import UmurlError
from encoder.losses import umurl_losses
from encoder.model import ModelConfig, UmURL
from encoder.processes import ALONE, Processes, gathered, shared
from encoder.ragged import RaggedClips

Precision = Literal["float32", "bf16"]
Schedule = Literal["step", "cosine"]
TERMS = ("loss", "intra", "inter", "variance", "covariance")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The schedule.

    schedule: `step`, the paper's: at `drop_at`, an epoch as a share of all, the learning rate falls to a
    tenth; `cosine`: it falls to nothing over the whole run. Either rises linearly over `warmup_epochs` first.
    `compile` has torch compile the network. `max_seconds` ends a run early, its learning rate as it was; None:
    it never does.
    """

    epochs: int = 451
    batch_size: int = 512
    learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    schedule: Schedule = "step"
    drop_at: float = 351 / 451
    warmup_epochs: float = 0.0
    precision: Precision = "bf16"
    compile: bool = False
    seed: int = 0
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError(f"epochs >= 1 and batch_size >= 2, got {self.epochs} and {self.batch_size}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(f"0 <= warmup_epochs < epochs, got {self.warmup_epochs} and {self.epochs}")

    def rate_at(self, epoch: float) -> float:
        """The learning rate at a point of the run, in epochs from its start."""
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        elif epoch >= round(self.epochs * self.drop_at):
            rate *= 0.1
        return rate * min(1.0, epoch / self.warmup_epochs) if self.warmup_epochs else rate


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
class Log:
    """What a run says of itself since it last did: `losses` a step, then where it stands.

    step: steps done in all; clips_per_s over all processes; waiting: the share of the time that went into
    making the batches.
    """

    losses: list[dict[str, float]]
    step: int
    epoch: int
    total_steps: int
    learning_rate: float
    clips_per_s: float
    waiting: float


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What surrounds the loop. Losses stay on the device between logs, so that it never waits for the host.

    `log` is told of the steps done when their number is a multiple of `log_every`, when `log_every_s` have
    passed, and before a save. `watch` is given the model, in evaluation mode, after every `watch_every` steps.
    `should_stop` is asked after each step (on GPUs of several processes: after every tenth). `save` is given
    the state at least every `save_every_s` seconds and when stopping.
    """

    log: Callable[[Log], None] = lambda log: None
    log_every: int = 1000
    log_every_s: float = 0.5
    watch: Callable[[UmURL, int], None] = lambda model, step: None
    watch_every: int | None = None
    should_stop: Callable[[], bool] = lambda: False
    save: Callable[[dict[str, Any]], None] = lambda state: None
    save_every_s: float = 60.0


class Interrupted(Exception):
    """`should_stop` said so; the state was saved."""


_GO, _OUT_OF_TIME, _STOP = range(3)


def train(
    clips: RaggedClips,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    hooks: Hooks = Hooks(),
    state: dict[str, Any] | None = None,
    processes: Processes = ALONE,
) -> UmURL:
    """Pre-trains on normalised clips and returns the model in evaluation mode.

    `state` is what an earlier run of the same configuration saved: the run goes on from that step, with the
    bits it would have had. Several processes share each batch and end with the same model; hooks are called in
    the first. Raises UmurlError when there are fewer than two clips or the loss is not finite, Interrupted when
    asked to stop.
    """
    plan = Plan.of(clips, config, processes)
    torch.manual_seed(config.seed)
    model = UmURL(model_config).to(device).train()
    in_use = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(
        in_use, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    generator = torch.Generator(device).manual_seed(config.seed)
    clips = clips.to(device)
    first_step = 0 if state is None else _restore(state, model, optimiser, generator)
    called = shared(model, device, processes)
    if config.compile:
        called = torch.compile(called)  # type: ignore[assignment]
    teller = _Teller(hooks, plan, model, device, since=first_step)
    agree_every = 1 if device.type == "cpu" else 10
    begun = saved_at = time.monotonic()
    epoch = -1
    for step in range(first_step, plan.total_steps):
        if step // plan.steps_per_epoch != epoch:
            epoch = step // plan.steps_per_epoch
            order = plan.order(epoch, device)
        rate = config.rate_at(step / plan.steps_per_epoch)
        for group in optimiser.param_groups:
            group["lr"] = rate
        teller.begin()
        views = batch_views(clips, order, step % plan.steps_per_epoch, model_config, generator)
        teller.ready()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
            own, fused = called(views)
        losses = umurl_losses(gathered(own, processes), gathered(fused, processes))
        total = losses.total
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        teller.end(step + 1, [total, losses.intra, losses.inter, losses.variance, losses.covariance], rate)
        code = _STOP if hooks.should_stop() else _GO
        if config.max_seconds is not None and time.monotonic() - begun > config.max_seconds:
            code = max(code, _OUT_OF_TIME)
        if processes.count > 1:
            code = processes.agree(code, device) if step % agree_every == 0 else _GO
        if code == _STOP or time.monotonic() - saved_at > hooks.save_every_s:
            teller.tell()
            teller.check_weights()
            if processes.first:
                hooks.save(_state(step + 1, model, optimiser, generator))
            saved_at = time.monotonic()
        if code == _STOP:
            raise Interrupted
        if code == _OUT_OF_TIME:
            break
    teller.tell()
    teller.check_weights()
    return model.eval()


class _Teller:
    """Keeps losses and times on the device until they are told, and then looks for what is not finite."""

    def __init__(self, hooks: Hooks, plan: Plan, model: UmURL, device: torch.device, *, since: int) -> None:
        self._hooks, self._plan, self._model, self._device = hooks, plan, model, device
        self._step = self._told = since
        self._rate = 0.0
        self._terms: list[Tensor] = []
        self._marks: list[tuple[Any, Any, Any]] = []
        self._now: list[Any] = []
        self._told_at = time.monotonic()

    def begin(self) -> None:
        self._now = [self._mark()]

    def ready(self) -> None:
        self._now.append(self._mark())

    def end(self, step: int, terms: list[Tensor], rate: float) -> None:
        self._step, self._rate = step, rate
        self._terms.append(torch.stack([term.detach() for term in terms]))
        begin, ready = self._now
        self._marks.append((begin, ready, self._mark()))
        if step % self._hooks.log_every == 0 or time.monotonic() - self._told_at > self._hooks.log_every_s:
            self.tell()
        if self._hooks.watch_every and step % self._hooks.watch_every == 0 and self._plan.processes.first:
            self._model.eval()
            self._hooks.watch(self._model, step)
            self._model.train()
            self._told_at = time.monotonic()

    def tell(self) -> None:
        """Reads what has gathered. Raises UmurlError at the first step whose loss is not finite."""
        if not self._terms:
            return
        rows = [dict(zip(TERMS, row, strict=True)) for row in torch.stack(self._terms).tolist()]
        for step, row in enumerate(rows, start=self._told + 1):
            if not math.isfinite(row["loss"]):
                named = ", ".join(f"{name} {row[name]:g}" for name in TERMS[1:])
                raise self._not_finite(f"the loss became {row['loss']}", step, f" ({named})")
        spent = sum(_seconds(begin, end) for begin, _, end in self._marks)
        waiting = sum(_seconds(begin, ready) for begin, ready, _ in self._marks)
        if self._plan.processes.first:
            self._hooks.log(Log(
                losses=rows, step=self._step, epoch=(self._step - 1) // self._plan.steps_per_epoch,
                total_steps=self._plan.total_steps, learning_rate=self._rate,
                clips_per_s=len(rows) * self._plan.batch_size / spent, waiting=waiting / spent,
            ))  # fmt: skip
        self._terms, self._marks, self._told = [], [], self._step
        self._told_at = time.monotonic()

    def check_weights(self) -> None:
        """Raises UmurlError when the last step's gradient has spoilt the weights: such a state is not kept."""
        if not all(bool(torch.isfinite(p).all()) for p in self._model.parameters()):
            raise self._not_finite("a weight became infinite or NaN", self._step, "")

    def _not_finite(self, what: str, step: int, terms: str) -> UmurlError:
        epoch = (step - 1) // self._plan.steps_per_epoch + 1
        return UmurlError(
            f"{what} at step {step}, in epoch {epoch}{terms}: "
            "lower --learning-rate or train with --precision float32; the last state saved before it is kept"
        )

    def _mark(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


def _seconds(start: Any, end: Any) -> float:
    if isinstance(start, float):
        return end - start  # type: ignore[no-any-return]
    return start.elapsed_time(end) / 1000  # type: ignore[no-any-return]


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
