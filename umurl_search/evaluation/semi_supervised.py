"""Classifiers from a class-balanced share of the training labels (the paper's semi-supervised task).

The figures are defined in docs/metrics.md. Letters: N training clips.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import torch

from encoder.embed import pick_device
from encoder.errors import Hint, UmurlError
from encoder.finetune import FinetuneConfig, finetune
from encoder.probe import ProbeConfig, ProbeResult, ScoredHead, probe_result
from umurl_search.clips.types import Labels, Rows
from umurl_search.evaluation.classifier_results import (
    Classification,
    TrainedClassifier,
    trained_classifier,
)
from umurl_search.evaluation.evaluation_results import ClassAccuracy, EvaluatedIndex
from umurl_search.evaluation.linear_eval import (
    FeatureSource,
    Task,
    evaluated_index,
    linear_run,
    open_task,
    pack_clips,
)
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.result import Result

Setting = bool | int | float | tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SemiRequest:
    """What to classify with how few labels. shares: of the training labels; seeds: how many draws of each.

    finetune: train the whole encoder on the labelled clips, not only a classifier on its embeddings. epochs:
    None for the method's own.
    """

    index: str | None = None
    protocol: str | None = None
    modality: str = "fused"
    shares: tuple[float, ...] = (0.01, 0.1)
    seeds: int = 5
    finetune: bool = False
    epochs: int | None = None
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class SeededRun(TrainedClassifier):
    """A classifier trained with one draw."""

    seed: int
    """of the draw, the weights and the order"""


@dataclass(frozen=True, kw_only=True)
class ShareFigures(Result):
    """How well classifiers do that were trained with one share of the labels."""

    share: float
    """asked for"""
    clips: int
    """labelled clips of a draw"""
    epochs: int
    steps: int
    accuracy: float
    """mean over the draws, after the last epoch"""
    std: float | None
    """their standard deviation (n - 1), null with one draw"""
    per_class: list[ClassAccuracy]
    """a list, by label; accuracies are means over the draws"""
    runs: list[SeededRun]
    """a list, by seed"""


@dataclass(frozen=True, kw_only=True)
class SemiFigures(Classification, EvaluatedIndex):
    """How well classifiers do that were trained with few labels."""

    modality: str
    method: Literal["linear", "finetune"]
    """`linear` or `finetune`"""
    seeds: int
    """draws of each share"""
    shares: list[ShareFigures]
    """a list"""
    config: dict[str, Setting]
    """the method's settings"""


def sample_class_balanced(classes: Labels, share: float, seed: int) -> Rows:
    """Positions (ascending) of a share of each class's clips, rounded, at least one of each.

    classes: (N,) numbers of classes. With one seed, a smaller share is a part of a larger one.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for number in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == number))
        drawn.append(members[: max(1, int(share * len(members) + 0.5))])
    return np.sort(np.concatenate(drawn))


@retry_if_library_changed
def semi_eval(library: Library, request: SemiRequest, *, progress: Progress = no_progress) -> SemiFigures:
    """Classifiers trained with a class-balanced share of the labels: mean and deviation over several draws.

    Raises UmurlError for an unknown index or protocol, or a modality that the index does not hold.
    """
    started = time.monotonic()
    found = open_task(library, request.index, request.protocol)
    task = found.task
    method, unit = (_prepare_finetuning, "steps") if request.finetune else (_prepare_probing, "epochs")
    runs, config = method(library, found, request, progress=progress)
    with progress("Training", total=len(request.shares) * request.seeds, unit="runs") as advance:
        shares = []
        for share in request.shares:
            draws = [
                sample_class_balanced(task.numbers(task.train), share, seed) for seed in range(request.seeds)
            ]
            results = []
            for seed, positions in enumerate(draws):
                run = runs(task.train[positions], seed, lambda n: advance(0, note=f"{n:,} {unit}"))
                results.append(probe_result(run, task.test_classes))
                advance(1)
            shares.append(_share_figures(task, share, len(draws[0]), results, config))
    return SemiFigures(
        **vars(evaluated_index(found)),
        **vars(task.counts()),
        modality=request.modality,
        method="finetune" if request.finetune else "linear",
        seeds=request.seeds,
        shares=shares,
        config={name: value for name, value in asdict(config).items() if name != "seed"},
        warnings=[*found.warnings, *_share_warnings(task, shares)],
        seconds={"total": time.monotonic() - started},
    )


Runs = Callable[[Rows, int, Callable[[int], None]], Iterator[ScoredHead]]
"""Training rows, a seed and who is told of epochs or steps done -> a training."""


def _prepare_probing(
    library: Library, found: FeatureSource, request: SemiRequest, *, progress: Progress
) -> tuple[Runs, ProbeConfig]:
    config = ProbeConfig() if request.epochs is None else ProbeConfig(epochs=request.epochs)
    y, device = found.opened.index.embeddings(request.modality), pick_device(request.device)

    def run(rows: Rows, seed: int, tell: Callable[[int], None]) -> Iterator[ScoredHead]:
        return linear_run(found.task, y, replace(config, seed=seed), device, chosen=rows, on_epoch=tell)

    return run, config


def _prepare_finetuning(
    library: Library, found: FeatureSource, request: SemiRequest, *, progress: Progress
) -> tuple[Runs, FinetuneConfig]:
    config = FinetuneConfig.from_epochs(request.epochs)
    _require_own_encoder(found)
    task, device, model = found.task, pick_device(request.device), found.entry.load()
    model.config.parts(request.modality)
    store = open_clips(library, task.dataset)
    test = pack_clips(store, task.test, progress=progress)

    def run(rows: Rows, seed: int, tell: Callable[[int], None]) -> Iterator[ScoredHead]:
        return finetune(
            model,
            pack_clips(store, rows),
            torch.from_numpy(task.numbers(rows)),
            test,
            modality=request.modality,
            n_classes=len(task.classes),
            config=replace(config, seed=seed),
            device=device,
            on_step=tell,
        )

    return run, config


def _require_own_encoder(found: FeatureSource) -> None:
    index, encoder = found.opened.name, found.entry.name
    if found.opened.index.manifest["encoder_hash"] != found.entry.hash:
        raise UmurlError(
            f"encoder {encoder} is not the one that index {index} was made with",
            Hint("{command}, then build it again", command=("delete", f"index:{index}")),
        )


def _share_figures(
    task: Task, share: float, clips: int, results: list[ProbeResult], config: ProbeConfig | FinetuneConfig
) -> ShareFigures:
    accuracies = [result.accuracy for result in results]
    by_class = [task.per_class(result) for result in results]
    epochs = config.epochs_for(clips) if isinstance(config, FinetuneConfig) else config.epochs
    return ShareFigures(
        share=share,
        clips=clips,
        epochs=epochs,
        steps=epochs * -(-clips // config.batch_size),
        accuracy=float(np.mean(accuracies)),
        std=float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
        per_class=[
            replace(rows[0], accuracy=float(np.mean([row.accuracy for row in rows])))
            for rows in zip(*by_class, strict=True)
        ],
        runs=[
            SeededRun(seed=seed, **vars(trained_classifier(result))) for seed, result in enumerate(results)
        ],
    )


def _share_warnings(task: Task, shares: list[ShareFigures]) -> list[str]:
    n = len(task.train)
    return [
        f"{s.share:g} of {n:,} labels, rounded within each of {len(task.classes)} classes and at least one "
        f"of each, is {s.clips:,} clips, {100 * s.clips / n:.1f} %"
        for s in shares
        if abs(s.clips - s.share * n) > 0.1 * s.share * n
    ]
