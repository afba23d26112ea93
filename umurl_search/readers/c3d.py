"""C3D files, one clip a file: markers, which a layout file says to be joints.

Letters: T frames, V joints.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint, UmurlError
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    describe,
    keep_notes,
    make_clip,
    read_bytes,
    to_float32,
)
from umurl_search.readers.c3d_points import Points, is_c3d_head, parse_c3d
from umurl_search.readers.file_per_clip import FilePerClip, Place, require_layout
from umurl_search.readers.named_joints import mark_seen, match_names, require_person

_UNITS = {"mm": 0.001, "cm": 0.01, "dm": 0.1, "m": 1.0, "in": 0.0254, "inch": 0.0254, "ft": 0.3048}
_USUAL_UNIT = "mm"
_MOST_SHOWN = 60


class C3dReader(FilePerClip):
    """C3D files anywhere below the roots. layout: a layout file's text, whose joints are the files' markers."""

    format: str = "c3d"
    state: State = "raw"
    suffix: str = ".c3d"

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None) -> None:
        super().__init__(roots)
        if layout is None:
            raise _unknown_markers_error(", ".join(map(str, roots)))
        require_layout(layout)
        self.layout: str = layout

    def __repr__(self) -> str:
        return f"C3dReader({self.roots}, layout={self.layout!r})"

    def load(self, place: Place) -> Clip:
        try:
            read, missing = _read(place.path, self.layout)
        except BadRecordingError:
            raise
        except UmurlError as error:
            raise BadRecordingError("malformed", error.message.removeprefix(f"{place.path}: ")) from None
        clip = make_clip(place.name, read.frames, source=place.source, fps=read.fps)
        return replace(keep_notes(clip, read, place.path), cut=missing)


def is_c3d(path: Path) -> bool:
    """Whether a file begins as C3D does."""
    if not path.is_file():  # a pipe would keep its reader waiting
        return False
    try:
        with open(path, "rb") as stream:
            return is_c3d_head(stream.read(2))
    except OSError:
        return False


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of a file in metres. layout: a layout file's text, whose joints are the file's markers.

    Raises: BadRecordingError, and BadInputError without a layout, or where no person is found.
    """
    return _read(path, layout)[0]


def _read(path: Path, layout: str | None) -> tuple[FileClip, int]:
    """The clip, and how many of its frames are announced and not there."""
    try:
        points = parse_c3d(read_bytes(path))
        metres, notes = _find_units(points)
    except BadRecordingError as error:
        error.path = path
        raise
    if layout is None:
        raise _unknown_markers_error(str(path), points.labels)
    known = require_layout(layout)
    found = match_names(known.joints, points.labels)
    there = [joint for joint, marker in enumerate(found) if marker is not None]
    columns = [marker for marker in found if marker is not None]
    frames = np.zeros((len(points.places), 1, len(found), 3), np.float32)
    frames[:, 0, there] = _to_places(points.places[:, columns], metres[columns])
    require_person(frames, known, points.labels, what=str(path))
    if points.missing:
        notes.append(f"{len(frames)} frames are there, its head announces {len(frames) + points.missing}")
    clip = FileClip(frames, tuple(f"{path}: {note}" for note in notes), layout, points.rate)
    return clip, points.missing


@np.errstate(over="ignore")
def _to_places(points: NDArray[np.float64], metres: NDArray[np.float64]) -> Frames:
    """Markers in metres; those that no camera saw (NaN) are zeros."""
    unseen = ~np.isfinite(points).all(axis=-1)
    places = mark_seen(to_float32(points * metres[:, None]))
    places[unseen] = 0
    return places


def _unknown_markers_error(what: str, names: Sequence[str] = ()) -> BadInputError:
    shown = f"; it has {', '.join(names[:_MOST_SHOWN])}" if names else ""
    return BadInputError(
        f"{what}: C3D holds markers, which are no joints until a layout file says what they are{shown}",
        Hint("{option} says which is which, by their names", option="layout", value="FILE.json"),
    )


def _find_units(points: Points) -> tuple[NDArray[np.float64], list[str]]:
    """Metres a unit of each marker. Raises: BadRecordingError for a unit or a rate that is none."""
    if not 1 <= points.rate < 10_000:
        raise BadRecordingError("malformed", f"a rate of {points.rate:g} frames a second")
    n_points, stated = len(points.labels), points.units
    if unknown := [unit for unit in stated if unit not in _UNITS]:
        raise BadRecordingError("malformed", f"its unit is {describe(unknown[0])}")
    if not stated:
        return np.full(n_points, _UNITS[_USUAL_UNIT]), [f"it states no unit: {_USUAL_UNIT} is assumed"]
    each = stated if len(stated) >= n_points else stated[:1] * n_points
    return np.array([_UNITS[unit] for unit in each[:n_points]]), []
