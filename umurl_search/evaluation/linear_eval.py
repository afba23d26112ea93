"""A linear classifier on an index's embeddings, alone or late-fused with others: the paper's action recognition.

The figures are defined in docs/metrics.md. Letters: N training clips, Q test clips, D embedding, K classes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from encoder.embed import pick_device
from encoder.errors import Hint, UmurlError
from encoder.probe import ProbeConfig, ProbeResult, ScoredHead, late_fusion, probe, probe_result
from encoder.ragged import RaggedClips
from umurl_search.clips.types import Embeddings, Labels, Rows
from umurl_search.evaluation.classifier_results import (
    ClassifierFigures,
    FusedPart,
    LateFusedFigures,
    LinearFigures,
    LinearSchedule,
    TaskCounts,
    trained_classifier,
)
from umurl_search.evaluation.doubts import TRAINED, doubt_classes, doubt_labels
from umurl_search.evaluation.evaluation_results import (
    ClassAccuracy,
    EvaluatedIndex,
    action_names_of,
    class_accuracies,
)
from umurl_search.evaluation.metrics import per_class
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import nearest
from umurl_search.index.open_index import ProtocolView, open_protocol, search_device
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import Clips
from umurl_search.library.encoder_registry import EncoderEntry, overlap_warning
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress

Part = tuple[str, str]
"""An index's name and a modality of it."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A protocol as classification. train: (N,), test: (Q,) rows of the dataset's clips.

    classes: (K,) the labels trained, ascending; test_classes: (Q,) their numbers for the test clips, -1 for a label
    that no training clip has. unlabelled: clips of the protocol that are on neither side. names: label -> action.
    """

    dataset: str
    protocol: str
    labels: Labels
    train: Rows
    test: Rows
    unlabelled: int = 0
    names: Mapping[int, str] = field(default_factory=dict)
    classes: Labels = field(init=False)

    def __post_init__(self) -> None:
        if len(self.train) == 0 or len(self.test) == 0:
            raise UmurlError(
                f"{self.dataset} {self.protocol}: {len(self.train)} training and {len(self.test)} test clips with "
                "labels are in the library, a classifier needs both",
                Hint("ingest more recordings or choose another {option}", option="protocol"),
            )
        object.__setattr__(self, "classes", np.unique(self.labels[self.train]))
        if not (self.test_classes >= 0).any():
            raise UmurlError(
                f"{self.dataset} {self.protocol}: no test clip is of an action that is trained",
                Hint("choose another {option}", option="protocol"),
            )

    @property
    def test_classes(self) -> Labels:
        return self.numbers(self.test)

    def numbers(self, rows: Rows) -> Labels:
        """0..K-1 for each clip, -1 for a label outside `classes`."""
        labels = self.labels[rows]
        found = np.searchsorted(self.classes, labels).clip(max=len(self.classes) - 1)
        return np.where(self.classes[found] == labels, found, -1)

    def figures(self, result: ProbeResult) -> ClassifierFigures:
        """The last epoch's accuracy, the best epoch's, and each class's share of the first."""
        return ClassifierFigures(**vars(trained_classifier(result)), per_class=self.per_class(result))

    def per_class(self, result: ProbeResult) -> list[ClassAccuracy]:
        predicted = self.classes[result.predicted]
        return class_accuracies(per_class(predicted, self.labels[self.test]), self.names)

    def counts(self) -> TaskCounts:
        return TaskCounts(train=len(self.train), test=len(self.test), classes=len(self.classes))

    def warnings(self) -> list[str]:
        train, test = self.labels[self.train], self.labels[self.test]
        return [*doubt_classes(train, test, lacking=TRAINED), *doubt_labels(self.unlabelled, self.protocol)]


def linear_run(
    task: Task,
    y: Embeddings,
    config: ProbeConfig,
    device: torch.device,
    *,
    chosen: Rows | None = None,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> Iterator[ScoredHead]:
    """A linear classifier of the task on y (clips, D), which may be memory-mapped and is read once.

    chosen: the training rows to use, all unless given.
    """
    train = task.train if chosen is None else chosen
    return probe(
        torch.from_numpy(np.ascontiguousarray(y[train], dtype=np.float32)),
        torch.from_numpy(task.numbers(train)),
        torch.from_numpy(np.ascontiguousarray(y[task.test], dtype=np.float32)),
        n_classes=len(task.classes),
        config=config,
        device=device,
        on_epoch=on_epoch,
    )


# a linear classifier


@dataclass(frozen=True, kw_only=True)
class LinearRequest:
    """What to classify. None: the library's default index, its dataset's first protocol.

    late: instead of an index and a modality, several whose classifiers' scores are averaged.
    """

    index: str | None = None
    protocol: str | None = None
    modality: str = "fused"
    config: ProbeConfig = field(default_factory=ProbeConfig)
    late: tuple[Part, ...] = ()
    device: str = "auto"


@retry_if_library_changed
def linear_eval(
    library: Library, request: LinearRequest, *, progress: Progress = no_progress
) -> LinearFigures:
    """A linear classifier on an index's frozen embeddings: the paper's action recognition.

    Raises UmurlError for an unknown index or protocol, or a modality that the index does not hold.
    """
    started = time.monotonic()
    found = open_task(library, request.index, request.protocol)
    y = found.opened.index.embeddings(request.modality)
    device, task = pick_device(request.device), found.task
    with progress("Training", total=request.config.epochs, unit="epochs") as advance:
        run = linear_run(task, y, request.config, device, on_epoch=lambda epoch: advance(1))
        result = probe_result(run, task.test_classes)
    return LinearFigures(
        **vars(evaluated_index(found)),
        **vars(task.counts()),
        **vars(task.figures(result)),
        modality=request.modality,
        config=linear_schedule(request.config, len(task.train)),
        warnings=found.warnings,
        seconds={"total": time.monotonic() - started},
    )


def linear_schedule(config: ProbeConfig, n: int) -> LinearSchedule:
    """The schedule as it ran over n clips, steps counted."""
    return LinearSchedule(**asdict(config), steps=config.epochs * -(-n // config.batch_size))


@retry_if_library_changed
def late_eval(
    library: Library, request: LinearRequest, *, progress: Progress = no_progress
) -> LateFusedFigures:
    """Several linear classifiers, each of its own index and modality, and the mean of their scores.

    Beside it, 1-NN by the sum of the parts' cosines. Raises UmurlError unless all indexes hold the same clips.
    """
    started = time.monotonic()
    opened = [open_task(library, index, request.protocol) for index, _ in request.late]
    _require_same_clips([one.opened for one in opened])
    task, device = opened[0].task, pick_device(request.device)
    arrays = [
        one.opened.index.embeddings(modality) for one, (_, modality) in zip(opened, request.late, strict=True)
    ]
    with progress("Training", total=request.config.epochs * len(arrays), unit="epochs") as advance:
        runs = [
            linear_run(task, y, request.config, device, on_epoch=lambda epoch: advance(1)) for y in arrays
        ]
        results, fused = late_fusion(runs, task.test_classes)
    parts = [
        FusedPart(
            **vars(trained_classifier(result)),
            index=one.opened.name,
            encoder=one.opened.row["encoder"],
            modality=modality,
            knn_accuracy=_knn_accuracy(task, [y], request.device),
        )
        for one, (_, modality), result, y in zip(opened, request.late, results, arrays, strict=True)
    ]
    return LateFusedFigures(
        dataset=task.dataset,
        protocol=task.protocol,
        parts=parts,
        **vars(task.counts()),
        **vars(task.figures(fused)),
        knn_accuracy=_knn_accuracy(task, arrays, request.device),
        config=linear_schedule(request.config, len(task.train)),
        warnings=list(dict.fromkeys(line for one in opened for line in one.warnings)),
        seconds={"total": time.monotonic() - started},
    )


def _require_same_clips(opened: list[ProtocolView]) -> None:
    first = opened[0]
    for other in opened[1:]:
        if other.dataset != first.dataset or not np.array_equal(other.index.ids, first.index.ids):
            raise UmurlError(
                f"indexes {first.name} and {other.name} do not hold the same clips ({first.dataset}, "
                f"{len(first.index.ids):,}; {other.dataset}, {len(other.index.ids):,}), their scores cannot be fused",
                Hint("{command} for each", command=("build-index", first.dataset, "--encoder", "ENCODER")),
            )


def _knn_accuracy(task: Task, arrays: list[Embeddings], device: str) -> float:
    """1-NN accuracy by the mean of the parts' cosines: that of their unit vectors side by side."""
    train, test = (
        np.concatenate([LinearMap()(y[rows]) for y in arrays], axis=1).astype(np.float32) / len(arrays) ** 0.5
        for rows in (task.train, task.test)
    )
    rows = nearest(train, test, 1, device=search_device(device)).rows[:, 0]
    return float((task.labels[task.train][rows] == task.labels[task.test]).mean())


# what is opened


@dataclass(frozen=True, kw_only=True)
class FeatureSource:
    """An index with a protocol as a task, its encoder, and what to know of them."""

    opened: ProtocolView
    task: Task
    entry: EncoderEntry
    warnings: list[str]


def open_task(library: Library, index: str | None, protocol: str | None) -> FeatureSource:
    """Trained are the clips that retrieval searches: the training part, or the gallery that takes its place."""
    opened = open_protocol(library, index, protocol)
    split = opened.split
    task = Task(
        dataset=opened.dataset,
        protocol=split.protocol,
        labels=opened.columns.label,
        train=split.gallery,
        test=split.queries,
        unlabelled=split.unlabelled,
        names=action_names_of(opened.columns, opened.dataset),
    )
    entry = encoder_registry.open_encoder(library, opened.row["encoder"])
    seen = overlap_warning(entry, task.dataset, task.protocol, opened.names(split.queries))
    return FeatureSource(opened=opened, task=task, entry=entry, warnings=[*seen, *task.warnings()])


def evaluated_index(found: FeatureSource) -> EvaluatedIndex:
    return EvaluatedIndex(
        dataset=found.task.dataset,
        protocol=found.task.protocol,
        encoder=found.entry.name,
        index=found.opened.name,
    )


def pack_clips(store: Clips, rows: Rows, *, progress: Progress = no_progress) -> RaggedClips:
    """Normalised clips of these store rows, packed."""
    frames = []
    with progress("Preparing clips", total=len(rows), unit="clips") as advance:
        for row in rows.tolist():
            frames.append(store.normalised_frames(row))
            advance(1)
    return RaggedClips.of(frames)
