"""What `demo` gives: what the commands that it tries give."""

from dataclasses import dataclass, field

from umurl_search.evaluation.retrieval_results import KnnFigures, MatrixFigures
from umurl_search.index.build import BuildReport
from umurl_search.ingest.ingest import IngestReport
from umurl_search.result import Result
from umurl_search.search.results import QueryResult
from umurl_search.training.run import TrainReport


@dataclass(frozen=True, kw_only=True)
class DemoTraining(TrainReport):
    """The encoder that was trained now."""

    already_there: bool = False
    """whether it was trained before"""


@dataclass(frozen=True, kw_only=True)
class TrainedBefore(Result):
    """The encoder that was trained before."""

    encoder: str
    epochs: int
    planned_epochs: int
    already_there: bool = True


@dataclass(frozen=True, kw_only=True)
class DemoIndex(Result):
    """An index, and how good it is."""

    build: BuildReport = field(metadata={"elsewhere": True})
    """what `build-index` prints, of the better index, the default from now on"""
    evaluation: KnnFigures = field(metadata={"elsewhere": True})
    """what `knn-eval` prints, of that index"""


@dataclass(frozen=True, kw_only=True)
class AnsweredIndex(DemoIndex):
    """An index that was asked."""

    queries: list[QueryResult] = field(metadata={"elsewhere": True})
    """a list of what `query` prints, of that index"""
    matrix: MatrixFigures = field(metadata={"elsewhere": True})
    """what `knn-eval --matrix` prints, of that index"""


@dataclass(frozen=True, kw_only=True)
class DemoReport(AnsweredIndex):
    """The corpus, an encoder trained on it, and two indexes."""

    ingest: IngestReport = field(metadata={"elsewhere": True})
    """what `ingest` prints"""
    train: DemoTraining | TrainedBefore = field(metadata={"elsewhere": True})
    """what `train` prints, and `already_there`; when it was trained before `encoder`, `epochs` and `planned_epochs`
    alone"""
    other: DemoIndex = field(metadata={"elsewhere": True})
    """`build` and `evaluation` of the other index: one is of the encoder in the package, one of the new"""
    seconds: dict[str, float]
    """`answers`: until those of the encoder in the package were there; `total`"""
