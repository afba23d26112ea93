"""Plain numpy arrays as clips: files of one array a clip, or arrays in memory."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from encoder.errors import BadInputError, UmurlError
from encoder.joint_layouts import BY_COUNT, LAYOUTS, Layout, joint_counts, layout_of
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.array_axes import (
    USUAL_PEOPLE,
    clip_readings,
    describe_joints,
    describe_mismatch,
    describe_unknown,
    is_movenet,
    order_axes,
    require_axes,
    set_readings,
    sizes_as,
)
from umurl_search.readers.array_files import is_likely_clip, load_clip_array, read_shapes
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    make_clip,
    require_places,
    take_places,
    to_float32,
)
from umurl_search.readers.csv_file import is_csv_clip
from umurl_search.readers.detected_people import with_dims
from umurl_search.readers.file_per_clip import (
    FilePerClip,
    Place,
    decode_place,
    find_sources,
    require_layout,
)


class ArrayReading(NamedTuple):
    """frames: (T, M, V, 3) float32; how the array was read, and how else its shape could be read."""

    frames: Frames
    reading: str
    other_readings: tuple[str, ...]


def read_array(array: NDArray[Any], *, axes: str | None = None, layout: Layout | None = None) -> ArrayReading:
    """The clip that an array holds, T frames, V joints, C = 3 coordinates, M people; of a picture's, the third is zero.

    One more coordinate than the layout has says how sure the camera was of a joint (`take_places`).

    axes: the order of its axes. Where None, the likeliest that the shape fits (`clip_readings`).
    layout: of its joints; None: that of their number.
    Raises: UmurlError where the array is not of numbers or its shape fits none.
    """
    if array.dtype.kind not in "iuf":
        raise BadInputError(f"an array of {array.dtype} is no clip: integers or floats are needed")
    require_axes(axes)
    n_joints = joint_counts() if layout is None else (layout.n_joints,)
    dims = layout.dims if layout else 3
    readings = clip_readings(array.shape, n_joints, dims=dims) if axes is None else [axes]
    sizes = sizes_as(array.shape, readings[0], n_joints, dims=dims) if readings else None
    if sizes is None:
        raise BadInputError(describe_mismatch(array.shape, axes, n_joints, dims=dims))
    frames = to_float32(order_axes(array, readings[0], sizes))
    known = layout or layout_of(sizes["V"])
    assert known is not None, sizes
    return ArrayReading(take_places(frames, known), readings[0], tuple(readings[1:]))


def read_movenet(array: NDArray[Any], layout: str | None = None) -> FileClip:
    """The clip in MoveNet's own array (T, 1, 1, 17, 3), whose joints are y, x and a score.

    layout: of its joints, where it is stated. Raises: UmurlError.
    """
    joints = with_dims(require_layout(layout or "coco-17"), 2)
    places = read_array(array[:, 0][..., [1, 0, 2]], axes="TMVC", layout=joints).frames
    is_own = layout is not None and layout.lstrip().startswith("{")
    note = "joints are y, x, score, as MoveNet gives them"
    return FileClip(places, (note,), layout if is_own else joints.name)


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
        self.layout: str = layout
        self._joints = require_layout(layout)
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
        n_joints = (self._joints.n_joints,)
        readings, sets = (of(shape, n_joints, dims=self._joints.dims) for of in (clip_readings, set_readings))
        if not readings or not sets or shape[0] == 1:
            return ()
        said = f"{path.name}: an array of shape {shape}, read as one recording ({readings[0]})"
        return (f"{said}; --axes {sets[0]} reads it as {shape[0]} recordings",)

    def is_recording(self, path: Path) -> bool:
        return is_csv_clip(path) if self.format == "csv" else is_likely_clip(path)

    def load(self, place: Place) -> Clip:
        array = load_clip_array(place.path, layout=self._joints, axes=self._axes)
        if self._axes is None and is_movenet(array.shape):
            read = read_movenet(array, self.layout if self._joints.n_joints == array.shape[-2] else None)
            clip = make_clip(place.name, read.frames, source=place.source, layout=read.layout)
            return replace(clip, notes=read.notes)
        try:
            frames = read_array(array, axes=self._axes, layout=self._joints).frames
        except BadRecordingError:
            raise
        except UmurlError as error:
            raise BadRecordingError("malformed", describe_unknown(error, array.shape)) from None
        require_places(frames)
        if frames.shape[1] > USUAL_PEOPLE:
            frames = choose_bodies(frames)
        return make_clip(place.name, frames, source=place.source)


def usual_layout(roots: Sequence[Path], suffixes: tuple[str, ...]) -> str:
    """The layout of arrays where none is stated: that of the number of joints in the first, NTU's where it says none;
    UTD-MHAD's own if the first is a `.mat` file with its `d_skel`."""
    for _, number, source in find_sources(roots, suffixes)[:1]:
        path = decode_place(f"{number}/{source}", roots).path
        try:
            shapes = read_shapes(path)
        except (OSError, ValueError, UmurlError):
            return "ntu25"
        joints, *_ = shapes.get("d_skel", (0,))
        if joints == LAYOUTS["utd-mhad"].n_joints:
            return "utd-mhad"
        if any(map(is_movenet, shapes.values())):
            return "coco-17"
        return next((name for shape in shapes.values() for name in _layouts_of(shape)), "ntu25")
    return "ntu25"


def _layouts_of(shape: tuple[int, ...]) -> list[str]:
    """The layouts that a shape says by its number of joints."""
    return [name for name in BY_COUNT if len(shape) >= 3 and clip_readings(shape, (LAYOUTS[name].n_joints,))]


def read_clip_file(path: Path, *, axes: str | None = None, layout: str | None = None) -> FileClip:
    """The clip in a file of one array and notes on what was assumed in reading it, a line each.

    layout: of its joints, where it is stated. Raises: UmurlError.
    """
    stated = require_layout(layout) if layout else None
    array = load_clip_array(path, layout=stated, axes=axes)
    if axes is None and is_movenet(array.shape):
        read = read_movenet(array, layout)
        return read._replace(notes=tuple(f"{path}: {note}" for note in read.notes))
    try:
        frames, reading, others = read_array(array, axes=axes, layout=stated)
    except BadRecordingError:
        raise
    except UmurlError as error:
        raise BadInputError(f"{path}: {error}{describe_joints(array.shape, stated)}") from error
    if not others:
        return FileClip(frames)
    said = f"{path}: an array of shape {array.shape}, read as {reading}"
    return FileClip(frames, (f"{said}; it could be {' or '.join(others)}: --axes settles it",))
