"""The dialects of PYSKL's and MMAction2's pickles: how annotations, splits, keypoints and labels are written.

- A dictionary of `annotations` and `split`; a plain list of annotations, a file for each part; annotations by part
  (`train`, `val`) or by name.
- A split is any sequence of names, by `<protocol>_<part>`, or by protocol and then by part.
- Keypoints are an array, or a list of a person's arrays or of numbers; (M, T, V, 3), (T, V, 3), with 3 V numbers a
  frame, or with a fourth that says how sure the estimator was.
"""

import operator
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint
from encoder.joint_layouts import Layout, layouts_with
from umurl_search.clips.types import Part, Splits
from umurl_search.readers.build_clip import BadRecordingError, describe, take_places, to_float32
from umurl_search.readers.ctrgcn import protocol_of
from umurl_search.readers.label_file import to_list

_SPLIT = re.compile(r"(?:(?P<protocol>.+)_)?(?P<part>train|val|test)", re.DOTALL)
_PART_IN_NAME = re.compile(r"(?<![a-z])(?P<part>train|val|valid|validation|test)(?![a-z])", re.IGNORECASE)
_PROTOCOL_IN_NAME = re.compile(r"(?<![a-z])(xsub|xview|xset)(?![a-z])", re.IGNORECASE)
_MOST_PROTOCOL, _MOST_DIGITS = 100, 19
_PARTS: dict[str, Part] = {
    "train": "train",
    "val": "test",
    "valid": "test",
    "validation": "test",
    "test": "test",
}
_NAMES = ("frame_dir", "filename", "name", "sample_name", "video_id")
_COCO_SHAPE = (17, 2)
_PARTS_OF_PICTURE = 2.0
"""Coordinates no larger are parts of a picture's width and height."""
_KEYPOINTS = ("keypoint", "keypoints", "skeleton", "joints", "data")


def part_of_name(stem: str) -> tuple[str, Part] | None:
    """The protocol and the part that a file's name speaks of: `ntu60_xsub_train`; None where it names no part."""
    part = _PART_IN_NAME.search(stem)
    if part is None:
        return None
    protocol = _PROTOCOL_IN_NAME.search(stem)
    return (protocol[1].lower() if protocol else protocol_of(stem)), _PARTS[part["part"].lower()]


def split_content(content: Any, path: Path) -> tuple[list[Any], Splits]:
    """The annotations that a pickle holds and its splits. Raises: UmurlError for content of another kind."""
    if isinstance(content, dict) and isinstance(content.get("annotations"), list | tuple):
        return list(content["annotations"]), read_splits(content.get("split", {}), path)
    if isinstance(content, list | tuple) and content and all(isinstance(one, dict) for one in content):
        return list(content), _split_of_file(content, path)
    if isinstance(content, dict) and content:
        if all(_PARTS.get(str(key)) and isinstance(part, list | tuple) for key, part in content.items()):
            return _join_parts(content)
        if all(isinstance(one, dict) and _find_keypoints(one) is not None for one in content.values()):
            return [{"frame_dir": key, **one} for key, one in content.items()], {}
    raise BadInputError(
        f"{path}: holds no list of 'annotations', so it is not in PYSKL's layout",
        Hint("give another {option}", option="format"),
    )


def _split_of_file(annotations: Sequence[Any], path: Path) -> Splits:
    found = part_of_name(path.stem)
    names = [to_name(annotation, row) for row, annotation in enumerate(annotations)]
    return {found[0]: {found[1]: names}} if found else {}


def _join_parts(content: Mapping[str, Any]) -> tuple[list[Any], Splits]:
    annotations: list[Any] = []
    parts: dict[str, list[str]] = {}
    for key, part in content.items():
        names = [to_name(annotation, len(annotations) + row) for row, annotation in enumerate(part)]
        parts.setdefault(_PARTS[key], []).extend(names)
        annotations += part
    return annotations, {"default": parts}


def to_name(annotation: Any, row: int) -> str:
    """The name of a clip, made of its place where it has none."""
    names = [annotation.get(key) for key in _NAMES] if isinstance(annotation, dict) else []
    return next(filter(None, map(_to_text, names)), f"annotation_{row:06d}")


def _to_text(name: Any) -> str:
    """A name as text, "" for what is neither text nor a number."""
    if isinstance(name, int) and name.bit_length() < 64:
        return str(name)
    return str(name) if isinstance(name, str) else ""


def read_splits(split: Any, path: Path) -> Splits:
    """The splits named `<protocol>_train`, `_val` or `_test`, or so by protocol.

    Raises: UmurlError for anything but sequences of names.
    """
    if isinstance(split, dict):
        flat = {
            f"{key}_{part}" if isinstance(names, dict) else key: inner
            for key, names in split.items()
            for part, inner in (names.items() if isinstance(names, dict) else [("", names)])
        }
        if all(_is_names(names) for names in flat.values()):
            return _gather_splits(flat, path)
    raise BadInputError(f"{path}: its 'split' is not a dictionary of lists of names", "fetch it again")


def _is_names(names: Any) -> bool:
    return isinstance(names, list | tuple) or (isinstance(names, np.ndarray) and names.ndim == 1)


def _gather_splits(split: Mapping[Any, Any], path: Path) -> Splits:
    splits: Splits = {}
    keys = [key for key in split if isinstance(key, str)]
    for key in sorted(keys, key=lambda key: (not key.startswith("xsub"), key)):
        found = _SPLIT.fullmatch(key)
        if found:
            protocol = _require_printable(found["protocol"] or "default", path)
            parts = splits.setdefault(protocol, {})
            names = _list_names(split[key], path)
            parts.setdefault(_PARTS[found["part"]], [_to_text(name) for name in names])
    return splits


def _list_names(names: Any, path: Path) -> Sequence[Any]:
    try:
        return to_list(np.asarray(names)) if isinstance(names, np.ndarray) else list(names)
    except ValueError as error:
        raise BadInputError(f"{path}: its 'split' holds {error}", "fetch it again") from error


def _require_printable(name: str, path: Path) -> str:
    """The name of a protocol. Raises: UmurlError for one that does not print."""
    if len(name) > _MOST_PROTOCOL or not name.isprintable():
        raise BadInputError(
            f"{path}: {name[:_MOST_PROTOCOL]!r} cannot name a protocol", "rename it in the file"
        )
    return name


def _find_keypoints(annotation: dict[str, Any]) -> Any:
    return next((annotation[key] for key in _KEYPOINTS if annotation.get(key) is not None), None)


def is_coco(annotation: Any) -> bool:
    """Whether an annotation's keypoints are PYSKL's of pictures: 17 joints of two numbers."""
    found = _find_keypoints(annotation) if isinstance(annotation, dict) else None
    first = found[0] if isinstance(found, list | tuple) and found else found
    return isinstance(first, np.ndarray) and first.ndim in (3, 4) and first.shape[-2:] == _COCO_SHAPE


def read_keypoints(annotation: dict[str, Any], *, layout: Layout) -> NDArray[np.float32]:
    """The coordinates, (M, T, V, 3); the third is zero of joints in a picture.

    Raises: BadRecordingError where they are anything else.
    """
    found = _to_array(_find_keypoints(annotation))
    shape, n_joints, dims = found.shape, layout.n_joints, layout.dims
    if shape[-1:] == (n_joints * dims,) and found.ndim in (2, 3):
        found = found.reshape(*shape[:-1], n_joints, dims)
    if found.ndim == 3:
        found = found[None]
    if found.ndim == 4 and found.shape[3] == 2 < dims:
        which = " or ".join(f"--layout {name}" for name in layouts_with(found.shape[2]))
        said = f"keypoints in two dimensions (shape {shape}), as of a picture"
        raise BadRecordingError("malformed", f"{said}: {which or '--layout FILE.json'} reads them")
    if found.ndim != 4 or found.shape[2] != n_joints or found.shape[3] not in (dims, dims + 1):
        wanted = f"(M, T, {n_joints}, {dims}) for layout {layout.name}"
        raise BadRecordingError("malformed", f"keypoints of shape {shape}, not {wanted}")
    places = to_float32(found)
    if dims == 2:
        places = _to_pixels(places, annotation.get("img_shape"))
    sure = annotation.get("keypoint_score")
    if found.shape[3] == dims and _are_scores(sure, found.shape[:3]):
        places = np.concatenate([places, to_float32(np.asarray(sure))[..., None]], axis=3)
    return take_places(places, layout)


def _to_pixels(places: NDArray[np.float32], shape: Any) -> NDArray[np.float32]:
    """Places in a picture of a stated height and width, where they are parts of these. places: (M, T, V, 2 or 3)."""
    if not (isinstance(shape, list | tuple) and len(shape) >= 2):
        return places
    sides = [side for side in shape[:2] if isinstance(side, int | np.integer) and 0 < side < 1e6]
    if len(sides) != 2 or not places.size or not np.nanmax(np.abs(places[..., :2])) <= _PARTS_OF_PICTURE:
        return places
    scaled = places.copy()
    scaled[..., :2] *= np.array([sides[1], sides[0]], dtype=np.float32)
    return scaled


def _are_scores(sure: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(sure, np.ndarray) and sure.shape == shape and sure.dtype.kind in "iuf"


def _to_array(keypoints: Any) -> NDArray[Any]:
    """Keypoints as one array of numbers. Raises: BadRecordingError."""
    found = keypoints
    if isinstance(keypoints, list | tuple) and keypoints:
        try:
            found = np.array([np.asarray(one) for one in keypoints])
        except (ValueError, TypeError, OverflowError, RecursionError):
            found = None
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "iuf" or not found.ndim:
        raise BadRecordingError("malformed", "it has no array of numbers 'keypoint'")
    return np.asarray(found)


def label_of(annotation: Any) -> int | str | None:
    """The label as it is written: a number, or an action's name. Raises: BadRecordingError for anything else."""
    value = annotation.get("label") if isinstance(annotation, dict) else None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = _list_labels(value)
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, str):
        text = value.strip()
        shown = text.encode("utf-8", "backslashreplace").decode()
        return int(text) if _is_number(text) else shown or None
    return to_integer(value, "label")


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < _MOST_DIGITS


def _list_labels(values: NDArray[Any]) -> list[Any]:
    try:
        return to_list(np.asarray(values))
    except ValueError as error:
        raise BadRecordingError("malformed", f"its label is {error}") from None


def to_integer(value: Any, what: str) -> int | None:
    """A whole number, None for none. Raises: BadRecordingError for anything else."""
    if value is None:
        return None
    try:
        return operator.index(value)
    except TypeError:
        raise BadRecordingError("malformed", f"its {what} is {describe(value)}, not a whole number") from None


def number_actions(annotations: Sequence[Any]) -> dict[str, int]:
    """The label of each action that is named by text: its place in alphabetical order."""
    names = set()
    for annotation in annotations:
        try:
            label = label_of(annotation)
        except BadRecordingError:  # told once the annotation is read
            continue
        if isinstance(label, str):
            names.add(label)
    return {name: label for label, name in enumerate(sorted(names))}
