"""CSV as clips: a row a frame, or a row a joint.

A row a frame: 3 numbers a joint, one person or two, with or without a head and columns before them (a frame's number,
a time). A head that names the columns (`SpineBase_x`, `j0_y`, `x1`, `z`) says which are coordinates, in any order.
A row a joint: the columns `frame`, `joint` and `x`, `y`, `z`.
"""

import csv
import io
import operator
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import LAYOUTS, folded_counts, joint_counts
from umurl_search.readers.build_clip import BadRecordingError, read_bytes

_HEAD_BYTES = 65_536
_DELIMITERS = ";\t, "
_MOST_COLUMNS, _MOST_ROWS, _MOST_JOINTS = 2_000, 1_000_000, 1_000
_MOST_LEADING = 2
_LONGEST_LINE = 100 * _MOST_COLUMNS
_BEHIND = re.compile(r"(?P<joint>.*?)[\s_.:/-]*(?P<axis>[xyz]|conf|confidence|score|visibility)")
_BEFORE = re.compile(r"(?P<axis>[xyz])[\s_.:/-]*(?P<joint>.*)")
_ENCLOSED = re.compile(r"(?P<joint>.*?)[\s_.:/-]*[\[(](?P<axis>[xyz])[\])]?")
_POSITION = re.compile(r"[\s_.:/-]*(pos|position|coord|coordinate)[\s_.:/-]*(?=[xyz]$)")
_FRAME_NAMES = (
    "frame",
    "frame_id",
    "frameid",
    "frame_number",
    "frame_idx",
    "frame_no",
    "time",
    "timestamp",
    "t",
)
_JOINT_NAMES = (
    "joint",
    "joint_id",
    "jointid",
    "joint_idx",
    "joint_index",
    "joint_name",
    "jointname",
    "jointtype",
    "landmark",
    "landmark_id",
    "landmark_index",
    "landmark_name",
    "keypoint",
)
_AXES = "xyz"

Numbers = NDArray[np.float64]


def load_csv(path: Path) -> Numbers:
    """The array in a CSV file: (T, V, 3), or (T, 3 V) and (T, 6 V) where nothing says what a column is.

    Cells that are empty or say that there is no number are NaN. Raises: BadRecordingError.
    """
    try:
        return _to_array(split_rows(read_bytes(path)))
    except BadRecordingError as error:
        error.path = path
        raise


def is_csv_clip(path: Path) -> bool:
    """Whether the beginning of a CSV file looks like a clip, and not like a table of something else."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
        whole = len(head) < _HEAD_BYTES
        rows = split_rows(head if whole else head.rpartition(b"\n")[0])
        return _to_array(rows).size > 0
    except (OSError, BadRecordingError):
        return False


def split_rows(content: bytes) -> list[list[str]]:
    """The cells of each row that is not blank. Raises: BadRecordingError."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except ValueError:
        text = content.decode("latin1")
    first = next((line for line in _lines_of(text) if line.strip()), "")
    delimiter = next((mark for mark in _DELIMITERS if mark in first), " ")
    rows: Iterable[list[str]] = (
        map(str.split, _lines_of(text))
        if delimiter == " "
        else csv.reader(_lines_of(text), delimiter=delimiter)
    )
    kept = []
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if any(cells):
                kept.append(cells)
            if len(kept) > _MOST_ROWS or len(cells) > _MOST_COLUMNS:
                raise _too_large()
    except csv.Error as error:
        raise BadRecordingError("malformed", f"no CSV: {error}") from None
    if not kept:
        raise BadRecordingError("truncated", "the file is empty")
    decimal = delimiter == ";" and not any("." in cell for row in kept[1:] for cell in row)
    return [[cell.replace(",", ".") for cell in row] for row in kept] if decimal else kept


def _lines_of(text: str) -> Iterator[str]:
    """The lines of a text, one at a time. Raises: BadRecordingError for more, or longer ones, than a clip has."""
    for number, line in enumerate(io.StringIO(text, newline="")):
        if number > 2 * _MOST_ROWS or len(line) > _LONGEST_LINE:
            raise _too_large()
        yield line


def _too_large() -> BadRecordingError:
    return BadRecordingError("malformed", f"over {_MOST_ROWS} rows or {_MOST_COLUMNS} columns")


def _to_array(rows: Sequence[list[str]]) -> Numbers:
    """What the rows hold, by their head if they have one. Raises: BadRecordingError."""
    has_head = not all(map(_is_number, rows[0])) or _counts_columns(rows[0])
    head = [cell.lower().strip("\"' #") for cell in rows[0]] if has_head else []
    body = rows[1:] if has_head else rows
    if not body:
        raise BadRecordingError("no body", "it has no frames")
    if has_head and _find(head, _JOINT_NAMES) is not None and all(axis in head for axis in _AXES):
        return _read_joint_rows(head, body)
    joints = _find_named_columns(head) if has_head else None
    if joints is not None:
        return _read_named_columns(joints, body)
    if len(body[0]) > max(_widths()) + _MOST_LEADING:
        raise _wrong_width(len(body[0]))
    return _drop_leading(parse_numbers(body, range(len(body[0]))))


def _read_named_columns(joints: Sequence[dict[str, int]], rows: Sequence[list[str]]) -> Numbers:
    """(T, V, 3) from named columns; a joint of which the camera was not sure at all is zeros."""
    found = parse_numbers(rows, [axes[axis] for axes in joints for axis in _AXES]).reshape(
        len(rows), len(joints), 3
    )
    for place, axes in enumerate(joints):
        for column in [column for axis, column in axes.items() if axis not in _AXES]:
            found[parse_numbers(rows, [column])[:, 0] <= 0, place] = 0
    return found


def _counts_columns(row: Sequence[str]) -> bool:
    """Whether a row is the head that pandas gives to columns without names: 0, 1, 2 and so on."""
    cells = row[1:] if row and not row[0] else row
    return len(cells) > 1 and list(cells) == [str(number) for number in range(len(cells))]


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _find(head: Sequence[str], names: Sequence[str]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)


def _find_named_columns(head: Sequence[str]) -> list[dict[str, int]] | None:
    """For each joint that the head names, in its order there, the columns of x, y, z; None where it names none so."""
    for pattern in (_BEHIND, _ENCLOSED, _BEFORE):
        joints: dict[str, dict[str, int]] = {}
        for column, name in enumerate(head):
            found = pattern.fullmatch(_POSITION.sub("_", name))
            if found and found["joint"] and column not in joints.get(found["joint"], {}).values():
                joints.setdefault(found["joint"], {}).setdefault(found["axis"], column)
        whole = [axes for axes in joints.values() if all(axis in axes for axis in _AXES)]
        if len(whole) in joint_counts():
            named = [name for name, axes in joints.items() if all(axis in axes for axis in _AXES)]
            return [joints[name] for name in order_by_name(named) or named]
    return None


def order_by_name(joints: Sequence[str]) -> list[str] | None:
    """Joints in the order of Kinect's, where all have its names (`SpineBase`, `ShoulderLeft`); else None."""
    meant = {_to_kinect_name(name): name for name in joints}
    for layout in (LAYOUTS["ntu25"], LAYOUTS["kinect-v1"]):
        wanted = [_to_kinect_name(name) for name in layout.joints]
        if len(meant) == len(joints) and meant.keys() == set(wanted):
            return [meant[name] for name in wanted]
    return None


def _to_kinect_name(joint: str) -> str:
    """`HandTipLeft`, `left hand tip` and `hand_tip_left` in one spelling."""
    letters = re.sub(r"[^a-z0-9]", "", joint.lower())
    for side in ("left", "right"):
        if letters.startswith(side) or letters.endswith(side):
            return side + letters.removeprefix(side).removesuffix(side)
    return letters


def parse_numbers(rows: Sequence[list[str]], columns: Sequence[int]) -> Numbers:
    """These columns as numbers, (T, n). Raises: BadRecordingError for a short row or text."""
    _require_columns(rows, max(columns) + 1)
    numbers = np.empty((len(rows), len(columns)))
    pick = operator.itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
    for number, row in enumerate(rows):
        cells = pick(row)
        try:
            numbers[number] = [float(cell) for cell in cells]
        except ValueError:
            numbers[number] = [_parse_number(cell, row=number) for cell in cells]
    return numbers


def _require_columns(rows: Sequence[list[str]], n: int) -> None:
    """Raises: BadRecordingError for a row of fewer columns."""
    for number, row in enumerate(rows):
        if len(row) < n:
            detail = f"row {number + 1}: {len(row)} columns, not {n}"
            raise BadRecordingError("truncated" if number == len(rows) - 1 else "malformed", detail)


def _parse_number(cell: str, *, row: int) -> float:
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        if cell.lower() in ("na", "n/a", "null", "none", "-"):
            return np.nan
        raise BadRecordingError("malformed", f"row {row + 1}: {cell[:40]!r} is no number") from None


def _widths() -> list[int]:
    """How many numbers a frame of one person or two may have."""
    return [3 * people * joints for people in (1, 2) for joints in folded_counts()]


def _wrong_width(n_columns: int) -> BadRecordingError:
    joints = " or ".join(map(str, folded_counts()))
    detail = f"{n_columns} columns, not three a joint of {joints} joints, and its head names no x, y, z"
    return BadRecordingError("malformed", detail)


def _drop_leading(table: Numbers) -> Numbers:
    """The table without the columns before the coordinates: up to two that rise from frame to frame.

    Raises: BadRecordingError where the rest is not three numbers a joint of one person or two.
    """
    for n_leading in range(_MOST_LEADING + 1):
        leading = table[:, :n_leading]
        rising = not n_leading or len(table) < 2 or bool((np.diff(leading, axis=0) >= 0).all())
        if table.shape[1] - n_leading in _widths() and rising:
            return table[:, n_leading:]
    raise _wrong_width(table.shape[1])


def _read_joint_rows(head: Sequence[str], rows: Sequence[list[str]]) -> Numbers:
    """(T, V, 3) from a row a joint; joints that a frame does not name are NaN. Raises: BadRecordingError."""
    joint_at, frame_at = _find(head, _JOINT_NAMES), _find(head, _FRAME_NAMES)
    assert joint_at is not None
    _require_columns(rows, 1 + max(joint_at, frame_at or 0))
    table = parse_numbers(rows, [head.index(axis) for axis in _AXES])
    joints = [row[joint_at].lower() for row in rows]
    order = _order_joints(joints)
    if frame_at is None:  # a frame ends where its first joint comes again
        frames = np.cumsum([joint == joints[0] for joint in joints]) - 1
    else:
        by_name = {name: number for number, name in enumerate(dict.fromkeys(row[frame_at] for row in rows))}
        frames = np.array([by_name[row[frame_at]] for row in rows])
    if len(order) > _MOST_JOINTS or (int(frames.max()) + 1) * len(order) > 4 * len(rows):
        raise BadRecordingError("malformed", "most of its frames have few of the joints")
    found = np.full((int(frames.max()) + 1, len(order), 3), np.nan)
    found[frames, [order[joint] for joint in joints]] = table
    return found


def _order_joints(joints: Sequence[str]) -> dict[str, int]:
    """The place of each joint: by number where all are numbers, else as they come first."""
    names = list(dict.fromkeys(joints))
    names = order_by_name(names) or names
    if all(name.isdecimal() and len(name) < 6 for name in names):
        names.sort(key=int)
    return {name: place for place, name in enumerate(names)}
