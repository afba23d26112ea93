"""People as a pose estimator found them in pictures, frame by frame, before they are arrays.

Letters: T frames, M people, V joints, C coordinates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint
from encoder.joint_layouts import LAYOUTS, Layout, find_layout
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.dimensions import Mismatch, describe_picture, describe_space
from umurl_search.readers.file_per_clip import require_layout

LEAST_PERSON_SCORE = 0.3
"""Of a whole person: below it a detector saw somebody where hardly anybody is."""
_LAYOUTS = {
    17: "coco-17",
    18: "openpose-18",
    25: "openpose-25",
    26: "halpe-26",
    33: "mediapipe-33",
    133: "coco-wholebody-133",
}
"""Of keypoints in a detector's file, by their number: what the formats mean by it."""
_BODY_FIRST = {136: 26}
"""Halpe's whole body: its face and fingers come after the 26 joints of the body."""
_DIGITS = re.compile(r"(\d{1,18})")

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DetectedPerson:
    """points: (V, C), C of 2 or 3. scores: (V,) how sure each joint is, or None. track: who it is, where that is said.

    score: how sure the detector was of the person. in_space: the name of what held the points says that they
    are no picture's.
    """

    points: Points
    scores: Points | None = None
    track: str | None = None
    score: float | None = None
    in_space: bool = False


@dataclass(frozen=True, kw_only=True)
class DetectedFrame:
    """number: of the frame in its video. time: in the file's own unit. has_fingers: hands were found apart."""

    people: tuple[DetectedPerson, ...] = ()
    number: int | None = None
    time: float | None = None
    has_fingers: bool = False


@dataclass(frozen=True, kw_only=True)
class Detections:
    """A recording. fps: where the file says it. notes: what was assumed."""

    frames: tuple[DetectedFrame, ...]
    fps: float | None = None
    notes: tuple[str, ...] = ()


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """To sort names with numbers in them as people count: 2 before 10."""
    parts = _DIGITS.split(text)
    return tuple((0, int(part)) if place % 2 else (1, part) for place, part in enumerate(parts))


def layout_of_people(frames: Sequence[DetectedFrame], stated: str | None) -> Layout:
    """The stated layout, else that which so many keypoints have in a detector's file.

    Raises: BadRecordingError for people of other numbers of joints.
    """
    counts = {person.points.shape for frame in frames for person in frame.people}
    joints, dims = {shape[0] for shape in counts}, {shape[1] for shape in counts}
    if not joints:
        raise BadRecordingError("no body", f"nobody in any of {len(frames)} frames")
    if len(joints) > 1:
        raise BadRecordingError("malformed", f"people of {_list(joints)} joints in one file")
    (n_joints,) = joints
    if stated is not None:
        layout = require_layout(stated)
        n_body = _BODY_FIRST.get(n_joints, n_joints)
        if layout.n_joints not in (n_joints, n_body):
            detail = f"people have {n_joints} joints, layout {layout.name} {layout.n_joints}"
            raise BadRecordingError("malformed", detail)
        _require_dims(frames, layout)
        return layout if layout.dims <= min(dims) else with_dims(layout, min(dims))
    name = _LAYOUTS.get(_BODY_FIRST.get(n_joints, n_joints))
    if name is None:
        detail = f"people of {n_joints} joints are none of a detector that is known: --layout FILE.json states them"
        raise BadRecordingError("malformed", detail)
    if name == "coco-17" and min(dims) > 2:
        detail = "17 joints in three dimensions may be h36m-17 or coco-17-3d: --layout says which"
        raise BadRecordingError("malformed", detail)
    return with_dims(find_layout(name), min(dims))


def _require_dims(frames: Sequence[DetectedFrame], layout: Layout) -> None:
    """Raises: BadRecordingError for people in a picture, where space was stated, and the other way round.

    Of a layout of space that is known by its plain name, the form in a picture is meant.
    """
    people = [person.points for frame in frames for person in frame.people]
    if layout.dims == 3 and layout.name not in LAYOUTS and any(points.shape[1] == 2 for points in people):
        raise BadRecordingError("malformed", *_without_path(describe_picture(layout)))
    has_depth = all(points.shape[1] == 3 for points in people) and any(
        np.nan_to_num(points[:, 2]).any() for points in people
    )
    is_guessed = (
        layout.name.endswith("-2d") and find_layout(layout.name.removesuffix("-2d")).axes == "picture"
    )
    if layout.dims == 2 and has_depth and not is_guessed:
        raise BadRecordingError("malformed", *_without_path(describe_space(layout)))


def _without_path(mismatch: Mismatch) -> tuple[str, None, Hint]:
    return mismatch[0], None, mismatch[1]


def with_dims(layout: Layout, dims: int) -> Layout:
    """A known layout with as many coordinates as there are; a user's own is as it is stated."""
    if layout.dims == dims or layout.name not in LAYOUTS:
        return layout
    return find_layout(f"{layout.name}-{dims}d")


def _list(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)[:6]))


def drop_ghosts(frames: Sequence[DetectedFrame]) -> tuple[list[DetectedFrame], int]:
    """The frames without people of whom the detector was hardly sure, and how many these were."""
    kept, n_ghosts = [], 0
    for frame in frames:
        people = tuple(one for one in frame.people if one.score is None or one.score >= LEAST_PERSON_SCORE)
        n_ghosts += len(frame.people) - len(people)
        kept.append(replace(frame, people=people))
    return kept, n_ghosts
