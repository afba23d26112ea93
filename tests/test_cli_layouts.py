"""Layouts are listed with what NTU-25's joints are made of."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result

from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
OWN = '{"name": "mine", "joints": ["pelvis", "neck", "left shoulder", "right shoulder"], "dims": 2}'


def test_all_that_are_known_are_listed(command: Command) -> None:
    found = command("layouts", "--json").json["layouts"]
    assert [row["name"] for row in found] == list(LAYOUTS)
    coco = next(row for row in found if row["name"] == "coco-17")
    assert (coco["dims"], len(coco["joints"]), coco["copied"]) == (2, 17, 12)
    assert {"spine base", "left hand", "right hand tip"} <= set(coco["invented"])
    assert coco["ntu25"]["head"] == "0.5 left ear + 0.5 right ear; else nose"
    assert coco["ntu25"]["left hand"] == "1.3 left wrist - 0.3 left elbow"
    assert coco["ntu25"]["neck"] == "0.67 [spine shoulder] + 0.33 [head]"


def test_one_is_shown_with_its_joints_in_order(command: Command, tmp_path: Path) -> None:
    shown = command("layouts", "openpose-25").out
    assert "0 nose, 1 neck, 2 right shoulder" in shown.replace("\n", " ")
    (tmp_path / "own.json").write_text(OWN)
    (row,) = command("layouts", tmp_path / "own.json", "--json").json["layouts"]
    assert row["ntu25"]["left hand"] == "not there"
    assert row["axes"] == "picture"
    assert command("layouts", "coco-17-3d", "--json").json["layouts"][0]["dims"] == 3


@pytest.mark.parametrize("text", ["coco", "nowhere.json", "coco-17-4d"])
def test_what_is_no_layout_is_an_error(command: Command, text: str) -> None:
    answer = command("layouts", text)
    assert answer.code == 2
    assert "layout is one of" in answer.err or "cannot be read" in answer.err


def test_a_file_that_holds_a_list_is_said_to_be_no_object(command: Command, tmp_path: Path) -> None:
    for held in ("[1,2]", '"coco-17"'):
        (tmp_path / "a.json").write_text(held)
        answer = command("layouts", tmp_path / "a.json")
        assert answer.code == 2
        assert "a layout file is an object" in answer.err


def test_a_dataset_keeps_the_layout_of_ones_own(library: Library, command: Command, tmp_path: Path) -> None:
    joints = {name: name.upper() for name in JOINTS[:21]}
    own = {"name": "suit", "joints": [*joints.values()], "ntu25": joints, "faces": "any"}
    (tmp_path / "suit.json").write_text(json.dumps(own))
    folder = tmp_path / "clips"
    folder.mkdir()
    for action in (1, 5, 10):
        frames = make_clip(f"S001C001P001R001A0{action:02d}")[:, 0, :21]
        np.save(folder / f"S001C001P001R001A0{action:02d}.npy", frames)
    words = ("ingest", "suits", "--source", folder, "--layout", tmp_path / "suit.json", "--json")
    report = command(*words).json
    assert report["used"] == 3
    assert any("layout suit: 4 of the 25 joints" in note for note in report["notes"])
    (tmp_path / "suit.json").unlink()
    assert command("info", "suits", "--json").json["layout"] == "suit"
    assert command("build-index", "suits", "--encoder", "e").code == 0
    answer = command(
        "query", folder / "S001C001P001R001A005.npy", "--index", "suits@e", "--k", 1, "--json"
    ).json
    assert answer["hits"][0]["name"] == "S001C001P001R001A005"
    assert command("render", "suits:S001C001P001R001A005", "--out", tmp_path / "a.svg").code == 0
    np.save(folder / "S001C001P001R001A028.npy", make_clip("S001C001P001R001A028")[:, 0, :21])
    assert command("add", "suits", "--json").json["added"] == 1
