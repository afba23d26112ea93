"""What a layout says of itself."""

import numpy as np

from encoder.joint_layouts import LAYOUTS, Layout
from encoder.skeleton import JOINTS


def test_rows_are_made_in_an_order_in_which_each_finds_its_own() -> None:
    for layout in LAYOUTS.values():
        made: set[int] = set()
        for j in layout.order:
            needed = {
                s - layout.n_joints for row in layout.rows[j] for s in row.sources if s >= layout.n_joints
            }
            assert needed <= made, (layout.name, JOINTS[j])
            made.add(j)


def test_two_joints_that_would_be_made_of_each_other_are_not_made() -> None:
    layout = Layout(
        name="round",
        joints=("left shoulder", "right shoulder", "pelvis"),
        parents=(0, 1, 2),
        rules={"neck": ({"head": 1.0},), "head": ({"neck": 1.0},)},
    )
    rows = dict(zip(JOINTS, layout.rows, strict=True))
    assert not rows["neck"]
    assert not rows["head"]
    assert (layout.matrix[JOINTS.index("head")] == 0).all()


def test_copies_and_what_stands_for_what() -> None:
    assert LAYOUTS["ntu25"].stands_for == tuple(range(25))
    v1 = LAYOUTS["kinect-v1"]
    assert v1.copies is not None
    assert v1.stands_for[JOINTS.index("left hand tip")] == JOINTS.index("left hand")
    assert LAYOUTS["coco-17"].copies is None
    assert LAYOUTS["coco-17"].invented[:3] == ("spine base", "spine mid", "neck")
    assert np.linalg.matrix_rank(LAYOUTS["coco-17"].matrix) == 25 - LAYOUTS["coco-17"].copied
