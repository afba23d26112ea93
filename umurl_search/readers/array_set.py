"""Arrays that hold a whole data set: `X.npy` (N, T, V, C) and `y.npy`, or both in one `.npz` or `.mat` file."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint, UmurlError, reason_of
from encoder.joint_layouts import Layout, joint_counts, layout_of
from umurl_search.clips.body_selection import choose_bodies, count_until_empty
from umurl_search.clips.clip import Outcome
from umurl_search.clips.types import AXES, Part, Splits, State
from umurl_search.readers.array_axes import (
    MOST_PEOPLE,
    USUAL_PEOPLE,
    clip_readings,
    require_source_axes,
    set_readings,
    sizes_as,
)
from umurl_search.readers.array_files import announced_bytes, load_npz, read_shapes
from umurl_search.readers.arrays import read_array
from umurl_search.readers.build_clip import BadRecordingError, make_clip, require_places
from umurl_search.readers.ctrgcn import MemberReader, open_archive
from umurl_search.readers.file_per_clip import is_hidden, require_layout, require_one_root
from umurl_search.readers.label_file import (
    LABEL_SUFFIXES,
    LabelColumn,
    is_table,
    number_actions,
    read_labels,
    to_class,
    to_labels,
)
from umurl_search.readers.mat_file import load_mat
from umurl_search.readers.npy_header import read_header
from umurl_search.readers.set_names import (
    CLASS_WORDS,
    LABEL_WORDS,
    NAME_WORDS,
    find_names,
    find_names_beside,
    find_text_labels,
    part_in,
    read_texts,
    words_of,
)

SUFFIXES = (".npy", ".npz", ".mat")
_MOST_FILES = 200
_OTHER_WORDS = frozenset(("bone", "bones", "motion", "velocity", "rgb", "depth", "mask"))


@dataclass(frozen=True, kw_only=True)
class ArraySet:
    """An array of many clips: its file and its name there, its axes, and what is said of each of its clips.

    told: the clips' names, where they lie as text beside it. beside: the files that say labels and names.
    others: readings of the same shape as one clip.
    """

    path: Path
    key: str
    axes: str
    shape: tuple[int, ...]
    part: Part | None
    labels: LabelColumn | None = None
    told: Sequence[str] | None = None
    beside: tuple[Path, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def n_clips(self) -> int:
        return self.shape[self.axes.index("N")]

    @property
    def names(self) -> list[str]:
        """The clips' names: as told, or made of the part or the file and the row."""
        told = self.labels.names if self.labels is not None and self.labels.names is not None else self.told
        if told is not None:
            return list(told)
        stem = (self.part and f"{self.part}") or self.path.stem
        return [f"{stem}_{row:05d}" for row in range(self.n_clips)]


class ArraySetReader:
    """The arrays of a folder, or one file, that hold many clips each. Items are rows: `0/17`, set and row."""

    format: str = "array-set"
    state: State = "raw"

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None, axes: str | None = None) -> None:
        require_source_axes(axes)
        self.roots = (require_one_root(roots),)
        self._axes = axes
        stated = require_layout(layout) if layout else None
        self._sets = find_sets(self.roots[0], layout=stated, axes=axes)
        if not self._sets:
            raise BadInputError(
                f"{self.roots[0]}: holds no array of many clips",
                Hint("state what its axes are with {option}, NTVC say", option="axes"),
            )
        first = self._sets[0]
        self._joints = stated or _layout_by_count(first)
        self.layout: str = layout or self._joints.name
        self.parallel: bool = all(one.path.suffix.lower() == ".npy" for one in self._sets)
        self._actions = number_actions([label for one in self._sets for label in (one.labels or ([],))[0]])

    def __repr__(self) -> str:
        return f"ArraySetReader({self.roots}, layout={self.layout!r}, axes={self._axes!r})"

    @property
    def notes(self) -> tuple[str, ...]:
        """How arrays were read whose shape could be read otherwise, a line each."""
        return tuple(
            f"{one.path.name}: an array of shape {one.shape}, read as {one.n_clips} recordings ({one.axes}), not as "
            f"one of several people: --axes {one.others[0]} reads it so"
            for one in self._sets
            if one.others and one.labels is None and self._axes is None
        )

    def items(self) -> Sequence[str]:
        return [f"{number}/{row}" for number, one in enumerate(self._sets) for row in range(one.n_clips)]

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        names = [one.names for one in self._sets]
        with ExitStack() as stack:
            rows: dict[int, Callable[[int], NDArray[Any]]] = {}
            for item in items:
                number, row = map(int, item.split("/"))
                if number not in rows:
                    rows[number] = _open_rows(self._sets[number], stack)
                yield (
                    self._outcome(self._sets[number], rows[number](row), row=row, name=names[number][row]),
                )

    def _outcome(self, one: ArraySet, values: NDArray[Any], *, row: int, name: str) -> Outcome:
        source = f"{one.path.name}:{one.key}{':' if one.key else ''}{row}"
        try:
            frames = read_array(values, axes=one.axes.replace("N", ""), layout=self._joints).frames
            frames = frames[: max(1, count_until_empty(frames))]
            require_places(frames)
            frames = choose_bodies(frames) if frames.shape[1] > USUAL_PEOPLE else frames
            label, action = to_class(one.labels.labels[row], self._actions) if one.labels else (None, None)
            return make_clip(name, frames, label=label, action=action, source=source)
        except BadRecordingError as error:
            return error.left_out(name, source)
        except UmurlError as error:
            return BadRecordingError("malformed", error.message).left_out(name, source)

    def splits(self) -> Splits:
        parts: dict[str, list[str]] = {}
        for one in self._sets:
            if one.part is not None:
                parts.setdefault(one.part, []).extend(one.names)
        return {"default": parts} if parts else {}

    def files(self) -> Sequence[Path]:
        beside = [path for one in self._sets for path in one.beside]
        return list(dict.fromkeys([*(one.path for one in self._sets), *beside]))


def _layout_by_count(one: ArraySet) -> Layout:
    """The layout that the number of joints in a set says."""
    sizes = sizes_as(one.shape, one.axes, joint_counts())
    assert sizes is not None, one
    found = layout_of(sizes["V"])
    assert found is not None, sizes
    return found


def count_sets(source: Path) -> int:
    """How many files at a source are arrays of many clips beyond doubt; 0 where they may be one clip each."""
    try:
        sets = find_sets(source, layout=None, axes=None)
    except (OSError, UmurlError):
        return 0
    certain = [one for one in sets if _is_certain(one, alone=len(sets) == 1)]
    return len({one.path for one in certain}) if len(certain) == len(sets) else 0


def _is_certain(one: ArraySet, *, alone: bool) -> bool:
    """Whether an array is no clip of one or two people, or has a label or a name for each of its rows."""
    if one.labels is not None or one.told is not None or not one.others:
        return True
    sizes = sizes_as(one.shape, one.others[0], joint_counts())
    return alone and sizes is not None and USUAL_PEOPLE < sizes.get("M", 1) <= MOST_PEOPLE


def find_sets(source: Path, *, layout: Layout | None, axes: str | None) -> list[ArraySet]:
    """The arrays of many clips at a source, one for each part; all that fit where their axes are stated.

    Raises: UmurlError where labels do not fit their array.
    """
    beside = _list_files(source if source.is_dir() else source.parent)
    files = [path for path in beside if path.suffix.lower() in SUFFIXES] if source.is_dir() else [source]
    found = [one for path in files for one in _sets_in(path, layout=layout, axes=axes)]
    if axes is None:
        found = _choose_sets(found)
    parts = [one.part for one in found]
    alone = [parts.count(one.part) == 1 for one in found]
    labelled = [_with_labels(one, beside, alone=is_so) for one, is_so in zip(found, alone, strict=True)]
    return [_with_names(one, beside, alone=is_so) for one, is_so in zip(labelled, alone, strict=True)]


def _list_files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if not is_hidden(path.name) and path.is_file())
    return found if len(found) <= _MOST_FILES else []


def _sets_in(path: Path, *, layout: Layout | None, axes: str | None) -> Iterator[ArraySet]:
    """The arrays of a file that hold many clips, by their shapes."""
    n_joints, dims = ((layout.n_joints,), layout.dims) if layout else (joint_counts(), 3)
    try:
        shapes = read_shapes(path)
        is_whole = path.suffix.lower() != ".npy" or announced_bytes(path) <= path.stat().st_size
    except (OSError, ValueError, UmurlError):
        return
    for key, shape in shapes.items():
        if not is_whole:
            break
        words = words_of(f"{path.stem} {key}")
        readings = [axes] if axes else set_readings(shape, n_joints, dims=dims)
        if words & LABEL_WORDS - {"action", "actions"} or words & _OTHER_WORDS or not readings:
            continue
        sizes = sizes_as(shape, readings[0], n_joints, dims=dims)
        if sizes is not None and sizes.get("N", 0) > 0:
            others = tuple(clip_readings(shape, n_joints, dims=dims)) if axes not in AXES else ()
            yield ArraySet(
                path=path, key=key, axes=readings[0], shape=shape, part=part_in(words), others=others
            )


def _choose_sets(found: list[ArraySet]) -> list[ArraySet]:
    """One array for each part, where no part has several; those without a part only where there is no other."""
    parted = [one for one in found if one.part is not None] or found
    parts = {one.part for one in parted}
    return parted if len(parts) == len(parted) else []


def _with_labels(one: ArraySet, beside: Sequence[Path], *, alone: bool) -> ArraySet:
    """The set with the labels that lie in its file or beside it; beside several of a part, those of its name.

    Raises: UmurlError for another number of them; a list of classes may have any.
    """
    inside = _labels_inside(one) if one.path.suffix.lower() != ".npy" else None
    if inside is not None:
        return _replaced(one, inside, None)
    wrong: BadInputError | None = None
    for path in beside:
        if path == one.path or not _names_labels_of(path, one, alone=alone) or is_table(path):
            continue
        labels = read_labels(path)
        if len(labels.labels) == one.n_clips:
            return _replaced(one, labels, path)
        if not words_of(path.stem) & CLASS_WORDS:
            said = f"{len(labels.labels)} labels for the {one.n_clips} clips of {one.path.name}"
            wrong = wrong or BadInputError(f"{path}: {said}", "make both again")
    if wrong is not None:
        raise wrong
    return one


def _names_labels_of(path: Path, one: ArraySet, *, alone: bool) -> bool:
    """Whether a file's name says that it holds the labels of an array."""
    words = words_of(path.stem)
    if path.suffix.lower() not in LABEL_SUFFIXES or not words & LABEL_WORDS or part_in(words) != one.part:
        return False
    if words & NAME_WORDS:  # names of classes
        return False
    return alone or words - LABEL_WORDS == words_of(one.path.stem)


def _with_names(one: ArraySet, beside: Sequence[Path], *, alone: bool) -> ArraySet:
    """The set with the names that lie as text in its file or beside it."""
    if one.labels is not None and one.labels.names is not None:
        return one
    inside = find_names(read_texts(one.path), part=one.part, n=one.n_clips)
    if inside is not None:
        return replace(one, told=inside)
    others = [path for path in beside if path not in (one.path, *one.beside)]
    found = find_names_beside(others, stem=one.path.stem, part=one.part, n=one.n_clips, alone=alone)
    return one if found is None else replace(one, told=found[0], beside=(*one.beside, found[1]))


def _replaced(one: ArraySet, labels: LabelColumn, path: Path | None) -> ArraySet:
    if labels.names is not None and len(labels.names) != one.n_clips:
        raise BadInputError(f"{path}: {len(labels.names)} names for {one.n_clips} clips", "make both again")
    return replace(one, labels=labels, beside=() if path is None else (path,))


def _labels_inside(one: ArraySet) -> LabelColumn | None:
    """The labels in the file of the array itself: a label for each row, of the same part."""
    for key, values in _load_small(one).items():
        words = words_of(key)
        if key != one.key and part_in(words) == one.part and words & LABEL_WORDS:
            try:
                labels = to_labels(values)
            except (TypeError, ValueError):
                continue
            if len(labels) == one.n_clips:
                return LabelColumn(labels)
    spoken = find_text_labels(read_texts(one.path), part=one.part, n=one.n_clips)
    return LabelColumn(to_labels(spoken)) if spoken is not None else None


def _load_small(one: ArraySet) -> dict[str, NDArray[Any]]:
    """The arrays of a file of several, without those of three axes and more."""
    if one.path.suffix.lower() == ".mat":
        return {key: values for key, values in load_mat(one.path).items() if values.ndim < 3}
    return load_npz(one.path, most_axes=2)


def _open_rows(one: ArraySet, stack: ExitStack) -> Callable[[int], NDArray[Any]]:
    """What gives a row of an array: mapped, streamed out of its archive, or out of memory.

    Raises: UmurlError where the file is damaged.
    """
    at = one.axes.index("N")
    match one.path.suffix.lower():
        case ".npz":
            archive = stack.enter_context(open_archive(one.path))
            streamed = _stream(archive, one.key) if at == 0 else None
            if streamed is not None:
                return streamed.row
            array: NDArray[Any] = load_npz(one.path)[one.key]
        case ".mat":
            array = load_mat(one.path)[one.key]
        case _:
            array = _map(one.path)
    moved = np.moveaxis(array, at, 0)
    return lambda row: moved[row]


def _stream(archive: zipfile.ZipFile, key: str) -> MemberReader | None:
    """The rows of a member; None where it does not lie row by row."""
    try:
        return MemberReader(archive, key)
    except BadInputError:
        return None


def _map(path: Path) -> NDArray[Any]:
    try:
        with open(path, "rb") as stream:
            header = read_header(stream)
        if path.stat().st_size < header.n_bytes:
            raise ValueError(f"{path.stat().st_size} bytes, its header announces {header.n_bytes}")
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a usable array ({reason_of(error)})", "make it again") from error
    return array
