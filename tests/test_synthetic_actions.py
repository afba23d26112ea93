"""Actions of made-up people: key poses within human ranges, curves between them, feet that stay put."""

import numpy as np
import pytest
from made_people import random_poses, take_of

from umurl_search.synthetic import demo_corpus
from umurl_search.synthetic.actions import ALL, Action, sample_keys
from umurl_search.synthetic.body import RANGES, Array
from umurl_search.synthetic.demo_corpus import ACTIONS, N_SUBJECTS


def actor_of(action: str, subject: int) -> Array:
    """The joints (T, 25, 3) of the only person of a performance."""
    people = demo_corpus.perform(take_of(action, subject))
    assert people.shape[1] == 1
    return people[:, 0]


# The body


@pytest.mark.parametrize("action", ALL, ids=lambda action: action.name.replace(" ", "-"))
def test_key_poses_are_within_ranges(action: Action) -> None:
    for writer in (action.actor, action.partner or action.actor):
        keys = np.stack([key for _, key in writer(action.repeats[1])])
        assert (keys >= RANGES[:, 0]).all()
        assert (keys <= RANGES[:, 1]).all()


def flexion(joints: Array, chain: tuple[int, int, int]) -> Array:
    """The bend at the middle joint, degrees, 0 when straight; joints: (T, 25, 3)."""
    upper, lower = joints[:, chain[1]] - joints[:, chain[0]], joints[:, chain[2]] - joints[:, chain[1]]
    cosine = (upper * lower).sum(-1) / np.linalg.norm(upper, axis=-1) / np.linalg.norm(lower, axis=-1)
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_elbows_and_knees_stay_within_their_ranges(label: int) -> None:
    people = demo_corpus.perform(take_of(ACTIONS[label], 1 + 5 * label % N_SUBJECTS))
    for person in people.transpose(1, 0, 2, 3):
        assert max(flexion(person, (4, 5, 6)).max(), flexion(person, (8, 9, 10)).max()) <= 150 + 1e-6
        assert max(flexion(person, (12, 13, 14)).max(), flexion(person, (16, 17, 18)).max()) <= 145 + 1e-6
        assert knees_bend_backwards(person, (12, 13, 14, 15))
        assert knees_bend_backwards(person, (16, 17, 18, 19))


def knees_bend_backwards(joints: Array, leg: tuple[int, int, int, int]) -> bool:
    """Whether thigh to shank turns one way and shank to foot the other, throughout."""
    thigh, shank, foot = (joints[:, leg[i + 1]] - joints[:, leg[i]] for i in range(3))
    return bool(((np.cross(thigh, shank) * np.cross(shank, foot)).sum(-1) <= 1e-12).all())


# The actions


def test_curves_pass_through_their_keys_and_do_not_overshoot() -> None:
    keys = random_poses(4)
    script = list(zip([0.0, 0.5, 0.2, 0.9], keys, strict=True))
    times = np.array([0.0, 0.5, 0.7, 1.6])
    np.testing.assert_allclose(sample_keys(script, times), keys, atol=1e-9)
    np.testing.assert_allclose(sample_keys(script, np.array([-1.0, 9.0])), keys[[0, -1]], atol=1e-9)
    for i in range(3):
        between = sample_keys(script, np.linspace(times[i], times[i + 1], 20))
        assert (between >= keys[i : i + 2].min(axis=0) - 1e-9).all()
        assert (between <= keys[i : i + 2].max(axis=0) + 1e-9).all()


def test_sit_down_and_stand_up_mirror_each_other_in_time() -> None:
    down, up = actor_of("sit down", 4)[:, 0, 1], actor_of("stand up", 4)[:, 0, 1]
    assert down[0] - down[-1] > 0.3
    assert up[-1] - up[0] > 0.3


def test_jumps_leave_the_floor_and_steps_do_not() -> None:
    lowest = {name: actor_of(name, 7)[:, :, 1].min(axis=1) for name in ("jump", "walk", "squat", "fall")}
    assert lowest["jump"].max() > 0.2
    for name in ("walk", "squat", "fall"):
        np.testing.assert_allclose(lowest[name], 0.03, atol=1e-9)
    assert actor_of("fall", 7)[-1, :, 1].max() < 0.7


def test_planted_feet_stay_put() -> None:
    ankles = actor_of("squat", 6)[:, [14, 18]][:, :, [0, 2]]
    assert np.ptp(ankles, axis=0).max() < 0.12
    assert np.ptp(actor_of("walk", 6)[:, 14, [0, 2]], axis=0).max() > 0.8


@pytest.mark.parametrize("subject", [1, 3])
def test_waving_hand_is_the_handed_one(subject: int) -> None:
    joints = actor_of("wave", subject)
    raised = joints[:, [7, 11], 1].max(axis=0) - joints[:, [4, 8], 1].max(axis=0)
    handed, other = (0, 1) if demo_corpus.sample_subject(subject).left_handed else (1, 0)
    assert demo_corpus.sample_subject(3).left_handed != demo_corpus.sample_subject(1).left_handed
    assert raised[handed] > 0.05 > -0.1 > raised[other]


def test_two_people_walk_towards_and_apart() -> None:
    for name, sign in (("walk towards", -1), ("walk apart", 1)):
        people = demo_corpus.perform(take_of(name, 9))[:, :, 0]
        apart = np.linalg.norm(people[:, 0] - people[:, 1], axis=-1)
        assert sign * (apart[-1] - apart[0]) > 1
        assert 0.4 < apart.min() < 1.2


def test_hands_meet_in_a_handshake() -> None:
    people = demo_corpus.perform(take_of("handshake", 2))
    hands = people[:, :, [7, 11]]
    gaps = np.linalg.norm(hands[:, 0, :, None] - hands[:, 1, None], axis=-1)
    assert gaps.min() < 0.35
    assert np.linalg.norm(people[:, 0, 0] - people[:, 1, 0], axis=-1).min() > 0.6
