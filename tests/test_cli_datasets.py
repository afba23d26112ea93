"""The commands `datasets` and `ingest`: their documents, and data folders without the dataset."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from documents import problem, read_document, tree

from umurl_search.library.library import Library

Command = Callable[..., Result]


# documents


def test_the_keys_of_ingest(command: Command, made: Path) -> None:
    words = ("ingest", "twice", "--source", made / "clips", "--json")
    document = read_document(command(*words))
    assert set(document) >= {"dataset", "found", "used", "left_out", "official", "seconds"}
    assert (document["dataset"], document["found"], document["used"]) == ("twice", 60, 60)
    assert (document["left_out"], document["official"]) == ({}, None)
    again = read_document(command(*words))
    assert set(again) >= set(document)
    assert (again["found"], again["used"]) == (60, 60)


def test_datasets_and_where_they_are(indexed: Library, command: Command, tmp_path: Path) -> None:
    (tmp_path / "data" / "ntu60").mkdir(parents=True)
    document = read_document(command("datasets", "--data", tmp_path / "data", "--json"))
    rows = {row["name"]: row for row in document["datasets"]}
    assert set(rows) == {
        "ntu60",
        "ntu120",
        "pku-mmd-1",
        "pku-mmd-1-long",
        "pku-mmd-2",
        "pku-mmd-2-long",
        "nw-ucla",
        "utd-mhad",
        "demo",
        "demo-long",
        "mine",
    }
    assert rows["ntu60"]["protocols"] == ["xsub", "xview"]
    assert rows["nw-ucla"]["protocols"] == ["xview"]
    assert rows["ntu60"]["under_data"] == [str(tmp_path / "data" / "ntu60")]
    assert (rows["mine"]["in_library"], rows["mine"]["protocols"]) == (60, ["xsub"])
    assert "ntu120" in command("datasets").out


# what is chosen when nothing is said


@pytest.mark.parametrize("name", ["ntu60", "ntu120"])
def test_ntu60_leaves_out_what_is_not_its_own(
    name: str, golden: Path, tmp_path: Path, command: Command
) -> None:
    data = tree(tmp_path / "data", golden, "flat")
    document = read_document(command("ingest", name, "--data", data, "--json"))
    wanted = {"ntu60": (7, {"not part of the dataset": 1}, 56_880), "ntu120": (8, {}, 114_480)}[name]
    assert (document["used"], document["left_out"], document["official"]) == wanted
    assert document["found"] == 8


@pytest.mark.parametrize("name", ["ntu120", "pku-mmd-1", "nw-ucla", "utd-mhad", "of-my-own"])
def test_a_data_folder_without_the_dataset(
    name: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = problem(command("build-index", name), 1)
    assert name in unset
    assert "UMURL_DATA" in unset
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("UMURL_DATA", str(tmp_path / "data"))
    line = problem(command("build-index", name), 1)
    assert str(tmp_path / "data") in line
    assert f"umurl-search ingest {name} --source PATH" in line
