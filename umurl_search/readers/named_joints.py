"""Joints that a file names itself: found by the names of a layout, and what must be there of a person.

Letters: T frames, M people, V joints. Frames are (T, M, V, 3) float32, unseen joints are zeros.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoder.errors import BadInputError, Hint, UmurlError
from encoder.joint_layouts import Layout, layout_name
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.joint_mapping import combine_joints
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import BadRecordingError, FileClip, keep_notes, make_clip
from umurl_search.readers.file_per_clip import FilePerClip, Place

LEGS = ((12, 13, 14), (16, 17, 18))
"""Hip, knee and ankle of NTU-25, left and right."""
_NEEDED = (0, 4, 8, *LEGS[0], *LEGS[1])
_MOST_SHOWN = 80
_BETWEEN = re.compile(r"[\s_.:-]+")
_HARDLY_ANY = np.float32(1e-6)


def match_names(wanted: Sequence[str], names: Sequence[str]) -> list[int | None]:
    """Where each wanted name is: as it is written, else in small letters, else behind a prefix that ends in a colon."""
    found: list[int | None] = [None] * len(wanted)
    for spell in (str, _plain, _behind_colon):
        table: dict[str, int] = {}
        for at, name in enumerate(names):
            table.setdefault(spell(name), at)
        found = [table.get(spell(name)) if at is None else at for at, name in zip(found, wanted, strict=True)]
    return found


def _behind_colon(name: str) -> str:
    return _plain(name.rpartition(":")[2])


def _plain(name: str) -> str:
    return _BETWEEN.sub("", name).lower()


def find_lacking(frames: Frames, layout: Layout) -> list[str]:
    """Which of hips, shoulders, knees and ankles no frame shows, by their names in NTU-25."""
    made = combine_joints(frames, layout)
    return [JOINTS[j] for j in _NEEDED if not made[:, :, j].any()]


def require_person(frames: Frames, layout: Layout, names: Sequence[str], *, what: str) -> None:
    """Raises BadInputError, with the file's names, where hips, shoulders or legs are not found among them."""
    if lacking := find_lacking(frames, layout):
        shown = ", ".join(names[:_MOST_SHOWN]) + (
            f" and {len(names) - _MOST_SHOWN} others" if len(names) > _MOST_SHOWN else ""
        )
        raise BadInputError(
            f"{what}: none of its joints is known to be {', '.join(lacking)} (layout {layout.name}); "
            f"it has {shown or 'none'}",
            Hint("{option} says which is which, by these names", option="layout", value="FILE.json"),
        )


def require_own_layout(stated: str | None, own: str, *, what: str) -> None:
    """Raises: BadInputError for another layout than the one that a format always has."""
    if stated not in (None, own):
        raise BadInputError(
            f"{what} are of layout {own}, not {layout_name(stated)}", Hint("omit {option}", option="layout")
        )


def leg_length(frames: Frames, layout: Layout) -> float:
    """From hip to ankle along a leg, in the file's unit: the median over frames that are finite, and over legs."""
    finite = np.isfinite(frames).all(axis=(1, 2, 3))
    made = combine_joints(frames[finite], layout).astype(np.float64)
    lengths = [
        np.linalg.norm(made[:, :, knee] - made[:, :, hip], axis=-1)
        + np.linalg.norm(made[:, :, ankle] - made[:, :, knee], axis=-1)
        for hip, knee, ankle in LEGS
    ]
    return float(np.median(np.stack(lengths))) if finite.any() else np.nan


def mark_seen(places: Frames) -> Frames:
    """The places with those that lie at the origin moved a little, since zeros mean unseen."""
    places[~places.any(axis=-1), 1] = _HARDLY_ANY
    return places


class OneLayoutReader(FilePerClip):
    """Files of a format whose joints are always the same.

    what: whose joints they are, in a message.
    """

    state: State = "raw"
    what: str

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None) -> None:
        super().__init__(roots)
        require_own_layout(layout, self.layout, what=self.what)

    @abstractmethod
    def read_clip(self, path: Path) -> FileClip:
        """The clip of a file. Raises: UmurlError."""

    def load(self, place: Place) -> Clip:
        try:
            read = self.read_clip(place.path)
        except BadRecordingError:
            raise
        except UmurlError as error:
            raise BadRecordingError("malformed", error.message.removeprefix(f"{place.path}: ")) from None
        clip = make_clip(place.name, read.frames, source=place.source, layout=self.layout, fps=read.fps)
        return keep_notes(clip, read, place.path)
