"""A source is of the format of most of its files; what else lies there is told."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.readers.format_detection import describe_counts, detect, passed_over, survey
from umurl_search.readers.formats import open_reader

CLIP = np.ones((4, 25, 3))


def make_clips(folder: Path, n: int = 4) -> None:
    for number in range(n):
        np.save(folder / f"clip{number}.npy", CLIP)


STRAY = {
    "labels.txt": b"0 1 2 3\n",
    "classes.txt": b"1 wave\n2 kick\n",
    "numbers.txt": b"0\n1\n2\n",
    "segments.txt": b"1,0,10,2\n2,3,9,1\n",
    "row.txt": " ".join(map(str, range(4))).encode(),
    "clip.txt": b" ".join([b"0.5"] * 150) + b"\n",
    "notes.json": b"{}",
    "one.json": json.dumps({"skeletons": np.ones((2, 20, 3)).tolist(), "label": 1}).encode(),
    "labels.pkl": pickle.dumps([0, 1, 2, 3]),
    "own.pkl": pickle.dumps({"split": {}, "annotations": []}),
    "S001C001P001R001A001.skeleton": b"1\n0\n",
    "README": b"about",
    "labels.csv": b"name,label\na,1\n",
}


@pytest.mark.parametrize("name", STRAY)
def test_one_stray_file_hides_no_clips(tmp_path: Path, name: str) -> None:
    make_clips(tmp_path)
    (tmp_path / name).write_bytes(STRAY[name])
    assert detect(tmp_path) == "npy"
    reader = open_reader("npy", (tmp_path,))
    assert len(reader.items()) == 4
    assert passed_over(reader.roots, reader.files()) == {Path(name).suffix or "no suffix": 1}


@pytest.mark.parametrize("labels", [np.arange(4), np.eye(4)])
def test_arrays_called_labels_are_no_clips(tmp_path: Path, labels: np.ndarray) -> None:
    make_clips(tmp_path)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "y_train.npy", labels)
    reader = open_reader(detect(tmp_path), (tmp_path,))
    assert len(reader.items()) == 4
    assert passed_over(reader.roots, reader.files()) == {".npy": 2}


def test_few_files_of_one_format_do_not_hide_many_of_another(tmp_path: Path) -> None:
    make_clips(tmp_path, n=1)
    for number in range(3):
        (tmp_path / f"S001C001P001R001A00{number}.skeleton").write_bytes(b"1\n0\n")
    assert detect(tmp_path) == "ntu-skeleton"


def test_what_is_hidden_does_not_count(tmp_path: Path) -> None:
    make_clips(tmp_path)
    for name in (
        ".DS_Store",
        "._clip0.npy",
        "Thumbs.db",
        "__MACOSX/._a.npy",
        ".git/a.skeleton",
        "__MACOSX/b.npy",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no")
    reader = open_reader(detect(tmp_path), (tmp_path,))
    assert len(reader.items()) == 4
    assert passed_over(reader.roots, reader.files()) == {}


def test_many_files_are_judged_by_some(tmp_path: Path) -> None:
    for number in range(120):
        (tmp_path / f"{number:03d}.npy").touch()
    found = survey(tmp_path)
    assert found.counts == {".npy": 120}
    assert len(found.samples[".npy"]) == 50
    assert found.samples[".npy"][-1].name > "115"


def test_arrays_that_fit_nothing_are_still_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 17, 3)))
    assert detect(tmp_path) == "npy"


@pytest.mark.parametrize(
    ("names", "said", "help_"),
    [
        (
            ["a.trc", "b.trc", "c.md"],
            "2 .trc, 1 .md files",
            "write each recording as a .npy array",
        ),
        (["a.rar"], "recognised, only 1 .rar file;", "unpack the archives first"),
        (["a.avi"], "1 .avi file", "videos hold no joints"),
        (["a.csv", "b.csv"], "2 .csv files", "docs/data-format.md lists what is read"),
        (["a"], "1 with no suffix file", "docs/data-format.md"),
    ],
)
def test_a_source_that_is_not_understood_says_what_lies_there(
    tmp_path: Path, names: list[str], said: str, help_: str
) -> None:
    for name in names:
        (tmp_path / name).write_text("hello")
    with pytest.raises(UmurlError) as raised:
        detect(tmp_path)
    assert said in raised.value.message
    assert help_ in raised.value.typed


def test_counts_are_told_most_first_and_briefly() -> None:
    assert describe_counts({".txt": 1, ".npy": 1200}) == "1,200 .npy, 1 .txt"
    assert describe_counts({f".{letter}": 1 for letter in "abcdefgh"}).endswith(", 1 .f, 2 others")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for suffix in ("txt", "json", "pkl", "npy", "npz", "mat", "csv"):
        os.mkfifo(tmp_path / f"a.{suffix}")
    with pytest.raises(UmurlError, match=r"1 \.csv, 1 \.json, 1 \.mat"):
        detect(tmp_path)
