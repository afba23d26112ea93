"""What `duplicates` and `leaks` give: clips that hold the same motion, in groups or across a protocol's parts."""

from dataclasses import dataclass

from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class ChosenBy(Result):
    """What the score of twins was chosen by."""

    nearest: float | None
    """median score of a clip and its nearest; null where there are only copies"""
    share: float
    """of that distance that a twin is within"""
    sampled: int
    """clips looked at"""


@dataclass(frozen=True, kw_only=True)
class TwinThreshold(Result):
    """How alike twins are."""

    above: float
    """the score from which two clips are twins"""
    chosen: ChosenBy | None
    """what `above` was chosen by, null when it was given"""


@dataclass(frozen=True, kw_only=True)
class TwinSearch(TwinThreshold):
    """Where twins were looked for."""

    index: str
    dataset: str
    encoder: str
    transform: str
    """`none` or `half-whiten:D`"""
    modality: str
    seconds: dict[str, float]
    """by stage, and `total`"""


@dataclass(frozen=True, kw_only=True)
class TwinClip(Result):
    """A clip, and what the catalog says of it."""

    clip_id: int
    """the clip's number in the library"""
    name: str
    label: int | None
    action: str | None
    subject: int | None
    camera: int | None
    setup: int | None
    replication: int | None
    frames: int


@dataclass(frozen=True, kw_only=True)
class GroupedClip(TwinClip):
    """A clip of a group."""

    score: float
    """with the most alike of the others"""


@dataclass(frozen=True, kw_only=True)
class TwinPair(Result):
    """Two clips that are twins."""

    one: int
    """a clip id"""
    other: int
    """a clip id"""
    score: float
    """of the two"""


@dataclass(frozen=True, kw_only=True)
class TwinGroup(Result):
    """Clips that hang together by pairs."""

    clips: list[GroupedClip]
    """a list, in order of clip id"""
    actions: int
    """how many different labels"""
    highest: float
    """score of its pairs"""
    lowest: float
    """the same"""
    pairs: list[TwinPair]
    """a list"""


@dataclass(frozen=True, kw_only=True)
class Duplicates(TwinSearch):
    """Groups of near-duplicates."""

    clips: int
    """in the index"""
    pairs: int
    """of clips that are twins"""
    clips_in_groups: int
    """clips that have a twin"""
    groups_of_several_actions: int
    """groups whose clips' labels differ"""
    groups: list[TwinGroup]
    """a list: clips that hang together by pairs, the biggest group first"""


@dataclass(frozen=True, kw_only=True)
class Leak(Result):
    """A test clip that has a twin among what may be learnt or retrieved from."""

    clip: TwinClip
    """of the test part"""
    twin: TwinClip
    """the most alike of the training part and gallery"""
    score: float
    """of the two"""
    twins: int
    """how many it has"""
    same_action: bool | None
    """null where not known"""
    same_subject: bool | None
    """the same"""
    same_performance: bool | None
    """the same"""


@dataclass(frozen=True, kw_only=True)
class Leaks(TwinSearch):
    """Test clips that have a twin in the training part or gallery."""

    protocol: str
    test: int
    """clips of its test part"""
    gallery: int
    """clips of its training part and gallery"""
    leaking: int
    """test clips with a twin there"""
    share: float
    """of the test clips, a fraction"""
    same_action: int | None
    """leaking clips whose most alike twin has their label; null where labels are not known"""
    same_subject: int | None
    """the same of subjects"""
    same_performance: int | None
    """the same of setup, subject, replication and label together"""
    leaks: list[Leak]
    """a list, the most alike first"""
