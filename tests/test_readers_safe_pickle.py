"""Pickles of plain data: read, or refused without running what they ask for."""

import collections
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.readers.safe_pickle import load

PYTHON_2 = (
    b"\x80\x02U\x04nameq\x00cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02"
    b"K\x00\x85q\x03U\x01bq\x04\x87q\x05Rq\x06(K\x01K\x02\x85q\x07cnumpy\ndtype\nq\x08U\x02f4q\tK\x00K\x01\x87q\n"
    b"Rq\x0b(K\x03U\x01<q\x0cNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\rb\x89U\x08\x00\x00\x80?\x00\x00\xe0\xc0"
    b"q\x0etq\x0fb\x86q\x10."
)
"""A pair of a str and np.array([1, -7], np.float32) as Python 2 pickles it: bytes above 127 in a str."""


class Runs:
    """Pickles as a call of os.system."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "some.pkl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("core", [b"numpy._core.", b"numpy.core."])
@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i8", "u1", "?", "U3", "S3"])
def test_arrays_and_plain_data_come_back(tmp_path: Path, dtype: str, protocol: int, core: bytes) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    data: dict[str, Any] = {
        "a": [array, array.T, array[:1]],
        "n": (1, 2.5, None, True, "ö", b"\xff", array[1, 2]),
    }
    content = pickle.dumps(data, protocol).replace(b"numpy._core.", core)
    if protocol >= 4 and core == b"numpy.core.":
        content = content.replace(b"\x16numpy.core.", b"\x15numpy.core.")  # length of the module's name
        content = re.sub(rb"\x95.{8}", b"", content, flags=re.DOTALL)  # frames, whose length changed too
        content = content.replace(b"\x13numpy.core.num", b"\x12numpy.core.num")
    loaded = load(write(tmp_path, content))
    assert loaded["n"] == data["n"]
    for got, wanted in zip(loaded["a"], data["a"], strict=True):
        assert got.dtype.newbyteorder("=") == wanted.dtype.newbyteorder("=")
        np.testing.assert_array_equal(np.asarray(got), wanted)


def test_python_2_pickles_are_read_as_latin1(tmp_path: Path) -> None:
    name, array = load(write(tmp_path, PYTHON_2))
    assert name == "name"
    np.testing.assert_array_equal(np.asarray(array), np.array([1, -7], np.float32))


@pytest.mark.parametrize("protocol", range(6))
def test_code_does_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path, pickle.dumps([1, Runs(f"touch {marker}")], protocol))
    wanted = (
        rf"^{re.escape(str(path))}: refused: the pickle asks for (posix|nt)\.system, which is not plain data; "
        "give a pickle of plain data alone$"
    )
    with raises_typed(wanted):
        load(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists(), "the pickle would have run its command"


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(collections.OrderedDict()),
        pickle.dumps(Path("x")),
        pickle.dumps(print),
        b"cnumpy\nload\n(S'/etc/hostname'\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(S'/etc/hostname'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
    ],
)
def test_every_other_name_is_refused(tmp_path: Path, content: bytes) -> None:
    with raises_typed(
        r"refused: the pickle asks for \S+, which is not plain data; give a pickle of plain data alone$",
    ):
        load(write(tmp_path, content))


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, "a", None], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([1j]),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_of_anything_else_are_refused(tmp_path: Path, array: Any, protocol: int) -> None:
    with pytest.raises(UmurlError, match=r"some\.pkl: refused: it holds an array of '\w+', which is not"):
        load(write(tmp_path, pickle.dumps(array, protocol)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pickle.dumps(np.arange(500.0))[:-100],
        pickle.dumps({"a": [1, 2, 3]})[:-1],
        PYTHON_2.replace(b"K\x01K\x02\x85", b"K\x01K\x09\x85"),  # a shape larger than its values
        b"cnumpy\nndarray\n(I1000000000\ntR.",
        b"\x80\x04X\xff\xff\xff\x7fa.",
    ],
)
def test_damaged_pickles_are_errors(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UmurlError, match=r"some\.pkl: no whole pickle \("):
        load(write(tmp_path, content))


def test_a_pickle_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    content = pickle.dumps((["a", "b"], [1, 2], np.arange(4.0)))
    for n_bytes in range(len(content)):
        with pytest.raises(UmurlError):
            load(write(tmp_path, content[:n_bytes]))


def test_a_crooked_dtype_state_does_not_reach_numpy(tmp_path: Path) -> None:
    sizes = b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"
    content = PYTHON_2.replace(sizes, b"J\x00\x00\x00\x40J\x00\x00\x00\x40K\x3f")
    assert content != PYTHON_2
    assert np.asarray(load(write(tmp_path, content))[1]).dtype.itemsize == 4


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with raises_typed(r"gone\.pkl: cannot be read \(No such file or directory\); mend that"):
        load(tmp_path / "gone.pkl")
