import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoder.ragged import RaggedClips
from umurl_search.clips.normalization import normalise
from umurl_search.synthetic import body as body
from umurl_search.synthetic import generator_actions, motion_generator, sensors
from umurl_search.synthetic.actions import STAND, Script, pose
from umurl_search.synthetic.body import COLUMN, MAIN_ARM, MAIN_LEG, Array
from umurl_search.synthetic.generator_actions import compose, layer, walk
from umurl_search.synthetic.motion_generator import MotionGenerator, perform
from umurl_search.synthetic.multi_take_clips import Retakes

N = 80
HANDS = (7, 21, 22, 11, 23, 24)
"""Hand, tip and thumb, left and right."""


@pytest.fixture(scope="module")
def clips() -> list[NDArray[np.float32]]:
    return [MotionGenerator(seed=4, pairs=0.3).clip(number, 0) for number in range(N)]


@pytest.fixture(scope="module")
def performed() -> list[Array]:
    """Performances on the stage, before any sensor sees them: (T, M, 25, 3) each."""
    made = MotionGenerator(seed=4, pairs=0.3)
    return [perform(made.script(i), np.random.default_rng(i)) for i in range(N)]


def seconds(script: Script) -> float:
    return sum(s for s, _ in script)


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


def test_clips_are_what_a_sensor_gives(clips: list[NDArray[np.float32]]) -> None:
    for frames in clips:
        assert frames.dtype == np.float32
        assert frames.shape[1] in (1, 2)
        assert frames.shape[2:] == (25, 3)
        assert motion_generator.SHORTEST // 2 <= len(frames) <= motion_generator.LONGEST
        assert np.isfinite(frames).all()
        seen = frames[frames.any(axis=(2, 3))]
        assert 0.2 < np.median(seen[..., 2]) < 12
        assert np.isfinite(normalise(frames)).all()


def test_lengths_vary_widely(clips: list[NDArray[np.float32]]) -> None:
    lengths = [len(frames) for frames in clips]
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


# The programmes


@pytest.mark.parametrize("seed", range(40))
def test_composed_scripts_move_and_take_time(seed: int) -> None:
    script = compose(np.random.default_rng(seed))
    assert 0.2 < seconds(script) <= generator_actions.MOST_S
    assert script[0][0] == 0
    assert all(s > 0 for s, _ in script[1:])
    keys = np.stack([key for _, key in script])
    assert np.isfinite(keys).all()
    assert np.abs(keys - STAND).max() > 5


def test_composed_movements_use_every_part_of_the_body() -> None:
    reach = np.stack(
        [
            np.ptp(np.stack([key for _, key in compose(np.random.default_rng(seed))]), axis=0)
            for seed in range(150)
        ]
    )
    used = (reach > 10).mean(axis=0)
    for name in ("main arm raise", "off arm raise", "main leg knee", "off leg hip", "bend", "twist", "turn"):
        assert 0.1 < used[COLUMN[name]] < 1, name


def test_walks_lead_somewhere_and_turn() -> None:
    ends = np.stack([walk(np.random.default_rng(seed))[-1][1] for seed in range(60)])
    far = np.hypot(ends[:, COLUMN["x"]], ends[:, COLUMN["z"]])
    assert far.max() > 2
    assert (far < 0.01).any()  # on the spot
    assert (ends[:, COLUMN["z"]] < -0.3).any()  # backwards
    assert np.abs(ends[:, COLUMN["yaw"]]).max() > 45


def test_layered_takes_legs_from_one_and_arms_from_the_other() -> None:
    lower = [(0.0, STAND), (1.0, pose(leg=(60, 4, -6, 80, 0)))]
    upper = [(0.0, STAND), (2.0, pose(arm=(90, 4, 2, 3, 0)))]
    made = layer(lower=lower, upper=upper)
    assert seconds(made) == pytest.approx(1.0)
    end = made[-1][1]
    np.testing.assert_allclose(end[MAIN_LEG], (60, 4, -6, 80, 0))
    np.testing.assert_allclose(end[MAIN_ARM], (90, 4, 2, 3, 0))


# Cameras and sensors


def test_cameras_stand_all_around_and_out_of_the_way() -> None:
    person = np.zeros((1, 1, 25, 3))
    person[..., 1] = np.linspace(0.1, 1.7, 25)  # upright
    person[0, 0, 8, 0], person[0, 0, 4, 0] = -0.2, 0.2  # left is +x: facing the camera ahead
    azimuths, tilts, depths = [], [], []
    for seed in range(300):
        seen = sensors.in_view(person, np.random.default_rng(seed))[0, 0]
        across, up = seen[4] - seen[8], seen[24] - seen[0]
        azimuths.append(np.rad2deg(np.arctan2(across[2], -across[0])))
        tilts.append(np.rad2deg(np.arctan2(up[2], up[1])))
        depths.append(seen[12, 2])
    counts, _ = np.histogram(azimuths, bins=8, range=(-180, 180))
    assert counts.min() >= 5
    assert np.mean(np.abs(azimuths) < 45) > 0.5
    assert np.ptp(tilts) > 40
    assert 1 < min(depths) < 2.2
    assert 4 < max(depths) < 5


def test_in_view_is_a_rigid_motion() -> None:
    joints = np.random.default_rng(0).normal(0, 1, (4, 2, 25, 3))
    seen = sensors.in_view(joints, np.random.default_rng(1))
    a, b = (x.reshape(-1, 3) - x.reshape(-1, 3)[0] for x in (joints, seen))
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-9)
    assert np.linalg.det(np.linalg.lstsq(a, b, rcond=None)[0]) == pytest.approx(1)


def test_the_older_sensor_copies_five_joints_exactly() -> None:
    for number in range(12):
        frames = MotionGenerator(seed=6, v1=1.0).clip(number, 0)
        for copy, source in ((20, 2), (21, 7), (22, 7), (23, 11), (24, 11)):
            np.testing.assert_array_equal(frames[:, :, copy], frames[:, :, source])
        there = frames[:, 0].any(axis=(1, 2))
        low, high = (np.linalg.norm(frames[there, 0, j] - frames[there, 0, 0], axis=1) for j in (1, 2))
        assert np.median(low) < 0.4 * np.median(high)  # its spine joint lies near the hips


def test_v1_is_the_share_of_clips_of_the_older_sensor() -> None:
    made = (MotionGenerator(seed=2, v1=0.5).clip(number, 0) for number in range(60))
    copied = [bool((c[:, :, 20] == c[:, :, 2]).all()) for c in made]
    assert 15 < sum(copied) < 45
    newer = MotionGenerator(seed=2, v1=0.0).clip(0, 0)
    assert not (newer[:, :, 21] == newer[:, :, 7]).any(axis=-1).all()


def test_sensors_shake_little_or_much(clips: list[NDArray[np.float32]]) -> None:
    shakes = [float(np.median(np.linalg.norm(c[2:, 0] - 2 * c[1:-1, 0] + c[:-2, 0], axis=-1))) for c in clips]
    assert np.quantile(shakes, 0.1) < 0.004
    assert np.quantile(shakes, 0.9) > 0.02


def test_somebody_is_lost_now_and_then(clips: list[NDArray[np.float32]]) -> None:
    lost = [not c.any(axis=(2, 3)).all() for c in clips]
    assert 0.02 < np.mean(lost) < 0.5
    assert all(c.any(axis=(2, 3)).any(axis=0).all() for c in clips)


# Retakes


def counting(n_frames: int, value: float, people: int = 1) -> NDArray[np.float32]:
    """A clip whose x is `value`, y the frame as a share of the clip."""
    frames = np.zeros((n_frames, people, 25, 3), np.float32)
    frames[..., 0] = value
    frames[..., 1] = (np.arange(n_frames) / n_frames)[:, None, None]
    return frames


def test_retakes_of_one_take_are_the_clips_themselves(clips: list[NDArray[np.float32]]) -> None:
    alone, plain = Retakes.grouped(clips, n_takes=1, seed=0), RaggedClips.of(clips)
    index = torch.arange(N)
    first, length = torch.full((N,), 2), torch.clamp(plain.n_frames - 4, min=1)
    expected = plain.resized(index, first=first, length=length, people=2)
    assert torch.equal(alone.resized(index, first=first, length=length, people=2), expected)
    assert torch.equal(alone.resized(index), plain.resized(index))


def test_every_take_is_drawn_and_only_of_the_programme_asked() -> None:
    takes = [counting(40 + 10 * k, value) for value in (1.0, 2.0) for k in range(3)]
    for i, take in enumerate(takes):
        take[..., 2] = i % 3
    retakes = Retakes.grouped(takes, n_takes=3, seed=1).to(torch.device("cpu"))
    assert len(retakes) == 2
    assert retakes.n_frames.tolist() == [40, 40]
    made = retakes.resized(torch.tensor([0, 1] * 30))
    assert made[:, 0, 0, 0, 0].tolist() == [1.0, 2.0] * 30
    assert set(made[:, 0, 0, 0, 2].tolist()) == {0.0, 1.0, 2.0}


def test_a_crop_falls_on_the_same_share_of_every_take() -> None:
    takes = [counting(n, 0.0) for n in (100, 60, 200)]
    retakes = Retakes.grouped(takes, n_takes=3, seed=2)
    for _ in range(12):
        made = retakes.resized(torch.tensor([0]), first=torch.tensor([50]), length=torch.tensor([25]))
        assert made[0, 0, 0, 0, 1] == pytest.approx(0.5, abs=0.02)
        assert made[0, -1, 0, 0, 1] == pytest.approx(0.75, abs=0.03)


def test_same_seed_draws_the_same_takes() -> None:
    takes = [counting(30, float(k)) for k in range(6)]
    one, two = (Retakes.grouped(takes, n_takes=6, seed=5).resized(torch.zeros(20).long()) for _ in range(2))
    assert torch.equal(one, two)


def test_retakes_refuse_takes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 takes a programme do not divide 4 clips"):
        Retakes.grouped([counting(9, 0.0)] * 4, n_takes=3, seed=0)
    with pytest.raises(ValueError, match="takes of one programme show as many people"):
        Retakes.grouped([counting(9, 0.0), counting(9, 0.0, people=2)], n_takes=2, seed=0)
