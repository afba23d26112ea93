"""An encoder on a dataset that it was not trained on: a linear classifier on its embeddings, and fine-tuned whole.

The figures are defined in docs/metrics.md. Letters: N training clips, Q test clips, D embedding.
"""

import time
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from encoder.embed import Embedder, pick_device
from encoder.errors import UmurlError
from encoder.finetune import FinetuneConfig, finetune
from encoder.model import UmURL
from encoder.probe import ProbeConfig, probe_result
from umurl_search.clips.types import Embeddings
from umurl_search.evaluation.classifier_results import (
    Classification,
    ClassifierFigures,
    FinetuneSchedule,
    LinearSchedule,
)
from umurl_search.evaluation.evaluation_results import action_names_of
from umurl_search.evaluation.linear_eval import Task, linear_run, linear_schedule, pack_clips
from umurl_search.index.embed_rows import embed_chunks
from umurl_search.index.open_index import open_split
from umurl_search.index.windows import IndexRows
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.encoder_registry import EncoderEntry, overlap_warning
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class TransferRequest:
    """What to classify, and with which encoder. protocol None: the dataset's first.

    linear, finetuning: the schedules of the two ways.
    """

    dataset: str
    encoder: str
    protocol: str | None = None
    modality: str = "fused"
    linear: ProbeConfig = field(default_factory=ProbeConfig)
    finetuning: FinetuneConfig = field(default_factory=FinetuneConfig)
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class TrainedOn(Result):
    """What an encoder was trained on or imported for."""

    dataset: str | None
    """null where not known"""
    protocol: str | None
    """null where not known"""


@dataclass(frozen=True, kw_only=True)
class LinearTransfer(ClassifierFigures):
    """A linear classifier on the encoder's embeddings."""

    config: LinearSchedule
    """the schedule as it ran"""
    seconds: float
    """embedding included"""


@dataclass(frozen=True, kw_only=True)
class FinetunedTransfer(ClassifierFigures):
    """The encoder and a classifier trained together."""

    config: FinetuneSchedule
    """the schedule as it ran"""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TransferFigures(Classification):
    """How well an encoder serves another dataset's actions."""

    encoder: str
    trained_on: TrainedOn
    """of the encoder"""
    modality: str
    linear: LinearTransfer
    """a linear classifier, the encoder frozen"""
    finetuned: FinetunedTransfer
    """encoder and classifier trained together"""


@retry_if_library_changed
def transfer_eval(
    library: Library, request: TransferRequest, *, progress: Progress = no_progress
) -> TransferFigures:
    """How well an encoder serves another dataset's actions, frozen and fine-tuned; nothing is written.

    Raises UmurlError for an unknown dataset, protocol or encoder, or a modality that the encoder cannot embed.
    """
    started = time.monotonic()
    task, tested = labelled_task(library, request.dataset, request.protocol)
    entry = encoder_registry.open_encoder(library, request.encoder)
    store, model = open_clips(library, request.dataset), entry.load()
    model.config.parts(request.modality)
    warnings = [*transfer_warnings(entry, task, tested), *task.warnings()]
    frozen = _linear(task, store, model, request, progress=progress)
    tuned = _finetune(task, store, model, request, progress=progress)
    return TransferFigures(
        dataset=task.dataset,
        protocol=task.protocol,
        encoder=entry.name,
        trained_on=TrainedOn(dataset=entry.dataset, protocol=entry.protocol),
        modality=request.modality,
        **vars(task.counts()),
        linear=frozen,
        finetuned=tuned,
        warnings=warnings,
        seconds={"total": time.monotonic() - started},
    )


def labelled_task(library: Library, dataset: str, protocol: str | None) -> tuple[Task, list[str]]:
    """A protocol of a dataset as a task over its clip store, and the test clips' names.

    Raises UmurlError for an unknown dataset or protocol, or clips without labels.
    """
    columns, split = open_split(library, dataset, protocol)
    task = Task(
        dataset=dataset,
        protocol=split.protocol,
        labels=columns.label,
        train=split.gallery,
        test=split.queries,
        unlabelled=split.unlabelled,
        names=action_names_of(columns, dataset),
    )
    return task, [columns.name[row] for row in split.queries]


def transfer_warnings(entry: EncoderEntry, task: Task, tested: list[str]) -> list[str]:
    """What makes a figure no transfer: an encoder made with the dataset's own recordings, or one of unknown making."""
    said = []
    if entry.dataset is not None and entry.shares_names_with(task.dataset):
        shared = "" if entry.dataset == task.dataset else f", which shares recordings with {task.dataset}"
        said.append(f"encoder {entry.name} was trained on {entry.dataset}{shared}: this is no transfer")
    return said + overlap_warning(entry, task.dataset, task.protocol, tested)


def _linear(
    task: Task, store: Clips, model: UmURL, request: TransferRequest, *, progress: Progress
) -> LinearTransfer:
    started = time.monotonic()
    device, config = pick_device(request.device), request.linear
    y = _embed(task, store, model, request, progress=progress)
    with progress("Training", total=config.epochs, unit="epochs") as advance:
        run = linear_run(task, y, config, device, on_epoch=lambda epoch: advance(1))
        result = probe_result(run, task.test_classes)
    schedule = linear_schedule(config, len(task.train))
    return LinearTransfer(**vars(task.figures(result)), config=schedule, seconds=time.monotonic() - started)


def _embed(
    task: Task, store: Clips, model: UmURL, request: TransferRequest, *, progress: Progress
) -> Embeddings:
    """(clips of the store, D) y of the task's clips; rows that are no part of it are zeros."""
    device, modality = pick_device(request.device), request.modality
    y = np.zeros((len(store), model.config.dimension), np.float32)
    used = np.concatenate([task.train, task.test])
    embedder = Embedder(model.to(device), n_clips=len(used), device=device)
    with progress("Embedding", total=len(used), unit="clips") as advance:
        chunks = embed_chunks(embedder, store, IndexRows(row=used), modalities=(modality,))
        for start, stop, found in chunks:
            y[used[start:stop]] = found[modality]
            advance(stop - start)
    if not np.isfinite(y).all():
        raise UmurlError(
            f"encoder {request.encoder} gave NaN or infinite embeddings", "train or import it again"
        )
    return y


def _finetune(
    task: Task, store: Clips, model: UmURL, request: TransferRequest, *, progress: Progress
) -> FinetunedTransfer:
    started = time.monotonic()
    config, n = request.finetuning, len(task.train)
    train, test = (pack_clips(store, rows, progress=progress) for rows in (task.train, task.test))
    epochs = config.epochs_for(n)
    steps = epochs * config.steps_for(n)
    with progress("Fine-tuning", total=steps, unit="steps") as advance:
        run = finetune(
            model,
            train,
            torch.from_numpy(task.numbers(task.train)),
            test,
            modality=request.modality,
            n_classes=len(task.classes),
            config=config,
            device=pick_device(request.device),
            on_step=lambda step: advance(1),
        )
        result = probe_result(run, task.test_classes)
    schedule = FinetuneSchedule(**{**asdict(config), "epochs": epochs}, steps=steps)
    return FinetunedTransfer(
        **vars(task.figures(result)), config=schedule, seconds=time.monotonic() - started
    )
