"""Plain numpy arrays as clips: files of one array a clip, or arrays in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, UmurlError
from encoder.joint_layouts import LAYOUTS, joint_counts
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.array_axes import (
    USUAL_PEOPLE,
    clip_readings,
    describe_joints,
    describe_mismatch,
    order_axes,
    require_axes,
    set_readings,
    sizes_as,
)
from umurl_search.readers.array_files import is_likely_clip, load_clip_array, read_shapes
from umurl_search.readers.build_clip import BadRecordingError, make_clip, require_places, to_float32
from umurl_search.readers.csv_file import is_csv_clip
from umurl_search.readers.file_per_clip import (
    FilePerClip,
    Place,
    decode_place,
    find_sources,
    require_layout,
)

_COORDINATES = 3


class ArrayReading(NamedTuple):
    """frames: (T, M, V, 3) float32; how the array was read, and how else its shape could be read."""

    frames: Frames
    reading: str
    other_readings: tuple[str, ...]


def read_array(
    array: NDArray[Any], *, axes: str | None = None, n_joints: Sequence[int] | None = None
) -> ArrayReading:
    """The clip that an array holds, T frames, V joints, C = 3 coordinates, M people.

    A fourth coordinate says how sure the camera was of a joint: one with none at all is zeros.

    axes: the order of its axes. Where None, the likeliest that the shape fits (`clip_readings`).
    n_joints: the numbers of joints to accept; None: those of all layouts.
    Raises: UmurlError where the array is not of numbers or its shape fits none.
    """
    if array.dtype.kind not in "iuf":
        raise BadInputError(f"an array of {array.dtype} is no clip: integers or floats are needed")
    require_axes(axes)
    n_joints = joint_counts() if n_joints is None else n_joints
    readings = clip_readings(array.shape, n_joints) if axes is None else [axes]
    sizes = sizes_as(array.shape, readings[0], n_joints) if readings else None
    if sizes is None:
        raise BadInputError(describe_mismatch(array.shape, axes, n_joints))
    frames = to_float32(order_axes(array, readings[0], sizes))
    return ArrayReading(_drop_confidence(frames), readings[0], tuple(readings[1:]))


def _drop_confidence(frames: Frames) -> Frames:
    """The coordinates alone; frames: (T, M, V, 3), or (T, M, V, 4) with how sure the camera was."""
    places = np.ascontiguousarray(frames[..., :_COORDINATES])
    if frames.shape[-1] > _COORDINATES:
        places[~(frames[..., _COORDINATES] > 0)] = 0
    return places


class NpyReader(FilePerClip):
    """Files that hold an array each, `.npy` unless said: one clip a file, anywhere below the roots.

    fmt: the format, whose suffix is its name; other_suffixes: further ones. layout, state: what the arrays' joints
    are and what was done to them; axes: see `read_array`.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        layout: str = "ntu25",
        state: State = "raw",
        axes: str | None = None,
        fmt: str = "npy",
        other_suffixes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(roots)
        require_axes(axes)
        self.format: str = fmt
        self.suffix: str = f".{fmt}"
        self.other_suffixes = other_suffixes
        self.layout: str = require_layout(layout).name
        self.state: State = state
        self._axes = axes

    def __repr__(self) -> str:
        said = f"layout={self.layout!r}, state={self.state!r}, axes={self._axes!r}"
        return (
            f"NpyReader({self.roots}, {said})"
            if self.format == "npy"
            else f"{self.format}({self.roots}, {said})"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the only array was read, where its people could be recordings."""
        items = self.items() if self._axes is None else []
        path = decode_place(items[0], self.roots).path if len(items) == 1 else None
        if path is None or path.suffix.lower() != ".npy" or not is_likely_clip(path):
            return ()
        ((_, shape),) = read_shapes(path).items()
        n_joints = (LAYOUTS[self.layout].n_joints,)
        readings, sets = clip_readings(shape, n_joints), set_readings(shape, n_joints)
        if not readings or not sets or shape[0] == 1:
            return ()
        said = f"{path.name}: an array of shape {shape}, read as one recording ({readings[0]})"
        return (f"{said}; --axes {sets[0]} reads it as {shape[0]} recordings",)

    def is_recording(self, path: Path) -> bool:
        return is_csv_clip(path) if self.format == "csv" else is_likely_clip(path)

    def load(self, place: Place) -> Clip:
        n_joints = (LAYOUTS[self.layout].n_joints,)
        array = load_clip_array(place.path, n_joints=n_joints, axes=self._axes)
        try:
            frames = read_array(array, axes=self._axes, n_joints=n_joints).frames
        except UmurlError as error:
            raise BadRecordingError("malformed", f"{error}{describe_joints(array.shape)}") from None
        require_places(frames)
        if frames.shape[1] > USUAL_PEOPLE:
            frames = choose_bodies(frames)
        return make_clip(place.name, frames, source=place.source)


def usual_layout(roots: Sequence[Path]) -> str:
    """The layout of `.mat` files where none is stated: UTD-MHAD's own if the first holds its `d_skel`."""
    for _, number, source in find_sources(roots, (".mat",))[:1]:
        path = decode_place(f"{number}/{source}", roots).path
        try:
            joints, *_ = read_shapes(path).get("d_skel", (0,))
        except UmurlError:
            joints = 0
        return "utd-mhad" if joints == LAYOUTS["utd-mhad"].n_joints else "ntu25"
    return "ntu25"


def read_clip_file(path: Path, *, axes: str | None = None) -> tuple[Frames, tuple[str, ...]]:
    """The clip in a file of one array, (T, M, V, 3), and notes on what was assumed in reading it, a line each.

    Raises: UmurlError.
    """
    array = load_clip_array(path, n_joints=joint_counts(), axes=axes)
    try:
        frames, reading, others = read_array(array, axes=axes)
    except UmurlError as error:
        raise BadInputError(f"{path}: {error}{describe_joints(array.shape)}") from error
    if not others:
        return frames, ()
    return frames, (
        f"{path}: an array of shape {array.shape}, read as {reading}; it could be {' or '.join(others)}: "
        "--axes settles it",
    )
