"""Labels of a table: numbers and names of actions, known fields, columns of one's own."""

from pathlib import Path

import pytest
from refusals import raises_typed

from umurl_search.ingest.labels_file import (
    Annotations,
    Labels,
    action_of_folder,
    annotate,
    match_labels,
    read_labels,
)


def labels(tmp_path: Path, text: str) -> Labels:
    (tmp_path / "labels.csv").write_text(text)
    found = read_labels(tmp_path / "labels.csv")
    assert found is not None
    return found


def match(found: Labels, **options: object) -> Annotations:
    given = {"names": ["a", "b", "c"], "sources": ["", "", ""], "known": {}, "listed": ()} | options
    return match_labels(found, **given)  # type: ignore[arg-type]


def test_columns_are_known_whatever_their_letters_and_order(tmp_path: Path) -> None:
    found = labels(tmp_path, "Emotion;Label;FILE;subject;camera\nhappy;1;a.npy;ann;2\nsad;;b;bob;3\n")
    assert (found.names, found.label, found.action) == (("a.npy", "b"), (1, None), (None, None))
    assert dict(found.fields) == {"camera": [2, 3]}
    assert dict(found.own) == {"Emotion": ["happy", "sad"], "subject": ["ann", "bob"]}


def test_text_as_label_is_an_action_with_a_note(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,label\na,wave\nb,kick\n")
    assert (found.action, found.label) == (("wave", "kick"), (None, None))
    assert found.notes == ("labels.csv: its column label is text, read as actions",)


def test_actions_are_numbered_by_name_after_those_that_are_known(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,action\na,wave\nb,kick\nc,\n")
    assert match(found).columns == {"label": [1, 0, None], "action": ["wave", "kick", None]}
    later = match(found, known={"Wave": 4})
    assert later.columns == {"label": [4, 5, None], "action": ["wave", "kick", None]}


def test_a_number_has_the_name_that_is_known_of_it(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,label\na,1\nb,9\n")
    assert match(found, listed=("kick", "wave")).columns["action"] == ["wave", None]
    assert match(found, known={"jump": 9}).columns["action"] == [None, "jump"]
    both = labels(tmp_path, "name,label,action\na,7,wave\nb,,wave\n")
    assert match(both).columns == {"label": [7, 7], "action": ["wave", "wave"]}


def test_rows_that_mean_no_clip_are_told(tmp_path: Path) -> None:
    found = match(labels(tmp_path, "name,label\nnobody,1\nx/B.npy,2\n"))
    assert (found.positions, found.unmatched) == ([1], ["nobody"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label\n1\n", "no column says which clip"),
        ("name,label\na,1\na,2\n", "names 'a' more than once"),
        ("name,label\na,1.5\n", "its column label holds double"),
        ("name,label\na,-3\n", "labels count from 0"),
    ],
)
def test_a_table_that_says_no_labels(tmp_path: Path, text: str, said: str) -> None:
    with raises_typed(said):
        labels(tmp_path, text)


def test_labels_that_cannot_be_of_the_clips(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,action\na,wave\na.npy,kick\n")
    with raises_typed("two rows of the labels mean clip 'a'"):
        match(found)
    with raises_typed("'wave' is no action of the dataset"):
        match(labels(tmp_path, "name,action\na,wave\n"), listed=("kick",))
    with raises_typed("the labels name no clip of the data, e.g. 'nobody'"):
        annotate([labels(tmp_path, "name,label\nnobody,1\n")], ["a"], [""], known={}, listed=())


@pytest.mark.parametrize(
    ("source", "action"),
    [("wave/1.npy", "wave"), ("train/wave/1.npy", "wave"), ("train/1.npy", None), ("1.npy", None)],
)
def test_the_folder_that_holds_a_file_names_its_action(source: str, action: str | None) -> None:
    assert action_of_folder(source, parts=frozenset({"train", "test"})) == action
