"""Cameras all around, and sensors of two generations with their faults."""

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.synthetic import sensors
from umurl_search.synthetic.motion_generator import MotionGenerator


def test_cameras_stand_all_around_and_out_of_the_way() -> None:
    person = np.zeros((1, 1, 25, 3))
    person[..., 1] = np.linspace(0.1, 1.7, 25)  # upright
    person[0, 0, 8, 0], person[0, 0, 4, 0] = -0.2, 0.2  # left is +x: facing the camera ahead
    azimuths, tilts, depths = [], [], []
    for seed in range(300):
        seen = sensors.to_camera_space(person, np.random.default_rng(seed))[0, 0]
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
    seen = sensors.to_camera_space(joints, np.random.default_rng(1))
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


def test_sensors_shake_little_or_much(generated_clips: list[NDArray[np.float32]]) -> None:
    shakes = [
        float(np.median(np.linalg.norm(c[2:, 0] - 2 * c[1:-1, 0] + c[:-2, 0], axis=-1)))
        for c in generated_clips
    ]
    assert np.quantile(shakes, 0.1) < 0.004
    assert np.quantile(shakes, 0.9) > 0.02


def test_somebody_is_lost_now_and_then(generated_clips: list[NDArray[np.float32]]) -> None:
    lost = [not c.any(axis=(2, 3)).all() for c in generated_clips]
    assert 0.02 < np.mean(lost) < 0.5
    assert all(c.any(axis=(2, 3)).any(axis=0).all() for c in generated_clips)
