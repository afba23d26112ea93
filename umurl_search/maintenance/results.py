"""What is told of a library: its contents, one thing in it, and checks."""

from dataclasses import dataclass

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
class Details(OpenResult):
    """What is known of one thing; beside its kind, what its own files and the catalog say."""

    kind: str
    """`dataset`, `encoder`, `index` or `clip`"""


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
