"""What is asked of an index, declared once for the command line, the HTTP API and Python."""

from collections.abc import Sequence
from dataclasses import dataclass

from encoder.joint_layouts import check_layout
from encoder.modality_sets import parse
from encoder.options import check_limits, option
from umurl_search.clips.degrade import MOST_VIEWS, VIEWS
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import Axes, Up
from umurl_search.index.temporal_iou import OVERLAP

_MODALITY = "joint, bone, motion, any + of them, or fused"
OVERLAP_HELP = "Of windows: the temporal IoU with a better one above which one is the same moment"
_AS_INGESTED = "[default: of a .npy, as the index's dataset was ingested]"


Indexes = str | tuple[str, ...] | None
"""A name, or several of indexes to search together."""


def parse_indexes(typed: Sequence[str]) -> tuple[str, ...]:
    """Names that were given several times, or with commas. Raises ValueError for one that is given twice."""
    names = tuple(name for text in typed for name in text.split(","))
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is named twice")
    return names


@dataclass(frozen=True, kw_only=True)
class MatchOptions:
    """How a query is compared with the gallery, and with which of its clips.

    Raises ValueError for a number outside its limits.
    """

    modality: str = option("fused", f"Of the query: {_MODALITY}", parse=parse)
    against: str = option("fused", f"Of the gallery: {_MODALITY}", parse=parse)
    where: str | None = option(None, 'SQL over the clips, e.g. "subject = 3 and camera = 2"')
    exclude_same_performance: bool = option(
        False, "Leave out the query's own performance, whatever the camera"
    )
    bridge: bool = option(True, "Compare raw embeddings across modalities", flag="--no-bridge", negated=True)
    views: int = option(
        VIEWS,
        "Of joints in a picture: a bridge covers so many degrees to either side",
        low=0,
        high=MOST_VIEWS,
    )
    overlap: float = option(OVERLAP, OVERLAP_HELP, low=0, high=1)

    def __post_init__(self) -> None:
        check_limits(self)

    @property
    def bridged(self) -> bool:
        """Whether the query crosses from one modality to another by a bridge."""
        return self.bridge and self.modality != self.against


@dataclass(frozen=True, kw_only=True)
class SearchOptions(MatchOptions):
    """The same, and how many hits are wanted."""

    k: int = option(10, "How many hits", low=1)
    show: str | None = option(None, "Columns of your own to show of each hit (several: with commas)")

    @property
    def shown(self) -> tuple[str, ...]:
        """The columns to show."""
        return tuple(name.strip() for name in self.show.split(",") if name.strip()) if self.show else ()


@dataclass(frozen=True, kw_only=True)
class ClipFileOptions(ReadingOptions):
    """How a clip file is read, where not as its format says or the index's dataset was ingested."""

    axes: Axes | None = option(None, "The axes of a .npy clip [default: found out]")
    layout: str | None = option(
        None, f"Its joint layout: a name, or a FILE.json {_AS_INGESTED}", parse=check_layout
    )
    fps: float | None = option(None, f"Its frames a second {_AS_INGESTED}", low=1, high=9999)
    up: Up | None = option(None, f"Its up axis {_AS_INGESTED}")
    scale: float | None = option(None, f"Metres a unit {_AS_INGESTED}", low=1e-9, high=1e8)


@dataclass(frozen=True, kw_only=True)
class MatchRequest(ClipFileOptions, MatchOptions):
    """What to compare with. index: None is the library's default; of several that were built alike, the best of all."""

    index: Indexes = option(
        None,
        "Which index; of several, the best of all [default: the last built or preferred]",
        typed=list[str] | None,
        parse=parse_indexes,
    )
    device: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.index is not None and not isinstance(self.index, str):
            names = tuple(self.index)
            object.__setattr__(self, "index", names if len(names) > 1 else names[0] if names else None)

    def of(self, clip: str, *, k: int) -> "QueryRequest":
        """The same with the clip that asks, and how many hits are wanted."""
        return QueryRequest(**(vars(self) | {"clip": clip, "k": k}))


@dataclass(frozen=True, kw_only=True)
class SearchRequest(SearchOptions, MatchRequest):
    """What to search, how, and for how many hits."""


@dataclass(frozen=True, kw_only=True)
class QueryRequest(SearchRequest):
    """The same with the clip that asks: a file, or DATASET:CLIPNAME[@FROM-TO]."""

    clip: str
