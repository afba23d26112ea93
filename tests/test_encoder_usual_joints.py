"""NTU-25's joints follow from the names of a layout's."""

import pytest

from encoder.joint_layouts import find_layout
from encoder.skeleton import JOINTS
from encoder.usual_joints import USUAL_RULES


def test_there_is_a_way_to_each_joint_and_weights_add_to_1() -> None:
    assert tuple(USUAL_RULES) == JOINTS
    for way in (way for ways in USUAL_RULES.values() for way in ways):
        assert sum(way.values()) == pytest.approx(1)


def test_shoulders_hips_and_a_head_give_all_joints_of_the_trunk() -> None:
    joints = '["left shoulder", "right shoulder", "left hip", "right hip", "nose"]'
    layout = find_layout(f'{{"name": "five", "joints": {joints}}}')
    made = {name for name, ways in zip(JOINTS, layout.rows, strict=True) if ways}
    assert made == {
        *("spine base", "spine mid", "spine shoulder", "neck", "head"),
        *("left shoulder", "right shoulder", "left hip", "right hip"),
    }
