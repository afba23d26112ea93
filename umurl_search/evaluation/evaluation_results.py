"""What the results of evaluations have in common: what was evaluated, and the figures of each action."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from umurl_search.datasets import protocols
from umurl_search.evaluation.metrics import ClassFigure
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class EvaluatedProtocol(Result):
    """Which clips were evaluated."""

    dataset: str
    """whose clips were evaluated"""
    protocol: str
    """the protocol evaluated"""


@dataclass(frozen=True, kw_only=True)
class EvaluatedIndex(EvaluatedProtocol):
    """Which index's clips were evaluated."""

    encoder: str
    """the index's encoder"""
    index: str
    """the index's name"""


@dataclass(frozen=True, kw_only=True)
class Warned(Result):
    """Figures that flatter, or may."""

    warnings: list[str]
    """what to know before the figures are used, a line each"""


@dataclass(frozen=True, kw_only=True)
class EvaluatedClass(Result):
    """An action, and who asked."""

    label: int
    """0-based class"""
    action: str | None
    """its name, or null"""
    queries: int
    """clips of that label asked with"""


@dataclass(frozen=True, kw_only=True)
class ClassAccuracy(EvaluatedClass):
    """How many of an action's clips were taken for it."""

    accuracy: float
    """of these, a fraction"""


def class_accuracies(figures: Iterable[ClassFigure], names: Mapping[int, str]) -> list[ClassAccuracy]:
    """The figures by label. names: label -> action."""
    return [ClassAccuracy(action=names.get(figure.label), **vars(figure)) for figure in figures]


def action_of(label: int, dataset: str) -> str | None:
    """None where the dataset's list of actions does not go so far."""
    names = protocols.action_names(protocols.find(dataset).actions)
    return names[label] if label < len(names) else None


def action_names_of(columns: ClipColumns, dataset: str) -> dict[int, str]:
    """Label -> action: as the dataset's list names it, else as its clips do."""
    said = zip(columns.label.tolist(), columns.columns["action"], strict=True)
    listed = protocols.action_names(protocols.find(dataset).actions)
    return {label: action for label, action in said if action and label >= 0} | dict(enumerate(listed))
