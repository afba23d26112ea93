"""Trains or imports an encoder and enters it into the library."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from encoder import checkpoint
from encoder.embed import pick_device
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.train import PRESETS, Hooks, Step, TrainConfig, describe, train
from umurl_search import datasets, folders
from umurl_search.clipstore import ClipStore
from umurl_search.encoders import SHIPPED, TRAINED_ON
from umurl_search.library import Library, checked_name
from umurl_search.preprocess import PIPELINE
from umurl_search.progress import Advance, Progress, silent

_STATE = "state.pt"
_LARGE_BATCH = {("ntu60", "xview"), ("ntu120", "xsub"), ("ntu120", "xset")}
"""Where the paper trains with batches of 1,024 instead of 512."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train and how; None: the dataset's first protocol, the preset's own value, a name made of them."""

    dataset: str
    protocol: str | None = None
    preset: Literal["paper", "small", "tiny"] = "small"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    precision: Literal["float32", "bf16"] | None = None
    seed: int = 0
    name: str | None = None
    device: str = "auto"
    max_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """The encoder made: name, folder, clips trained on, last losses by term, seconds."""

    encoder: str
    dataset: str
    protocol: str | None
    preset: str
    clips: int
    epochs: int
    planned_epochs: int
    losses: dict[str, float]
    clips_per_s: float
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

    Stopped by `should_stop`, it raises encoder.train.Interrupted and `resume=True` goes on from there.
    Raises UmurlError for an unknown dataset or protocol and when the encoder is there already.
    """
    started = time.monotonic()
    protocol, rows, names = training_rows(library, request.dataset, request.protocol)
    name = checked_name(request.name or _default_name(request, protocol), what="an encoder")
    _refuse_known(library, name)
    model_config, config = configured(request)
    clips = _load_clips(library, request.dataset, rows, progress=progress)
    device = pick_device(request.device)
    described = {**describe(model_config, config), "device": device.type}
    recipe = _recipe(library, request.dataset, protocol, names, described)
    target = library.encoder(name)
    if _is_finished(target, recipe):
        made = _tell(library, name)
        return TrainReport(
            encoder=name, dataset=request.dataset, protocol=protocol, preset=request.preset, clips=len(rows),
            epochs=config.epochs, planned_epochs=config.epochs, losses=made["final"], clips_per_s=0.0,
            seconds=time.monotonic() - started,
        )  # fmt: skip
    if resume:
        _check_resumable(target, recipe)
    watch = _Watch()
    with folders.building(target, resume_token=recipe) as partial:
        state = _saved_state(partial, resume=resume)
        with progress(f"Training {name}", total=_total_steps(config, len(rows)), unit="steps") as advance:
            advance(state["step"] if state else 0)
            hooks = Hooks(
                on_step=lambda step: watch.step(step, advance),
                should_stop=should_stop,
                save=lambda s: _save_state(partial, s),
            )
            model = train(clips, model_config, config, device=device, hooks=hooks, state=state)
        about = {
            "dataset": request.dataset, "protocol": protocol, "preset": request.preset, "origin": "trained",
            "training": describe(model_config, config)["training"], "clips": len(rows),
            "final": watch.losses,
        }  # fmt: skip
        folders.write_text(partial / TRAINED_ON, "\n".join(names))
        _enter(library, name, model, about, partial=partial, recipe=recipe)
    return TrainReport(
        encoder=name, dataset=request.dataset, protocol=protocol, preset=request.preset, clips=len(rows),
        epochs=watch.epochs, planned_epochs=config.epochs, losses=watch.losses, clips_per_s=watch.clips_per_s,
        seconds=time.monotonic() - started,
    )  # fmt: skip


def import_encoder(library: Library, path: Path, name: str, *, made_for: str | None = None) -> dict[str, Any]:
    """Takes in a checkpoint of the authors' code under a name. `made_for`: NAME or NAME:PROTOCOL.

    Raises UmurlError for a file that is not one, that would run code, or when the name is taken.
    """
    _refuse_known(library, checked_name(name, what="an encoder"))
    dataset, protocol = _made_for(library, made_for)
    model = checkpoint.import_released(path)
    about = {
        "dataset": dataset,
        "protocol": protocol,
        "preset": None,
        "origin": "imported",
        "file": path.name,
    }
    library.make()
    with folders.building(library.encoder(name), resume_token=str(path)) as partial:
        _enter(library, name, model, about, partial=partial, recipe=f"imported from {path.name}")
    n_parameters = sum(p.numel() for p in model.encoder.parameters())
    return {
        "encoder": name, "dataset": dataset, "protocol": protocol, "dimension": model.config.dimension,
        "parameters": n_parameters, "projectors": len(model.projectors) > 0,
    }  # fmt: skip


def _made_for(library: Library, text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    name, _, protocol = text.partition(":")
    known = {*datasets.DATASETS, *_held_datasets(library)}
    if name not in known:
        raise UmurlError(f"no dataset '{name}' to import for: known are {', '.join(sorted(known))}")
    dataset = datasets.find(name)
    if protocol and dataset.rules and protocol not in dataset.rules:
        raise UmurlError(f"{name} has no protocol '{protocol}': it has {', '.join(dataset.protocols)}")
    return name, protocol or next(iter(dataset.rules), None)


def _held_datasets(library: Library) -> list[str]:
    if not library.exists():
        return []
    with library.read() as catalog:
        return [row["name"] for row in catalog.datasets()]


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


def first_protocol(dataset: str, known: list[str]) -> str | None:
    preferred = [p for p in datasets.find(dataset).protocols if p in known]
    usual = [p for p in ("xsub",) if p in known]
    return next(iter(preferred or usual or known), None)


def configured(request: TrainRequest) -> tuple[ModelConfig, TrainConfig]:
    """The preset's sizes and schedule with the request's own values in place."""
    model_config, config = PRESETS[request.preset]
    if request.preset == "paper" and (request.dataset, request.protocol or "xsub") in _LARGE_BATCH:
        config = replace(config, batch_size=1024)
    given: dict[str, Any] = {
        "epochs": request.epochs, "batch_size": request.batch_size, "precision": request.precision,
        "learning_rate": request.learning_rate, "max_seconds": request.max_seconds,
    }  # fmt: skip
    return model_config, replace(
        config, seed=request.seed, **{k: v for k, v in given.items() if v is not None}
    )


def _default_name(request: TrainRequest, protocol: str | None) -> str:
    return "-".join(part for part in (request.dataset, protocol, request.preset) if part)


def _refuse_known(library: Library, name: str) -> None:
    if name == SHIPPED:
        raise UmurlError(f"'{SHIPPED}' is the encoder in the package: choose another name with --as")
    if not library.exists():
        return
    with library.read() as catalog:
        if any(row["name"] == name for row in catalog.encoders()):
            raise UmurlError(
                f"encoder '{name}' is there already: umurl-search delete encoder:{name}, "
                "or name the new one with --as"
            )


def _load_clips(library: Library, dataset: str, rows: list[int], *, progress: Progress) -> RaggedClips:
    store = ClipStore(library.clips(dataset))
    frames = []
    with progress("Preparing clips", total=len(rows), unit="clips") as advance:
        for row in rows:
            frames.append(store.normalised(row))
            advance(1)
    if not frames:
        raise UmurlError(
            f"{dataset}: the protocol has no training clips in the library; choose another --protocol"
        )
    return RaggedClips.of(frames)


def _total_steps(config: TrainConfig, n: int) -> int:
    return config.epochs * max(1, n // min(config.batch_size, max(n, 1)))


class _Watch:
    """Keeps what a run last said of itself and passes it to the progress bar."""

    def __init__(self) -> None:
        self.losses: dict[str, float] = {}
        self.clips_per_s = 0.0
        self.epochs = 0

    def step(self, step: Step, advance: Advance) -> None:
        self.losses = step.losses
        self.epochs = step.epoch + 1
        slow = 0.9 if self.clips_per_s else 0.0
        self.clips_per_s = slow * self.clips_per_s + (1 - slow) * step.clips_per_s
        advance(
            1, note=f"epoch {step.epoch + 1}  loss {step.losses['loss']:.2f}  {self.clips_per_s:.0f} clips/s"
        )


def _check_resumable(target: Path, token: str) -> None:
    partial = folders.partial_of(target)
    same = folders.token_of(partial) == token
    if not (same and (partial / _STATE).exists()):
        raise UmurlError(
            f"no interrupted training of '{target.name}' with these options to resume: run it without --resume"
        )


def _saved_state(partial: Path, *, resume: bool) -> dict[str, Any] | None:
    path = partial / _STATE
    if not resume or not path.exists():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")  # type: ignore[no-any-return]


def _save_state(partial: Path, state: dict[str, Any]) -> None:
    aside = partial / (_STATE + ".tmp")
    with open(aside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, partial / _STATE)


def _enter(
    library: Library, name: str, model: UmURL, about: dict[str, Any], *, partial: Path, recipe: str
) -> None:
    checkpoint.save(partial, model, extra={**about, "pipeline": vars(PIPELINE)})
    (partial / _STATE).unlink(missing_ok=True)
    target = library.encoder(name)
    folders.remove(target)
    folders.seal(partial, target, {"kind": "encoder", "recipe": recipe})
    _tell(library, name)


def _tell(library: Library, name: str) -> dict[str, Any]:
    """Enters a sealed encoder into the catalog; returns its configuration."""
    folder = library.encoder(name)
    manifest = folders.read_manifest(folder, remedy=f"delete {folder} and make the encoder again")
    config = checkpoint.read_config(folder)
    with library.write() as catalog:
        catalog.add_encoder({
            "name": name, "origin": config["origin"], "preset": config["preset"], "dataset": config["dataset"],
            "protocol": config["protocol"], "dimension": 2 * config["model"]["width"],
            "hash": manifest["files"][checkpoint.WEIGHTS]["sha256"],
        })  # fmt: skip
    return config


def _recipe(
    library: Library, dataset: str, protocol: str | None, names: list[str], described: dict[str, Any]
) -> str:
    """What makes two trainings the same: dataset, its source, the clips trained on and every setting."""
    with library.read() as catalog:
        row = catalog.dataset(dataset)
    assert row is not None, dataset
    stated = json.dumps([described, dataset, row["signature"], protocol, names])
    return hashlib.sha256(stated.encode()).hexdigest()


def _is_finished(target: Path, recipe: str) -> bool:
    """Whether a training with this recipe was sealed and stopped before the catalog knew of it."""
    if not target.exists() or folders.check(target, full=True):
        return False
    return bool(folders.read_manifest(target, remedy="").get("recipe") == recipe)
