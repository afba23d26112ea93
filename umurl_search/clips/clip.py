"""One recorded action, and what is said of a recording that cannot be used.

Letters: T frames, M people, V joints, C = 3 coordinates.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.float32]

Reason = Literal[
    "truncated",
    "no body",
    "non-finite",
    "listed as missing",
    "duplicate name",
    "malformed",
    "not part of the dataset",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Segment(NamedTuple):
    """What happens in the frames [start, stop) of a long recording: a 0-based class, or an action by its name."""

    label: int | None
    action: str | None
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip as its file holds it, in the joint layout of its source.

    frames: (T, M, V, 3) float32, source units; an absent person or joint is zeros, or what its source marks it by.
    unseen: joints that are zeros since the source says beside the coordinates that they were not seen.
    label: 0-based class, None when unknown; action: its name, where the source tells one.
    `cut` counts the frames dropped at the end by the reader.
    segments: of a long recording, in frames of the source.
    layout, fps: its joint layout and frames a second, where its file says them. notes: what was assumed in reading it.
    """

    name: str
    frames: Frames
    label: int | None = None
    action: str | None = None
    subject: int | None = None
    camera: int | None = None
    setup: int | None = None
    replication: int | None = None
    source: str = ""
    cut: int = 0
    segments: tuple[Segment, ...] = ()
    unseen: int = 0
    layout: str | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A recording that was found and not used: which, why (one of `REASONS`) and the particulars.

    source_hash: sha256 of its file, where it has one of its own and that can be read.
    """

    name: str
    reason: Reason
    detail: str = ""
    source: str = ""
    source_hash: str = ""


Outcome = Clip | LeftOut
