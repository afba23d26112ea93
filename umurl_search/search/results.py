"""What an index answers: hits, and the documents of one query and of many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umurl_search.library.clip_columns import sql_types
from umurl_search.result import OpenResult, Result
from umurl_search.search.options import SearchOptions

SHOWN = tuple(sql_types(only_hits=True))
"""Columns of a hit, beside rank, score and clip_id."""


@dataclass(frozen=True, kw_only=True)
class Hit(OpenResult):
    """A clip found; with `--show` also those columns of one's own."""

    rank: int
    """from 1"""
    score: float
    """cosine, rises with similarity"""
    clip_id: int
    """the clip's number in the library"""
    index: str
    """in which it was found"""
    is_query: bool
    """whether it is the very clip that asked"""
    name: str
    dataset: str
    label: int | None
    """0-based class, or null"""
    action: str | None
    """its name, or null"""
    subject: int | str | None
    """a number, a word of the labels, or null"""
    camera: int | str | None
    """the same"""
    setup: int | str | None
    """the same"""
    replication: int | str | None
    """the same"""
    frames: int

    @property
    def row(self) -> dict[str, Any]:
        """Its columns of the catalog."""
        return {column: self[column] for column in SHOWN}

    @property
    def start(self) -> int | None:
        """The first frame of a moment; None of a whole clip."""
        return None

    @property
    def stop(self) -> int | None:
        """The frame after the last of a moment; None of a whole clip."""
        return None


@dataclass(frozen=True, kw_only=True)
class LabelledSegment(Result):
    """The labelled segment of a recording that a moment overlaps most."""

    label: int
    action: str | None
    start_frame: int
    stop_frame: int
    iou: float
    """temporal, of the two"""


@dataclass(frozen=True, kw_only=True)
class Moment(Hit):
    """A stretch of a recording found; the clip is the whole recording."""

    start_frame: int
    """of the moment, at 30 frames a second"""
    stop_frame: int
    """the one after its last"""
    start_s: float
    """seconds from the start of the recording"""
    end_s: float
    """the same"""
    segment: LabelledSegment | None = None
    """the labelled segment that it overlaps most; null where it meets none"""

    @property
    def start(self) -> int:
        return self.start_frame

    @property
    def stop(self) -> int:
        return self.stop_frame


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The hits of one query, best first. passing: how many rows could be found, in all and by index if several."""

    name: str
    hits: tuple[Hit, ...]
    passing: int
    passing_by_index: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AskedClip(Result):
    """The clip that asked, and how."""

    clip: str
    """as given"""
    modality: str
    frames: int
    """of the clip, at 30 frames a second"""
    people: int
    """1 or 2"""
    where: str | None
    """the filter, or null"""
    k: int
    """hits asked for"""
    exclude_same_performance: bool
    """whether the query's own performance was left out"""
    label: int | None
    """of a clip from the library, else null"""
    action: str | None
    """the same"""
    notes: list[str]
    """what was assumed in reading the clip, a line each"""
    layout: str
    """of its joints, as `layouts` lists them"""
    invented: list[str]
    """joints of NTU-25 that this layout does not tell, made of others"""
    layout_bridge: bool
    """whether it asked across a bridge from its layout, fitted on the index's own clips"""
    views: int | None
    """degrees to either side that this bridge covers; null without one, and of joints in space"""


@dataclass(frozen=True, kw_only=True)
class StoredClipAsked(AskedClip):
    """A clip of the library that asked the server."""

    clip_id: int
    """the clip's number in the library"""


@dataclass(frozen=True, kw_only=True)
class AskedOfMany(AskedClip):
    """One of many clips that asked."""

    source: str
    """the argument that it came from"""
    stored: bool
    """whether the index's own embedding of it asked"""
    passing: int
    """clips (or windows) that pass the filter"""


@dataclass(frozen=True, kw_only=True)
class SearchedIndex(Result):
    """The index that was asked."""

    name: str
    dataset: str
    encoder: str
    against: str
    """the gallery's modality"""
    bridge: bool
    """whether the query crossed one"""
    transform: str
    """`none` or `half-whiten:D`"""
    kind: str
    """of index (index-kinds.md)"""
    searched_by: str
    """the library that answers queries of all clips, and the device: `faiss on cpu`, `torch on cuda`"""
    clips: int
    """in the index"""
    window_s: list[float] | None
    """lengths of the windows in seconds; null where clips are searched whole"""
    stride_s: float | None
    """seconds from one window's start to the next, or null"""


@dataclass(frozen=True, kw_only=True)
class FilteredIndex(SearchedIndex):
    """The index that was asked, and how much of it could be found."""

    passing: int
    """clips (or windows) that pass the filter"""


@dataclass(frozen=True, kw_only=True)
class WindowedIndex(FilteredIndex):
    """An index of windows that was asked."""

    window_s: list[float]
    """lengths of the windows in seconds"""
    stride_s: float
    """seconds from one window's start to the next"""


@dataclass(frozen=True, kw_only=True)
class QueryResult(Result):
    """The answer to one clip."""

    query: AskedClip
    """what was asked"""
    index: FilteredIndex
    """what was searched; the first, if several"""
    indexes: Sequence[FilteredIndex]
    """all that was searched together: a list of one, unless several were named"""
    hits: Sequence[Hit]
    """a list, best first"""
    seconds: dict[str, float]
    """`read`, `embed`, `search`, `total`"""


@dataclass(frozen=True, kw_only=True)
class MomentQueryResult(QueryResult):
    """The answer of an index of windows."""

    index: WindowedIndex
    """what was searched; the first, if several"""
    indexes: Sequence[WindowedIndex]
    """all that was searched together"""
    hits: Sequence[Moment]
    """a list of moments, best first; the clip of each is the whole recording"""


@dataclass(frozen=True, kw_only=True)
class AnswerOfMany(Result):
    """The answer to one of many clips."""

    query: AskedOfMany
    """what was asked"""
    hits: Sequence[Hit]
    """as for one clip"""


@dataclass(frozen=True, kw_only=True)
class UnreadClip(Result):
    """A clip that cannot be read."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BatchCounts(Result):
    """What came of many clips."""

    answered: int
    """clips that asked"""
    stored: int
    """of these, with the embedding that the index holds"""
    rows: int
    """hits in all"""
    index: SearchedIndex
    """what was searched; the first, if several"""
    indexes: Sequence[SearchedIndex]
    """all that was searched together: a list of one, unless several were named"""
    left_out: list[UnreadClip]
    """a list of clips that cannot be read"""
    seconds: dict[str, float]
    """`ask`, `total`"""


@dataclass(frozen=True, kw_only=True)
class BatchResult(BatchCounts):
    """The answers to many clips."""

    queries: list[AnswerOfMany]
    """a list, in the order asked"""


@dataclass(frozen=True, kw_only=True)
class BatchFile(BatchCounts):
    """The answers to many clips, in a file."""

    out: str
    """the file: a row a hit, with `query`, `source`, `query_label`, `query_action` and the keys of a hit"""


def fewer_hits_note(answer: Answer, how: SearchOptions) -> list[str]:
    """A note where a filter leaves fewer than the hits asked for."""
    found = len(answer.hits)
    if found >= how.k or (how.where is None and not how.exclude_same_performance):
        return []
    if not found:
        return ["no clip passes" if how.where is not None else "no clip is left"]
    what = "moments" if isinstance(answer.hits[0], Moment) else "clips"
    return [f"{found} {what} pass, fewer than the {how.k} asked for: all of them are here"]
