"""Labels that lie beside an array."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.readers.label_file import (
    LabelColumn,
    is_table,
    number_actions,
    read_labels,
    to_class,
    to_labels,
)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 2, 1], [0, 2, 1]),
        (np.array([0, 2, 1]), [0, 2, 1]),
        (np.array([[0], [2], [1]], "f4"), [0, 2, 1]),
        (np.array([[0, 2, 1]]), [0, 2, 1]),
        (np.eye(3)[[0, 2, 1]], [0, 2, 1]),
        (["wave", "3"], ["wave", 3]),
        (np.array([b"a", b"b"]), ["a", "b"]),
    ],
)
def test_labels_come_in_many_forms(values: Any, labels: list[int | str]) -> None:
    assert to_labels(values) == labels


@pytest.mark.parametrize(
    "values", [{"a": 1}, 7, np.ones((2, 2)), np.ones((2, 2, 2)), [0.5], [None], np.array([np.nan])]
)
def test_what_is_no_label_is_refused(values: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_labels(values)


def test_text_is_numbered_in_alphabetical_order() -> None:
    assert number_actions([3, 0]) == {}
    assert to_class(3, {}) == (3, None)
    actions = number_actions(["kick", "wave", "clap", "kick"])
    assert actions == {"clap": 0, "kick": 1, "wave": 2}
    assert to_class("kick", actions) == (1, "kick")


def test_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([1, 0]))
    (tmp_path / "a.txt").write_text("1\n0\n")
    (tmp_path / "b.txt").write_text("one.skeleton 1\ntwo 0\n")
    (tmp_path / "c.csv").write_text("name,label\none,1\ntwo,0\n")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps((["one.skeleton", "two"], [1, 0])))
    (tmp_path / "b.pkl").write_bytes(pickle.dumps([1, 0]))
    named = LabelColumn([1, 0], ["one", "two"])
    for name, wanted in {
        "a.npy": LabelColumn([1, 0]),
        "a.txt": LabelColumn([1, 0]),
        "b.txt": named,
        "c.csv": named,
        "a.pkl": named,
        "b.pkl": LabelColumn([1, 0]),
    }.items():
        assert read_labels(tmp_path / name) == wanted, name


def test_a_file_without_labels_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": 1}))
    np.save(tmp_path / "a.npy", np.ones((2, 2, 2)))
    (tmp_path / "a.txt").write_bytes(b"\xff\xff")
    for name in ("a.pkl", "a.npy", "a.txt"):
        with pytest.raises(UmurlError, match="holds no pair of names and labels, nor labels alone"):
            read_labels(tmp_path / name)


def test_a_table_of_more_than_labels_is_none_of_its_lines(tmp_path: Path) -> None:
    for text, so in (
        ("name,label,subject\na,1,2\n", True),
        ("File;Mood;Label\na;x;1\n", True),
        ("name,label\na,1\n", False),
        ("wave\nkick\n", False),
        ("a,b,c\n", False),
    ):
        (tmp_path / "labels.csv").write_text(text)
        assert is_table(tmp_path / "labels.csv") is so, text
    assert not is_table(tmp_path / "labels.npy")
