"""Names and labels that lie as text beside an array of many clips."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from umurl_search.readers.set_names import (
    find_names,
    find_names_beside,
    find_text_labels,
    part_in,
    read_texts,
    words_of,
)

AB = ["a", "b"]


def test_words_and_the_part_that_they_name() -> None:
    assert words_of("X_trainData-2") == {"x", "train", "data"}
    assert (part_in({"x", "val"}), part_in({"training"}), part_in({"x"})) == ("test", "train", None)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ({"names": AB}, AB),
        ({"who": AB}, AB),
        ({"who": AB, "what": ["c", "d"]}, None),
        ({"who": AB, "video_id": ["c", "d"]}, ["c", "d"]),
        ({"label": AB}, None),
        ({"names": ["a", "a"]}, None),
        ({"names": ["a.skeleton", " b "]}, AB),
        ({"train_names": AB}, None),
        ({"names": ["a", "x" * 201]}, None),
    ],
)
def test_the_vector_that_names_clips(texts: dict[str, list[str]], names: list[str] | None) -> None:
    assert find_names(texts, part=None, n=2) == names


def test_the_vector_of_labels() -> None:
    texts = {"class_names": AB, "train_label": AB, "label": ["c ", "c"]}
    assert find_text_labels(texts, part=None, n=2) == ["c", "c"]
    assert find_text_labels(texts, part="train", n=2) == AB
    assert find_text_labels(texts, part=None, n=3) is None


def test_a_file_of_several_arrays_must_be_called_as_its_array(tmp_path: Path) -> None:
    for name in ("X_names.txt", "names.txt"):
        (tmp_path / name).write_text("a\nb\n")
    files = sorted(tmp_path.iterdir())
    assert find_names_beside(files, stem="X", part=None, n=2, alone=False) == (AB, tmp_path / "X_names.txt")
    assert find_names_beside(files, stem="Z", part=None, n=2, alone=False) is None
    assert find_names_beside(files, stem="Z", part=None, n=2, alone=True) == (AB, tmp_path / "X_names.txt")


def test_a_damaged_file_holds_no_text(tmp_path: Path) -> None:
    for name in ("a.npz", "a.mat"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 nothing")
        assert read_texts(tmp_path / name) == {}
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive, archive.open("names.npy", "w") as stream:
        np.save(stream, AB)
        stream.write(b"more")
    assert read_texts(tmp_path / "b.npz") == {}
    np.savez(tmp_path / "c.npz", names=np.array([b"a", "é".encode()]), n=3)
    assert read_texts(tmp_path / "c.npz") == {"names": ["a", "é"]}
    assert read_texts(tmp_path / "c.npy") == {}
