"""PYSKL's and MMAction2's pickles: annotated keypoints and splits, in one file or one a part."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError
from encoder.joint_layouts import find_layout
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Splits, State
from umurl_search.readers import safe_pickle
from umurl_search.readers.build_clip import BadRecordingError, describe, make_clip, read_head, require_places
from umurl_search.readers.file_per_clip import (
    find_single_file,
    is_hidden,
    require_layout,
    require_one_root,
)
from umurl_search.readers.pyskl_dialects import (
    is_coco,
    label_of,
    number_actions,
    part_of_name,
    read_keypoints,
    split_content,
    to_integer,
    to_name,
)

_HEAD_BYTES = 4096
_SUFFIXES = (".pkl", ".pickle")
_WORDS = (b"split", b"annotations", b"keypoint", b"frame_dir")
_UNKNOWN = -1
"""The label that MMAction2 gives a clip of which none is known."""
_MOST_TRIED = 100
_TWO_DIMENSIONS = "keypoints of 17 joints in two dimensions are COCO's, as PYSKL has them: read as coco-17"


class PysklReader:
    """A pickle in PYSKL's layout, or one for each part. Items are positions in the list of all annotations.

    The files are loaded when first asked about and read from memory: `read` lets go of each annotation once
    it is given out, so they are loaded anew for a second reading.
    """

    format: str = "pyskl"
    state: State = "raw"
    parallel: bool = False

    def __init__(self, roots: Sequence[Path], *, layout: str | None = "ntu25") -> None:
        self.roots = (require_one_root(roots),)
        self._paths = _find_pickles(self.roots[0])
        require_layout(layout or "ntu25")
        self._stated = layout
        self._annotations: list[Any] | None = None
        self._names: list[str] = []
        self._sources: list[str] = []
        self._actions: dict[str, int] = {}
        self._splits: Splits = {}
        self.layout: str = layout or self._find_layout()

    def __repr__(self) -> str:
        return f"PysklReader({self.roots}, layout={self._stated!r})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was taken for granted, where nothing was stated."""
        return () if self._stated or self.layout == "ntu25" else (_TWO_DIMENSIONS,)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_annotations": None}

    def _load(self) -> list[Any]:
        """The annotations, in memory from now on. Raises: UmurlError."""
        if self._annotations is None:
            annotations: list[Any] = []
            self._sources, self._splits = [], {}
            for path in self._paths:
                found, splits = split_content(safe_pickle.load(path), path)
                self._sources += [f"{path.name}:{row}" for row in range(len(found))]
                annotations += found
                for protocol, parts in splits.items():
                    for part, names in parts.items():
                        self._splits.setdefault(protocol, {}).setdefault(part, []).extend(names)
            self._names = [to_name(annotation, row) for row, annotation in enumerate(annotations)]
            self._actions = number_actions(annotations)
            self._annotations = annotations
        return self._annotations

    def _find_layout(self) -> str:
        """COCO's 17 joints of keypoints in two dimensions, else NTU's. Raises: UmurlError."""
        return "coco-17" if any(map(is_coco, self._load()[:_MOST_TRIED])) else "ntu25"

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
        name, source = self._names[row], self._sources[row]
        if first != row:
            detail = f"annotation {first} comes first"
            return BadRecordingError("duplicate name", detail).left_out(name, source)
        try:
            return _read_annotation(
                annotation, name=name, source=source, layout=self.layout, actions=self._actions
            )
        except BadRecordingError as error:
            return error.left_out(name, source)

    def splits(self) -> Splits:
        if not self._names:
            self._load()
        return self._splits

    def files(self) -> Sequence[Path]:
        return self._paths


def _find_pickles(root: Path) -> list[Path]:
    """The pickle, or those of a folder that are one for each part. Raises: UmurlError for none or any others."""
    if root.is_dir():
        found = sorted(
            path for path in root.iterdir() if path.suffix.lower() in _SUFFIXES and not is_hidden(path.name)
        )
        found = [path for path in found if is_pyskl(path)] or found
        parts = [part_of_name(path.stem) for path in found]
        if len(found) > 1 and None not in parts:
            if len(set(parts)) < len(parts):
                raise BadInputError(f"{root}: several of its pickles are of one part", "name the one to read")
            return sorted(found, key=lambda path: "train" not in path.stem.lower())
        if len(found) == 1:
            return found
    return [find_single_file(root, _SUFFIXES)]


def is_pyskl(path: Path) -> bool:
    """Whether a file begins as a pickle that holds annotations does."""
    head = read_head(path)
    return head.startswith((b"\x80", b"(")) and any(word in head for word in _WORDS)


def _read_annotation(
    annotation: Any, *, name: str, source: str, layout: str, actions: Mapping[str, int]
) -> Clip:
    """An annotation as a clip. Raises: BadRecordingError."""
    if not isinstance(annotation, dict):
        raise BadRecordingError(
            "malformed", f"the annotation is a {type(annotation).__name__}, not a dictionary"
        )
    keypoints = read_keypoints(annotation, layout=find_layout(layout))
    stated = to_integer(annotation.get("total_frames"), "total_frames")
    n_frames = keypoints.shape[1] if stated is None else stated
    if n_frames > keypoints.shape[1]:
        raise BadRecordingError(
            "truncated", f"{keypoints.shape[1]} of the {describe(n_frames)} frames it announces"
        )
    frames = keypoints[:, : max(0, n_frames)].transpose(1, 0, 2, 3)
    require_places(frames)
    if frames.shape[1] > 2:
        frames = choose_bodies(frames)
    label = label_of(annotation)
    action = label if isinstance(label, str) else None
    number = actions[action] if action is not None else label
    assert not isinstance(number, str)
    return make_clip(name, frames, label=None if number == _UNKNOWN else number, action=action, source=source)
