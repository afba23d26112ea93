"""What an index answers."""

from dataclasses import dataclass
from typing import Any

from umurl_search.clips.normalization import STORE_FPS
from umurl_search.library.catalog.queries import COLUMNS
from umurl_search.search.options import SearchOptions

SHOWN = tuple(column for column in COLUMNS if column not in ("id", "people"))
"""Columns of a hit, beside rank, score and clip_id."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A clip found. score: the cosine, higher is more alike. row: its columns of the catalog.

    start, stop: in a windowed index, the frames of the moment (the second is the one after its last).
    """

    rank: int
    score: float
    clip_id: int
    row: dict[str, Any]
    start: int | None = None
    stop: int | None = None

    @property
    def name(self) -> str:
        return str(self.row["name"])

    def to_dict(self) -> dict[str, Any]:
        shown = {column: self.row[column] for column in SHOWN}
        return {"rank": self.rank, "score": self.score, "clip_id": self.clip_id, **shown, **self._moment()}

    def _moment(self) -> dict[str, Any]:
        if self.start is None or self.stop is None:
            return {}
        seconds = {"start_s": self.start / STORE_FPS, "end_s": self.stop / STORE_FPS}
        return {"start_frame": self.start, "stop_frame": self.stop, **seconds}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The hits of one query, best first. passing: how many rows of the index could be found."""

    name: str
    hits: tuple[Hit, ...]
    passing: int


def fewer_hits_note(answer: Answer, how: SearchOptions) -> list[str]:
    """A note where a filter leaves fewer than the hits asked for."""
    found = len(answer.hits)
    if found >= how.k or (how.where is None and not how.exclude_same_performance):
        return []
    what = "moments" if found and answer.hits[0].start is not None else "clips"
    return [f"{found} {what} pass, fewer than the {how.k} asked for: all of them are here"]


def is_query(hit: dict[str, Any], query: dict[str, Any]) -> bool:
    """Whether a hit of a `query` document is the clip that asked: it is neither right nor wrong."""
    return "start_frame" not in hit and f"{hit['dataset']}:{hit['name']}" == query["clip"]
