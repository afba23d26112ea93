"""What is told of a library: its contents, one thing in it, and checks."""

from dataclasses import dataclass, field
from typing import Any, Literal

from umurl_search.result import OpenResult, Result


@dataclass(frozen=True, kw_only=True)
class DatasetRow(Result):
    """A dataset of the library."""

    name: str
    clips: int
    format: str
    source: str
    state: str
    """see data-format.md"""
    protocols: list[str]
    """names"""


@dataclass(frozen=True, kw_only=True)
class EncoderRow(Result):
    """An encoder of the library."""

    name: str
    origin: str
    """`trained` or `imported`"""
    preset: str | None
    """null when imported"""
    dataset: str | None
    """what it was trained on or imported for, null if not said"""
    protocol: str | None
    """the same"""
    dimension: int
    """D, the size of an embedding"""
    hash: str
    """sha256 of its weights"""
    created: str
    """UTC"""


@dataclass(frozen=True, kw_only=True)
class IndexRow(Result):
    """An index of the library."""

    name: str
    dataset: str
    encoder: str
    encoder_hash: str
    """sha256 of the encoder's weights"""
    kind: str
    """of index (index-kinds.md)"""
    transform: str
    """`none` or `half-whiten:D`"""
    modalities: str
    """their names, joined by commas"""
    clips: int
    created: str
    """UTC"""


@dataclass(frozen=True, kw_only=True)
class LibraryContents(Result):
    """What is in a library."""

    library: str
    """the library's folder"""
    datasets: list[DatasetRow]
    """a list, by name"""
    encoders: list[EncoderRow]
    """a list, newest first"""
    indexes: list[IndexRow]
    """a list, newest first"""
    default_index: str | None
    """the name of the one that is meant where none is named, null where there is none"""


@dataclass(frozen=True, kw_only=True)
class LibraryInfo(LibraryContents):
    """What is in a library, and how large it is."""

    bytes: int
    """size of the library on disk"""


@dataclass(frozen=True, kw_only=True)
class LeftOutClip(Result):
    """A recording of a dataset that is not used."""

    name: str
    reason: str
    detail: str
    source: str
    """its file, below the dataset's source"""
    source_hash: str
    """sha256"""
    origin: int
    """its place in `sources`, from 1"""


@dataclass(frozen=True, kw_only=True)
class DatasetInfo(OpenResult):
    """A dataset of the library."""

    kind: Literal["dataset"] = "dataset"
    """`dataset`"""
    name: str
    format: str
    state: str
    layout: str
    fps: float
    """frames a second of the source"""
    up: str
    scale: float
    """metres in a unit of the source"""
    source: str
    signature: str
    """changes when the source or the way it is read does"""
    clips: int
    report: dict[str, Any] = field(metadata={"elsewhere": True})
    """what `ingest` printed"""
    created: str
    """UTC"""
    bytes: int
    """size of its clip store"""
    parts: int
    """folders: the first, and one for every `add` and `update` since"""
    segments: int
    """labelled stretches of its recordings"""
    splits: dict[str, dict[str, int]]
    """protocol: part: clips"""
    first_clips: list[str]
    """up to five names"""
    left_out: list[LeftOutClip]
    """every recording not used"""
    sources: list[dict[str, Any]]
    """where its clips were read from, first to last: `roots`, `format` and how they were stated"""


@dataclass(frozen=True, kw_only=True)
class EncoderInfo(OpenResult):
    """An encoder; of the shipped one also how it was made."""

    kind: Literal["encoder"] = "encoder"
    """`encoder`"""
    name: str
    origin: str
    """`trained`, `imported` or `shipped`"""
    preset: str | None
    """null when imported"""
    dataset: str | None
    """what it was trained on or imported for, null if not said"""
    protocol: str | None
    """the same"""
    hash: str
    """sha256 of its weights"""


@dataclass(frozen=True, kw_only=True)
class StoredEncoderInfo(EncoderInfo):
    """An encoder of the library."""

    dimension: int
    """D, the size of an embedding"""
    created: str
    """UTC"""
    bytes: int
    """size on disk"""


@dataclass(frozen=True, kw_only=True)
class IndexInfo(OpenResult):
    """An index of the library; of one of windows also their lengths, `window_s`, and `stride_s` between them."""

    kind: Literal["index"] = "index"
    """`index`"""
    name: str
    dataset: str
    encoder: str
    encoder_hash: str
    """sha256 of the encoder's weights"""
    transform: str
    """`none` or `half-whiten:D`"""
    modalities: list[str]
    """names"""
    clips: int
    created: str
    """UTC"""
    bytes: int
    """size on disk"""
    version: int
    """of the index's format"""
    dataset_signature: str
    pipeline: dict[str, Any]
    """how the encoder's input is made"""
    metric: str
    """`cosine`"""
    precision: str
    """of the products: `float32` or `bf16`"""
    dimension: int
    """D"""
    recipe: str
    """a hash of all that it is made from"""
    index_kind: str
    """of index (index-kinds.md)"""
    rounding: dict[str, float | None] | None = None
    """file: the largest distance of a stored vector to the true one, null for approximate kinds"""
    search: dict[str, float] | None = None
    """`effort` of an approximate kind, and the `recall` that it aims at"""
    quality: dict[str, Any] | None = None
    """on clips left out of the index: `queries`, `recall_at` `1` and `10`, `latency_ms` of one, `accuracy_change` of
    1-NN against exact (null without labels); null for a handful of clips"""
    parts: int
    """folders: the first, and one for every `add` and `update` since"""
    default: bool
    """whether it is meant where no index is named"""


@dataclass(frozen=True, kw_only=True)
class ClipInfo(OpenResult):
    """A clip of the library."""

    kind: Literal["clip"] = "clip"
    """`clip`"""
    id: int
    """the clip's number in the library"""
    name: str
    dataset: str
    label: int | None
    """0-based class, or null"""
    action: str | None
    subject: int | None
    camera: int | None
    setup: int | None
    replication: int | None
    people: int
    frames: int
    source: str
    """its file, below the dataset's source"""
    source_hash: str
    """sha256"""
    store_row: int
    """its row in the clip store"""
    part: int
    """which of the dataset's stores, from 1"""
    origin: int
    """which of the dataset's `sources`, from 1"""


Details = DatasetInfo | EncoderInfo | IndexInfo | ClipInfo
"""What is known of one thing."""


@dataclass(frozen=True, kw_only=True)
class DefaultIndex(Result):
    """The index that was made the default one."""

    default_index: str
    """the index that is meant where none is named, from now on"""
    before: str | None
    """the one that was"""


@dataclass(frozen=True, kw_only=True)
class Deleted(Result):
    """What was deleted."""

    deleted: str
    """its name"""
    kind: str
    """`dataset`, `encoder` or `index`"""
    bytes: int
    """freed"""


@dataclass(frozen=True, kw_only=True)
class Renamed(Result):
    """What was renamed."""

    name: str
    """its new name"""
    before: str
    """its old one"""
    kind: str
    """`dataset`, `encoder` or `index`"""


@dataclass(frozen=True, kw_only=True)
class Check(Result):
    """One thing that doctor looks at."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Checks(Result):
    """Whether an installation can do its work."""

    ok: bool
    """whether every check passed"""
    checks: list[Check]
    """a list"""


@dataclass(frozen=True, kw_only=True)
class Verification(Result):
    """Whether a library is whole."""

    ok: bool
    """whether everything is as it was written"""
    problems: list[str]
    """a list, a line each"""


@dataclass(frozen=True, kw_only=True)
class OfficialCounts(Result):
    """Published counts of a dataset."""

    found: int
    """recordings in the download"""
    used: int
    """of these, those with a skeleton"""
    splits: dict[str, tuple[int, int]]
    """protocol: training and test clips"""


@dataclass(frozen=True, kw_only=True)
class KnownDataset(Result):
    """A dataset known by name, or the library's own."""

    name: str
    title: str
    protocols: list[str]
    """names, the default first"""
    official: OfficialCounts | None
    """published counts, or null"""
    in_library: int | None
    """clips in the library, or null"""
    under_data: list[str]
    """where it was found under the data folder: paths"""


@dataclass(frozen=True, kw_only=True)
class KnownDatasets(Result):
    """The datasets that can be ingested or evaluated."""

    datasets: list[KnownDataset]
    """a list: those known by name, then the library's own"""
    library: str
    """the library's folder"""
    data: str | None
    """the data folder, or null"""
