"""NTU-25's joints from those of other layouts, unseen ones apart."""

import numpy as np
import pytest

from encoder.joint_layouts import LAYOUTS, find_layout
from encoder.skeleton import JOINTS
from umurl_search.clips.joint_mapping import combine_joints, settle_root

RNG = np.random.default_rng(0)
AT = {name: j for j, name in enumerate(JOINTS)}


def own(name: str, n_frames: int = 4) -> np.ndarray:
    return RNG.standard_normal((n_frames, 2, LAYOUTS[name].n_joints, 3)).astype(np.float32)


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_seen_is_a_product_with_the_layouts_matrix(name: str) -> None:
    frames = own(name)
    wanted = np.einsum("jv,tmvc->tmjc", LAYOUTS[name].matrix, frames)
    np.testing.assert_allclose(combine_joints(frames, LAYOUTS[name]), wanted, atol=2e-6)


def test_layouts_of_kinect_are_copied_to_the_bit() -> None:
    frames = own("kinect-v1")
    assert (combine_joints(frames, LAYOUTS["kinect-v1"]) == frames[:, :, LAYOUTS["kinect-v1"].copies]).all()
    native = own("ntu25")
    assert combine_joints(native, LAYOUTS["ntu25"]) is native


def test_a_joint_of_unseen_ones_is_unseen_unless_there_is_another_way() -> None:
    layout = LAYOUTS["coco-17"]
    frames = own("coco-17")
    frames[1, 0, layout.joints.index("left elbow")] = 0
    frames[2, 0, layout.joints.index("left ear")] = 0
    frames[3, 0, [layout.joints.index(name) for name in ("left ear", "nose", "left shoulder")]] = 0
    made = combine_joints(frames, layout)
    for name in ("left elbow", "left hand", "left hand tip", "left thumb"):
        assert not made[1, 0, AT[name]].any(), name
    assert made[1, 0, AT["left wrist"]].any()
    np.testing.assert_allclose(made[2, 0, AT["head"]], frames[2, 0, layout.joints.index("nose")])
    for name in ("head", "neck", "spine shoulder", "spine mid", "left shoulder"):
        assert not made[3, 0, AT[name]].any(), name
    assert (made[0].any(axis=-1)).all()


def test_a_person_who_is_not_there_is_not_made() -> None:
    frames = own("smpl-22")
    frames[:, 1] = 0
    assert not combine_joints(frames, LAYOUTS["smpl-22"])[:, 1].any()


def test_a_joint_at_the_origin_is_seen() -> None:
    layout = LAYOUTS["mediapipe-33"]
    frames = own("mediapipe-33")
    left, right = (layout.joints.index(name) for name in ("left hip", "right hip"))
    frames[:, :, left] = -frames[:, :, right]
    made = combine_joints(frames, layout)[:, :, AT["spine base"]]
    assert made.any(axis=-1).all()
    assert np.abs(made).max() <= 1e-6


def test_a_root_that_files_are_centred_on_is_seen() -> None:
    layout, frames = LAYOUTS["h36m-17"], own("h36m-17")
    frames[:, :, 0] = 0
    made = combine_joints(frames, layout)
    assert made[:, :, AT["spine base"]].any(axis=-1).all()
    frames[2, 0, 5] = 0
    assert not settle_root(frames, layout)[2, 0, 0].any()
    moving = own("h36m-17")
    moving[1, 0, 0] = 0
    assert settle_root(moving, layout) is moving


def test_a_layout_of_ones_own_states_what_its_names_do_not_say() -> None:
    layout = find_layout(
        '{"name": "mine", "joints": ["Hips", "Neck", "L", "R", "Head"],'
        ' "ntu25": {"spine base": "Hips", "left shoulder": "L", "right shoulder": "R",'
        ' "spine shoulder": {"L": 0.5, "R": 0.5}, "head": ["Head", {"Neck": 2, "Hips": -1}]}}'
    )
    frames = RNG.standard_normal((3, 1, 5, 3)).astype(np.float32)
    frames[1, 0, 4] = 0
    made = combine_joints(frames, layout)[:, 0]
    hips, neck, left, right, head = np.moveaxis(frames[:, 0], 1, 0)
    np.testing.assert_allclose(made[:, AT["spine mid"]], hips / 2 + (left + right) / 4, atol=1e-6)
    np.testing.assert_allclose(made[[0, 2], AT["head"]], head[[0, 2]])
    np.testing.assert_allclose(made[1, AT["head"]], 2 * neck[1] - hips[1], atol=1e-6)
    assert not made[:, AT["left hand"]].any()
