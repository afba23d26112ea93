"""CTR-GCN's `.npz` files: x_train, y_train, x_test, y_test, read row by row out of the archive."""

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, UmurlError, reason_of
from encoder.skeleton import N_JOINTS, N_PEOPLE
from umurl_search.clips.body_selection import count_until_empty
from umurl_search.clips.clip import Clip, Outcome
from umurl_search.clips.types import Part, Splits, State
from umurl_search.readers.build_clip import BadRecordingError, make_clip
from umurl_search.readers.file_per_clip import find_single_file, require_one_root
from umurl_search.readers.npy_header import Header, read_header

PARTS: tuple[Part, ...] = ("train", "test")
_PERSON_NUMBERS = N_JOINTS * 3
_WIDTHS = (_PERSON_NUMBERS, N_PEOPLE * _PERSON_NUMBERS)
_FIRST = ("xsub", "xview", "xset")
_MOST_ROW_BYTES = 16 * 2**20
_ABBREVIATION = re.compile(r"(?<![a-z])(csub|cset|cv|cs)(?![a-z])", re.IGNORECASE)
_PROTOCOLS = {"CSUB": "xsub", "CS": "xsub", "CV": "xview", "CSET": "xset"}
MOST_DEFLATED = 1100
"""More bytes than these do not come out of one deflated byte."""
_AGAIN = "fetch it again"
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (OSError, EOFError, ValueError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
"""What `zipfile` raises where an archive is not whole or packed in a way that is not known."""


class MemberReader:
    """Rows of an array inside a zip archive, in order, one in memory at a time.

    Going back to an earlier row starts the member anew.
    Raises: UmurlError where the member is missing or is no array of numbers of the size it claims.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self._member = archive, f"{name}.npy"
        self._where = f"{archive.filename}: {name}"
        self._stream = self._open()
        try:
            self.header = self._check_header()
        except UmurlError:
            self._stream.close()
            raise
        self._row_bytes = self.header.n_bytes - self.header.offset
        self._row_bytes //= max(1, self.header.shape[0])
        if self._row_bytes > _MOST_ROW_BYTES:
            raise BadInputError(
                f"{self._where}: one row takes {self._row_bytes} bytes, no clip is that long", _AGAIN
            )
        self._next = 0

    def _open(self) -> Any:
        try:
            packing = self._archive.getinfo(self._member).compress_type
            if packing not in PACKINGS:  # numpy writes no other; their memory is what the archive says
                raise BadInputError(
                    f"{self._where}: packed by method {packing}, which numpy does not use", _AGAIN
                )
            return self._archive.open(self._member)
        except KeyError as error:
            raise BadInputError(f"{self._where}: missing from the archive", _AGAIN) from error
        except DAMAGED as error:
            raise BadInputError(f"{self._where}: cannot be read ({reason_of(error)})", _AGAIN) from error

    def _check_header(self) -> Header:
        try:
            header = read_header(self._stream)
        except DAMAGED as error:
            raise BadInputError(f"{self._where}: {reason_of(error)}", _AGAIN) from error
        member = self._archive.getinfo(self._member)
        if header.n_bytes != member.file_size:
            raise BadInputError(
                f"{self._where}: {member.file_size} bytes, its header announces {header.n_bytes}", _AGAIN
            )
        there = min(member.compress_size, _size(self._archive))
        if member.file_size > MOST_DEFLATED * there:
            raise BadInputError(f"{self._where}: {member.file_size} bytes cannot come out of {there}", _AGAIN)
        if not header.shape or (header.fortran_order and len(header.shape) > 1):
            raise BadInputError(f"{self._where}: is not stored row by row", _AGAIN)
        return header

    def row(self, number: int) -> NDArray[Any]:
        """One row. Raises: UmurlError where the archive is found damaged; rows before may be damaged too."""
        try:
            if number < self._next:
                self._stream.close()
                self._stream, self._next = self._open(), 0
                self._stream.read(self.header.offset)
            while self._next <= number:
                content = self._stream.read(self._row_bytes)
                self._next += 1
        except DAMAGED as error:
            self._stream.close()  # else it keeps the archive open for as long as the error is held
            raise BadInputError(
                f"{self._where}: the archive is damaged ({reason_of(error)})", _AGAIN
            ) from error
        if len(content) < self._row_bytes:
            raise BadInputError(f"{self._where}: the archive ends within row {number}", _AGAIN)
        return np.frombuffer(content, self.header.dtype).reshape(self.header.shape[1:])


class CtrGcnReader:
    """An `.npz` in CTR-GCN's layout, or a folder with one for each protocol.

    Items are rows of the first, `train_00000`; the clips are named so too. Rows have no names: those of the other
    archives are found in the first by their coordinates.
    """

    format: str = "ctr-gcn"
    state: State = "first-frame-centred"
    parallel: bool = False
    layout: str = "ntu25"

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = (require_one_root(roots),)
        self._path, *self._others = _find_archives(self.roots[0])
        self._splits: Splits = {}
        with open_archive(self._path) as archive:
            self._n_rows = {part: _count_rows(archive, part) for part in PARTS}

    def __repr__(self) -> str:
        return f"CtrGcnReader({self.roots})"

    def items(self) -> Sequence[str]:
        return [f"{part}_{row:05d}" for part in PARTS for row in range(self._n_rows[part])]

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        with ExitStack() as stack:
            archive = stack.enter_context(open_archive(self._path))
            members = {
                name: MemberReader(archive, name) for part in PARTS for name in (f"x_{part}", f"y_{part}")
            }
            for item in items:
                part, row = item.split("_")
                yield (self._outcome(item, members[f"x_{part}"], members[f"y_{part}"], row=int(row)),)

    def _outcome(self, name: str, clips: MemberReader, labels: MemberReader, *, row: int) -> Outcome:
        source = f"{self._path.name}:{name}"
        try:
            return _read_row(clips.row(row), labels.row(row), name=name, source=source)
        except BadRecordingError as error:
            return error.left_out(name, source)

    def splits(self) -> Splits:
        if not self._splits:
            self._splits[protocol_of(self._path.name)] = {
                part: [f"{part}_{row:05d}" for row in range(n_rows)]
                for part, n_rows in self._n_rows.items()
                if n_rows
            }
            names = {digest: name for name, digest in _digests(self._path)} if self._others else {}
            for path in self._others:
                parts = self._splits.setdefault(protocol_of(path.name), {})
                for name, digest in _digests(path):
                    parts.setdefault(name.split("_")[0], []).append(names.get(digest, f"{path.name}:{name}"))
        return self._splits

    def files(self) -> Sequence[Path]:
        return [self._path, *self._others]


def _find_archives(root: Path) -> list[Path]:
    """The archives of a source, one for each protocol. Raises: UmurlError for several of one protocol."""
    if not root.is_dir():
        return [find_single_file(root, (".npz",))]
    found = [path for path in sorted(root.iterdir()) if path.suffix.lower() == ".npz" and is_ctr_gcn(path)]
    protocols = [protocol_of(path.name) for path in found]
    if len(found) < 2 or len(set(protocols)) < len(found):
        return [find_single_file(root, (".npz",))] if len(found) != 1 else found
    return sorted(found, key=lambda path: [protocol_of(path.name) != name for name in _FIRST])


def is_ctr_gcn(path: Path) -> bool:
    """Whether a file is an archive in CTR-GCN's layout: its rows are frames of 75 or 150 numbers."""
    try:
        with open_archive(path) as archive:
            shape = MemberReader(archive, "x_train").header.shape
    except UmurlError:
        return False
    return len(shape) == 3 and shape[2] in _WIDTHS


def _digests(path: Path) -> Iterator[tuple[str, bytes]]:
    """Of each row, its name and a hash of its coordinates. Raises: UmurlError for a damaged archive."""
    with open_archive(path) as archive:
        for part in PARTS:
            rows = MemberReader(archive, f"x_{part}")
            for number in range(rows.header.shape[0]):
                row = rows.row(number)
                whole = np.ascontiguousarray(row[: count_until_empty(row)], "<f4")
                yield f"{part}_{number:05d}", hashlib.sha256(whole.tobytes()).digest()


def _size(archive: zipfile.ZipFile) -> int:
    assert archive.filename is not None  # opened by `open_archive`
    return Path(archive.filename).stat().st_size


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip archive. Raises: UmurlError where the file is not a whole one."""
    if not path.is_file():
        raise BadInputError(f"{path}: no whole .npz archive: it is no regular file", _AGAIN)
    try:
        return zipfile.ZipFile(path)
    except DAMAGED as error:
        raise BadInputError(f"{path}: no whole .npz archive ({reason_of(error)})", _AGAIN) from error


def protocol_of(file_name: str) -> str:
    """The protocol that a file's name speaks of: NTU60_CS, NTU120_CSub, NTU120_CSet, NTU60_CV."""
    found = _ABBREVIATION.search(file_name)
    return _PROTOCOLS[found[1].upper()] if found else "default"


def _count_rows(archive: zipfile.ZipFile, part: str) -> int:
    """The number of clips in a part. Raises: UmurlError where its arrays do not fit the layout."""
    clips, labels = MemberReader(archive, f"x_{part}").header, MemberReader(archive, f"y_{part}").header
    if (
        len(clips.shape) != 3
        or 0 in clips.shape[1:]
        or clips.shape[2] not in _WIDTHS
        or clips.dtype.kind != "f"
    ):
        seen = f"{clips.dtype} {clips.shape}"
        raise BadInputError(
            f"{archive.filename}: x_{part} is {seen}, not floats of (N, T, {_WIDTHS[-1]})", _AGAIN
        )
    one_hot = len(labels.shape) == 2
    if labels.shape[0] != clips.shape[0] or not (
        one_hot or (labels.dtype.kind in "iu" and len(labels.shape) == 1)
    ):
        seen = f"{labels.dtype} {labels.shape}"
        raise BadInputError(
            f"{archive.filename}: y_{part} is {seen}, not one label a row of x_{part}", _AGAIN
        )
    return clips.shape[0]


def _read_row(row: NDArray[Any], label_row: NDArray[Any], *, name: str, source: str) -> Clip:
    """A row as a clip, without its empty frames at the end.

    row: (T, 150), or (T, 75) of one person; label_row: one-hot, or () the class itself.
    """
    n_frames = count_until_empty(row)
    frames = row[:n_frames].reshape(n_frames, -1, N_JOINTS, 3)
    return make_clip(name, frames, label=_label(label_row), source=source)


def _label(label_row: NDArray[Any]) -> int:
    if label_row.ndim == 0:
        return int(label_row)
    marked = np.flatnonzero(label_row)
    if len(marked) != 1:
        raise BadRecordingError("malformed", f"{len(marked)} classes are marked in its one-hot label")
    return int(marked[0])
