"""Layout files: what they may say, and what is refused."""

import json
from typing import Any

import pytest

from encoder.joint_layouts import LAYOUTS, find_layout, parse_layout

OWN: dict[str, Any] = {
    "name": "own",
    "joints": ["Hips", "L", "R", "Head"],
    "parents": {"L": "Hips", "R": "Hips", "Head": "Hips"},
    "ntu25": {"spine base": "Hips", "left shoulder": "L", "right shoulder": "R", "head": "Head"},
}


def test_a_file_says_a_layout() -> None:
    layout = parse_layout(json.dumps(OWN))
    assert (layout.name, layout.dims, layout.faces, layout.axes) == ("own", 3, "camera", "world")
    assert layout.parents == (0, 0, 0, 0)
    assert parse_layout(json.dumps(OWN | {"dims": 2})).axes == "picture"
    assert parse_layout(json.dumps(OWN | {"parents": [-1, 0, "Hips", None]})).parents == (0, 0, 0, 3)
    assert parse_layout(json.dumps(OWN | {"parents": {"1": 0, "R": 0, "3": "Hips"}})).parents == (0, 0, 0, 0)
    assert find_layout(layout.to_json()).matrix.tolist() == layout.matrix.tolist()


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_known_can_be_written_and_read_again(name: str) -> None:
    text = LAYOUTS[name].to_json().replace(f'"name":"{name}"', '"name":"again"')
    again = parse_layout(text)
    assert again.matrix.tolist() == LAYOUTS[name].matrix.tolist()
    assert (again.parents, again.dims, again.faces, again.axes, again.least_score, again.scored) == (
        *(LAYOUTS[name].parents, LAYOUTS[name].dims, LAYOUTS[name].faces, LAYOUTS[name].axes),
        *(LAYOUTS[name].least_score, LAYOUTS[name].scored),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "ntu25"}, "is the name of a layout that is known"),
        ({"name": ""}, "a layout's name is a text"),
        ({"joints": []}, "a list of 1 to 1024 names"),
        ({"joints": ["Hips", "L", "R", "R"]}, "joint 'R' is there twice"),
        ({"parents": [0]}, "parents are a number or a name for each joint"),
        ({"parents": [-1, 0, 0, 9]}, "the parent of joint 'Head' is no joint"),
        ({"dims": 4}, "dims is one of 3, 2"),
        ({"faces": "up"}, "faces is one of camera, any"),
        ({"least_score": 2}, "least_score is a number from 0 to 1"),
        ({"ntu25": {"nose": "Head"}}, "'nose' is no joint of NTU-25"),
        ({"ntu25": {"head": "Nose"}}, "'Nose' is no joint of the layout, nor of NTU-25"),
        ({"ntu25": {"head": {"Head": 0.5}}}, "weights add to 0.5, not to 1"),
        ({"ntu25": {"head": {"Head": "x"}}}, "the weight of Head is no number"),
        ({"ntu25": {"head": []}}, "head: the list of ways is empty; state one, or leave the joint out"),
        (
            {"ntu25": {"left hip": "left knee", "left knee": "left hip"}},
            "left hip is made of itself: left hip of",
        ),
        ({"ntu25": {"left hip": "left hip"}}, "left hip is made of itself: left hip of left hip, and so on"),
        ({"parents": {"Hips": "Hips"}}, "joint 'Hips' is its own parent; a root is left out"),
        ({"parents": {"1": 1}}, "joint 'L' is its own parent; a root is left out"),
        ({"parents": [-1, "L", 0, 0]}, "joint 'L' is its own parent; a root is left out"),
        ({"parents": {"L": "R", "R": "L"}}, "the parents of joint 'L' lead in a circle"),
        ({"parents": [-1, 2, 1, 1]}, "the parents of joint 'L' lead in a circle"),
        ({"parents": {"L": 0, "1": 0}}, "the parent of joint 'L' is stated twice"),
        ({"parents": {"4": 0}}, "parents: '4' is no joint of the layout"),
        ({"dims": 2, "axes": "world"}, "dims 2 is of joints in a picture: axes cannot be world"),
        ({"dims": 2, "faces": "any"}, "dims 2 is of joints in a picture: faces cannot be any"),
        ({"ntu25": {}}, "does not say where spine mid, left shoulder, right shoulder, spine base"),
        ({"more": 1}, "not more"),
    ],
)
def test_a_file_that_says_no_layout_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_layout(json.dumps(OWN | change))


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "{" * 5000, "[" * 100_000])
def test_a_text_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="layout file"):
        parse_layout(text)


def test_a_list_is_said_to_be_no_object() -> None:
    with pytest.raises(ValueError, match="a layout file is an object"):
        find_layout("[1,2]")


def test_a_very_long_file_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 200,000 characters"):
        parse_layout(" " * 200_001)
