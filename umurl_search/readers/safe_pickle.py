"""Pickles of plain data and numpy arrays, read without running what they ask for.

A pickle is a program: it names functions and calls them, and says how large its tables are to be. What it says is
looked over first (`_require_modest`). Here the few names that numpy's own pickles use stand for functions
of this module, which check what they are given; every other name is refused. So neither code nor a crooked
array state (a wrong item size, say) gets as far as numpy.
"""

import io
import mmap
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from umurl_search.readers.build_clip import describe

_PLAIN = re.compile(r"[biufSU]\d{1,4}")
_EMPTY_TEXT = re.compile(r"[SU]0+")


_MOST_EMPTY = 1_000_000


class RefusedError(Exception):
    """A pickle that asks for what is not plain data."""


class _Dtype:
    """Stands for numpy.dtype: numbers, booleans and strings only."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        if not isinstance(spec, str) or not _PLAIN.fullmatch(spec) or _EMPTY_TEXT.fullmatch(spec):
            raise RefusedError(f"it holds an array of {describe(spec)}, which is not plain data")
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
            raise RefusedError("it holds an array without plain values")
        state = (1, shape, dtype.numpy, bool(fortran_order), values)
        super().__setstate__(state)
        if not self.size and max(self.shape, default=0) > _MOST_EMPTY:
            raise RefusedError("it holds an array of very many rows and no values")

    def __setitem__(self, key: Any, value: Any) -> None:
        raise RefusedError("it changes an array")


class _Function:
    """Calls a function of this module; a pickle can neither alter it nor give it attributes."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise RefusedError("it changes a function")


def _reconstruct(kind: object, shape: object, typecode: object) -> _Array:
    return _Array((0,), np.int8)


def _scalar(dtype: _Dtype, value: bytes | str) -> Any:
    raw = value.encode("latin1") if isinstance(value, str) else value
    return np.frombuffer(raw, dtype.numpy, count=1)[0]


def _frombuffer(values: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    array: NDArray[Any] = np.frombuffer(values, dtype.numpy)
    return array.reshape(shape, order="F" if order == "F" else "C").view(_Array)


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of the oldest protocols write them."""
    if encoding != "latin1":
        raise RefusedError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): "numpy.ndarray",
    ("_codecs", "encode"): _Function(_encode),
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Function(_reconstruct)),
            ("multiarray", "scalar", _Function(_scalar)),
            ("numeric", "_frombuffer", _Function(_frombuffer)),
        )
    },
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise RefusedError(f"the pickle asks for {module}.{name}, which is not plain data") from None


class _ObjectDtype(_Dtype):
    """The same, or the type of arrays of objects, which has no numpy type here."""

    def __init__(self, spec: object, align: object = False, copy: object = True) -> None:
        self.is_object = spec in ("O8", "O", "|O")
        super().__init__("i1" if self.is_object else spec, align, copy)


class _ObjectArray(_Array):
    """The same; one of objects is kept as the list of them: it holds no object itself."""

    held: list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        dtype, values = state[-3], state[-1]
        if not isinstance(dtype, _ObjectDtype) or not dtype.is_object:
            super().__setstate__(state)
        elif self.held is not None or not isinstance(values, list):
            raise RefusedError("it holds an array of objects without a list of them")
        else:
            self.held = values


def _reconstruct_any(kind: object, shape: object, typecode: object) -> _ObjectArray:
    return _ObjectArray((0,), np.int8)


class _ObjectUnpickler(_PlainUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "dtype"):
            return _ObjectDtype
        if name == "_reconstruct" and (module, name) in _ALLOWED:
            return _Function(_reconstruct_any)
        return super().find_class(module, name)


def load_objects(content: bytes) -> Any:
    """What a pickled array of objects holds, as a list; each of them is plain data, as `load` gives it.

    Raises: RefusedError for what is not plain data; a damaged pickle may fail in any way.
    """
    _require_modest(content)
    found = _ObjectUnpickler(io.BytesIO(content), encoding="latin1").load()
    return found.held if isinstance(found, _ObjectArray) else found


def _arguments() -> list[int]:
    """By opcode, the bytes of its argument, or how they are told: one of the negative numbers below."""
    found = [_UNKNOWN] * 256
    for opcode in pickletools.opcodes:
        n_bytes = opcode.arg.n if opcode.arg else 0
        found[ord(opcode.code)] = n_bytes if n_bytes >= 0 else _TOLD.get(n_bytes, _LINE)
    found[ord("c")] = found[ord("i")] = _TWO_LINES
    return found


_UNKNOWN, _LINE, _TWO_LINES = -10, -11, -12
_TOLD = {
    pickletools.TAKEN_FROM_ARGUMENT1: -1,
    pickletools.TAKEN_FROM_ARGUMENT4: -4,
    pickletools.TAKEN_FROM_ARGUMENT4U: -4,
    pickletools.TAKEN_FROM_ARGUMENT8U: -8,
}
"""-n: the argument's length comes before it in n bytes."""
_ARGUMENTS = _arguments()
_STOP, _PUT, _LONG_PUT = b".pr"
_SETS = b"\x8f\x90\x91"


def _require_modest(content: bytes | mmap.mmap) -> None:
    """Raises where a pickle has its reader make room that its size does not warrant, before anything is read.

    That is a place in the table of what was read so far that is beyond the bytes so far (the table is made that
    long at once), text longer than the file, or sets, of which an empty one takes 200 bytes.
    """
    at, end, arguments = 0, len(content), _ARGUMENTS
    while at < end:
        code = content[at]
        n_bytes = arguments[code]
        if n_bytes >= 0:
            if code == _LONG_PUT and int.from_bytes(content[at + 1 : at + 5], "little") > at:
                raise RefusedError("it skips places in its table")
            if code == _STOP:
                return
            if code in _SETS:
                raise RefusedError("it holds sets, which no format does")
            at += 1 + n_bytes
        elif n_bytes >= -8:
            length = int.from_bytes(content[at + 1 : at + 1 - n_bytes], "little")
            at += 1 - n_bytes + length
        else:
            at = _after_lines(content, at, code=code)
    raise pickle.UnpicklingError("it ends before its end mark")


def _after_lines(content: bytes | mmap.mmap, at: int, *, code: int) -> int:
    """The position after an opcode whose argument is one line or two."""
    if _ARGUMENTS[code] == _UNKNOWN:
        raise pickle.UnpicklingError(f"no opcode {code}")
    ended = content.find(b"\n", at + 1)
    if code == _PUT and int(content[at + 1 : ended]) > at:
        raise RefusedError("it skips places in its table")
    if ended >= 0 and _ARGUMENTS[code] == _TWO_LINES:
        ended = content.find(b"\n", ended + 1)
    if ended < 0:
        raise pickle.UnpicklingError("it ends within a line")
    return ended + 1


def load(path: Path) -> Any:
    """What a pickle holds: built-in values and numpy arrays of numbers, booleans or strings.

    Text of Python 2 is read as latin1. Arrays may be of a private subclass: use them through np.asarray.
    Raises: UmurlError for a pickle that asks for anything else, is damaged, or cannot be read.
    """
    if not path.is_file() and path.exists():
        raise BadInputError(f"{path}: cannot be read: it is no regular file", "give a file")
    try:
        with open(path, "rb") as stream:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _require_modest(content)
            return _PlainUnpickler(stream, encoding="latin1").load()
    except RefusedError as error:
        raise BadInputError(f"{path}: refused: {error}", "give a pickle of plain data alone") from error
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be read ({error.strerror})", "mend that and run the command again"
        ) from error
    except Exception as error:  # a damaged pickle may fail in any way
        raise BadInputError(f"{path}: no whole pickle ({reason_of(error)})", "fetch it again") from error
