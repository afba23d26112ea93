"""Folders that say actions and parts, and labels at ingest: what a corpus of one's own needs to be evaluated."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from refusals import Refused, has

from umurl_search.ingest.statements import read_statements
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """train/wave/1.npy, ... : two actions of two clips a part, files numbered alike."""
    for part in ("train", "val"):
        for action, number in (("wave", 23), ("kick", 24)):
            for take in (1, 2):
                folder = tmp_path / "tree" / part / action
                folder.mkdir(parents=True, exist_ok=True)
                subject = take + (part == "val") * 2
                np.save(folder / f"{take}.npy", make_clip(f"S001C001P00{subject}R001A0{number}"))
    return tmp_path / "tree"


def test_a_folder_a_class_comes_to_an_accuracy_by_three_commands(tree: Path, command: Command) -> None:
    report = command(
        "ingest", "own", "--source", tree, "--labels", "folder", "--splits", "folder", "--json"
    ).json
    assert (report["used"], report["labelled"]) == (8, 8)
    assert report["splits"] == {"default": {"train": 4, "test": 4}}
    assert command("build-index", "own").code == 0
    figures = command("knn-eval", "--json").json
    assert {one["action"] for one in figures["per_class"]} == {"wave", "kick"}
    assert command("info", "own:val/wave/1", "--json").json["action"] == "wave"


def test_files_of_one_name_in_several_folders_are_several_clips(tree: Path, command: Command) -> None:
    report = command("ingest", "own", "--source", tree, "--json").json
    assert (report["used"], report["left_out"]) == (8, {})
    (note,) = (note for note in report["notes"] if "label" in note)
    assert note.startswith(
        "no clip has a label, so nothing can be evaluated: umurl-search relabel own --labels FILE"
    )


def test_labels_at_ingest(tree: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        "file,action,mood\ntrain/wave/1.npy,waving,good\ntrain/kick/1.npy,kicking,\n"
    )
    report = command("ingest", "own", "--source", tree, "--labels", tmp_path / "l.csv", "--json").json
    assert (report["labelled"], report["columns"]) == (2, ["mood"])
    assert command("ingest", "own", "--source", tree, "--labels", tmp_path / "l.csv", "--json").json[
        "already_there"
    ]
    assert command("info", "own:train/wave/1", "--json").json["mood"] == "good"


def test_a_folder_that_is_moved_says_another_action(tree: Path, command: Command) -> None:
    command("ingest", "own", "--source", tree, "--labels", "folder", "--splits", "folder")
    np.save(tree / "train" / "wave" / "9.npy", make_clip("S001C001P005R001A023"))
    added = command("add", "own", "--json").json
    assert (added["added"], added["relabelled"]) == (1, 0)
    assert command("info", "own:9", "--json").json["action"] == "wave"


def test_the_word_folder_is_no_file(tree: Path, refused: Refused) -> None:
    stated = read_statements(labels=Path("folder"), splits=Path("folder"))
    assert stated.origin == {"labels": "folder", "splits": "folder"}
    has(
        refused("ingest", "own", "--source", tree, "--labels", "folders.csv"), "folders.csv", "cannot be read"
    )


def test_files_that_only_share_a_name_with_clips_change_none(
    tree: Path, command: Command, tmp_path: Path
) -> None:
    one = tmp_path / "one" / "wave"
    one.mkdir(parents=True)
    np.save(one / "001.npy", make_clip("S001C001P001R001A023"))
    command("ingest", "own", "--source", one.parent, "--labels", "folder")
    other = tmp_path / "other" / "kick"
    other.mkdir(parents=True)
    np.save(other / "001.npy", make_clip("S001C001P001R001A024"))
    for name in ("update", "add"):
        report = command(name, "own", "--source", other.parent, "--json").json
        assert (report["replaced"], report["added"]) == (0, 0)
        assert any("called as clips that were read from other places" in note for note in report["notes"])
    assert command("info", "own:001", "--json").json["action"] == "wave"


def test_a_clip_keeps_its_name_when_another_file_is_called_so(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "wave").mkdir(parents=True)
    np.save(source / "wave" / "001.npy", make_clip("S001C001P001R001A023"))
    command("ingest", "own", "--source", source, "--labels", "folder")
    (source / "kick").mkdir()
    np.save(source / "kick" / "001.npy", make_clip("S001C001P001R001A024"))
    report = command("add", "own", "--json").json
    assert (report["added"], report["unchanged"], report["clips"]) == (1, 1, 2)
    (source / "kick" / "001.npy").unlink()
    after = command("update", "own", "--json").json
    assert (after["gone"], after["new"], after["unchanged"]) == (1, 0, 1)
