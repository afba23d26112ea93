"""Pre-training: one readable loop (paper, section 3; schedule as in the released code)."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from encoder.batches import Plan, draw_batch
from encoder.distributed import ALONE, Processes
from encoder.errors import Hint, UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig, settle_precision
from encoder.stages import Pretraining, Stage, Terms, Tuning, stage_of


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
    the state at least every `save_every_s` seconds, when stopping and at the end.
    """

    log: Callable[[Log], None] = lambda log: None
    log_every: int = 1000
    log_every_s: float = 0.5
    watch: Callable[[UmURL, int], None] = lambda model, step: None
    watch_every: int | None = None
    should_stop: Callable[[], bool] = lambda: False
    save: Callable[[dict[str, Any]], None] = lambda state: None
    save_every_s: float = 60.0


class TrainingInterrupted(Exception):
    """`should_stop` said so; the state was saved."""


class NonFiniteLossError(UmurlError):
    """The loss or a weight became infinite or NaN. Says at which step, not what to do."""


_GO, _OUT_OF_TIME, _STOP = range(3)


def train(
    clips: RaggedClips,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    hooks: Hooks = Hooks(),
    start: UmURL | None = None,
    state: dict[str, Any] | None = None,
    processes: Processes = ALONE,
) -> UmURL:
    """Pre-trains on normalised clips and returns the model in evaluation mode.

    start: a model of the same sizes whose weights are the first; projectors that it lacks begin anew.
    `state` is what an earlier run of the same configuration saved: the run goes on from that step, on a CPU with the
    bits it would have had; saved on another kind of device, its chance is drawn anew. Several processes share each
    batch and end with the same model; hooks are called in the first. Raises UmurlError when there are fewer than two
    clips or a CPU is to compile, NonFiniteLossError when the loss is not finite, TrainingInterrupted when asked to
    stop.
    """
    with _on(device):
        return _train(
            clips,
            model_config,
            config,
            device=device,
            hooks=hooks,
            start=start,
            state=state,
            processes=processes,
        )


def _train(
    clips: RaggedClips,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    device: torch.device,
    hooks: Hooks,
    start: UmURL | None,
    state: dict[str, Any] | None,
    processes: Processes,
) -> UmURL:
    require_compilable(config, device)
    config = settle_precision(config, width=model_config.width, device=device)
    plan = Plan.of(clips, config, processes)
    torch.manual_seed(config.seed)
    model = UmURL(model_config).to(device).train()
    if start is not None:
        _begin_with(model, start)
    generator = torch.Generator(device).manual_seed(config.seed)
    clips = clips.to(device)
    tuning = state is not None and state["tuning"]
    stage = stage_of(config.epochs if tuning else 0, model, config, plan, device, processes)
    first_step = 0 if state is None else _restore(state, stage, generator)
    teller = _StepLogger(hooks, plan, device, since=first_step)
    agree_every = 1 if device.type == "cpu" else 10
    begun = saved_at = time.monotonic()
    saved_step = first_step
    epoch = -1
    for step in range(first_step, plan.total_steps):
        if step // plan.steps_per_epoch != epoch:
            epoch = step // plan.steps_per_epoch
            order = plan.order(epoch, device)
            if epoch >= config.epochs and isinstance(stage, Pretraining):
                teller.tell()
                stage = stage_of(epoch, model, config, plan, device, processes)
        rate = stage.set_rate(step / plan.steps_per_epoch)
        teller.begin()
        drawn = draw_batch(clips, order, step % plan.steps_per_epoch, stage.names, generator)
        teller.ready()
        stage.optimiser.zero_grad(set_to_none=True)
        terms = stage.terms(clips, drawn, step)
        terms["loss"].backward()  # type: ignore[no-untyped-call]
        stage.optimiser.step()
        teller.end(step + 1, terms, rate)
        if processes.first and hooks.watch_every and (step + 1) % hooks.watch_every == 0:
            teller.check(stage)
            model.eval()
            hooks.watch(model, step + 1)
            model.train()
        code = _STOP if hooks.should_stop() else _GO
        if config.max_seconds is not None and time.monotonic() - begun > config.max_seconds:
            code = max(code, _OUT_OF_TIME)
        if processes.count > 1:
            code = processes.agree(code) if step % agree_every == 0 else _GO
        if code == _STOP or time.monotonic() - saved_at > hooks.save_every_s:
            teller.check(stage)
            if processes.first:
                hooks.save(_state(step + 1, stage, generator))
            saved_at, saved_step = time.monotonic(), step + 1
        if code == _STOP:
            raise TrainingInterrupted
        if code == _OUT_OF_TIME:
            break
    teller.check(stage)
    if processes.first and teller.step > saved_step:
        hooks.save(_state(teller.step, stage, generator))  # what comes after may fail
    return model.eval()


def _on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """As the current GPU, where its events are timed."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def require_compilable(config: TrainConfig, device: torch.device) -> None:
    """Raises UmurlError where torch should not compile."""
    if config.cuda_graphs and not config.compile:
        raise UmurlError("only a compiled step is replayed", Hint("give {option}, too", option="compile"))
    if config.compile and device.type == "cpu":
        raise UmurlError(
            "compiling does not pay on a CPU (slower in float32, and torch's compiled bf16 gradients are NaN there)",
            Hint("leave out {option}", option="compile"),
        )


class _StepLogger:
    """Keeps losses and times on the device until they are told, and then looks for what is not finite."""

    def __init__(self, hooks: Hooks, plan: Plan, device: torch.device, *, since: int) -> None:
        self._hooks, self._plan, self._device = hooks, plan, device
        self.step = self._told = since
        self._rate = 0.0
        self._names: tuple[str, ...] = ()
        self._terms: list[Tensor] = []
        self._marks: list[tuple[Any, Any, Any]] = []
        self._now: list[Any] = []
        self._told_at = time.monotonic()

    def begin(self) -> None:
        self._now = [self._mark()]

    def ready(self) -> None:
        self._now.append(self._mark())

    def end(self, step: int, terms: Terms, rate: float) -> None:
        self.step, self._rate, self._names = step, rate, tuple(terms)
        self._terms.append(torch.stack([term.detach() for term in terms.values()]))
        begin, ready = self._now
        self._marks.append((begin, ready, self._mark()))
        if step % self._hooks.log_every == 0 or time.monotonic() - self._told_at > self._hooks.log_every_s:
            self.tell()

    def tell(self) -> None:
        """Reads what has gathered. In the first process it raises NonFiniteLossError at the first step whose loss is
        not finite: all have the same loss, one has to say so."""
        if not self._terms:
            return
        if not self._plan.processes.first:
            self._terms, self._marks, self._told_at = [], [], time.monotonic()
            return
        rows = [dict(zip(self._names, row, strict=True)) for row in torch.stack(self._terms).cpu().tolist()]
        for step, row in enumerate(rows, start=self._told + 1):
            if not math.isfinite(row["loss"]):
                named = ", ".join(f"{name} {value:g}" for name, value in row.items() if name != "loss")
                terms = f" ({named})" if named else ""
                epoch = self._plan.epoch_of(step - 1) + 1
                raise NonFiniteLossError(
                    f"the loss became {row['loss']} at step {step}, in epoch {epoch}{terms}"
                )
        spent = sum(_seconds(begin, end) for begin, _, end in self._marks)
        waiting = sum(_seconds(begin, ready) for begin, ready, _ in self._marks)
        self._hooks.log(
            Log(
                losses=rows,
                step=self.step,
                epoch=self._plan.epoch_of(self.step - 1),
                total_steps=self._plan.total_steps,
                learning_rate=self._rate,
                clips_per_s=len(rows) * self._plan.batch_size / spent,
                waiting=waiting / spent,
            )
        )
        self._terms, self._marks, self._told = [], [], self.step
        self._told_at = time.monotonic()

    def check(self, stage: Stage) -> None:
        """Tells, and raises NonFiniteLossError when the last step's gradient has spoilt what would be kept."""
        self.tell()
        if not self._plan.processes.first:
            return
        kept = [t for t in stage.module.state_dict().values() if t.is_floating_point()]
        if not bool(torch.stack([t.isfinite().all() for t in kept]).all()):
            epoch = self._plan.epoch_of(self.step - 1) + 1
            raise NonFiniteLossError(f"a weight became infinite or NaN at step {self.step}, in epoch {epoch}")

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


def _begin_with(model: UmURL, start: UmURL) -> None:
    own = model.state_dict()
    given = {n: p for n, p in start.state_dict().items() if n in own and p.shape == own[n].shape}
    lacking = [n for n in own if n.startswith("encoder.") and n not in given]
    if lacking:
        raise ValueError(f"the model to start from is of other sizes: it has no {lacking[0]} of this shape")
    model.load_state_dict({**own, **given})


def _state(step: int, stage: Stage, generator: torch.Generator) -> dict[str, Any]:
    return {
        "step": step,
        "tuning": isinstance(stage, Tuning),
        "module": stage.module.state_dict(),
        "optimiser": stage.optimiser.state_dict(),
        "generator": generator.get_state(),
        "device": generator.device.type,
    }


def _restore(state: dict[str, Any], stage: Stage, generator: torch.Generator) -> int:
    stage.module.load_state_dict(state["module"])
    stage.optimiser.load_state_dict(state["optimiser"])
    if state.get("device", generator.device.type) == generator.device.type:
        generator.set_state(state["generator"].cpu())
    else:
        generator.manual_seed(generator.initial_seed() + int(state["step"]))
    return int(state["step"])
