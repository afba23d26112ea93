"""AGCN's arrays (UmURL, CMD, HiCo): `{train,val}_data_joint.npy`, with labels and numbers of frames."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from encoder.skeleton import N_JOINTS
from umurl_search.clips.body_selection import count_until_empty
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Part, Splits, State
from umurl_search.readers import safe_pickle
from umurl_search.readers.build_clip import BadRecordingError, make_clip, to_float32
from umurl_search.readers.file_per_clip import require_one_root
from umurl_search.readers.npy_header import Header, read_header

PROTOCOLS = ("xsub", "xview", "xset")
_PARTS: dict[str, Part] = {"train": "train", "val": "test"}


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The files of one part, and what they say of each row: name, 0-based label, frames (None: not told)."""

    folder: Path
    prefix: str
    names: list[str]
    labels: list[int]
    n_frames: list[int] | None

    @property
    def data(self) -> Path:
        return self.folder / f"{self.prefix}_data_joint.npy"


class AgcnReader:
    """A folder of AGCN arrays, or a folder of such folders, one per protocol.

    Clips are read from the first protocol's arrays, splits from all. Items are rows, `train/0`.
    """

    format: str = "agcn"
    state: State = "umurl-normalised"
    parallel: bool = True
    layout: str = "ntu25"

    def __init__(self, roots: Sequence[Path]) -> None:
        self._root = require_one_root(roots)
        self.roots = (self._root,)
        self._folders = _find_protocols(self._root)
        first = next(iter(self._folders.values()))
        self._parts = {prefix: _read_rows(first, prefix) for prefix in _PARTS if _has_part(first, prefix)}
        self._repeats = _find_repeats(self._parts)

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
            return _read_row(row_data, name=name, label=rows.labels[row], n_frames=n_frames, source=source)
        except BadRecordingError as error:
            return error.left_out(name, source)

    def splits(self) -> Splits:
        return {
            protocol: {
                part: _read_labels(folder, prefix)[0]
                for prefix, part in _PARTS.items()
                if _has_part(folder, prefix)
            }
            for protocol, folder in self._folders.items()
        }

    def files(self) -> Sequence[Path]:
        own = [rows.folder / name for rows in self._parts.values() for name in _file_names(rows.prefix)]
        labels = [folder / f"{prefix}_label.pkl" for folder in self._folders.values() for prefix in _PARTS]
        return [path for path in dict.fromkeys(own + labels) if path.exists()]


def _file_names(prefix: str) -> tuple[str, str, str]:
    return f"{prefix}_data_joint.npy", f"{prefix}_label.pkl", f"{prefix}_num_frame.npy"


def _has_part(folder: Path, prefix: str) -> bool:
    return (folder / f"{prefix}_data_joint.npy").is_file()


def is_agcn_folder(folder: Path) -> bool:
    return any(_has_part(folder, prefix) for prefix in _PARTS)


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
            "give the folder that holds them",
        )
    if folders == [root]:
        return {root.name if root.name in PROTOCOLS else "default": root}
    known = sorted(folders, key=lambda folder: (*(folder.name != name for name in PROTOCOLS), folder.name))
    return {folder.name: folder for folder in known}


def _read_labels(folder: Path, prefix: str) -> tuple[list[str], list[int]]:
    """Names and labels of a part. Raises: UmurlError where the file does not hold them."""
    path = folder / f"{prefix}_label.pkl"
    if not path.is_file():
        raise BadInputError(
            f"{path}: missing; it holds the names and labels of {prefix}_data_joint.npy", "put it there"
        )
    content = safe_pickle.load(path)
    try:
        names, labels = content
        return [_name(name) for name in names], [int(label) for label in labels]
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInputError(
            f"{path}: holds no pair of names and labels ({reason_of(error)})", "make it again"
        ) from error


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name is a {type(name).__name__}")
    return str(name).removesuffix(".skeleton")


def _read_rows(folder: Path, prefix: str) -> _Rows:
    names, labels = _read_labels(folder, prefix)
    data, counts = folder / f"{prefix}_data_joint.npy", folder / f"{prefix}_num_frame.npy"
    n_rows = _count_rows(data)
    n_frames = _read_counts(counts) if counts.is_file() else None
    for path, column in ((folder / f"{prefix}_label.pkl", names), (data, labels), (counts, n_frames)):
        if column is not None and len(column) != n_rows:
            raise BadInputError(
                f"{path}: {len(column)} entries for the {n_rows} clips of {data.name}", "make both again"
            )
    return _Rows(folder=folder, prefix=prefix, names=names, labels=labels, n_frames=n_frames)


def _count_rows(path: Path) -> int:
    """The number of clips in an array. Raises: UmurlError where it is no whole (N, 3, T, 25, 2) array."""
    header = _read_whole_header(path)
    if len(header.shape) != 5 or header.shape[1] != 3 or header.shape[3:] != (N_JOINTS, 2):
        raise BadInputError(
            f"{path}: an array of shape {header.shape}, not (N, 3, T, {N_JOINTS}, 2)", "make it again"
        )
    return header.shape[0]


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


def _read_row(row_data: NDArray[Any], *, name: str, label: int, n_frames: int | None, source: str) -> Clip:
    """A row as a clip; row_data: (3, T, 25, 2), of which the first `n_frames` count.

    A row may have had more frames than the array holds: those count as cut.
    """
    n_stored = row_data.shape[1]
    if n_frames is None:
        n_frames = count_until_empty(row_data.swapaxes(0, 1))
    if n_frames < 1:
        raise BadRecordingError("malformed", f"the number of its frames is given as {n_frames}")
    frames = to_float32(row_data[:, :n_frames]).transpose(1, 3, 2, 0)
    clip = make_clip(name, frames, label=label, source=source)
    return replace(clip, cut=max(0, n_frames - n_stored))
