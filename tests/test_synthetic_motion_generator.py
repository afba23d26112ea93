"""The motion generator: the same bytes by number, lengths, people, left hands."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.normalization import normalise
from umurl_search.synthetic import body as body
from umurl_search.synthetic import motion_generator
from umurl_search.synthetic.body import Array
from umurl_search.synthetic.motion_generator import MotionGenerator, perform

N = 80


@pytest.fixture(scope="module")
def performed() -> list[Array]:
    """Performances on the stage, before any sensor sees them: (T, M, 25, 3) each."""
    made = MotionGenerator(seed=4, pairs=0.3)
    return [perform(made.script(i), np.random.default_rng(i)) for i in range(N)]


# The source


def test_same_numbers_give_the_same_bytes_in_any_order() -> None:
    one = [MotionGenerator(seed=3).clip(number, 1).tobytes() for number in (5, 9)]
    assert [MotionGenerator(seed=3).clip(number, 1).tobytes() for number in (9, 5)] == one[::-1]


def test_another_process_gives_the_same_bytes() -> None:
    code = (
        "import hashlib; from umurl_search.synthetic.motion_generator import MotionGenerator;"
        "print(hashlib.sha256(MotionGenerator(seed=2).clip(7, 3).tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == hashlib.sha256(MotionGenerator(seed=2).clip(7, 3).tobytes()).hexdigest(), (
        run.stderr
    )


def test_seed_programme_and_performance_each_make_a_difference() -> None:
    made = {
        MotionGenerator(seed=s).clip(p, k).tobytes()
        for s, p, k in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    }
    assert len(made) == 4


def test_performances_of_a_programme_share_the_script_alone() -> None:
    programme = MotionGenerator(seed=4).script(3)
    again = MotionGenerator(seed=4).script(3)
    for (s, key), (other_s, other) in zip(programme.actor, again.actor, strict=True):
        assert s == other_s
        np.testing.assert_array_equal(key, other)
    one, two = (perform(programme, np.random.default_rng(k)) for k in range(2))
    assert one.shape != two.shape or np.abs(one - two).max() > 0.05


def test_clips_are_what_a_sensor_gives(generated_clips: list[NDArray[np.float32]]) -> None:
    for frames in generated_clips:
        assert frames.dtype == np.float32
        assert frames.shape[1] in (1, 2)
        assert frames.shape[2:] == (25, 3)
        assert motion_generator.SHORTEST // 2 <= len(frames) <= motion_generator.LONGEST
        assert np.isfinite(frames).all()
        seen = frames[frames.any(axis=(2, 3))]
        assert 0.2 < np.median(seen[..., 2]) < 12
        assert np.isfinite(normalise(frames)).all()


def test_lengths_vary_widely(generated_clips: list[NDArray[np.float32]]) -> None:
    lengths = [len(frames) for frames in generated_clips]
    assert np.quantile(lengths, 0.2) < 45
    assert np.quantile(lengths, 0.8) > 90


@pytest.mark.parametrize(("pairs", "people"), [(0.0, {1}), (1.0, {2}), (0.5, {1, 2})])
def test_so_many_programmes_are_for_two(pairs: float, people: set[int]) -> None:
    made = MotionGenerator(seed=1, pairs=pairs)
    assert {made.clip(number, 0).shape[1] for number in range(12)} == people
    assert {1 + (made.script(number).partner is not None) for number in range(12)} == people


def test_one_programme_in_six_is_left_handed() -> None:
    left = [MotionGenerator(seed=9).script(number).left_handed for number in range(300)]
    assert 30 < sum(left) < 75


# The body


def test_limbs_keep_human_lengths(performed: list[Array]) -> None:
    for joints in performed:
        lengths = np.linalg.norm(joints - joints[:, :, body.PARENTS], axis=-1)
        assert np.ptp(lengths, axis=0).max() < 1e-9
        thigh, upper_arm = lengths[0, :, 13], lengths[0, :, 5]
        assert thigh.min() > 0.2
        assert thigh.max() < 0.62
        assert upper_arm.min() > 0.14
        assert upper_arm.max() < 0.42


def test_nobody_sinks_into_the_floor_or_leaves_the_stage(performed: list[Array]) -> None:
    for joints in performed:
        assert joints[..., 1].min() > 0.029
        assert joints[..., 1].max() < 3
        ground = joints[:, :, 0, [0, 2]]
        np.testing.assert_allclose(ground.max(axis=(0, 1)), -ground.min(axis=(0, 1)), atol=1e-9)


def test_statures_and_proportions_differ() -> None:
    people = [
        motion_generator.sample_performer(np.random.default_rng(i), left_handed=False) for i in range(200)
    ]
    statures = np.array([person.build.stature for person in people])
    assert statures.min() < 1.5
    assert statures.max() > 1.9
    assert np.std([person.build.legs for person in people]) > 0.03
