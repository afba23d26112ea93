"""Single values in JSON files of pose estimators: numbers, names, and the joints of a person in whichever form.

Letters: V joints, C coordinates.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encoder.joint_layouts import LAYOUTS
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.detected_people import Points

_MOST_JOINTS, _MOST_TEXT = 1_000, 200
_X, _Y, _Z = ("x", "X"), ("y", "Y"), ("z", "Z")
_SCORE = ("score", "visibility", "confidence", "conf", "visible", "presence", "likelihood", "v", "c")
_NAME = ("name", "part", "joint", "label", "bodyPart")
_NAMED_LAYOUTS = ("coco-17", "mediapipe-33", "halpe-26", "openpose-25", "openpose-18")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

Joints = tuple[Points | None, Points | None]
"""(V, C) the places of a person's joints, C of 2 or 3, and (V,) their scores; None where there are none."""


def first_of(value: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """What the first of some keys holds, None where none is there."""
    return next((value[key] for key in keys if value.get(key) is not None), None)


def as_number(value: Any) -> float | None:
    """A finite number, None for anything else; of a text, the number that it spells."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def read_text(value: Any) -> str | None:
    """A number or a text as text, of lists in lists the first in them; None for anything else."""
    for _ in range(4):
        if not (isinstance(value, list) and value):
            break
        value = value[0]
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and value.bit_length() > 64:
        return None
    return str(value)[:_MOST_TEXT]


def mean_score(value: Any) -> float | None:
    """How sure a detector was of a person, in whichever list it is."""
    for _ in range(4):
        if not (isinstance(value, list) and value):
            break
        value = value[0]
    return as_number(value)


def read_joints(joints: Any, *, dims: int | None = None) -> Joints:
    """A person's joints: objects with x and y, rows of numbers, numbers in turn, columns x, y, or objects by name.

    dims: coordinates of a joint, where a score follows them. Raises: BadRecordingError for other values.
    """
    if isinstance(joints, Mapping):
        return _read_columns(joints)
    if not isinstance(joints, list) or not joints:
        return None, None
    if len(joints) > 5 * _MOST_JOINTS:
        raise BadRecordingError("malformed", f"{len(joints):,} keypoints of one person")
    if all(isinstance(one, Mapping) for one in joints):
        return _read_objects(joints)
    if all(one is None or isinstance(one, list) for one in joints):
        return _read_rows(joints, dims)
    return _read_flat(joints, dims)


def _read_columns(joints: Mapping[str, Any]) -> Joints:
    """Columns {x: [..], y: [..], visible: [..]}, or joints by name {"left_hip": {x, y, score}}."""
    columns = [first_of(joints, keys) for keys in (_X, _Y, _Z)]
    if isinstance(columns[0], list) and isinstance(columns[1], list):
        found = [column for column in columns if isinstance(column, list)]
        sure = first_of(joints, _SCORE)
        lengths = {len(column) for column in found} | ({len(sure)} if isinstance(sure, list) else set())
        if len(lengths) != 1 or not columns[0]:
            return _refuse_lengths(lengths) if len(lengths) > 1 else (None, None)
        points = np.stack([_numbers(column) for column in found], axis=1)
        return points, _numbers(sure) if isinstance(sure, list) else None
    inner = first_of(joints, ("landmark", "landmarks", "keypoints"))
    if isinstance(inner, list):
        return read_joints(inner)
    ordered = _order_names(list(joints))
    if ordered is None:
        return None, None
    values = [joints[name] for name in ordered]
    return read_joints([one if isinstance(one, Mapping | list) else None for one in values])


def _refuse_lengths(lengths: set[int]) -> Joints:
    raise BadRecordingError("malformed", f"columns of {', '.join(map(str, sorted(lengths)[:6]))} keypoints")


def _read_objects(joints: Sequence[Mapping[str, Any]]) -> Joints:
    names = [first_of(one, _NAME) for one in joints]
    if all(isinstance(name, str) for name in names):
        ordered = _order_names(names)
        if ordered is not None:
            by_name = dict(zip(names, joints, strict=True))
            joints = [by_name[name] for name in ordered]
    if not any(first_of(one, _X) is not None for one in joints):
        return None, None
    has_depth = any(first_of(one, _Z) is not None for one in joints)
    has_score = any(first_of(one, _SCORE) is not None for one in joints)
    axes = (_X, _Y, _Z) if has_depth else (_X, _Y)
    points = np.stack([_numbers([first_of(one, keys) for one in joints]) for keys in axes], axis=1)
    return points, _numbers([first_of(one, _SCORE) for one in joints]) if has_score else None


def _read_rows(joints: Sequence[Sequence[Any] | None], dims: int | None) -> Joints:
    """Rows (x, y), (x, y, score) or (x, y, z, score); a joint that is null is not there."""
    widths = {len(row) for row in joints if row is not None}
    if len(widths) != 1:
        return _refuse_lengths(widths) if widths else (None, None)
    (width,) = widths
    if width not in (2, 3, 4):
        raise BadRecordingError("malformed", f"keypoints of {width} numbers each")
    rows = np.stack([_numbers(row if row is not None else [None] * width) for row in joints])
    return _split(rows, dims)


def _read_flat(joints: Sequence[Any], dims: int | None) -> Joints:
    """Numbers in turn: x, y, score, or with a depth before the score."""
    width = 3 if dims is None else dims + 1
    if len(joints) % width and len(joints) % 2 == 0 and dims is None:
        width = 2
    if len(joints) % width:
        raise BadRecordingError("malformed", f"{len(joints)} numbers of one person, not {width} a joint")
    return _split(_numbers(joints).reshape(-1, width), dims)


def _split(rows: Points, dims: int | None) -> Joints:
    """Places and scores; of three numbers without more the third is a score, unless it is none by its range."""
    width = rows.shape[1]
    if width == 2:
        return rows, None
    if width == 4:
        return rows[:, :3], rows[:, 3]
    third = rows[np.isfinite(rows[:, 2]), 2]
    is_depth = dims == 3 or (len(rows) == 33 and (third < 0).any())
    return (rows, None) if is_depth else (rows[:, :2], rows[:, 2])


def _numbers(values: Sequence[Any]) -> Points:
    """(n,) NaN for what is no number."""
    found = [as_number(value) for value in values]
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)


def _order_names(names: Sequence[str]) -> list[str] | None:
    """Names of joints in the order of the known layout that has just these; None where none has."""
    meant = {to_joint_name(name): name for name in names}
    for layout in (LAYOUTS[name] for name in _NAMED_LAYOUTS):
        if meant.keys() == set(layout.joints):
            return [meant[joint] for joint in layout.joints]
    return None


def to_joint_name(name: str) -> str:
    """A joint's name as layouts have it: `left_hip`, `LEFT_HIP` and `leftHip` are `left hip`."""
    words = [word.lower() for word in _WORDS.findall(name[:_MOST_TEXT])]
    spelt = {"l": "left", "r": "right"}
    return " ".join(spelt.get(word, word) for word in words)
