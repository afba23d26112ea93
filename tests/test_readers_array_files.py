"""The array that is the clip, in `.npz` and `.mat` files and those of an array alone."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from umurl_search.readers.array_files import (
    is_likely_clip,
    load_clip_array,
    load_npz,
    read_shapes,
    unpacked_size,
)
from umurl_search.readers.build_clip import BadRecordingError

CLIP = np.random.default_rng(2).normal(size=(6, 25, 3)).astype("f4")
JOINTS = (25, 20)


def save(path: Path, **arrays: Any) -> Path:
    if path.suffix == ".mat":
        savemat(path, arrays)
    else:
        np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_the_only_clip_in_a_file_is_found(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", fps=30, label=np.array([1, 2]), anything=CLIP)
    assert (load_clip_array(path, layout=None) == CLIP).all()
    assert read_shapes(path)["anything"] == (6, 25, 3)
    assert is_likely_clip(path)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_of_several_the_name_decides(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", other=CLIP + 1, keypoints=CLIP)
    assert (load_clip_array(path, layout=None) == CLIP).all()
    path = save(tmp_path / f"b{suffix}", one=CLIP, two=CLIP)
    with pytest.raises(
        BadRecordingError, match=r"several of its arrays may be the clip: one \(6, 25, 3\), two"
    ):
        load_clip_array(path, layout=None)


def test_a_file_without_a_clip_says_what_is_there(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", pose=np.ones((6, 17, 3)))
    with pytest.raises(
        BadRecordingError,
        match=r"none of its arrays is a clip of 25 or 20 or .* joints: pose \(6, 17, 3\)$",
    ):
        load_clip_array(path, layout=None)
    assert not is_likely_clip(path)
    path = save(tmp_path / "b.npz", x=np.ones((9, 40, 25, 3)))
    with pytest.raises(BadRecordingError, match="which is many clips"):
        load_clip_array(path, layout=None)


def test_objects_are_passed_over(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", about=np.array([{"a": 1}], dtype=object), x=CLIP)
    assert list(load_npz(tmp_path / "a.npz")) == ["x"]


def test_a_bomb_and_a_damaged_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    out = io.BytesIO()
    np.save(out, CLIP)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", out.getvalue())
    with pytest.raises(BadRecordingError, match="packed as numpy packs nothing"):
        load_npz(path)
    whole = save(tmp_path / "b.npz", x=CLIP).read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[:40] + b"\0" * 40 + whole[80:])
    with pytest.raises(BadRecordingError):
        load_npz(tmp_path / "b.npz")
    (tmp_path / "b.npz").write_bytes(whole[:100])
    with pytest.raises(BadRecordingError):
        load_npz(tmp_path / "b.npz")


def test_the_size_of_arrays_is_known_before_they_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((100, 25, 3)), y=np.arange(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("notes.txt", "hello")
    assert unpacked_size(tmp_path / "a.npz") == 8 * (7_500 + 3) + 2 * 128
    np.save(tmp_path / "a.npy", np.zeros(3))
    assert unpacked_size(tmp_path / "a.npy") == 0
