"""The head of a `.npy` file: what the array is and how many bytes it must have, before any are read."""

import io
import math
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from encoder.errors import reason_of

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
"""version -> bytes of the header's length."""
_MOST_HEADER_BYTES, _MOST_AXES, _SHAPE_SHOWN = 2**16, 32, 100


@dataclass(frozen=True, kw_only=True)
class Header:
    """shape and dtype of the array, whether it lies column by column, and where in the file it starts."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    offset: int

    @property
    def n_bytes(self) -> int:
        """The size that the file must have."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes], *, kinds: str = "iuf") -> Header:
    """The header at the beginning of a stream, which is left at the array's first byte.

    kinds: of values that are taken, in numpy's letters; numbers unless said.
    Raises: ValueError where there is none, or it announces anything else.
    """
    try:
        shape, fortran_order, dtype = _parse_header(stream)
    except Exception as error:  # a crooked header fails in many ways inside numpy
        raise ValueError(f"no npy header ({reason_of(error)})") from error
    if dtype.hasobject:
        raise ValueError("holds Python objects, not numbers: refused, they may run code")
    if dtype.kind not in kinds:
        raise ValueError(f"holds {dtype}, not numbers")
    if (
        any(length < 0 for length in shape)
        or len(shape) > _MOST_AXES
        or math.prod(max(1, length) for length in shape) * dtype.itemsize >= 2**63  # numpy heeds no zero
    ):
        raise ValueError(f"a shape of {str(shape)[:_SHAPE_SHOWN]}")
    return Header(
        shape=tuple(map(int, shape)), dtype=dtype, fortran_order=fortran_order, offset=stream.tell()
    )


def _parse_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Reads no more than a header may have, whatever length it claims."""
    version = npy_format.read_magic(stream)
    if version not in _LENGTH_BYTES:
        raise ValueError(f"version {version} of the format is not read")
    length = stream.read(_LENGTH_BYTES[version])
    n_bytes = int.from_bytes(length, "little")
    if n_bytes > _MOST_HEADER_BYTES:
        raise ValueError(f"a header of {n_bytes} bytes")
    header = io.BytesIO(length + stream.read(n_bytes))
    if version == (1, 0):
        return npy_format.read_array_header_1_0(header)
    return npy_format.read_array_header_2_0(header)
