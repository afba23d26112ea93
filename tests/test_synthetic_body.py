"""The made-up body: forward kinematics against a slow oracle, human measures, ranges of joints."""

import numpy as np
import pytest
from made_people import random_poses, standing_body, take_of

from umurl_search.synthetic import body as body
from umurl_search.synthetic import demo_corpus
from umurl_search.synthetic.actions import pose
from umurl_search.synthetic.body import Array, Build, bone_offsets, clamp_to_ranges, mirror, place
from umurl_search.synthetic.demo_corpus import ACTIONS, N_SUBJECTS

LEFT, RIGHT = (4, 5, 6, 7, 12, 13, 14, 15, 21, 22), (8, 9, 10, 11, 16, 17, 18, 19, 23, 24)


def slow_rotation(vector: tuple[float, float, float]) -> Array:
    """The matrix exponential of a rotation vector's cross-product matrix, by its power series."""
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    term, total = np.eye(3), np.eye(3)
    for power in range(1, 60):
        term = term @ cross / power
        total = total + term
    return total


def slow_joints(row: Array, offsets: Array) -> Array:
    """The body of one pose, joint after joint from the root: (25, 3)."""
    at = {name: float(np.deg2rad(value)) for name, value in zip(body.CHANNELS, row, strict=True)}
    turned = {-1: np.eye(3)}

    def turn(joint: int, after: int, *vectors: tuple[float, float, float]) -> None:
        turned[joint] = np.linalg.multi_dot([turned[after], np.eye(3), *(slow_rotation(v) for v in vectors)])

    turn(0, -1, (0, at["yaw"], 0), (at["pitch"], 0, at["roll"]))
    spine, head = (
        (at["bend"] / 2, at["twist"] / 2, at["lean"] / 2),
        (at["nod"] / 2, at["turn"] / 2, at["tilt"] / 2),
    )
    for joint, after, vector in ((1, 0, spine), (20, 1, spine), (2, 20, head), (3, 2, head)):
        turn(joint, after, vector)
    for side, who, first in ((1, "off", 4), (-1, "main", 8)):
        lift, spread, inward, elbow, wrist = (at[f"{who} arm {name}"] for name in body.ARM)
        turn(first, 20, (-lift, 0, side * spread), (0, -side * inward, 0))
        turn(first + 1, first, (-elbow, 0, 0))
        turn(first + 2, first + 1, (0, 0, -side * wrist))
        lift, spread, inward, knee, ankle = (at[f"{who} leg {name}"] for name in body.LEG)
        turn(first + 8, 0, (-lift, 0, side * spread), (0, -side * inward, 0))
        turn(first + 9, first + 8, (knee, 0, 0))
        turn(first + 10, first + 9, (-ankle, 0, 0))
    # The rotation at its parent carries a joint, but the trunk bends at the lower end of each part.
    carrier = {1: 1, 20: 20, 2: 2, 3: 3, 21: 6, 23: 10}
    joints = np.zeros((25, 3))
    for joint in (1, 20, 2, 3, 4, 5, 6, 7, 21, 22, 8, 9, 10, 11, 23, 24, 12, 13, 14, 15, 16, 17, 18, 19):
        parent = body.PARENTS[joint]
        joints[joint] = joints[parent] + turned[carrier.get(joint, parent)] @ offsets[joint]
    return joints


def test_forward_kinematics_equals_slow_oracle() -> None:
    poses = random_poses(6)
    offsets = bone_offsets(Build(stature=1.6, legs=1.1, breadth=0.9))
    expected = np.stack([slow_joints(row, offsets) for row in poses])
    np.testing.assert_allclose(body.forward_kinematics(poses, offsets), expected, atol=1e-9)


def test_standing_body_has_human_measures() -> None:
    joints = standing_body()
    assert 1.55 < joints[3, 1] < 1.72  # the middle of the head
    assert 0.85 < joints[0, 1] < 1.0
    assert joints[4, 0] > 0.15 > -0.15 > joints[8, 0]  # left is +x
    assert (joints[[15, 19], 2] > joints[[14, 18], 2] + 0.1).all()  # feet point ahead
    assert (np.abs(joints[[7, 11], 1] - joints[0, 1]) < 0.25).all()


def test_positive_angles_bend_the_way_that_people_bend() -> None:
    made = pose({"bend": 40}, arms=(0, 0, 0, 90, 0), both_legs=(0, 0, 0, 90, 0))
    joints = body.forward_kinematics(made[None], bone_offsets(Build()))[0]
    assert joints[3, 2] > 0.2  # bowed ahead
    assert (joints[[6, 10], 2] > joints[[5, 9], 2] + 0.1).all()  # forearms ahead
    assert (joints[[14, 18], 2] < joints[[13, 17], 2] - 0.3).all()  # shanks behind


def test_left_handers_are_mirror_images() -> None:
    poses, offsets = random_poses(5), bone_offsets(Build())
    swapped = np.arange(25)
    swapped[[*LEFT, *RIGHT]] = [*RIGHT, *LEFT]
    left = mirror(poses)
    straight, reflected = (
        place(body.forward_kinematics(made, offsets), made, scale=1) for made in (poses, left)
    )
    np.testing.assert_allclose(reflected, straight[:, swapped] * [-1, 1, 1], atol=1e-9)
    np.testing.assert_array_equal(mirror(left), poses)


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_limbs_keep_their_lengths(label: int) -> None:
    subject = 1 + 7 * label % N_SUBJECTS
    joints = demo_corpus.perform(take_of(ACTIONS[label], subject))
    lengths = np.linalg.norm(joints - joints[:, :, body.PARENTS], axis=-1)
    assert np.ptp(lengths, axis=0).max() < 1e-9
    expected = np.linalg.norm(bone_offsets(demo_corpus.sample_subject(subject).build), axis=-1)
    assert min(np.abs(person - expected).max() for person in lengths[0]) < 1e-9


def test_a_pose_beyond_the_ranges_is_brought_back() -> None:
    made = pose({"nod": 80}, arm=(0, 0, 0, 200, 0), leg=(0, 0, 0, -30, 0))
    kept = clamp_to_ranges(made)
    assert [kept[body.COLUMN[name]] for name in ("nod", "main arm elbow", "main leg knee")] == [50, 150, 0]
