"""Joint layouts: which source joint stands for each of NTU's 25."""

import numpy as np
import pytest

from encoder.joint_layouts import LAYOUTS, Layout, joint_counts, layout_of
from encoder.skeleton import JOINTS, N_JOINTS

LIMBS = (
    "shoulder left, elbow left, wrist left, hand left, shoulder right, elbow right, wrist right, hand right, "
    "hip left, knee left, ankle left, foot left, hip right, knee right, ankle right, foot right"
)
KINECT_V1 = f"hip center, spine, shoulder center, head, {LIMBS}".split(", ")
UTD_MHAD = f"head, shoulder center, spine, hip center, {LIMBS}".split(", ")
STANDS_FOR = {
    "spine base": "hip center",
    "spine mid": "spine",
    "neck": "shoulder center",
    "head": "head",
    "spine shoulder": "shoulder center",
    "left hand tip": "hand left",
    "left thumb": "hand left",
    "right hand tip": "hand right",
    "right thumb": "hand right",
}


@pytest.mark.parametrize(("name", "joints"), [("kinect-v1", KINECT_V1), ("utd-mhad", UTD_MHAD)])
def test_every_joint_of_ntu_is_stood_for_by_the_joint_of_its_name(name: str, joints: list[str]) -> None:
    taken = [joints[j] for j in LAYOUTS[name].copies or ()]
    assert taken == [STANDS_FOR.get(joint, " ".join(reversed(joint.split()))) for joint in JOINTS]


@pytest.mark.parametrize("name", ["ntu25", "kinect-v1", "utd-mhad"])
def test_a_layout_of_kinect_is_copied_and_uses_every_joint_of_its_own(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.copies is not None
    assert len(layout.copies) == N_JOINTS
    assert set(layout.copies) == set(range(layout.n_joints))
    assert layout.copied == N_JOINTS - layout.n_joints


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_every_joint_of_ntu_is_made_of_a_layout_with_weights_that_add_to_1(layout: Layout) -> None:
    np.testing.assert_allclose(layout.matrix.sum(axis=1), 1, atol=1e-12)
    assert len(layout.parents) == layout.n_joints
    for row in (row for ways in layout.rows for row in ways):
        assert sum(row.weights) == pytest.approx(1)


def test_a_number_of_joints_means_the_first_layout_of_it() -> None:
    assert joint_counts()[:2] == (25, 20)
    assert [layout_of(n) for n in (25, 20, 999)] == [LAYOUTS["ntu25"], LAYOUTS["kinect-v1"], None]
