"""What classifiers of a protocol's actions come to: trained on embeddings, late-fused, or with the encoder."""

from dataclasses import dataclass

from encoder.finetune import FinetuneConfig
from encoder.probe import ProbeConfig, ProbeResult
from umurl_search.evaluation.evaluation_results import (
    ClassAccuracy,
    EvaluatedIndex,
    EvaluatedProtocol,
    Warned,
)
from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class TaskCounts(Result):
    """A protocol as classification, in numbers."""

    train: int
    """training clips"""
    test: int
    """test clips"""
    classes: int
    """actions trained"""


@dataclass(frozen=True, kw_only=True)
class Classification(Warned, TaskCounts, EvaluatedProtocol):
    """A protocol that was classified."""

    seconds: dict[str, float]
    """`total`"""


@dataclass(frozen=True, kw_only=True)
class BestEpoch(Result):
    """The epoch with the highest accuracy on the test clips."""

    epoch: int
    """counted from 1"""
    accuracy: float
    """after it"""


@dataclass(frozen=True, kw_only=True)
class TrainedClassifier(Result):
    """How well a classifier does."""

    accuracy: float
    """on the test clips after the last epoch, a fraction"""
    best: BestEpoch
    """the best epoch tested, chosen on the test clips: it flatters"""


@dataclass(frozen=True, kw_only=True)
class ClassifierFigures(TrainedClassifier):
    """How well a classifier does with each action."""

    per_class: list[ClassAccuracy]
    """a list, by label"""


@dataclass(frozen=True, kw_only=True)
class LinearSchedule(Result, ProbeConfig):
    """A linear classifier's schedule as it ran."""

    steps: int
    """of all epochs"""


@dataclass(frozen=True, kw_only=True)
class FinetuneSchedule(Result, FinetuneConfig):
    """Fine-tuning's schedule as it ran."""

    steps: int
    """of all epochs"""


@dataclass(frozen=True, kw_only=True)
class LinearFigures(ClassifierFigures, Classification, EvaluatedIndex):
    """A linear classifier on an index's frozen embeddings."""

    modality: str
    config: LinearSchedule
    """the schedule as it ran"""


@dataclass(frozen=True, kw_only=True)
class FusedPart(TrainedClassifier):
    """One of the classifiers that are fused."""

    index: str
    encoder: str
    modality: str
    knn_accuracy: float
    """1-NN, untransformed"""


@dataclass(frozen=True, kw_only=True)
class LateFusedFigures(ClassifierFigures, Classification):
    """Several linear classifiers whose scores are averaged."""

    parts: list[FusedPart]
    """the classifiers fused, a list"""
    knn_accuracy: float
    """1-NN by the sum of the parts' cosines"""
    config: LinearSchedule
    """the schedule as it ran"""


def trained_classifier(result: ProbeResult) -> TrainedClassifier:
    epoch, accuracy = result.best
    return TrainedClassifier(accuracy=result.accuracy, best=BestEpoch(epoch=epoch, accuracy=accuracy))
