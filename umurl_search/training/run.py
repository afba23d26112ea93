"""Trains an encoder and enters it into the library, alone or in several processes."""

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from encoder.batches import Plan
from encoder.distributed import Processes, own_device, process_group
from encoder.embed import pick_device
from encoder.errors import Hint, UmurlError
from encoder.model import UmURL
from encoder.precision import emulation_note
from encoder.schedule import TrainConfig, describe
from encoder.train import Hooks, NonFiniteLossError, train
from umurl_search.files import sealed_folder
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.encoder_registry import TRAINED_ON, EncoderEntry
from umurl_search.library.library import Library
from umurl_search.progress import Advance, Progress, no_progress
from umurl_search.result import Result
from umurl_search.training.background_save import BackgroundSave
from umurl_search.training.clip_cache import open_prepared, prepare
from umurl_search.training.history import read_history
from umurl_search.training.import_encoder import register_sealed, seal_encoder
from umurl_search.training.monitor import TrainingMonitor, on_log, probe_embedding
from umurl_search.training.plan import Run, TrainRequest, plan_run
from umurl_search.training.resume_state import (
    CHANGEABLE,
    SCRATCH,
    STATE,
    load_state,
    save_state,
    write_options,
)
from umurl_search.training.soundness import doubt_run, look_at_training


@dataclass(frozen=True, kw_only=True)
class TrainReport(Result):
    """The encoder that was trained."""

    encoder: str
    """its name"""
    dataset: str
    protocol: str | None
    """null when trained on all clips"""
    preset: str
    clips: int
    """clips trained on"""
    epochs: int
    """epochs begun"""
    planned_epochs: int
    """epochs of the schedule"""
    processes: int
    """that shared the work"""
    precision: str
    """of the products: `float32` or `bf16`"""
    losses: dict[str, float]
    """the last step's `loss` and its terms `intra`, `inter`, `variance`, `covariance`"""
    embedding: dict[str, float | None]
    """the last look: `rank`, `spread`, `accuracy` (1-NN of a held-out slice, or null)"""
    clips_per_s: float
    """speed at the end"""
    waiting: float
    """the share of the time that went into making batches"""
    seconds: float
    """the whole run"""
    warnings: list[str]
    """what is wrong with the run, a line each: such an encoder is used only where it is named"""


@dataclass(frozen=True, kw_only=True)
class DrawnTrainReport(TrainReport):
    """The encoder that was trained, and the drawing of its curves."""

    plot: str | None
    """the drawing made, or null"""


def train_encoder(
    library: Library,
    request: TrainRequest,
    *,
    resume: bool = False,
    anew: bool = False,
    inexact: bool = False,
    progress: Progress = no_progress,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> TrainReport:
    """Pre-trains on the protocol's training clips alone (all clips where there is no protocol).

    Started by torchrun, the processes share every batch; all must see the library's folder, the first writes.
    Stopped by `should_stop`, it raises encoder.train.TrainingInterrupted and `resume=True` goes on from there, with
    another learning rate or precision if they are given, and, where it is `inexact`, on another device or number of
    processes; `anew=True` discards what an interrupted run left. `tell` is given a line where bf16 was asked for, or is
    gone on with, and is emulated.
    Raises UmurlError for an unknown dataset or protocol, when the encoder is there already, and when neither is
    said of an interrupted run.
    """
    started = time.monotonic()
    device = own_device(pick_device(request.device))
    with process_group(device) as processes, contextlib.ExitStack() as held:
        run = processes.broadcast_from_rank0(
            lambda: plan_run(library, request, device, processes, resume=resume, anew=anew, inexact=inexact)
        )
        if run.finished:
            told = _register_earlier(library, run.name) if processes.first else {}
            said = {**told.get("final", {})}
            return _report(run, request, None, processes, said, started, doubts=told.get("doubts", ()))
        note = emulation_note(run.config.precision, device) if processes.first else None
        if note is not None:
            tell(note)
        store = open_clips(library, request.dataset)
        partial = processes.broadcast_from_rank0(
            lambda: _prepare_partial(library, run, store, held, progress, resume=resume)
        )
        state = load_state(partial) if resume else None
        job = _Job(library, request, run, store, partial, state, device, processes)
        recorder = _train(job, progress=progress, should_stop=should_stop)
    return _report(run, request, recorder, processes, {}, started)


def _register_earlier(library: Library, name: str) -> dict[str, Any]:
    """Enters what an earlier run sealed and could not enter."""
    sealed_folder.sweep(library.encoder(name), SCRATCH)
    return register_sealed(library, name)


def _board(library: Library, name: str) -> Path:
    """TensorBoard's folder of a run."""
    return library.root / "tensorboard" / name


def _prepare_partial(
    library: Library,
    run: Run,
    store: Clips,
    held: contextlib.ExitStack,
    progress: Progress,
    *,
    resume: bool,
) -> Path:
    """The run's folder, locked for as long as `held` lasts, with the prepared clips in it."""
    partial = held.enter_context(sealed_folder.building(library.encoder(run.name), resume_token=run.token))
    if not resume:
        (partial / STATE).unlink(missing_ok=True)
        shutil.rmtree(_board(library, run.name), ignore_errors=True)
    write_options(partial, run.stated, run.changeable)
    prepare(partial, store, run.rows, progress=progress)
    return partial


class _Job(NamedTuple):
    """A planned run, where its files lie and who shares it. state: what it goes on from, None from the beginning."""

    library: Library
    request: TrainRequest
    run: Run
    store: Clips
    partial: Path
    state: dict[str, Any] | None
    device: torch.device
    processes: Processes


def _train(job: _Job, *, progress: Progress, should_stop: Callable[[], bool]) -> TrainingMonitor | None:
    """Trains and, in the first process, seals. Returns what it recorded there."""
    run, clips = job.run, open_prepared(job.partial)
    settings = _settings(run.config, job.state)
    hooks, recorder = Hooks(should_stop=should_stop), None
    with contextlib.ExitStack() as stack:
        saver = stack.enter_context(BackgroundSave(lambda state: save_state(job.partial, state)))
        if job.processes.first:
            plan = Plan.of(clips, run.config, job.processes)
            recorder = stack.enter_context(contextlib.closing(_recorder(job, plan.total_steps, settings)))
            title = f"Training {run.name}"
            advance = stack.enter_context(progress(title, total=plan.total_steps, unit="steps"))
            advance(job.state["step"] if job.state else 0)
            save = _saving_hook(saver, recorder, settings, inexact=_is_inexact(job))
            hooks = replace(_recording_hooks(job, hooks, recorder, plan.total_steps, advance), save=save)
        try:
            model = train(
                clips,
                run.model_config,
                run.config,
                device=job.device,
                hooks=hooks,
                start=run.start.load() if run.start and job.state is None else None,
                state=job.state,
                processes=job.processes,
            )
        except NonFiniteLossError as error:
            saver.wait()
            kept = (job.partial / STATE).exists()
            goes_on = "; resumed so, training goes on from the last state saved before" if kept else ""
            give = f"give a lower learning rate or {{option}}{goes_on}"
            raise UmurlError(error.message, Hint(give, option="precision", value="float32")) from error
    if recorder is not None:
        recorder.finish()
        recorder.doubts = _seal(job, model, recorder, settings)
    return recorder


def _recorder(job: _Job, total_steps: int, settings: list[dict[str, Any]]) -> TrainingMonitor:
    state = job.state
    done, changed = (state["step"], settings[len(state["settings"]) :]) if state else (0, [])
    return TrainingMonitor(
        job.partial,
        total_steps=total_steps,
        done=done,
        before=state["recorder"] if state else None,
        settings=changed[0] if changed else None,
        tensorboard=_board(job.library, job.run.name),
    )


def _recording_hooks(
    job: _Job,
    hooks: Hooks,
    recorder: TrainingMonitor,
    total_steps: int,
    advance: Advance,
) -> Hooks:
    """The hooks of the first process: they record, look at the embedding and save."""
    looks = job.request.looks
    return replace(
        hooks,
        log=on_log(recorder, advance),
        log_every=recorder.every,
        watch=_looking_hook(recorder, job.store, job.run, job.device),
        watch_every=-(-total_steps // looks) if looks else None,
        save_every_s=job.request.save_every_s,
    )


def _doubt(job: _Job, model: UmURL) -> tuple[list[str], float | None]:
    """What is wrong with the run, found on its training clips, and the share of these whose nearest has their label."""
    watched, shipped = job.run.watched, encoder_registry.open_shipped()
    looks = [
        look_at_training(
            one, job.store, rows=watched.gallery, labels=watched.gallery_labels, device=job.device
        )
        for one in (model, shipped.load().to(job.device))
    ]
    return doubt_run(read_history(job.partial), looks[0], looks[1]), looks[0].accuracy


def _seal(
    job: _Job,
    model: UmURL,
    recorder: TrainingMonitor,
    settings: list[dict[str, Any]],
) -> list[str]:
    """Makes the run's folder an encoder of the library, with all that is known of its making, and gives its doubts."""
    run, request = job.run, job.request
    doubts, accuracy = _doubt(job, model)
    about = {
        "dataset": request.dataset,
        "protocol": run.protocol,
        "preset": request.preset,
        "origin": "trained",
        "training": describe(run.model_config, run.config)["training"],
        "clips": len(run.rows),
        "processes": job.processes.count,
        "device": job.device.type,
        "resumed_inexactly": _is_inexact(job) or None,
        "torch": torch.__version__,
        "started_from": _origin(run.start),
        "settings": settings if len(settings) > 1 else None,
        "final": recorder.losses,
        "embedding": recorder.looks,
        "doubts": doubts,
        "training_accuracy": accuracy,
    }
    sealed_folder.write_text(job.partial / TRAINED_ON, "\n".join(run.names))
    seal_encoder(
        job.library,
        run.name,
        model,
        about,
        partial=job.partial,
        recipe=run.recipe,
        token=run.token,
        leave_out=SCRATCH,
    )
    return doubts


def _is_inexact(job: _Job) -> bool:
    """Whether the run went on, now or before, otherwise than it was begun."""
    begun = job.run.stated
    here = {"device": job.device.type, "processes": job.processes.count}
    before = bool(job.state and job.state.get("inexact"))
    return before or any(begun[name] != value for name, value in here.items())


def _settings(config: TrainConfig, state: dict[str, Any] | None) -> list[dict[str, Any]]:
    """What may change when a run is resumed, as it has been from which step on."""
    before: list[dict[str, Any]] = state["settings"] if state else []
    now = {name: getattr(config, name) for name in CHANGEABLE}
    if before and now == {name: before[-1][name] for name in CHANGEABLE}:
        return before
    return [*before, {"from_step": state["step"] if state else 0, **now}]


def _saving_hook(
    saver: BackgroundSave, recorder: TrainingMonitor, settings: list[dict[str, Any]], *, inexact: bool
) -> Callable[[dict[str, Any]], None]:
    def save(state: dict[str, Any]) -> None:
        recorder.sync()
        saver({**state, "recorder": recorder.state(), "settings": settings, "inexact": inexact})

    return save


def _looking_hook(
    recorder: TrainingMonitor, store: Clips, run: Run, device: torch.device
) -> Callable[[UmURL, int], None]:
    """A hook that looks at the embedding and records what it sees."""

    def watch(model: UmURL, step: int) -> None:
        seen = probe_embedding(model, store, run.watched, device=device)
        if seen is None:
            raise NonFiniteLossError(f"the embedding became infinite or NaN at step {step}")
        recorder.record_look(step, seen)

    return watch


def _report(
    run: Run,
    request: TrainRequest,
    recorder: TrainingMonitor | None,
    processes: Processes,
    losses: dict[str, float],
    started: float,
    *,
    doubts: Sequence[str] = (),
) -> TrainReport:
    last = recorder.last if recorder else None
    losses = recorder.losses if recorder else losses
    return TrainReport(
        encoder=run.name,
        dataset=request.dataset,
        protocol=run.protocol,
        preset=request.preset,
        clips=len(run.rows),
        epochs=last.epoch + 1 if last else run.config.epochs + run.config.tune_epochs,
        planned_epochs=run.config.epochs + run.config.tune_epochs,
        processes=processes.count,
        precision=run.config.precision,
        losses=losses,
        embedding=recorder.looks if recorder else {},
        clips_per_s=last.clips_per_s if last else 0.0,
        waiting=last.waiting if last else 0.0,
        seconds=time.monotonic() - started,
        warnings=[
            f"encoder {run.name} is used only where it is named: {doubt}"
            for doubt in (recorder.doubts if recorder else doubts)
        ],
    )


def _origin(start: EncoderEntry | None) -> dict[str, Any] | None:
    if start is None:
        return None
    return {
        "encoder": start.name,
        "hash": start.hash,
        "dataset": start.dataset,
        "protocol": start.protocol,
        "started_from": start.config.get("started_from"),
    }
