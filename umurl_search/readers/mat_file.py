"""MATLAB's .mat files of level 5 (`save -v6`, `-v7`): the arrays of numbers in them, and nothing else.

Cells, structures, objects, sparse and complex arrays are passed over. Nothing in such a file is run.
The layout is described in MathWorks' "MAT-File Format", chapter 1.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.readers.build_clip import BadRecordingError, read_bytes

_HEAD, _TAG, _WORD = 128, 8, 4
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NEW = b"MATLAB 7.3 MAT-file"
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""type of a data element -> numpy's letter"""
_CLASSES = range(6, 16)
"""The array classes of numbers: double, single, and the integers."""
_COMPLEX = 0x0800
_MOST_ELEMENTS, _MOST_AXES, _MOST_NAME = 1_000, 8, 63
_MOST_DEFLATED = 1_100
"""More bytes than these do not come out of one deflated byte."""


class _Element(NamedTuple):
    """A data element: its type, and its bytes."""

    kind: int
    data: bytes


def is_mat(head: bytes) -> bool:
    """Whether a file that begins so is a .mat file of any level that says so."""
    return head.startswith((b"MATLAB ", _HDF5)) or head[512:520] == _HDF5


def load_mat(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of numbers in a .mat file, by name. Raises: BadRecordingError."""
    content = read_bytes(path)
    if content.startswith((_NEW, _HDF5)) or content[512:520] == _HDF5:
        detail = "a .mat file of version 7.3 (HDF5), which is not read: save it in MATLAB with '-v7'"
        raise BadRecordingError("malformed", detail, path)
    order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEAD])
    if order is None:
        raise BadRecordingError("malformed", "no .mat file of level 5", path)
    try:
        return dict(_read_arrays(content[_HEAD:], order))
    except (struct.error, ValueError, IndexError, zlib.error) as error:
        raise BadRecordingError("malformed", f"a damaged .mat file ({error})", path) from None


def _read_arrays(content: bytes, order: str) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for element in _split_elements(content, order):
        packed = element.kind == _COMPRESSED
        inner = next(_split_elements(_inflate(element.data), order), None) if packed else element
        found = _read_matrix(inner.data, order) if inner is not None and inner.kind == _MATRIX else None
        if found is not None:
            yield found


def _inflate(data: bytes) -> bytes:
    """Raises: ValueError for data that do not end, zlib.error for damaged ones."""
    unpacker = zlib.decompressobj()
    content = unpacker.decompress(data, _MOST_DEFLATED * len(data) + 1)
    if not unpacker.eof:
        raise ValueError("a compressed part ends too soon")
    return content


def _split_elements(content: bytes, order: str) -> Iterator[_Element]:
    """The data elements that lie one after the other. Raises: ValueError where one ends too soon."""
    at = 0
    for _ in range(_MOST_ELEMENTS):
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


def _read_matrix(content: bytes, order: str) -> tuple[str, NDArray[np.generic]] | None:
    """The name and numbers of an array, None for one that is not of real numbers.

    Raises: ValueError, struct.error where it is damaged.
    """
    parts = _split_elements(content, order)
    flags, sizes, name = next(parts, None), next(parts, None), next(parts, None)
    if flags is None or sizes is None or name is None or len(name.data) > _MOST_NAME:
        raise ValueError("an array without its head")
    (said,) = struct.unpack_from(f"{order}I", flags.data)
    numbers = next(parts, None)
    if said & 0xFF not in _CLASSES or said & _COMPLEX or numbers is None or numbers.kind not in _NUMBERS:
        return None
    shape = tuple(np.frombuffer(sizes.data, f"{order}i4").tolist())
    values = np.frombuffer(numbers.data, order + _NUMBERS[numbers.kind])
    if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers in an array of {str(shape)[:80]}")
    return name.data.decode("latin1"), values.reshape(shape, order="F")
