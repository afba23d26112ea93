"""`.pose` files of `pose-format`, one clip a file: MediaPipe's body, its points by the names in the head.

Layout of the bytes, little-endian: version (float), width, height and depth of the picture (16 bits each), then the
components: name, format (`XYZC`: three coordinates and how sure), points by name, limbs, colours; then the rate and the
numbers of frames and people; then all coordinates, then how sure each point was.

Letters: T frames, M people, V joints.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Frames
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    describe,
    is_unsure,
    read_bytes,
    to_float32,
)
from umurl_search.readers.named_joints import OneLayoutReader, find_lacking, match_names, require_own_layout

LAYOUT = "mediapipe-33"
_WHAT = "MediaPipe's landmarks"
_WORLD, _IMAGE = "POSE_WORLD_LANDMARKS", "POSE_LANDMARKS"
_JOINTS = LAYOUTS[LAYOUT]
_LEGS = ("knee", "ankle")
_MOST_PARTS, _MOST_POINTS, _MOST_PEOPLE = 64, 4096, 6


class PoseReader(OneLayoutReader):
    """`.pose` files, anywhere below the roots."""

    format: str = "pose"
    layout: str = LAYOUT
    suffix: str = ".pose"
    what: str = _WHAT

    def read_clip(self, path: Path) -> FileClip:
        return read_clip(path)


class Component(NamedTuple):
    """Points of one kind: their names, and how many coordinates each has."""

    name: str
    points: tuple[str, ...]
    dims: int


@dataclass(frozen=True, kw_only=True)
class PoseFile:
    """components: of all points, in order. places: (T, M, V, C). sure: (T, M, V). fps: frames a second."""

    components: tuple[Component, ...]
    places: NDArray[np.float32]
    sure: NDArray[np.float32]
    fps: float


def is_pose(path: Path) -> bool:
    """Whether a file begins with a version of the format that is read."""
    if not path.is_file():  # a pipe would keep its reader waiting
        return False
    try:
        with open(path, "rb") as stream:
            head = stream.read(4)
    except OSError:
        return False
    return len(head) == 4 and round(struct.unpack("<f", head)[0], 3) in (0.1, 0.2)


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """MediaPipe's body in a file, and what of it is not seen.

    Raises: BadRecordingError; BadInputError for another layout.
    """
    require_own_layout(layout, LAYOUT, what=_WHAT)
    try:
        return _to_clip(parse_pose(read_bytes(path)), path)
    except BadRecordingError as error:
        error.path = path
        raise


def _to_clip(file: PoseFile, path: Path) -> FileClip:
    by_name = {component.name: component for component in file.components}
    part = by_name.get(_WORLD) or by_name.get(_IMAGE)
    if part is None:
        shown = ", ".join(by_name) or "nothing"
        raise BadRecordingError("malformed", f"it has no {_IMAGE}, MediaPipe's body; it has {shown}")
    found = match_names(_JOINTS.joints, part.points)
    start = sum(len(one.points) for one in file.components[: file.components.index(part)])
    there = [joint for joint, point in enumerate(found) if point is not None]
    columns = [start + point for point in found if point is not None]
    frames = np.zeros((*file.places.shape[:2], len(found), 3), np.float32)
    frames[:, :, there, : part.dims] = file.places[:, :, columns, : part.dims]
    unsure = is_unsure(file.sure[:, :, columns], _JOINTS)
    frames[:, :, there] *= ~unsure[..., None]
    frames = choose_bodies(frames) if frames.shape[1] > 2 else frames
    return FileClip(frames, tuple(f"{path}: {note}" for note in _doubt(frames, by_name)), LAYOUT, file.fps)


def _doubt(frames: Frames, components: Iterable[str]) -> list[str]:
    """What of a body is not there. Raises: BadRecordingError where hips or shoulders are not."""
    lacking = find_lacking(frames, _JOINTS)
    if needed := [name for name in lacking if not name.endswith(_LEGS)]:
        raise BadRecordingError("no body", f"no frame shows {', '.join(needed)}")
    notes = ["no frame shows the legs: they stay unseen"] if lacking else []
    if any("HAND" in name.upper() for name in components):
        notes.append("its hands' landmarks were left out: the 25 joints have no fingers")
    return notes


class _Bytes:
    """A file's bytes, read once from the beginning to the end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def n_left(self) -> int:
        return len(self._content) - self._at

    def take(self, form: str) -> tuple[float, ...]:
        size = struct.calcsize(form)
        if size > self.n_left:
            raise BadRecordingError("truncated", "the file ends too soon")
        self._at += size
        return struct.unpack_from(form, self._content, self._at - size)

    def take_count(self, form: str = "<H") -> int:
        return int(self.take(form)[0])

    def take_text(self) -> str:
        length = self.take_count()
        (text,) = self.take(f"<{length}s")
        assert isinstance(text, bytes)
        return text.decode("utf-8", "replace")[:200]

    def skip(self, n_bytes: int) -> None:
        if n_bytes > self.n_left:
            raise BadRecordingError("truncated", "the file ends too soon")
        self._at += n_bytes

    def take_floats(self, *shape: int) -> NDArray[np.float32]:
        count = int(np.prod(shape, dtype=object))
        if 4 * count > self.n_left:
            raise BadRecordingError(
                "truncated", f"{self.n_left} bytes are left, its head announces {4 * count}"
            )
        numbers = np.frombuffer(self._content, "<f4", count=count, offset=self._at)
        self._at += 4 * count
        return numbers.reshape(shape)


def parse_pose(content: bytes) -> PoseFile:
    """What a file holds. Raises: BadRecordingError."""
    data = _Bytes(content)
    version = round(data.take("<f")[0], 3)
    if version not in (0.1, 0.2):
        raise BadRecordingError("malformed", f"version {describe(version)} of the format is not read")
    data.skip(6)
    n_parts = data.take_count()
    if not 0 < n_parts <= _MOST_PARTS:
        raise BadRecordingError("malformed", f"{n_parts} components")
    components = tuple(_take_component(data) for _ in range(n_parts))
    n_points, dims = sum(len(one.points) for one in components), max(one.dims for one in components)
    fps = data.take("<H" if version == 0.1 else "<f")[0]
    n_frames = data.take_count("<H" if version == 0.1 else "<I")
    n_people = data.take_count()
    if not 1 <= fps < 10_000:
        raise BadRecordingError("malformed", f"a rate of {fps:g} frames a second")
    if not n_points or not 0 < n_people <= _MOST_PEOPLE or dims not in (2, 3):
        raise BadRecordingError("malformed", f"{n_people} people of {n_points} points in {dims} dimensions")
    if version == 0.1:  # its number of frames may have run over 16 bits
        n_frames = data.n_left // (4 * n_people * n_points * (dims + 1))
    if not n_frames:
        raise BadRecordingError("no body", "it has no frames")
    places = data.take_floats(n_frames, n_people, n_points, dims)
    sure = data.take_floats(n_frames, n_people, n_points)
    return PoseFile(components=components, places=places, sure=to_float32(sure), fps=float(fps))


def _take_component(data: _Bytes) -> Component:
    name, form = data.take_text(), data.take_text()
    n_points, n_limbs, n_colours = (data.take_count() for _ in range(3))
    if n_points > _MOST_POINTS:
        raise BadRecordingError("malformed", f"a component of {n_points} points")
    points = tuple(data.take_text() for _ in range(n_points))
    data.skip(4 * n_limbs + 6 * n_colours)
    return Component(name, points, len(form) - 1)
