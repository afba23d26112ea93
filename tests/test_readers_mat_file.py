"""MATLAB's .mat files, against those that scipy writes."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.mat_file import is_mat, load_mat, load_mat_text, unpacked_size

SKELETON = np.arange(20 * 3 * 7).reshape(20, 3, 7) / 8


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "i8"])
def test_arrays_of_numbers_are_read(tmp_path: Path, packed: bool, dtype: str) -> None:
    array = SKELETON.astype(dtype)
    savemat(tmp_path / "a.mat", {"d_skel": array, "n": 7}, do_compression=packed)
    assert is_mat((tmp_path / "a.mat").read_bytes()[:600])
    found = load_mat(tmp_path / "a.mat")
    assert sorted(found) == ["d_skel", "n"]
    assert (found["d_skel"] == array).all()
    assert found["d_skel"].dtype == array.dtype


def test_what_is_no_array_of_real_numbers_is_passed_over(tmp_path: Path) -> None:
    others = {
        "text": "wave",
        "structure": {"a": 1.0},
        "complex": 1j * SKELETON,
        "cells": np.array([[1, "a"]], object),
    }
    savemat(tmp_path / "a.mat", {**others, "d_skel": SKELETON})
    assert list(load_mat(tmp_path / "a.mat")) == ["d_skel"]


def test_a_file_of_version_7_3_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    for content in (b"MATLAB 7.3 MAT-file, Platform" + bytes(600), b"\x89HDF\r\n\x1a\n" + bytes(600)):
        path.write_bytes(content)
        with pytest.raises(BadRecordingError, match=r"version 7\.3 \(HDF5\).*'-v7'"):
            load_mat(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_said_to_be_so(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"d_skel": SKELETON}, do_compression=packed)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(BadRecordingError, match=r"a damaged \.mat file"):
        load_mat(path)
    path.write_bytes(b"hello" * 100)
    with pytest.raises(BadRecordingError, match=r"no \.mat file of level 5"):
        load_mat(path)


def test_a_shape_that_its_numbers_do_not_fill_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"d_skel": SKELETON})
    sizes = np.array([20, 3, 7], "<i4").tobytes()
    path.write_bytes(path.read_bytes().replace(sizes, np.array([20, 3, 2**30], "<i4").tobytes()))
    with pytest.raises(BadRecordingError, match="420 numbers in an array of"):
        load_mat(path)


@pytest.mark.parametrize("packed", [False, True])
def test_vectors_of_text_are_read(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.mat"
    names = ["wave", "a b", "kick"]
    content = {
        "matrix": np.array(names),
        "cells": np.array(names, object),
        "one": "wave",
        "mixed": np.array(["a", 1.0], object),
        "empty": np.array([], object),
        "d_skel": SKELETON,
    }
    savemat(path, content, do_compression=packed)
    found = load_mat_text(path)
    assert found.pop("empty") == []
    assert found == {"matrix": names, "cells": names, "one": ["wave"]}


def test_text_whose_size_is_not_its_own_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"names": np.array(["wave", "kick"])})
    content = path.read_bytes()
    at = content.index((2).to_bytes(4, "little") + (4).to_bytes(4, "little"))
    path.write_bytes(content[:at] + (3).to_bytes(4, "little") + content[at + 4 :])
    assert load_mat_text(path) == {}


def test_a_compressed_part_is_no_longer_than_it_announces(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"d_skel": SKELETON, "n": 7}, do_compression=True)
    content = path.read_bytes()
    n_bytes = int.from_bytes(content[132:136], "little")
    inner = zlib.decompress(content[136 : 136 + n_bytes])
    assert unpacked_size(path) == len(inner) + 64
    packed = zlib.compress(inner + bytes(100_000))
    path.write_bytes(content[:132] + len(packed).to_bytes(4, "little") + packed)
    with pytest.raises(BadRecordingError, match="a compressed part does not end where it should"):
        load_mat(path)
    savemat(path, {"d_skel": SKELETON})
    assert unpacked_size(path) == 0
    path.write_bytes(content[:-20])
    with pytest.raises(BadRecordingError, match=r"a damaged \.mat file"):
        unpacked_size(path)
