"""Trains an encoder and enters it into the library, alone or in several processes."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from encoder.batches import Plan
from encoder.embed import pick_device
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.processes import Processes, joined, own_device
from encoder.train import PRESETS, Hooks, TrainConfig, describe, train
from umurl_search import encoders, folders
from umurl_search.clipstore import ClipStore
from umurl_search.datasets import first_protocol
from umurl_search.encoders import TRAINED_ON, EncoderEntry
from umurl_search.importing import enter_sealed, is_sealed, refuse_known, seal_encoder
from umurl_search.library import Library, checked_name
from umurl_search.prepared import discard, prepare, prepared
from umurl_search.progress import Progress, silent
from umurl_search.watching import Recorder, Slice, held_out_slice, look, on_log

_STATE = "state.pt"
_LARGE_BATCH = {("ntu60", "xview"), ("ntu120", "xsub"), ("ntu120", "xset")}
"""Where the paper trains with batches of 1,024 instead of 512."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train and how. None: the dataset's first protocol, a name made of them, and of `ModelConfig` and
    `TrainConfig`, whose fields have these names, the preset's own value.

    start_from: an encoder of the library, or `shipped`, whose weights are the first; its sizes are kept.
    looks: how often, in the whole run, to look at the embedding of a held-out slice.
    """

    dataset: str
    protocol: str | None = None
    preset: Literal["paper", "small", "tiny"] = "small"
    start_from: str | None = None
    width: int | None = None
    heads: int | None = None
    layers: int | None = None
    projection: int | None = None
    modalities: tuple[str, ...] | None = None
    spatial_code: bool | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: Literal["step", "cosine"] | None = None
    drop_at: float | None = None
    warmup_epochs: float | None = None
    tune_epochs: int | None = None
    tune_rate: float | None = None
    precision: Literal["float32", "bf16"] | None = None
    compile: bool | None = None
    seed: int = 0
    name: str | None = None
    device: str = "auto"
    max_seconds: float | None = None
    save_every_s: float = 60.0
    looks: int = 10


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """The encoder made: name, clips trained on, last losses by term, what the last look at the embedding saw;
    waiting: the share of the time that went into making batches, at the last log."""

    encoder: str
    dataset: str
    protocol: str | None
    preset: str
    clips: int
    epochs: int
    planned_epochs: int
    processes: int
    losses: dict[str, float]
    embedding: dict[str, float | None]
    clips_per_s: float
    waiting: float
    seconds: float


def train_encoder(
    library: Library,
    request: TrainRequest,
    *,
    resume: bool = False,
    progress: Progress = silent,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainReport:
    """Pre-trains on the protocol's training clips alone (all clips where there is no protocol).

    Started by torchrun, the processes share every batch; all must see the library's folder, the first writes.
    Stopped by `should_stop`, it raises encoder.train.Interrupted and `resume=True` goes on from there.
    Raises UmurlError for an unknown dataset or protocol and when the encoder is there already.
    """
    started = time.monotonic()
    device = own_device(pick_device(request.device))
    with joined(device) as processes:
        run = processes.told(lambda: _planned(library, request, device, processes, resume=resume))
        if run.finished:
            told = enter_sealed(library, run.name) if processes.first else {}
            return _report(run, request, None, processes, {**told.get("final", {})}, started)
        with _partial(library, run, processes) as partial:
            recorder = _train(
                library, request, run, partial, device, processes, progress, should_stop, resume
            )
    return _report(run, request, recorder, processes, {}, started)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What the first process finds out for all."""

    name: str
    protocol: str | None
    rows: list[int]
    names: list[str]
    watched: Slice
    recipe: str
    finished: bool
    start: EncoderEntry | None
    model_config: ModelConfig
    config: TrainConfig


def _partial(library: Library, run: _Run, processes: Processes) -> contextlib.AbstractContextManager[Path]:
    target = library.encoder(run.name)
    if processes.first:
        return folders.building(target, resume_token=run.recipe)
    return contextlib.nullcontext(folders.partial_of(target))


def _planned(
    library: Library, request: TrainRequest, device: torch.device, processes: Processes, *, resume: bool
) -> _Run:
    protocol, rows, names = training_rows(library, request.dataset, request.protocol)
    name = checked_name(request.name or _default_name(request, protocol), what="an encoder")
    refuse_known(library, name)
    if not rows:
        raise UmurlError(
            f"{request.dataset}: the protocol has no training clips in the library; choose another --protocol"
        )
    model_config, config = configured(request)
    start = encoders.open_encoder(library, request.start_from) if request.start_from else None
    if start is not None:
        model_config = _sizes_of(start, model_config, request)
    described = {
        **describe(model_config, config), "device": device.type, "processes": processes.count,
        "start": start.hash if start else None,
    }  # fmt: skip
    recipe = _recipe(library, request.dataset, protocol, names, described)
    target = library.encoder(name)
    finished = is_sealed(target, recipe)
    if resume and not finished:
        _check_resumable(target, recipe)
    return _Run(
        name=name, protocol=protocol, rows=rows, names=names,
        watched=_watched(library, request.dataset, protocol, rows, seed=config.seed),
        recipe=recipe, finished=finished, start=start, model_config=model_config, config=config,
    )  # fmt: skip


def _train(
    library: Library,
    request: TrainRequest,
    run: _Run,
    partial: Path,
    device: torch.device,
    processes: Processes,
    progress: Progress,
    should_stop: Callable[[], bool],
    resume: bool,
) -> Recorder | None:
    """Prepares, trains and, in the first process, seals. Returns what it recorded there."""
    store = ClipStore(library.clips(request.dataset))
    if processes.first:
        prepare(partial, store, run.rows, progress=progress)
    processes.wait()
    clips = prepared(partial)
    state = _saved_state(partial) if resume else None
    hooks, recorder = Hooks(should_stop=should_stop), None
    with contextlib.ExitStack() as stack:
        if processes.first:
            plan = Plan.of(clips, run.config, processes)
            done, board = state["step"] if state else 0, library.root / "tensorboard" / run.name
            recorder = Recorder(partial, total_steps=plan.total_steps, done=done, tensorboard=board)
            stack.enter_context(contextlib.closing(recorder))
            title = f"Training {run.name}"
            advance = stack.enter_context(progress(title, total=plan.total_steps, unit="steps"))
            advance(done)
            hooks = replace(
                hooks, log=on_log(recorder, advance), log_every=recorder.every,
                watch=_looking(recorder, store, run, plan, device),
                watch_every=max(1, plan.total_steps // request.looks) if request.looks else None,
                save=lambda s: _save_state(partial, s), save_every_s=request.save_every_s,
            )  # fmt: skip
        model = train(
            clips, run.model_config, run.config, device=device, hooks=hooks,
            start=run.start.load() if run.start and state is None else None, state=state, processes=processes,
        )  # fmt: skip
    if recorder is None:
        return None
    about = {
        "dataset": request.dataset, "protocol": run.protocol, "preset": request.preset, "origin": "trained",
        "training": describe(run.model_config, run.config)["training"], "clips": len(run.rows),
        "processes": processes.count, "device": device.type, "torch": torch.__version__,
        "started_from": _origin(run.start),
        "final": recorder.last.losses[-1] if recorder.last else {}, "embedding": recorder.looks,
    }  # fmt: skip
    folders.write_text(partial / TRAINED_ON, "\n".join(run.names))
    discard(partial)
    (partial / _STATE).unlink(missing_ok=True)
    seal_encoder(library, run.name, model, about, partial=partial, recipe=run.recipe)
    return recorder


def _looking(
    recorder: Recorder, store: ClipStore, run: _Run, plan: Plan, device: torch.device
) -> Callable[[UmURL, int], None]:
    """A hook that looks at the embedding and records what it sees."""

    def watch(model: UmURL, step: int) -> None:
        seen = look(model, store, run.watched, device=device)
        recorder.looked(step, (step - 1) // plan.steps_per_epoch, seen)

    return watch


def _report(
    run: _Run,
    request: TrainRequest,
    recorder: Recorder | None,
    processes: Processes,
    losses: dict[str, float],
    started: float,
) -> TrainReport:
    last = recorder.last if recorder else None
    return TrainReport(
        encoder=run.name, dataset=request.dataset, protocol=run.protocol, preset=request.preset,
        clips=len(run.rows), epochs=last.epoch + 1 if last else run.config.epochs + run.config.tune_epochs,
        planned_epochs=run.config.epochs + run.config.tune_epochs, processes=processes.count,
        losses=last.losses[-1] if last else losses, embedding=recorder.looks if recorder else {},
        clips_per_s=last.clips_per_s if last else 0.0, waiting=last.waiting if last else 0.0,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def training_rows(
    library: Library, dataset: str, protocol: str | None
) -> tuple[str | None, list[int], list[str]]:
    """The protocol in force, the store rows of its training clips and their names.

    Raises UmurlError for an unknown dataset or protocol.
    """
    with library.read() as catalog:
        if catalog.dataset(dataset) is None:
            raise UmurlError(f"no dataset '{dataset}' in the library: umurl-search ingest {dataset} first")
        known = catalog.protocols(dataset)
        columns = catalog.clips_of(dataset)
        chosen = protocol or first_protocol(dataset, known)
        if chosen is not None and chosen not in known:
            have = ", ".join(known) or "none; ingest with --splits"
            raise UmurlError(f"{dataset} has no protocol '{chosen}': it has {have}")
        split = catalog.split(dataset, chosen) if chosen else {"train": columns.id}
    train_ids = set(split.get("train", np.zeros(0, dtype=np.int64)).tolist())
    rows = [i for i, clip_id in enumerate(columns.id.tolist()) if clip_id in train_ids]
    return chosen, rows, [columns.name[i] for i in rows]


def _watched(library: Library, dataset: str, protocol: str | None, rows: list[int], *, seed: int) -> Slice:
    with library.read() as catalog:
        columns = catalog.clips_of(dataset)
        split = catalog.split(dataset, protocol) if protocol else {}
        test = split.get("test", np.zeros(0, dtype=np.int64))
    held_out = set(np.flatnonzero(np.isin(columns.id, test)).tolist()) - set(rows)
    return held_out_slice(rows, sorted(held_out), columns.label, seed=seed)


def configured(request: TrainRequest) -> tuple[ModelConfig, TrainConfig]:
    """The preset's sizes and schedule with the request's own values in place.

    Raises UmurlError for values that do not fit each other.
    """
    model_config, config = PRESETS[request.preset]
    if request.preset == "paper" and (request.dataset, request.protocol or "xsub") in _LARGE_BATCH:
        config = replace(config, batch_size=1024)
    given = {name: value for name, value in vars(request).items() if value is not None}
    try:
        return _with(model_config, given), _with(config, given)
    except ValueError as error:
        raise UmurlError(f"these sizes or this schedule cannot be: {error}") from error


def _sizes_of(start: EncoderEntry, asked: ModelConfig, request: TrainRequest) -> ModelConfig:
    """The sizes of the encoder to start from. Raises UmurlError when others were asked for."""
    kept = replace(ModelConfig(**start.config["model"]), projection=asked.projection)
    differing = [
        f.name
        for f in fields(kept)
        if getattr(request, f.name) is not None and getattr(kept, f.name) != getattr(asked, f.name)
    ]
    if differing:
        raise UmurlError(
            f"encoder {start.name} has {differing[0]} {getattr(kept, differing[0])}, not "
            f"{getattr(asked, differing[0])}: leave out --{differing[0].replace('_', '-')} or --start-from"
        )
    return kept


def _origin(start: EncoderEntry | None) -> dict[str, Any] | None:
    if start is None:
        return None
    return {
        "encoder": start.name, "hash": start.hash, "dataset": start.dataset, "protocol": start.protocol,
        "started_from": start.config.get("started_from"),
    }  # fmt: skip


def _with(config: Any, given: dict[str, Any]) -> Any:
    return replace(config, **{f.name: given[f.name] for f in fields(config) if f.name in given})


def _default_name(request: TrainRequest, protocol: str | None) -> str:
    only = "+".join(request.modalities) if request.modalities else None
    return "-".join(part for part in (request.dataset, protocol, request.preset, only) if part)


def _check_resumable(target: Path, token: str) -> None:
    partial = folders.partial_of(target)
    same = folders.token_of(partial) == token
    if not (same and (partial / _STATE).exists()):
        raise UmurlError(
            f"no interrupted training of '{target.name}' with these options to resume: run it without --resume"
        )


def _saved_state(partial: Path) -> dict[str, Any]:
    return torch.load(partial / _STATE, weights_only=True, map_location="cpu")  # type: ignore[no-any-return]


def _save_state(partial: Path, state: dict[str, Any]) -> None:
    aside = partial / (_STATE + ".tmp")
    with open(aside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, partial / _STATE)


def _recipe(
    library: Library, dataset: str, protocol: str | None, names: list[str], described: dict[str, Any]
) -> str:
    """What makes two trainings the same: dataset, its source, the clips trained on and every setting."""
    with library.read() as catalog:
        row = catalog.dataset(dataset)
    assert row is not None, dataset
    stated = json.dumps([described, dataset, row["signature"], protocol, names])
    return hashlib.sha256(stated.encode()).hexdigest()
