"""The datasets that are known by name: where they lie, what they hold, and their protocols.

Sources: the datasets' own documents; counts are those of the papers that introduced the protocols.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from encoder.errors import Hint, NotFoundError
from umurl_search.clips.naming import NameFields, parse_name
from umurl_search.clips.types import Part

NTU60_TRAIN_SUBJECTS = frozenset({1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38})
NTU120_TRAIN_SUBJECTS = NTU60_TRAIN_SUBJECTS | {
    45,
    46,
    47,
    49,
    50,
    52,
    53,
    54,
    55,
    56,
    57,
    58,
    59,
    70,
    74,
    78,
    80,
    81,
    82,
    83,
    84,
    85,
    86,
    89,
    91,
    92,
    93,
    94,
    95,
    97,
    98,
    100,
    103,
}
ONE_SHOT_ACTIONS = frozenset(range(1, 116, 6))

NTU_ACTIONS = "ntu120"
"""The list of NTU's actions; NTU-60's are its first 60."""

WITH_EXEMPLARS = frozenset({"oneshot"})
"""Protocols whose gallery is a part of its own, never the training part."""

PartRule = Callable[[NameFields, str], Part | None]
"""A clip's part in a protocol, from the fields of its name; None when they do not tell."""


@dataclass(frozen=True, kw_only=True)
class Official:
    """Published counts: recordings in the download, how many lack a skeleton, and train / test sizes."""

    found: int
    used: int
    splits: dict[str, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A dataset known by name. `places` are where its recordings lie under the data folder; untrimmed: they are kept
    whole, and what happens in them becomes segments; cut_as: name of the trimmed version of this dataset."""

    name: str
    title: str
    rules: dict[str, PartRule]
    actions: str
    places: tuple[str, ...] = ()
    loose: str | None = None
    layout: str = "ntu25"
    max_frames: int | None = None
    max_action: int | None = None
    max_setup: int | None = None
    official: Official | None = None
    family: str = ""
    untrimmed: bool = False
    cut_as: str = ""

    @property
    def protocols(self) -> tuple[str, ...]:
        return tuple(self.rules)


def _decide_part(value: int | None, is_train: Callable[[int], bool]) -> Part | None:
    return None if value is None else "train" if is_train(value) else "test"


def _ntu60_xsub(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.subject, NTU60_TRAIN_SUBJECTS.__contains__)


def _ntu120_xsub(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.subject, NTU120_TRAIN_SUBJECTS.__contains__)


def _ntu_xview(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.camera, lambda camera: camera in (2, 3))


def _even_setup(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.setup, lambda setup: setup % 2 == 0)


def _one_shot(fields: NameFields, name: str) -> Part | None:
    if fields.action is None:
        return None
    if fields.action not in ONE_SHOT_ACTIONS:
        return "train"
    setup = 1 if fields.action <= 55 else 18
    return "gallery" if name == f"S{setup:03d}C003P008R001A{fields.action:03d}" else "test"


def _odd_subject(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.subject, lambda subject: subject % 2 == 1)


def _views_1_2(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.camera, lambda camera: camera in (1, 2))


def _train_unless_left(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.camera, lambda camera: camera != 1)


def _pku1_xsub(fields: NameFields, name: str) -> Part | None:
    return _decide_part(int(name[:4]) if name[:4].isdigit() else None, lambda video: not 291 <= video <= 334)


def _demo_long_xsub(fields: NameFields, name: str) -> Part | None:
    return _decide_part(int(name[1:4]) if name[1:4].isdigit() else None, lambda subject: subject % 2 == 1)


def _pku2_xsub(fields: NameFields, name: str) -> Part | None:
    return _decide_part(fields.subject, lambda subject: subject not in (2, 3, 7))


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="ntu60",
            title="NTU RGB+D 60",
            rules={"xsub": _ntu60_xsub, "xview": _ntu_xview},
            actions="ntu120",
            places=("ntu60", "nturgb+d_skeletons"),
            loose="ntu-skeleton",
            max_frames=300,
            max_action=60,
            max_setup=17,
            family="ntu",
            official=Official(
                found=56_880, used=56_578, splits={"xsub": (40_091, 16_487), "xview": (37_646, 18_932)}
            ),
        ),
        Dataset(
            name="ntu120",
            title="NTU RGB+D 120",
            rules={"xsub": _ntu120_xsub, "xset": _even_setup, "oneshot": _one_shot},
            actions="ntu120",
            places=("ntu120", "nturgb+d_skeletons", "nturgb+d_skeletons120"),
            loose="ntu-skeleton",
            max_frames=300,
            max_action=120,
            max_setup=32,
            family="ntu",
            official=Official(
                found=114_480, used=113_945, splits={"xsub": (63_026, 50_919), "xset": (54_468, 59_477)}
            ),
        ),
        Dataset(
            name="pku-mmd-1",
            title="PKU-MMD phase I",
            rules={"xsub": _pku1_xsub, "xview": _train_unless_left},
            actions="pku51",
            places=("pku-mmd-1", "PKUMMDv1", "PKU-MMD/v1"),
            max_frames=300,
            family="pku-mmd-1",
        ),
        Dataset(
            name="pku-mmd-1-long",
            title="PKU-MMD phase I, whole recordings",
            rules={"xsub": _pku1_xsub, "xview": _train_unless_left},
            actions="pku51",
            places=("pku-mmd-1-long", "pku-mmd-1", "PKUMMDv1", "PKU-MMD/v1"),
            family="pku-mmd-1",
            untrimmed=True,
            cut_as="pku-mmd-1",
        ),
        Dataset(
            name="pku-mmd-2",
            title="PKU-MMD phase II",
            rules={"xsub": _pku2_xsub, "xview": _train_unless_left},
            actions="pku51",
            places=("pku-mmd-2", "PKUMMDv2", "PKU-MMD/v2"),
            max_frames=300,
            family="pku-mmd-2",
        ),
        Dataset(
            name="pku-mmd-2-long",
            title="PKU-MMD phase II, whole recordings",
            rules={"xsub": _pku2_xsub, "xview": _train_unless_left},
            actions="pku51",
            places=("pku-mmd-2-long", "pku-mmd-2", "PKUMMDv2", "PKU-MMD/v2"),
            family="pku-mmd-2",
            untrimmed=True,
            cut_as="pku-mmd-2",
        ),
        Dataset(
            name="nw-ucla",
            title="Northwestern-UCLA",
            rules={"xview": _views_1_2},
            actions="nw_ucla10",
            places=("nw-ucla", "nw_ucla", "NW-UCLA", "all_sqe"),
            layout="kinect-v1",
            official=Official(found=1_484, used=1_484, splits={"xview": (1_020, 464)}),
        ),
        Dataset(
            name="utd-mhad",
            title="UTD-MHAD",
            rules={"xsub": _odd_subject},
            actions="utd27",
            places=("utd-mhad", "utd_mhad", "UTD-MHAD"),
            official=Official(found=861, used=861, splits={"xsub": (431, 430)}),
        ),
        Dataset(
            name="demo",
            title="made-up motion, no download",
            rules={"xsub": _odd_subject, "xview": _ntu_xview},
            actions="demo",
        ),
        Dataset(
            name="demo-long",
            title="made-up motion in whole recordings, no download",
            rules={"xsub": _demo_long_xsub},
            actions="demo",
            untrimmed=True,
            cut_as="demo",
        ),
    )
}


def find(name: str) -> Dataset:
    """The dataset of that name, or one without rules for data of one's own."""
    return DATASETS.get(name) or Dataset(name=name, title="own recordings", rules={}, actions="")


def share_recordings(one: str, other: str) -> bool:
    """Whether clips of two datasets can be the same recordings: NTU-60 is inside NTU-120."""
    family = find(one).family
    return one == other or (bool(family) and family == find(other).family)


def first_protocol(dataset: str, known: list[str]) -> str | None:
    """The protocol used when none is named: the dataset's first of those known, xsub, or any."""
    preferred = [p for p in find(dataset).protocols if p in known]
    usual = [p for p in ("xsub",) if p in known]
    return next(iter(preferred or usual or known), None)


@cache
def action_names(listing: str) -> tuple[str, ...]:
    """Names of the classes by label, () when the dataset has no list."""
    return tuple(row[1] for row in _action_rows(listing))


@cache
def closest_ntu_actions(listing: str) -> dict[int, int]:
    """Label -> the label of the closest action in NTU's list, {} when the list does not say it."""
    return {int(row[0]) - 1: int(row[2]) - 1 for row in _action_rows(listing) if len(row) > 2}


def _action_rows(listing: str) -> list[list[str]]:
    """The columns of a list of actions, in order of id."""
    if not listing:
        return []
    text = (files("umurl_search.datasets") / "actions" / f"{listing}.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return sorted(rows, key=lambda row: int(row[0]))


def sources(dataset: Dataset, data: Path | None) -> tuple[Path, ...]:
    """Where the dataset lies under the data folder: its named places that exist, else loose recordings.

    Raises UmurlError, saying what to do, when the data folder is not given or holds nothing of the dataset.
    """
    from_path = ("ingest", dataset.name, "--source", "PATH")
    if data is None:
        raise NotFoundError(
            f"no recordings of {dataset.name}",
            Hint(
                "set UMURL_DATA (or give {option}) to the folder that holds them, or run: {command}",
                option="data",
                command=from_path,
            ),
        )
    if not data.is_dir():
        raise NotFoundError(
            f"{data}: no such data folder",
            Hint("set UMURL_DATA or {option} to the one with the recordings", option="data"),
        )
    places = dataset.places or (dataset.name,)
    found = tuple(data / place for place in places if (data / place).exists())
    if found:
        return found[:1] if found[0].name == dataset.name else found
    if dataset.loose and any(path.suffix.lower() == ".skeleton" for path in data.iterdir()):
        return (data,)
    listed = " or ".join(f"{place}/" for place in places)
    raise NotFoundError(
        f"{data}: holds no {dataset.name} (looked for {listed})",
        Hint("put the recordings there, or run: {command}", command=from_path),
    )


def part_of(dataset: Dataset, protocol: str, name: str) -> Part | None:
    """A clip's part in one of the dataset's own protocols."""
    return dataset.rules[protocol](parse_name(name), name)


def is_part_of(dataset: Dataset, name: str) -> bool:
    """Whether a clip of the dataset's family (NTU-60 inside NTU-120) belongs to it."""
    fields = parse_name(name)
    return _is_within(fields.action, dataset.max_action) and _is_within(fields.setup, dataset.max_setup)


def _is_within(value: int | None, highest: int | None) -> bool:
    return highest is None or (value is not None and value <= highest)
