"""What the names of recordings say: action, subject, camera, setup, replication."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NameFields:
    """The numbers in a recording's name, as written (actions count from 1); None where it says nothing."""

    action: int | None = None
    subject: int | None = None
    camera: int | None = None
    setup: int | None = None
    replication: int | None = None


_NUMBER = r"\d{1,18}"  # what 64 bits hold
_NTU = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
    r"(?:\.skeleton)?"
)
_NTU_WITHIN = re.compile(
    r"(?i)(?<![a-z0-9])S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
    r"(?!\d)"
)
"""The pattern in a name that holds more: of a file made from a recording, or in other letters."""
_UTD_MHAD = re.compile(
    rf"a(?P<action>{_NUMBER})_s(?P<subject>{_NUMBER})_t?(?P<replication>{_NUMBER})(?:_skeleton)?"
)
_NW_UCLA = re.compile(
    rf"a(?P<action>{_NUMBER})_s(?P<subject>{_NUMBER})_e(?P<replication>{_NUMBER})_v(?P<camera>{_NUMBER})"
)
_PKU_MMD = re.compile(rf"(?:\d{{4}}|A\d+N(?P<subject>{_NUMBER}))-(?P<view>[LMR])(?:_\d+)?")
_PKU_CAMERAS = {"L": 1, "M": 2, "R": 3}


def parse_name(name: str) -> NameFields:
    """The numbers that a name of NTU RGB+D, UTD-MHAD, NW-UCLA or PKU-MMD holds; all None for other names.

    The letter of a PKU-MMD view is its camera (L, M, R: 1, 2, 3). The action in a name of PKU-MMD is that of
    the recording, which holds several: it is left to the label file. Of a path the last part counts; the pattern of
    NTU RGB+D is found within a longer name, too.
    """
    name = name.rpartition("/")[2]
    pku = _PKU_MMD.fullmatch(name)
    if pku:
        subject = pku["subject"]
        return NameFields(subject=int(subject) if subject else None, camera=_PKU_CAMERAS[pku["view"]])
    for pattern in (_NTU, _UTD_MHAD, _NW_UCLA):
        found = pattern.fullmatch(name)
        if found:
            return _to_fields(found)
    within = _NTU_WITHIN.search(name)
    return _to_fields(within) if within else NameFields()


def _to_fields(found: re.Match[str]) -> NameFields:
    """The numbers of a pattern; an action of 0 is none, since they count from 1."""
    numbers = {field: int(number) for field, number in found.groupdict().items()}
    return NameFields(**{k: None if k == "action" and not n else n for k, n in numbers.items()})


def is_recording_name(name: str) -> bool:
    """Whether a whole name is one of a known dataset's, which no two recordings share."""
    return any(pattern.fullmatch(name) for pattern in (_NTU, _PKU_MMD, _UTD_MHAD, _NW_UCLA))


def is_derived_ntu_name(name: str) -> bool:
    """Whether a name holds the pattern of NTU RGB+D among other things."""
    last = name.rpartition("/")[2]
    return not is_recording_name(last) and _NTU_WITHIN.search(last) is not None


def is_ntu_name(name: str) -> bool:
    return _NTU.fullmatch(name) is not None


def is_pku_name(name: str) -> bool:
    return _PKU_MMD.fullmatch(name) is not None


def is_authors_name(name: str) -> bool:
    """Whether a recording is named as the authors of NTU RGB+D or PKU-MMD do: it is read by the rule of UmURL."""
    return is_ntu_name(name) or is_pku_name(name)
