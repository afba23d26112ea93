"""Clips of NTU-25's joints as other layouts would have shown them."""

import numpy as np
import pytest
from test_clips_picture_places import BODY, to_coco, to_pixels

from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.degrade import Degrading, degrade, loss_matrix
from umurl_search.clips.normalization import Conventions, to_ntu25

AT = {name: j for j, name in enumerate(JOINTS)}


@pytest.mark.parametrize("name", LAYOUTS)
def test_bringing_down_twice_is_as_once(name: str) -> None:
    matrix = loss_matrix(name)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-9)


def test_what_a_layout_tells_stays_and_the_rest_is_made_anew() -> None:
    matrix, same = loss_matrix("coco-17"), np.eye(25)
    for name in (
        "head",
        "left shoulder",
        "right elbow",
        "left wrist",
        "right hip",
        "left knee",
        "left ankle",
    ):
        assert (matrix[AT[name]] == same[AT[name]]).all(), name
    assert (matrix[AT["left foot"]] == same[AT["left ankle"]]).all()
    wanted = 1.3 * same[AT["left wrist"]] - 0.3 * same[AT["left elbow"]]
    for name in ("left hand", "left hand tip", "left thumb"):
        np.testing.assert_allclose(matrix[AT[name]], wanted)
    assert (loss_matrix("ntu25") == same).all()
    assert (loss_matrix("azure-32") == same).all()


def test_a_front_view_is_as_the_picture_of_that_layout_is_read() -> None:
    shown = degrade(BODY, Degrading(layout="coco-17"))
    read = to_ntu25(to_pixels(to_coco(BODY)), Conventions(layout="coco-17"))
    origin = AT["spine mid"]
    np.testing.assert_allclose(shown - shown[:, :, [origin]], read - read[:, :, [origin]], atol=1e-4)


def test_a_picture_is_taken_from_each_side() -> None:
    how = Degrading(layout="coco-17", views=40)
    assert how.angles == (-40, -20, 0, 20, 40)
    sides = [degrade(BODY, how, angle=angle) for angle in how.angles]
    widths = [np.ptp(side[:, 0, [4, 8], 0], axis=1).mean() for side in sides]
    assert np.argmax(widths) in (1, 2, 3)
    assert not any(side[..., 2].any() for side in sides)
    assert Degrading(layout="coco-17", views=0).angles == (0,)
    assert Degrading(layout="coco-17", views=90).angles == (-90, -80, -60, -40, -20, 0, 20, 40, 60, 80, 90)
    assert Degrading(layout="smpl-22", views=40).angles == (0,)
    side = degrade(BODY, Degrading(layout="coco-17"), angle=90)
    scale = np.ptp(side[0, 0, :, 1]) / np.ptp(degrade(BODY, Degrading(layout="coco-17"))[0, 0, :, 1])
    depth = BODY[0, 0, 8, 2] - BODY[0, 0, 4, 2]
    assert scale > 0
    assert np.sign(side[0, 0, 8, 0] - side[0, 0, 4, 0]) == np.sign(depth)


def test_unseen_joints_and_people_stay_unseen() -> None:
    frames = BODY.copy()
    frames[2, 0, AT["left wrist"]] = 0
    frames[3] = 0
    shown = degrade(frames, Degrading(layout="coco-17", noise=0.01))
    for name in ("left wrist", "left hand", "left thumb"):
        assert not shown[2, 0, AT[name]].any()
    assert shown[2, 0, AT["left elbow"]].any()
    assert not shown[3].any()


def test_noise_is_of_its_size_and_repeats_by_its_seed() -> None:
    how = Degrading(layout="coco-17-3d", noise=0.02)
    one, two, other = (degrade(BODY, how, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != other).any()
    moved = (one - degrade(BODY, Degrading(layout="coco-17-3d")))[:, 0, AT["left knee"]]
    assert 0.015 < moved.std() < 0.025
