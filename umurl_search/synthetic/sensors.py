"""Cameras anywhere about the stage, and the sensors of two generations with faults small and large.

Letters: T frames, M people, J = 25 joints.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from encoder.joint_layouts import LAYOUTS
from umurl_search.synthetic import demo_sensor
from umurl_search.synthetic.body import Array, rotations

V1_COPIES = LAYOUTS["kinect-v1"].matrix.argmax(axis=1)
"""For each of NTU's 25 joints the one of the older sensor's 20 that stands for it."""

_BASE, _MID, _NECK, _HEAD = 0, 1, 2, 3
_FEET = ((14, 15), (18, 19))


def simulate_recording(joints: Array, rng: Generator, *, v1: bool) -> NDArray[np.float32]:
    """What a sensor somewhere makes of people on the stage: (T, M, 25, 3) float32, metres in its space.

    v1: the older sensor, whose 20 joints are spread over 25.
    """
    seen = to_camera_space(joints, rng)
    seen = simulate_older_sensor(seen, rng) if v1 else seen
    seen = _drop_frames(seen, rng)
    level = float(np.exp(rng.uniform(np.log(0.06), np.log(2.0))))
    seen = seen + level * demo_sensor.tremble(seen, rng)
    if rng.random() < 0.5:
        seen = _steady(seen, keep=float(rng.uniform(0.1, 0.7)))
    for _ in range(rng.poisson(0.5)):
        demo_sensor.misplace_limb(seen, rng)
    if v1:
        seen = seen[:, :, V1_COPIES]
    if rng.random() < 0.1:
        demo_sensor.lose(
            seen[:, rng.integers(seen.shape[1])], int(rng.integers(1, 9)), at=float(rng.random())
        )
    if seen.shape[1] == 2 and rng.random() < 0.2:
        demo_sensor.lose(seen[:, 1], int(len(seen) * rng.uniform(0.08, 0.3)), at=float(rng.integers(2)))
    return seen.astype(np.float32)


def to_camera_space(joints: Array, rng: Generator) -> Array:
    """The joints in a camera's space: (T, M, 25, 3).

    It stands mostly ahead, else anywhere about, high or low, and never where people walk.
    """
    azimuth = rng.normal(0, 35) if rng.random() < 0.65 else rng.uniform(-180, 180)
    farthest = float(np.abs(joints[:, :, 0, [0, 2]]).max())
    distance, height = max(rng.uniform(1.9, 4.3), farthest + 1.5), rng.uniform(0.4, 2.6)
    elevation = np.rad2deg(np.arctan2(height - 0.9, distance)) + rng.normal(0, 5)
    lens = distance * np.array([np.sin(np.deg2rad(azimuth)), 0, np.cos(np.deg2rad(azimuth))])
    lens[1] = height
    about = np.deg2rad([[0, 180 - azimuth, 0], [-elevation, 0, 0], [0, 0, rng.normal(0, 2)]])
    level, tilted, rolled = rotations(about)
    return np.asarray((joints - lens) @ (rolled @ tilted @ level).T)


def simulate_older_sensor(joints: Array, rng: Generator) -> Array:
    """The body as the older sensor models it, still 25 joints: a low spine joint, short feet, a high head.

    Its shoulder centre lies where the newer sensor has the neck.
    """
    seen = joints.copy()
    low, high, foot = rng.uniform(0.18, 0.35), rng.uniform(1.15, 1.5), rng.uniform(0.45, 0.85)
    base, neck = joints[:, :, _BASE], joints[:, :, _NECK]
    seen[:, :, _MID] = base + low * (joints[:, :, _MID] - base)
    seen[:, :, _HEAD] = neck + high * (joints[:, :, _HEAD] - neck)
    for ankle, toes in _FEET:
        seen[:, :, toes] = joints[:, :, ankle] + foot * (joints[:, :, toes] - joints[:, :, ankle])
    return seen


def _drop_frames(seen: Array, rng: Generator) -> Array:
    """Every frame, every second or third, or some twice: what a sensor short of time gives."""
    draw = rng.random()
    if draw < 0.7:
        return seen
    if draw < 0.9:
        step = int(rng.integers(2, 4))
        return seen[::step] if len(seen) >= 12 * step else seen
    kept = np.arange(len(seen))
    stuck = rng.random(len(seen)) < 0.2
    stuck[0] = False
    return seen[np.maximum.accumulate(np.where(stuck, 0, kept))]


def _steady(seen: Array, *, keep: float) -> Array:
    """Smoothed over time as sensors do: each frame keeps a share of the one before."""
    smooth = seen.copy()
    for t in range(1, len(seen)):
        smooth[t] = keep * smooth[t - 1] + (1 - keep) * seen[t]
    return smooth
