"""What the API answers beside the results of commands: a dataclass a document, from which OpenAPI describes it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from umurl_search.evaluation.retrieval_results import (
    AskedInLayout,
    KnnFigures,
    MatrixFigures,
    MatrixFiguresInLayout,
)
from umurl_search.maintenance.results import IndexInfo
from umurl_search.result import OpenResult, Result
from umurl_search.search.results import AskedClip, MomentQueryResult, QueryResult, StoredClipAsked


@dataclass(frozen=True, kw_only=True)
class Served(Result):
    """Where the server is, and what it serves."""

    url: str
    """to open in a browser, its token included"""
    host: str
    """the address served on"""
    port: int
    """its port"""
    token: str | None
    """what clients must know, null where none is needed"""
    library: str
    """the library's folder"""
    index: str | None
    """the one meant where none is named, null where there is none"""


@dataclass(frozen=True, kw_only=True)
class Health(Result):
    """Whether the server answers."""

    status: Literal["ok"]
    version: str


@dataclass(frozen=True, kw_only=True)
class ServedIndex(IndexInfo):
    """What `info INDEX --json` prints, and what a page needs beside."""

    layout: str
    """joint layout of the clips"""
    windowed: bool
    """whether a row is a window of a recording"""
    protocols: list[str]
    """of the index's dataset"""


@dataclass(frozen=True, kw_only=True)
class ValueCount(Result):
    """A value of a column, and how many clips have it."""

    value: int | float | bool | str
    count: int


@dataclass(frozen=True, kw_only=True)
class ColumnValues(Result):
    """The values of a column, the commonest first."""

    column: str
    values: list[ValueCount] = field()  # type: ignore[assignment] # the key hides the method of mappings
    """500 at most"""
    distinct: int
    """values in all"""


@dataclass(frozen=True, kw_only=True)
class Columns(Result):
    """How often each value stands in each column."""

    columns: list[ColumnValues]


@dataclass(frozen=True, kw_only=True)
class ClipRow(OpenResult):
    """What the catalog shows of a clip, columns of one's own included."""

    id: int
    """the clip's number in the library"""
    name: str
    dataset: str
    label: int | None
    """0-based class, or null"""
    action: str | None
    """its name, or null"""
    subject: int | str | None
    camera: int | str | None
    setup: int | str | None
    replication: int | str | None
    people: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class ClipPage(Result):
    """Some of the clips that pass."""

    total: int
    """clips that pass"""
    clips: list[ClipRow]


@dataclass(frozen=True, kw_only=True)
class Segment(Result):
    """What happens in a stretch of a recording."""

    start: int
    """the first frame"""
    stop: int
    """the frame after the last"""
    label: int | None
    action: str | None


@dataclass(frozen=True, kw_only=True)
class StoredClip(ClipRow):
    """A clip of the library, and where it is found."""

    fps: float
    """of the stored frames"""
    layout: str
    indexes: list[str]
    """those of its dataset"""
    index: str | None
    """the newest of them, or null"""
    segments: list[Segment]
    """what happens in it, where it is a recording"""


@dataclass(frozen=True, kw_only=True)
class AcceptedFiles(Result):
    """What may be sent as a clip."""

    suffixes: list[str]
    layouts: list[str]
    up: list[str]


@dataclass(frozen=True, kw_only=True)
class SkeletonDrawing(Result):
    """Joints, and the bones to draw between them."""

    layout: str
    joints: list[str]
    """names, 25"""
    bones: list[tuple[int, int]]
    """joint, parent"""
    fps: float


@dataclass(frozen=True, kw_only=True)
class UploadedClip(Result):
    """A clip file that is held."""

    token: str
    """asks as `upload:TOKEN`"""
    name: str
    frames: int
    people: int
    layout: str
    notes: list[str]
    """what was assumed in reading the clip, a line each"""


@dataclass(frozen=True, kw_only=True)
class LabelledUpload(UploadedClip):
    """One whose file name says its action."""

    label: int
    """0-based class"""
    action: str | None
    """its name, or null"""


@dataclass(frozen=True, kw_only=True)
class ClipAnswer(QueryResult):
    """What `query --json` prints, and the number of the clip that asked where that is one of the library."""

    query: StoredClipAsked | AskedClip
    """what was asked"""


@dataclass(frozen=True, kw_only=True)
class MomentAnswer(MomentQueryResult):
    """The same, of an index of windows."""

    query: StoredClipAsked | AskedClip
    """what was asked"""


QueryAnswer = MomentAnswer | ClipAnswer


@dataclass(frozen=True, kw_only=True)
class HardQuery(Result):
    """A query whose nearest clip is of another class."""

    clip_id: int
    name: str
    action: str
    label: int
    found_id: int
    """the nearest clip"""
    found_name: str
    found_action: str
    found_label: int
    score: float


@dataclass(frozen=True, kw_only=True)
class ShownMetric(Result):
    """A metric of ranked galleries, as it is shown."""

    header: str
    meaning: str
    value: str | None
    """null where galleries were not ranked"""


@dataclass(frozen=True, kw_only=True)
class EvaluationDocument(KnnFigures):
    """What `knn-eval --json` prints, which class was taken for which, and the hardest queries."""

    labels: list[int]
    """of the classes, 0-based; -1 stands for nothing found"""
    classes: list[str]
    """their names"""
    confusion: list[list[int]]
    """queries: a row a true class, a column a class found"""
    hardest: list[HardQuery]
    """those that are surest first"""
    metrics: list[ShownMetric]
    """those of whole rankings"""


@dataclass(frozen=True, kw_only=True)
class EvaluationInLayout(AskedInLayout, EvaluationDocument):
    """The same, asked with the joints of another layout."""

    native_accuracy: float
    """of the same queries with all their joints"""


@dataclass(frozen=True, kw_only=True)
class ConfusedPair(Result):
    """A query, and its nearest clip."""

    query: ClipRow
    hit: ClipRow | None
    score: float | None


@dataclass(frozen=True, kw_only=True)
class ConfusedPairs(Result):
    """The queries of one class that were taken for another."""

    total: int
    pairs: list[ConfusedPair]


@dataclass(frozen=True, kw_only=True)
class ProjectionDocument(Result):
    """A map of an index, and what its points can be coloured by."""

    index: str
    method: str
    count: int
    """points"""
    columns: list[str]


@dataclass(frozen=True, kw_only=True)
class ColumnColours(Result):
    """A column's values, and which of them each point has."""

    values: list[int | float | bool | str] = field()  # type: ignore[assignment] # the key hides the method of mappings
    """the commonest first"""
    counts: list[int]
    codes: str
    """base64 of uint16, a position in `values` a point; 65535 for none"""


@dataclass(frozen=True, kw_only=True)
class ScoredStretch(Result):
    """A stretch of a recording, and how alike the query it is."""

    start: int | None
    stop: int | None
    score: float


@dataclass(frozen=True, kw_only=True)
class Timeline(Result):
    """How alike the query each window of a recording is."""

    recording: ClipRow
    fps: float
    frames: int
    index: str
    modality: str
    windows: list[ScoredStretch]
    """all, by start"""
    peaks: list[ScoredStretch]
    """the best that do not overlap, best first"""
    segments: list[Segment]
    """what is said to happen in it"""


@dataclass(frozen=True, kw_only=True)
class JobState(Result):
    """How far a job is."""

    id: str
    state: Literal["running", "done", "failed"]
    progress: float
    """0..1"""


@dataclass(frozen=True, kw_only=True)
class FailedJob(JobState):
    """A job that failed."""

    error: str
    """one line"""
    code: str
    """the kind of problem, as of errors"""


@dataclass(frozen=True, kw_only=True)
class RefusedJob(FailedJob):
    """One for which there is a remedy."""

    hint: dict[str, Any]
    """as of errors"""


@dataclass(frozen=True, kw_only=True)
class DoneEvaluation(JobState):
    document: EvaluationInLayout | EvaluationDocument


@dataclass(frozen=True, kw_only=True)
class DoneMatrix(JobState):
    document: MatrixFiguresInLayout | MatrixFigures


@dataclass(frozen=True, kw_only=True)
class DoneProjection(JobState):
    document: ProjectionDocument


Done = DoneEvaluation | DoneMatrix | DoneProjection
EvaluationJob = DoneEvaluation | RefusedJob | FailedJob | JobState
MatrixJob = DoneMatrix | RefusedJob | FailedJob | JobState
ProjectionJob = DoneProjection | RefusedJob | FailedJob | JobState
