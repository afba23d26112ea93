"""The splits file: what it says, and what is none."""

import json
from pathlib import Path

import pytest
from fuzz.sources import write
from refusals import Refused, has

from encoder.errors import UmurlError
from umurl_search.ingest.splits_file import match_splits, read_splits
from umurl_search.library.library import Library


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("hello", "Expecting value"),
        ("[]", "not a splits file"),
        ('{"p": ["a"]}', "not a splits file"),
        ('{"p": {}}', "parts"),
        ('{"p": {"validated": ["a"]}}', "validated"),
        ('{"p": {"train": "abc", "test": []}}', "list of names"),
        ('{"p": {"train": [1], "test": []}}', "list of names"),
        ('{"p": {"train": ["a", "b"], "test": ["b"]}}', "names b more than once"),
        ('{"../p": {"train": ["a"], "test": ["b"]}}', "'../p'"),
    ],
)
def test_a_splits_file_that_is_not_one(
    content: str, part: str, library: Library, refused: Refused, made: Path, tmp_path: Path
) -> None:
    path = tmp_path / "splits.json"
    path.write_text(content)
    has(refused("ingest", "x", "--source", made / "clips", "--splits", path), part)


def test_a_splits_file_that_is_missing(
    library: Library, refused: Refused, made: Path, tmp_path: Path
) -> None:
    has(refused("ingest", "x", "--source", made / "clips", "--splits", tmp_path / "s.json"), "s.json")


@pytest.mark.usefixtures("soon")
def test_splits_that_repeat_a_long_name(source: Path) -> None:
    path = write(source, "s.json", json.dumps({"p": {"train": ["x" * 1_000_000] * 2}}).encode())
    with pytest.raises(UmurlError, match="more than once") as raised:
        read_splits(path)
    assert len(raised.value.typed) < 600


def test_a_clip_in_two_parts_by_two_spellings_is_refused() -> None:
    splits = {"p": {"train": ["a"], "test": ["a.npy"]}}
    with pytest.raises(UmurlError, match="protocol p names clip 'a' more than once"):
        match_splits(splits, names=["a", "b"], sources=["a.npy", "b.npy"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.json", '{"train": ["a"], "val": ["b"]}'),
        ("s.json", '{"default_train": ["a"], "default_val": ["b"]}'),
        ("s.json", '\ufeff{"default": {"Training": ["a"], "testing": ["b"]}}'),
        ("s.csv", "Part;Name\ntrain;a\nvalidation;b\n"),
        ("s.txt", "name\tsplit\na\tTrain\nb\tTest\n"),
        ("s.csv", "clip,default,score\na,train,1\nb,dev,\n"),
        ("s.json", '[{"file": "a", "subset": "training"}, {"file": "b", "subset": "testing"}]'),
        ("s.json", '{"a": "train", "b": "test"}'),
    ],
)
def test_the_forms_that_people_have(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_splits(tmp_path / name) == {"default": {"train": ["a"], "test": ["b"]}}


def test_a_table_without_rows_is_no_splits_file(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("name,part\n")
    with pytest.raises(UmurlError, match="it puts no clip into a part"):
        read_splits(tmp_path / "s.csv")


def test_a_folder_of_lists(tmp_path: Path) -> None:
    (tmp_path / "xsub_train.txt").write_text("# names\nmy clip 1\n")
    (tmp_path / "xsub_test.txt").write_text("b 7\n")
    assert read_splits(tmp_path) == {"xsub": {"test": ["b 7"], "train": ["my clip 1"]}}
