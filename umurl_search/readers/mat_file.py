"""MATLAB's .mat files of level 5 (`save -v6`, `-v7`): the arrays of numbers and the vectors of text in them.

Structures, objects, sparse and complex arrays are passed over. Nothing in such a file is run.
The layout is described in MathWorks' "MAT-File Format", chapter 1.
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from umurl_search.readers.build_clip import BadRecordingError, read_bytes

_HEAD, _TAG, _WORD = 128, 8, 4
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NEW = b"MATLAB 7.3 MAT-file"
_MATRIX, _COMPRESSED = 14, 15
_ORDERS = {b"IM": "<", b"MI": ">"}
"""How the end of the head says the order of bytes."""
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""type of a data element -> numpy's letter"""
_CLASSES = range(6, 16)
"""The array classes of numbers: double, single, and the integers."""
_CELLS, _CHARACTERS = 1, 4
_WIDE, _ENCODINGS = (4, 17), (1, 2, 4, 16, 17)
"""Types of data elements that hold characters of two bytes, and of any."""
_COMPLEX = 0x0800
_MOST_ELEMENTS, _MOST_CELLS, _MOST_AXES, _MOST_NAME = 1_000, 1_000_000, 8, 63
_MOST_DEFLATED = 1_100
"""More bytes than these do not come out of one deflated byte."""


class _Element(NamedTuple):
    """A data element: its type, and its bytes."""

    kind: int
    data: bytes


class _Matrix(NamedTuple):
    """An array of any class: its flags (with the class in the lowest byte), sizes and name, and what follows."""

    flags: int
    shape: tuple[int, ...]
    name: str
    parts: Iterator[_Element]


_T = TypeVar("_T")
_Read = Callable[[_Matrix, str], _T | None]
"""What reads a matrix in an order of bytes; None where it is of another class."""


def is_mat(head: bytes) -> bool:
    """Whether a file that begins so is a .mat file of any level that says so."""
    return head.startswith((b"MATLAB ", _HDF5)) or head[512:520] == _HDF5


def load_mat(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of numbers in a .mat file, by name. Raises: BadRecordingError."""
    return dict(_read_matrices(path, _read_numbers))


def load_mat_text(path: Path) -> dict[str, list[str]]:
    """The vectors of text in a .mat file, by name: matrices of characters with a text a row, and cells of text.

    Raises: BadRecordingError.
    """
    return dict(_read_matrices(path, _read_text))


def _read_matrices(path: Path, read: "_Read[_T]") -> Iterator[tuple[str, _T]]:
    content = read_bytes(path)
    if content.startswith((_NEW, _HDF5)) or content[512:520] == _HDF5:
        detail = "a .mat file of version 7.3 (HDF5), which is not read: save it in MATLAB with '-v7'"
        raise BadRecordingError("malformed", detail, path)
    order = _ORDERS.get(content[126:_HEAD])
    if order is None:
        raise BadRecordingError("malformed", "no .mat file of level 5", path)
    try:
        yield from _read_arrays(content[_HEAD:], order, read)
    except (struct.error, ValueError, IndexError, zlib.error) as error:
        raise BadRecordingError("malformed", f"a damaged .mat file ({error})", path) from None


def _read_arrays(content: bytes, order: str, read: "_Read[_T]") -> Iterator[tuple[str, _T]]:
    for element in _split_elements(content, order):
        packed = element.kind == _COMPRESSED
        inner = next(_split_elements(_inflate(element.data, order), order), None) if packed else element
        if inner is not None and inner.kind == _MATRIX:
            matrix = _split_matrix(inner.data, order)
            found = read(matrix, order)
            if found is not None:
                yield matrix.name, found


def _inflate(data: bytes, order: str) -> bytes:
    """The element in a compressed one, no more than its tag announces.

    Raises: ValueError for data that do not end, or later than announced, zlib.error for damaged ones.
    """
    announced = _announced_bytes(data, order)
    if announced > _MOST_DEFLATED * len(data):
        raise ValueError("a compressed part ends too soon")
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(data, announced + _TAG)
    if not unpacker.eof:
        raise ValueError("a compressed part does not end where it should")
    return content


def _announced_bytes(data: bytes, order: str) -> int:
    """The size of the element in a compressed one, by its tag. Raises: struct.error, zlib.error."""
    _, length = struct.unpack_from(f"{order}II", zlib.decompressobj().decompress(data, _TAG))
    return _TAG + int(length)


def unpacked_size(path: Path) -> int:
    """The bytes that the compressed parts of a .mat file take, at most, once read. Raises: BadRecordingError."""
    content = read_bytes(path)
    order = _ORDERS.get(content[126:_HEAD], "<")
    try:
        parts = _split_elements(content[_HEAD:], order)
        return sum(_announced_bytes(one.data, order) for one in parts if one.kind == _COMPRESSED)
    except (struct.error, ValueError, zlib.error) as error:
        raise BadRecordingError("malformed", f"a damaged .mat file ({error})", path) from None


def _split_elements(content: bytes, order: str, *, most: int = _MOST_ELEMENTS) -> Iterator[_Element]:
    """The data elements that lie one after the other. Raises: ValueError where one ends too soon."""
    at = 0
    for _ in range(most):
        if at + _TAG > len(content):
            return
        kind, length = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # a small one: its bytes lie in the tag
            kind, length, start, after = kind & 0xFFFF, kind >> 16, at + _WORD, at + _TAG
        else:
            start = at + _TAG
            after = start + length if kind == _COMPRESSED else start + -(-length // _TAG) * _TAG
        if start + length > min(after, len(content)):
            raise ValueError("a part ends too soon")
        yield _Element(kind, content[start : start + length])
        at = after


def _split_matrix(content: bytes, order: str) -> _Matrix:
    """The head of an array. Raises: ValueError, struct.error where it is damaged."""
    parts = _split_elements(content, order, most=_MOST_CELLS)
    flags, sizes, name = next(parts, None), next(parts, None), next(parts, None)
    if flags is None or sizes is None or name is None or len(name.data) > _MOST_NAME:
        raise ValueError("an array without its head")
    (said,) = struct.unpack_from(f"{order}I", flags.data)
    shape = tuple(np.frombuffer(sizes.data, f"{order}i4").tolist())
    return _Matrix(said, shape, name.data.decode("latin1"), parts)


def _read_numbers(matrix: _Matrix, order: str) -> NDArray[np.generic] | None:
    """The numbers of an array, None for one that is not of real numbers. Raises: ValueError where it is damaged."""
    numbers, shape = next(matrix.parts, None), matrix.shape
    is_real = matrix.flags & 0xFF in _CLASSES and not matrix.flags & _COMPLEX
    if not is_real or numbers is None or numbers.kind not in _NUMBERS:
        return None
    values = np.frombuffer(numbers.data, order + _NUMBERS[numbers.kind])
    if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers in an array of {str(shape)[:80]}")
    return values.reshape(shape, order="F")


def _read_text(matrix: _Matrix, order: str) -> list[str] | None:
    """The texts of a matrix of characters, or of cells that hold one each; None for anything else."""
    kind = matrix.flags & 0xFF
    if kind == _CHARACTERS and min(matrix.shape, default=-1) >= 0:
        return _read_characters(matrix, order)
    if kind != _CELLS:
        return None
    cells = [_split_matrix(one.data, order) for one in matrix.parts if one.kind == _MATRIX]
    texts = [_read_characters(one, order) for one in cells if one.flags & 0xFF == _CHARACTERS]
    found = [text[0] for text in texts if text is not None and len(text) == 1]
    return found if len(found) == len(cells) else None


def _read_characters(matrix: _Matrix, order: str) -> list[str] | None:
    """A text a row, without the blanks that fill it up; None where characters and sizes do not agree."""
    element = next(matrix.parts, None)
    if element is None or element.kind not in _ENCODINGS:
        return None
    encoding = {"<": "utf-16-le", ">": "utf-16-be"}[order] if element.kind in _WIDE else "utf-8"
    text = element.data.decode(encoding, "replace")
    if math.prod(matrix.shape) != len(text):
        return None
    if not text:
        return []
    rows = np.array(list(text), "U1").reshape(matrix.shape, order="F").reshape(-1, matrix.shape[-1])
    return ["".join(row).rstrip() for row in rows]
