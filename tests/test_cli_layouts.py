"""Layouts are listed with what NTU-25's joints are made of."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from encoder.joint_layouts import LAYOUTS

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
