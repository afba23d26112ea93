"""The splits file: what it says, and what is none."""

import json
from pathlib import Path

import pytest
from fuzz.sources import write
from refusals import Refused, has

from encoder.errors import UmurlError
from umurl_search.ingest.splits_file import read_splits
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
