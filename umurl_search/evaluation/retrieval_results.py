"""What `knn-eval` gives: figures of one pair of modalities or of all, asked by own clips or another dataset's."""

from dataclasses import dataclass

from umurl_search.evaluation.cross_dataset import AskedAcross
from umurl_search.evaluation.evaluation_results import ClassAccuracy, EvaluatedIndex, Warned
from umurl_search.evaluation.metrics import RANKING_METRICS, Vote
from umurl_search.result import OpenResult, Result


@dataclass(frozen=True, kw_only=True)
class AskedIndex(Warned, EvaluatedIndex):
    """A gallery, and how it was asked."""

    transform: str
    """`none` or `half-whiten:D`"""
    k: int
    """neighbours that vote, the first number asked for"""
    vote: Vote
    """`majority` or `weighted`: each vote with exp(cosine / temperature)"""
    temperature: float | None
    """of weighted votes; null where they are not"""
    gallery: int
    """clips searched"""
    queries: int
    """clips asked with"""
    exclude_same_performance: bool
    """whether it was asked for"""
    exclude: list[str]
    """the columns whose clips of the query's own value were left out"""
    seconds: dict[str, float]
    """by stage, and `total`"""


@dataclass(frozen=True, kw_only=True)
class KnnFigures(OpenResult, AskedIndex):
    """How well queries of one modality find clips of their action in a gallery of one modality; further metrics of
    `RANKING_METRICS` are keys, too."""

    query_modality: str
    gallery_modality: str
    bridge: bool
    """whether queries crossed a bridge from another modality"""
    accuracy: float
    """a fraction, as all figures; defined in metrics.md"""
    accuracy_at: dict[str, float]
    """accuracy by the number of neighbours that vote, for every one asked for"""
    recall_at: dict[str, float]
    """R@k for `1`, `5`, `10`"""
    map: float | None
    """mean average precision; null with `--no-map`"""
    mrr: float | None
    """mean reciprocal rank; null with `--no-map`"""
    ranked: int | None
    """queries over which these metrics are taken, or null"""
    per_class: list[ClassAccuracy]
    """a list, by label"""

    @classmethod
    def more_meanings(cls) -> dict[str, str]:
        own = {name: f"{one.meaning}; null with `--no-map`" for name, one in RANKING_METRICS.items()}
        return {name: words for name, words in own.items() if name not in cls._names()}


@dataclass(frozen=True, kw_only=True)
class MatrixFigures(AskedIndex):
    """The accuracy of every base modality's queries in every base modality's gallery."""

    matrix: dict[str, dict[str, float]]
    """query modality: gallery modality: accuracy"""
    bridge: bool
    """whether bridges were allowed"""


@dataclass(frozen=True, kw_only=True)
class KnnFiguresAcross(AskedAcross, KnnFigures):
    """The same, asked by the clips of another index."""


@dataclass(frozen=True, kw_only=True)
class MatrixFiguresAcross(AskedAcross, MatrixFigures):
    """The same, asked by the clips of another index."""


@dataclass(frozen=True, kw_only=True)
class AskedInLayout(Result):
    """What the queries were brought down to."""

    query_layout: str
    """the joint layout that the queries were brought down to"""
    views: int
    """of joints in a picture: from how many degrees to either side it was taken"""
    noise: float
    """the deviation of each joint's place, in metres"""


@dataclass(frozen=True, kw_only=True)
class KnnFiguresInLayout(AskedInLayout, KnnFigures):
    """The same, asked with the joints of another layout."""

    native_accuracy: float
    """of the same queries with all their joints"""


@dataclass(frozen=True, kw_only=True)
class MatrixFiguresInLayout(AskedInLayout, MatrixFigures):
    """The same, asked with the joints of another layout."""
