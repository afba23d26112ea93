"""PYSKL's and MMAction2's pickles: annotated keypoints and splits in one file."""

import operator
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Part, Splits, State
from umurl_search.readers import safe_pickle
from umurl_search.readers.build_clip import (
    BadRecordingError,
    describe,
    make_clip,
    require_finite,
    to_float32,
)
from umurl_search.readers.file_per_clip import find_single_file, require_layout, require_one_root

_SPLIT = re.compile(r"(?:(?P<protocol>.+)_)?(?P<part>train|val|test)", re.DOTALL)
_UNKNOWN = -1
"""The label that MMAction2 gives a clip of which none is known."""
_MOST_PROTOCOL = 100
_PARTS: dict[str, Part] = {"train": "train", "val": "test", "test": "test"}


class PysklReader:
    """A pickle in PYSKL's layout. Items are positions in its list of annotations.

    The file is loaded when first asked about and read from memory: `read` lets go of each annotation once
    it is given out, so it is loaded anew for a second reading.
    """

    format: str = "pyskl"
    state: State = "raw"
    parallel: bool = False

    def __init__(self, roots: Sequence[Path], *, layout: str = "ntu25") -> None:
        self.roots = (require_one_root(roots),)
        self._path = find_single_file(self.roots[0], ".pkl")
        self.layout: str = require_layout(layout).name
        self._annotations: list[Any] | None = None
        self._names: list[str] = []
        self._splits: Splits = {}

    def __repr__(self) -> str:
        return f"PysklReader({self.roots}, layout={self.layout!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_annotations": None}

    def _load(self) -> list[Any]:
        """The annotations, in memory from now on. Raises: UmurlError."""
        if self._annotations is None:
            content = safe_pickle.load(self._path)
            if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
                raise BadInputError(
                    f"{self._path}: holds no list of 'annotations', so it is not in PYSKL's layout",
                    Hint("give another {option}", option="format"),
                )
            annotations: list[Any] = content["annotations"]
            self._names = [_name(annotation, row) for row, annotation in enumerate(annotations)]
            self._splits = _read_splits(content.get("split", {}), self._path)
            self._annotations = annotations
        return self._annotations

    def items(self) -> Sequence[str]:
        if not self._names:
            self._load()
        return [str(row) for row in range(len(self._names))]

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        annotations, self._annotations = self._load(), None
        first = {name: row for row, name in reversed(list(enumerate(self._names)))}
        for item in items:
            row = int(item)
            annotation, annotations[row] = annotations[row], None
            yield (self._outcome(annotation, row=row, first=first[self._names[row]]),)

    def _outcome(self, annotation: Any, *, row: int, first: int) -> Outcome:
        name, source = self._names[row], f"{self._path.name}:{row}"
        if first != row:
            detail = f"annotation {first} comes first"
            return BadRecordingError("duplicate name", detail).left_out(name, source)
        try:
            return _read_annotation(annotation, name=name, source=source, layout=self.layout)
        except BadRecordingError as error:
            return error.left_out(name, source)

    def splits(self) -> Splits:
        if not self._names:
            self._load()
        return self._splits

    def files(self) -> Sequence[Path]:
        return [self._path]


def _name(annotation: Any, row: int) -> str:
    name = annotation.get("frame_dir") if isinstance(annotation, dict) else None
    return _text(name) or f"annotation_{row:06d}"


def _text(name: Any) -> str:
    """A name as text, "" for what is neither text nor a number."""
    if isinstance(name, int) and name.bit_length() < 64:
        return str(name)
    return str(name) if isinstance(name, str) else ""


def _read_splits(split: Any, path: Path) -> Splits:
    """The splits named `<protocol>_train`, `_val` or `_test`. Raises: UmurlError for anything but lists."""
    if not isinstance(split, dict) or not all(isinstance(names, list) for names in split.values()):
        raise BadInputError(f"{path}: its 'split' is not a dictionary of lists of names", "fetch it again")
    splits: Splits = {}
    keys = [key for key in split if isinstance(key, str)]
    for key in sorted(keys, key=lambda key: (not key.startswith("xsub"), key)):
        found = _SPLIT.fullmatch(key)
        if found:
            protocol = _protocol(found["protocol"] or "default", path)
            parts = splits.setdefault(protocol, {})
            parts.setdefault(_PARTS[found["part"]], [_text(name) for name in split[key]])
    return splits


def _protocol(name: str, path: Path) -> str:
    """Raises: UmurlError for a name that does not print."""
    if len(name) > _MOST_PROTOCOL or not name.isprintable():
        raise BadInputError(
            f"{path}: {name[:_MOST_PROTOCOL]!r} cannot name a protocol", "rename it in the file"
        )
    return name


def _read_annotation(annotation: Any, *, name: str, source: str, layout: str) -> Clip:
    """An annotation as a clip. Raises: BadRecordingError."""
    if not isinstance(annotation, dict):
        raise BadRecordingError(
            "malformed", f"the annotation is a {type(annotation).__name__}, not a dictionary"
        )
    keypoints = _keypoints(annotation.get("keypoint"), n_joints=LAYOUTS[layout].n_joints, layout=layout)
    n_frames = _integer(annotation, "total_frames", keypoints.shape[1])
    assert n_frames is not None
    if n_frames > keypoints.shape[1]:
        raise BadRecordingError(
            "truncated", f"{keypoints.shape[1]} of the {describe(n_frames)} frames it announces"
        )
    frames = keypoints[:, : max(0, n_frames)].transpose(1, 0, 2, 3)
    require_finite(frames)
    if frames.shape[1] > 2:
        frames = choose_bodies(frames)
    label = _integer(annotation, "label", None)
    return make_clip(name, frames, label=None if label == _UNKNOWN else label, source=source)


def _keypoints(keypoints: Any, *, n_joints: int, layout: str) -> NDArray[np.float32]:
    """The coordinates, (M, T, V, 3). Raises: BadRecordingError where they are anything else."""
    if not isinstance(keypoints, np.ndarray) or keypoints.dtype.kind not in "iuf":
        raise BadRecordingError("malformed", "it has no array of numbers 'keypoint'")
    shape = keypoints.shape
    if len(shape) == 4 and shape[3] == 2:
        raise BadRecordingError("malformed", f"keypoints in two dimensions (shape {shape}); three are needed")
    if len(shape) != 4 or shape[2:] != (n_joints, 3):
        wanted = f"(M, T, {n_joints}, 3) for layout {layout}"
        raise BadRecordingError("malformed", f"keypoints of shape {shape}, not {wanted}")
    return to_float32(np.asarray(keypoints))


def _integer(annotation: dict[str, Any], key: str, default: int | None) -> int | None:
    value = annotation.get(key)
    if value is None:
        return default
    try:
        return operator.index(value)
    except TypeError:
        raise BadRecordingError("malformed", f"its {key} is {describe(value)}, not a whole number") from None
