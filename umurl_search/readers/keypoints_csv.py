"""CSV whose head names the joints of a pose estimator: MediaPipe (`x1,y1,z1,v1`, `x_nose`, `LEFT_HIP_x`), COCO.

A row a frame, or a row a person with columns for the frame and who it is.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from encoder.joint_layouts import LAYOUTS
from umurl_search.readers.build_clip import BadRecordingError, FileClip, read_bytes, read_head
from umurl_search.readers.csv_file import Numbers, parse_numbers, split_rows
from umurl_search.readers.detected_clip import DetectorReader, build_clip
from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson, Detections
from umurl_search.readers.keypoint_values import to_joint_name

_HEAD_BYTES, _MOST_NAME = 65_536, 60
_LAYOUTS = ("mediapipe-33", "coco-17", "halpe-26", "openpose-25", "openpose-18")
_AXES = {
    "x": "x",
    "y": "y",
    "z": "z",
    "v": "score",
    "c": "score",
    "vis": "score",
    "visibility": "score",
    "score": "score",
    "conf": "score",
    "confidence": "score",
    "likelihood": "score",
}
_AXIS = "|".join(sorted(_AXES, key=len, reverse=True))
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?P<joint>.+?)[\s_.:/-]+(?P<axis>{_AXIS})",
        rf"(?P<axis>{_AXIS})[\s_.:/-]+(?P<joint>.+)",
        rf"(?P<axis>{_AXIS})(?P<joint>\d+)",
        rf"(?P<joint>.*?\d+)(?P<axis>{_AXIS})",
    )
)
_NUMBER = re.compile(r"\D*?(\d{1,3})")
_TIMES = ("timestamp", "timestamp_ms", "time", "time_ms", "time_s", "timestamp_s", "t")
_FRAMES = ("frame", "frame_id", "frame_number", "frame_idx", "frame_index", "frame_no", "frameid")
_PEOPLE = ("person", "person_id", "track_id", "idx", "track", "pose_id")


class _Columns(NamedTuple):
    """joints: of each joint of the layout, the columns of its numbers. frame, time, person: columns, or None."""

    joints: list[dict[str, int]]
    frame: int | None
    time: int | None
    person: int | None


class KeypointsCsvReader(DetectorReader):
    """Recordings of keypoints, anywhere below the roots."""

    format: str = "keypoints-csv"
    suffix: str = ".csv"
    other_suffixes: tuple[str, ...] = (".tsv",)
    usual_layout: str = "mediapipe-33"

    def is_recording(self, path: Path) -> bool:
        return is_keypoints_csv(path)

    def read_recording(self, path: Path, *, layout: str | None = None) -> FileClip:
        return read_recording(path, layout=layout)


def is_keypoints_csv(path: Path) -> bool:
    """Whether the head of a CSV file names the joints of a pose estimator."""
    first = read_head(path, _HEAD_BYTES).splitlines()[:1]
    try:
        return bool(first) and _find_columns(split_rows(first[0])[0]) is not None
    except BadRecordingError:
        return False


def read_recording(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip in a file. Raises: BadRecordingError."""
    try:
        head, *rows = split_rows(read_bytes(path))
        columns = _find_columns(head)
        if columns is None:
            raise BadRecordingError("malformed", "its head names no joints of a pose estimator")
        if not rows:
            raise BadRecordingError("no body", "it has no frames")
        return build_clip(Detections(frames=tuple(_read_rows(columns, rows))), layout=layout)
    except BadRecordingError as error:
        error.path = path
        raise


def _find_columns(head: Sequence[str]) -> _Columns | None:
    """Where the joints of a known layout are; None where the head names none, or those of another."""
    names = [cell[:_MOST_NAME].strip("\"' #") for cell in head]
    for form in _FORMS:
        joints: dict[str, dict[str, int]] = {}
        for column, name in enumerate(names):
            found = form.fullmatch(name)
            if found:
                joint = _to_key(found["joint"])
                joints.setdefault(joint, {}).setdefault(_AXES[found["axis"].lower()], column)
        placed = {joint: axes for joint, axes in joints.items() if {"x", "y"} <= axes.keys()}
        ordered = _order(placed)
        if ordered is not None:
            low = [name.lower() for name in names]
            return _Columns(ordered, *(_find(low, wanted) for wanted in (_FRAMES, _TIMES, _PEOPLE)))
    return None


def _find(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _to_key(joint: str) -> str:
    """A joint's name in one spelling; its number where it is called by that alone: `landmark_12` is 12."""
    number = _NUMBER.fullmatch(joint)
    return number[1].lstrip("0") or "0" if number else to_joint_name(joint)


@cache
def _keys_of(layout: str) -> tuple[str, ...]:
    return tuple(to_joint_name(name) for name in LAYOUTS[layout].joints)


def _order(joints: Mapping[str, dict[str, int]]) -> list[dict[str, int]] | None:
    """The joints in a layout's order: of that with just these names, or of MediaPipe's by numbers from 0 or 1."""
    for layout in _LAYOUTS:
        if set(_keys_of(layout)) <= joints.keys():
            return [joints[key] for key in _keys_of(layout)]
    n_joints = LAYOUTS["mediapipe-33"].n_joints
    for start in (0, 1):
        numbered = [str(number) for number in range(start, n_joints + start)]
        if set(numbered) <= joints.keys() and str(start - 1) not in joints:
            return [joints[key] for key in numbered]
    return None


def _read_rows(columns: _Columns, rows: Sequence[list[str]]) -> list[DetectedFrame]:
    """The frames, people of one frame together. Raises: BadRecordingError."""
    n_joints = len(columns.joints)
    axes = ("x", "y", "z") if all("z" in joint for joint in columns.joints) else ("x", "y")
    places = parse_numbers(rows, [joint[axis] for joint in columns.joints for axis in axes])
    places = places.reshape(len(rows), n_joints, len(axes))
    scores: Numbers | None = None
    if all("score" in joint for joint in columns.joints):
        scores = parse_numbers(rows, [joint["score"] for joint in columns.joints])
    times, numbers = (_read_column(rows, column) for column in (columns.time, columns.frame))
    frames = []
    for t, row in enumerate(rows):
        number = numbers[t] if numbers is not None else None
        person = DetectedPerson(
            points=places[t],
            scores=None if scores is None else scores[t],
            track=None if columns.person is None else row[columns.person],
        )
        frame = DetectedFrame(
            people=(person,),
            number=None if number is None or number != int(number) else int(number),
            time=None if times is None else times[t],
        )
        frames.append(frame)
    return frames


def _read_column(rows: Sequence[list[str]], column: int | None) -> list[float] | None:
    """A column of finite numbers; None where it is none."""
    if column is None:
        return None
    try:
        found = [float(row[column]) for row in rows]
    except (ValueError, IndexError):
        return None
    return found if all(abs(number) < 1e18 for number in found) else None
