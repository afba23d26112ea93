"""Plain numpy arrays as clips: `.npy` files, or arrays in memory."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, UmurlError
from encoder.joint_layouts import LAYOUTS, joint_counts
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import AXES, Axes, State
from umurl_search.readers.build_clip import (
    BadRecordingError,
    make_clip,
    read_bytes,
    require_finite,
    to_float32,
)
from umurl_search.readers.file_per_clip import FilePerClip, Place, require_layout
from umurl_search.readers.npy_header import read_header

_MAGIC = b"\x93NUMPY"
_USUAL_PEOPLE, _MOST_PEOPLE = 2, 6


class ArrayReading(NamedTuple):
    """frames: (T, M, V, 3) float32; how the array was read, and how else its shape could be read."""

    frames: Frames
    reading: Axes
    other_readings: tuple[Axes, ...]


def read_array(
    array: NDArray[Any], *, axes: str | None = None, n_joints: Sequence[int] | None = None
) -> ArrayReading:
    """The clip that an array holds, T frames, V joints, C = 3 coordinates, M people.

    axes: the order of its axes. Where None, the first of `AXES` that the shape fits with at most two people,
        else with at most six.
    n_joints: the numbers of joints to accept; None: those of all layouts.
    Raises: UmurlError where the array is not of numbers or its shape fits none.
    """
    if array.dtype.kind not in "iuf":
        raise BadInputError(f"an array of {array.dtype} is no clip: integers or floats are needed")
    _require_axes(axes)
    n_joints = joint_counts() if n_joints is None else n_joints
    if axes is None:
        usual = _fitting_axes(array.shape, n_joints, most_people=_USUAL_PEOPLE)
        broad = _fitting_axes(array.shape, n_joints, most_people=_MOST_PEOPLE)
        readings = usual + [order for order in broad if order not in usual]
    else:
        readings = [known for known in AXES if known == axes and _n_people(array.shape, axes, n_joints)]
    if not readings:
        raise BadInputError(_describe_mismatch(array.shape, axes, n_joints))
    letters = readings[0] if "M" in readings[0] else "M" + readings[0]
    people = array.reshape((1, *array.shape)) if letters != readings[0] else array
    frames = to_float32(people.transpose([letters.index(letter) for letter in "TMVC"]))
    return ArrayReading(np.ascontiguousarray(frames), readings[0], tuple(readings[1:]))


def _require_axes(axes: str | None) -> None:
    if axes is not None and axes not in AXES:
        raise BadInputError(f"axes must be one of {', '.join(AXES)}, not {axes!r}")


def _fitting_axes(shape: tuple[int, ...], n_joints: Sequence[int], *, most_people: int) -> list[Axes]:
    return [axes for axes in AXES if 1 <= _n_people(shape, axes, n_joints) <= most_people]


def _n_people(shape: tuple[int, ...], axes: str, n_joints: Sequence[int]) -> int:
    """The number of people in an array read in this way, 0 where it cannot be."""
    if len(shape) != len(axes):
        return 0
    sizes = dict(zip(axes, shape, strict=True))
    return sizes.get("M", 1) if sizes["C"] == 3 and sizes["V"] in n_joints and sizes["T"] else 0


def _describe_mismatch(shape: tuple[int, ...], axes: str | None, n_joints: Sequence[int]) -> str:
    joints = " or ".join(map(str, n_joints))
    accepted = ", ".join(f"({', '.join(order)})" for order in ([axes] if axes else AXES))
    return f"an array of shape {shape} is no clip: accepted are {accepted} with T >= 1, V {joints} and C 3"


class NpyReader(FilePerClip):
    """`.npy` files, one clip a file, anywhere below the roots.

    layout, state: what the arrays' joints are and what was done to them; axes: see `read_array`.
    """

    format: str = "npy"
    suffix: str = ".npy"

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        layout: str = "ntu25",
        state: State = "raw",
        axes: str | None = None,
    ) -> None:
        super().__init__(roots)
        _require_axes(axes)
        self.layout: str = require_layout(layout).name
        self.state: State = state
        self._axes = axes

    def __repr__(self) -> str:
        return f"NpyReader({self.roots}, layout={self.layout!r}, state={self.state!r}, axes={self._axes!r})"

    def load(self, place: Place) -> Clip:
        array = load_npy(place.path)
        n_joints = LAYOUTS[self.layout].n_joints
        try:
            frames = read_array(array, axes=self._axes, n_joints=(n_joints,)).frames
        except UmurlError as error:
            raise BadRecordingError("malformed", str(error)) from None
        require_finite(frames)
        if frames.shape[1] > _USUAL_PEOPLE:
            frames = choose_bodies(frames)
        return make_clip(place.name, frames, source=place.source)


def read_clip_file(path: Path, *, axes: str | None = None) -> tuple[Frames, tuple[str, ...]]:
    """The clip in a `.npy` file, (T, M, V, 3), and notes on what was assumed in reading it, a line each.

    Raises: UmurlError.
    """
    array = load_npy(path)
    try:
        frames, reading, others = read_array(array, axes=axes)
    except UmurlError as error:
        raise BadInputError(f"{path}: {error}") from error
    if not others:
        return frames, ()
    return frames, (
        f"{path}: an array of shape {array.shape}, read as {reading}; it could be {' or '.join(others)}: "
        "--axes settles it",
    )


def load_npy(path: Path) -> NDArray[Any]:
    """The numbers in a `.npy` file. Raises: BadRecordingError where it is not whole or holds none."""
    content = read_bytes(path)
    try:
        header = read_header(io.BytesIO(content))
    except ValueError as error:
        cut = _MAGIC.startswith(content[: len(_MAGIC)]) and b"\n" not in content
        raise BadRecordingError(
            "truncated" if cut else "malformed", f"no usable array: {error}", path
        ) from None
    if len(content) < header.n_bytes:
        detail = f"{len(content)} bytes, its header announces {header.n_bytes}"
        raise BadRecordingError("truncated", detail, path)
    count = math.prod(header.shape)
    values: NDArray[Any] = np.frombuffer(content, header.dtype, count=count, offset=header.offset)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")
