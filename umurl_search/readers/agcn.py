"""Arrays of AGCN and what came after it (UmURL, CMD, HiCo, AimCLR, MS-G3D), with labels and numbers of frames.

They are called `{train,val,test}_{data_joint,data,position,joint}.npy`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from encoder.skeleton import N_JOINTS
from umurl_search.clips.body_axes import look_at
from umurl_search.clips.body_selection import count_until_repeated
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Part, Splits, State
from umurl_search.readers.build_clip import BadRecordingError, make_clip, to_float32
from umurl_search.readers.file_per_clip import require_one_root
from umurl_search.readers.label_file import LABEL_SUFFIXES, number_actions, read_labels, to_class
from umurl_search.readers.npy_header import Header, read_header

PROTOCOLS = ("xsub", "xview", "xset")
_MOST_LOOKED_AT, _FRAMES_LOOKED_AT = 64, 4
_PARTS: dict[str, Part] = {"train": "train", "val": "test", "test": "test"}
_NAMES = ("data_joint", "data", "position", "joint")


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The files of one part, and what they say of each row: name, 0-based label, frames (None: not told)."""

    folder: Path
    prefix: str
    data: Path
    names: list[str]
    labels: list[int | str]
    n_frames: list[int] | None


class AgcnReader:
    """A folder of AGCN arrays, or a folder of such folders, one per protocol.

    Clips are read from the first protocol's arrays, splits from all. Items are rows, `train/0`.
    """

    format: str = "agcn"
    parallel: bool = True
    layout: str = "ntu25"

    def __init__(self, roots: Sequence[Path]) -> None:
        self._root = require_one_root(roots)
        self.roots = (self._root,)
        self._folders = _find_protocols(self._root)
        self._first = next(iter(self._folders.values()))
        self._parts = {prefix: _read_rows(self._first, prefix) for prefix in _parts_of(self._first)}
        self._repeats = _find_repeats(self._parts)
        every = [label for rows in self._parts.values() for label in rows.labels]
        self._actions = number_actions(every)
        self.state: State = _look_at_rows(next(iter(self._parts.values())))

    def __repr__(self) -> str:
        return f"AgcnReader({self.roots})"

    def items(self) -> Sequence[str]:
        return [f"{prefix}/{row}" for prefix, rows in self._parts.items() for row in range(len(rows.names))]

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        arrays = {prefix: np.load(rows.data, mmap_mode="r") for prefix, rows in self._parts.items()}
        for item in items:
            prefix, row = item.split("/")
            yield (self._outcome(item, self._parts[prefix], arrays[prefix][int(row)], row=int(row)),)

    def _outcome(self, item: str, rows: _Rows, row_data: NDArray[Any], *, row: int) -> Outcome:
        name = rows.names[row]
        source = f"{rows.data.relative_to(self._root).as_posix()}:{row}"
        if item in self._repeats:
            detail = f"row {self._repeats[item]} comes first"
            return BadRecordingError("duplicate name", detail).left_out(name, source)
        try:
            n_frames = rows.n_frames[row] if rows.n_frames else None
            label, action = to_class(rows.labels[row], self._actions)
            return _read_row(
                row_data, name=name, label=label, action=action, n_frames=n_frames, source=source
            )
        except BadRecordingError as error:
            return error.left_out(name, source)

    def splits(self) -> Splits:
        splits: Splits = {}
        for protocol, folder in self._folders.items():
            parts = splits.setdefault(protocol, {})
            for prefix in _parts_of(folder):
                names = self._parts[prefix].names if folder == self._first else _read_names(folder, prefix)
                parts.setdefault(_PARTS[prefix], []).extend(names)
        return splits

    def files(self) -> Sequence[Path]:
        own = [
            path
            for rows in self._parts.values()
            for path in (rows.data, _counts_path(rows.folder, rows.prefix))
        ]
        labels = [
            _labels_path(folder, prefix) for folder in self._folders.values() for prefix in _parts_of(folder)
        ]
        return [path for path in dict.fromkeys(own + labels) if path.exists()]


def _look_at_rows(rows: _Rows) -> State:
    """What was done to the arrays, as some rows show it: equal names do not mean equal steps."""
    array = np.load(rows.data, mmap_mode="r", allow_pickle=False)
    some: NDArray[np.int64] = np.unique(np.linspace(0, len(array) - 1, _MOST_LOOKED_AT).astype(int))
    with np.errstate(invalid="ignore", over="ignore"):
        clips = [_order(to_float32(array[row][:, :_FRAMES_LOOKED_AT])) for row in some if row >= 0]
    return look_at([np.nan_to_num(frames, posinf=0, neginf=0) for frames in clips]).state


def _counts_path(folder: Path, prefix: str) -> Path:
    return folder / f"{prefix}_num_frame.npy"


def _labels_path(folder: Path, prefix: str) -> Path:
    """The file of a part's labels; where there is none, the one that AGCN's own code writes."""
    names = [f"{prefix}_{word}{suffix}" for suffix in LABEL_SUFFIXES for word in ("label", "labels")]
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


def _find_data(folder: Path, prefix: str) -> Path | None:
    """The array of a part."""
    names = [f"{prefix}_{name}.npy" for name in _NAMES]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _parts_of(folder: Path) -> list[str]:
    """The parts whose arrays a folder holds."""
    return [prefix for prefix in _PARTS if _find_data(folder, prefix) is not None]


def is_agcn_folder(folder: Path) -> bool:
    return bool(_parts_of(folder))


def count_agcn_files(root: Path) -> int:
    """The number of arrays that a folder or its sub-folders hold; 0 where there are none."""
    return sum(len(_parts_of(folder)) for folder in find_agcn_folders(root)) if root.is_dir() else 0


def find_agcn_folders(root: Path) -> list[Path]:
    """The folder itself where it holds the arrays, else its sub-folders that do."""
    if is_agcn_folder(root):
        return [root]
    with os.scandir(root) as entries:
        folders = [Path(entry) for entry in entries if os.path.isdir(entry)]  # also of a link to itself
    return sorted(folder for folder in folders if is_agcn_folder(folder))


def _find_protocols(root: Path) -> dict[str, Path]:
    """The folder of each protocol, xsub first. Raises: UmurlError where there is none."""
    if not root.is_dir() or not (folders := find_agcn_folders(root)):
        raise BadInputError(
            f"{root}: holds no train_data_joint.npy or val_data_joint.npy, nor do its folders",
            "give the folder that holds them; they may end in _data, _position or _joint too",
        )
    if folders == [root]:
        return {root.name if root.name in PROTOCOLS else "default": root}
    known = sorted(folders, key=lambda folder: (*(folder.name != name for name in PROTOCOLS), folder.name))
    return {folder.name: folder for folder in known}


def _read_names(folder: Path, prefix: str) -> list[str]:
    data = _find_data(folder, prefix)
    assert data is not None, prefix
    return _read_labels(folder, prefix, n_rows=_count_rows(data))[0]


def _read_labels(folder: Path, prefix: str, *, n_rows: int) -> tuple[list[str], list[int | str]]:
    """Names and labels of a part; names by row where none are told. Raises: UmurlError where there are none."""
    path = _labels_path(folder, prefix)
    if not path.is_file():
        raise BadInputError(
            f"{path}: missing; it holds the names and labels of the {prefix} array beside it", "put it there"
        )
    found = read_labels(path)
    names = found.names or [f"{prefix}_{row:05d}" for row in range(n_rows)]
    return names, found.labels


def _read_rows(folder: Path, prefix: str) -> _Rows:
    data, counts = _find_data(folder, prefix), _counts_path(folder, prefix)
    assert data is not None, prefix
    n_rows = _count_rows(data)
    names, labels = _read_labels(folder, prefix, n_rows=n_rows)
    n_frames = _read_counts(counts) if counts.is_file() else None
    for path, column in ((_labels_path(folder, prefix), names), (data, labels), (counts, n_frames)):
        if column is not None and len(column) != n_rows:
            raise BadInputError(
                f"{path}: {len(column)} entries for the {n_rows} clips of {data.name}", "make both again"
            )
    return _Rows(folder=folder, prefix=prefix, data=data, names=names, labels=labels, n_frames=n_frames)


def _count_rows(path: Path) -> int:
    """The number of clips in an array. Raises: UmurlError where it is no whole (N, 3, T, 25[, 1 or 2]) array."""
    header = _read_whole_header(path)
    shape = header.shape
    if (
        len(shape) not in (4, 5)
        or shape[1] != 3
        or shape[3] != N_JOINTS
        or not all(0 < m <= 2 for m in shape[4:])
    ):
        raise BadInputError(
            f"{path}: an array of shape {shape}, not (N, 3, T, {N_JOINTS}, 2), nor of one person",
            "make it again",
        )
    return shape[0]


def _read_whole_header(path: Path) -> Header:
    """The header of an array. Raises: UmurlError where the file is not of the size that it announces."""
    try:
        with open(path, "rb") as stream:
            header = read_header(stream)
            size = os.fstat(stream.fileno()).st_size
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a usable array ({reason_of(error)})", "make it again") from error
    if header.n_bytes != size:
        raise BadInputError(f"{path}: {size} bytes, its header announces {header.n_bytes}", "make it again")
    return header


def _read_counts(path: Path) -> list[int]:
    _read_whole_header(path)
    try:
        return [int(count) for count in np.load(path, allow_pickle=False).ravel()]
    except (OSError, ValueError, OverflowError) as error:
        raise BadInputError(f"{path}: not a usable array ({reason_of(error)})", "make it again") from error


def _find_repeats(parts: dict[str, _Rows]) -> dict[str, str]:
    """The items whose name came before, and where."""
    first: dict[str, str] = {}
    repeats = {}
    for prefix, rows in parts.items():
        for row, name in enumerate(rows.names):
            item = f"{prefix}/{row}"
            if first.setdefault(name, item) != item:
                repeats[item] = first[name]
    return repeats


def _read_row(
    row_data: NDArray[Any], *, name: str, label: int, action: str | None, n_frames: int | None, source: str
) -> Clip:
    """A row as a clip; row_data: (3, T, 25, M) or (3, T, 25), of which the first `n_frames` count.

    A row may have had more frames than the array holds: those count as cut.
    """
    n_stored = row_data.shape[1]
    if n_frames is None:
        n_frames = count_until_repeated(row_data.swapaxes(0, 1))
    if n_frames < 1:
        raise BadRecordingError("malformed", f"the number of its frames is given as {n_frames}")
    frames = _order(to_float32(row_data[:, :n_frames]))
    clip = make_clip(name, frames, label=label, action=action, source=source)
    return replace(clip, cut=max(0, n_frames - n_stored))


def _order(row_data: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, T, V, M), or (3, T, V) of one person, as (T, M, V, 3)."""
    whole = row_data[..., None] if row_data.ndim == 3 else row_data
    return whole.transpose(1, 3, 2, 0)
