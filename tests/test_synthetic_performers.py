"""Who performs made-up motion: the left-handed mirrored, styles that leave standing, places on the stage."""

from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose

from umurl_search.synthetic import demo_corpus
from umurl_search.synthetic.actions import REST, STAND
from umurl_search.synthetic.body import OFF_ARM, Array
from umurl_search.synthetic.performers import animate, apply_style, place_on_stage

LEFT, RIGHT = (4, 5, 6, 7, 12, 13, 14, 15, 21, 22), (8, 9, 10, 11, 16, 17, 18, 19, 23, 24)
PERSON = demo_corpus.sample_subject(1)


def act(*, left_handed: bool) -> Array:
    script = [(1.0, STAND), (1.0, STAND + 10), (1.0, STAND)]
    person = replace(PERSON, left_handed=left_handed)
    return animate(person, script, clock=np.linspace(0, 2, 40), rng=np.random.default_rng(0))


def joint_distances(joints: Array) -> Array:
    """Distances of all joints of all people: (T, J, J)."""
    flat = joints.reshape(len(joints), -1, 3)
    return np.asarray(np.linalg.norm(flat[:, :, None] - flat[:, None], axis=-1))


def test_a_left_handed_person_is_the_mirror_image_of_a_right_handed_one() -> None:
    swapped = np.arange(25)
    swapped[[*LEFT, *RIGHT]] = [*RIGHT, *LEFT]
    assert_allclose(act(left_handed=True), act(left_handed=False)[:, swapped] * [-1, 1, 1], atol=1e-9)


def test_a_body_stands_on_the_floor_as_tall_as_it_is_said_to_be() -> None:
    tall = replace(PERSON, build=replace(PERSON.build, stature=2 * PERSON.build.stature))
    script, clock = [(1.0, STAND), (1.0, STAND)], np.zeros(3)
    one, two = (
        animate(replace(person, sway=0.0), script, clock=clock, rng=np.random.default_rng(1))
        for person in (PERSON, tall)
    )
    assert_allclose(np.ptp(two, axis=1), 2 * np.ptp(one, axis=1), atol=1e-9)
    assert one[..., 1].min() == two[..., 1].min() < 0.05


def test_a_style_leaves_times_and_is_the_same_for_the_same_person() -> None:
    script = [(0.5, STAND), (0.7, STAND + 20), (0.3, STAND)]
    one, again, other = (
        apply_style(script, PERSON, habit=np.random.default_rng(h), rng=np.random.default_rng(1))
        for h in (0, 0, 1)
    )
    assert [seconds for seconds, _ in one] == [0.5, 0.7, 0.3]
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[1][1], other[1][1])


def test_who_does_not_stray_from_standing_keeps_the_posture() -> None:
    ((_, key),) = apply_style(
        [(1.0, STAND)], PERSON, habit=np.random.default_rng(0), rng=np.random.default_rng(0), spread=0
    )
    expected = STAND + PERSON.posture
    expected[OFF_ARM] += PERSON.rest_arm - REST
    assert_allclose(key, expected, atol=1e-9)


def test_a_body_is_put_on_the_stage_as_a_whole() -> None:
    alone = act(left_handed=False)
    placed = place_on_stage([alone], PERSON, gap=1.0, rng=np.random.default_rng(0))
    assert placed.shape == (40, 1, 25, 3)
    assert_allclose(joint_distances(placed), joint_distances(alone), atol=1e-9)
    assert_allclose(placed[:, 0, :, 1], alone[..., 1] + PERSON.place[1], atol=1e-9)


def test_two_people_face_each_other_a_gap_apart() -> None:
    script, clock = [(1.0, STAND), (1.0, STAND)], np.zeros(3)
    alone = animate(replace(PERSON, sway=0.0), script, clock=clock, rng=np.random.default_rng(1))
    nose = alone[:, :1] + [0, 0, 1]  # before the spine base, as people look
    for seed in range(8):
        both = place_on_stage(
            [np.concatenate([alone, nose], axis=1)] * 2, PERSON, gap=1.2, rng=np.random.default_rng(seed)
        )
        one, two = both[0]
        assert 0.9 < np.linalg.norm(one[0] - two[0]) < 1.5
        assert np.linalg.norm(one[25] - two[25]) < np.linalg.norm(one[0] - two[0])
        assert_allclose(one[25] - one[0], two[0] - two[25], atol=1e-9)
