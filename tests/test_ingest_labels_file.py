"""Labels of a table: numbers and names of actions, known fields, columns of one's own."""

from pathlib import Path

import pytest
from refusals import raises_typed

from umurl_search.ingest.labels_file import (
    Annotations,
    Labels,
    action_of_folder,
    annotate,
    doubt_classes,
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
    listed = match(labels(tmp_path, "name,label\na,1\n"), listed=("kick", "wave"))
    assert listed.columns["action"] == ["wave"]
    assert match(found, known={"jump": 9}).columns["action"] == ["", "jump"]
    both = labels(tmp_path, "name,label,action\na,7,wave\nb,,wave\n")
    assert match(both).columns == {"label": [7, 7], "action": ["wave", "wave"]}


def test_rows_that_mean_no_clip_are_told(tmp_path: Path) -> None:
    found = match(labels(tmp_path, "name,label\nnobody,1\nx/B.npy,2\n"))
    assert (found.positions, found.unmatched) == ([1], ["nobody"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label\n1\n", "no column says which clip"),
        ("name,label\n", "it names its columns and no clip"),
        ("name,label\na,1\na,2\n", "names 'a' more than once"),
        ("name,label\na,1.5\nb,2\n", "its column label"),
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


def test_numbers_as_other_programs_write_them(tmp_path: Path) -> None:
    found = labels(
        tmp_path,
        "name,label,subject,big,code,weight\na,2.0,1.0,18446744073709551615,1e3,nan\nb,,,1,2e5,0.5\n",
    )
    assert (found.label, dict(found.fields)) == ((2, None), {"subject": [1, None]})
    assert dict(found.own) == {
        "big": ["18446744073709551615", "1"],
        "code": ["1e3", "2e5"],
        "weight": [None, 0.5],
    }
    assert labels(tmp_path, "name,label\na,yes\nb,no\n").action == ("yes", "no")


def test_a_label_without_a_name_takes_the_old_name_away(tmp_path: Path) -> None:
    assert match(labels(tmp_path, "name,label\na,5\n")).columns == {"label": [5], "action": [""]}
    with raises_typed("label 9; the dataset's labels go from 0 to 1"):
        match(labels(tmp_path, "name,label\na,9\n"), listed=("kick", "wave"))


def test_classes_with_two_names_are_doubted() -> None:
    assert doubt_classes([0, 1, 1, None], ["a", "b", "b", None]) == []
    notes = doubt_classes([0, 0, 1], ["a", "b", "b"])
    assert notes == [
        "label 0 is called a and b: clips of one label are one class",
        "action b has the labels 0, 1: they are classes apart",
    ]


def test_columns_that_would_share_a_name_are_kept_apart(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,score,own_score\na,x,y\n")
    assert dict(found.own) == {"own_score_": ["x"], "own_score": ["y"]}
    assert found.notes == (
        "labels.csv: its column score is called own_score_: the catalog has one of that name",
    )
    assert labels(tmp_path, "name,Subject,mood\na,ann,good\n").notes == ()


def test_a_number_among_words_is_a_word(tmp_path: Path) -> None:
    found = labels(tmp_path, "name,label\na,wave\nb,0\nc,\n")
    assert (found.action, found.label) == (("wave", "0", None), (None, None, None))
    assert found.notes == ("labels.csv: its column label is text, read as actions (numbers, too: 1 of 2)",)
    with raises_typed("its column label holds other than whole numbers: 'wave'"):
        labels(tmp_path, "name,label\na,wave\nb,0\nc,1\n")
