"""Pickles of plain data and numpy arrays, read without running what they ask for.

A pickle names functions and calls them. Here the few names that numpy's own pickles use stand for functions
of this module, which check what they are given; every other name is refused. So neither code nor a crooked
array state (a wrong item size, say) gets as far as numpy.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError

_PLAIN = re.compile(r"[biufSU]\d{1,4}")


class _RefusedError(Exception):
    pass


class _Dtype:
    """Stands for numpy.dtype: numbers, booleans and strings only."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        if not isinstance(spec, str) or not _PLAIN.fullmatch(spec):
            raise _RefusedError(f"it holds an array of {spec!r}, which is not plain data")
        self.numpy: np.dtype[Any] = np.dtype(spec)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.numpy = self.numpy.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """An array whose state is checked before it is taken over."""

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran_order, values = state[-4:]
        if isinstance(values, str):  # written by Python 2
            values = values.encode("latin1")
        if not isinstance(dtype, _Dtype) or not isinstance(values, bytes):
            raise _RefusedError("it holds an array without plain values")
        state = (1, shape, dtype.numpy, bool(fortran_order), values)
        super().__setstate__(state)


def _reconstruct(kind: object, shape: object, typecode: object) -> _Array:
    return _Array((0,), np.int8)


def _scalar(dtype: _Dtype, value: bytes | str) -> Any:
    raw = value.encode("latin1") if isinstance(value, str) else value
    return np.frombuffer(raw, dtype.numpy, count=1)[0]


def _frombuffer(values: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    array: NDArray[Any] = np.frombuffer(values, dtype.numpy)
    return array.reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of the oldest protocols write them."""
    if encoding != "latin1":
        raise _RefusedError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "numpy.ndarray",
    ("_codecs", "encode"): _encode,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _RefusedError(f"the pickle asks for {module}.{name}, which is not plain data") from None


def load(path: Path) -> Any:
    """What a pickle holds: built-in values and numpy arrays of numbers, booleans or strings.

    Text of Python 2 is read as latin1. Arrays may be of a private subclass: use them through np.asarray.
    Raises: UmurlError for a pickle that asks for anything else, is damaged, or cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return _PlainUnpickler(stream, encoding="latin1").load()
    except _RefusedError as error:
        raise UmurlError(f"{path}: refused: {error}") from error
    except OSError as error:
        raise UmurlError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle may fail in any way
        raise UmurlError(f"{path}: no whole pickle ({type(error).__name__}: {error})") from error
