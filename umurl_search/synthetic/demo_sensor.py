"""The depth sensor that sees made-up performances: cameras, trembling joints, lost people.

Camera space: z away from the sensor, y up, and x to its left. Letters: T frames, M people.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umurl_search.synthetic.body import Array

_AZIMUTHS = (-45.0, 0.0, 45.0)
_DISTANCE_AND_HEIGHT = ((3.1, 1.1), (3.5, 1.7), (2.8, 0.8), (3.3, 2.1))
_TREMBLE_M = np.full((25, 1), 0.009)
_TREMBLE_M[[0, 1, 2, 3, 20]] = 0.006
_TREMBLE_M[[7, 11, 15, 19]] = 0.016
_TREMBLE_M[[21, 22, 23, 24]] = 0.022
"""The sensor's error at each joint, 3 metres away."""
_COUNTERPART = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]
"""The joint on the other side: nearer to the sensor, it hides its fellow."""
_LIMBS = ([5, 6, 7, 21, 22], [9, 10, 11, 23, 24], [13, 14, 15], [17, 18, 19])


def to_camera_space(joints: Array, *, setup: int, camera: int) -> Array:
    """The joints in a camera's space: (T, M, 25, 3), from the same on the stage."""
    distance, height = _DISTANCE_AND_HEIGHT[setup - 1]
    azimuth, tilt = np.deg2rad(_AZIMUTHS[camera - 1]), np.arctan2(height - 0.9, distance)
    sine, cosine = np.sin(azimuth), np.cos(azimuth)
    level = np.array([[-cosine, 0, sine], [0, 1, 0], [-sine, 0, -cosine]])
    lens = np.array([distance * sine, height, distance * cosine])
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    return np.asarray((joints - lens) @ (tilted @ level).T)


def simulate_sensor(joints: Array, rng: Generator) -> NDArray[np.float32]:
    """What a depth sensor makes of the joints: (T, M, 25, 3) float32; a person it loses is zeros.

    It trembles (more at hands and feet, far away, and on the side turned from it), now and then takes a limb
    for another thing, and loses people for some frames.
    """
    seen = joints + tremble(joints, rng)
    if rng.random() < 0.2:
        misplace_limb(seen, rng)
    if rng.random() < 0.1:
        lose(seen[:, rng.integers(seen.shape[1])], int(rng.integers(1, 9)), at=float(rng.random()))
    if seen.shape[1] == 2 and rng.random() < 0.2:
        lose(seen[:, 1], int(len(seen) * rng.uniform(0.08, 0.3)), at=float(rng.integers(2)))
    return seen.astype(np.float32)


def tremble(joints: Array, rng: Generator) -> Array:
    """The sensor's error, correlated in time over about a tenth of a second: (T, M, 25, 3), metres."""
    weights = 0.7 ** np.arange(8)
    white = rng.standard_normal((len(joints) + len(weights) - 1, *joints.shape[1:]))
    smooth = np.zeros_like(joints)
    for delay, weight in enumerate(weights / np.sqrt((weights**2).sum())):
        smooth += weight * white[delay : delay + len(joints)]
    bias = 0.7 * rng.standard_normal(joints.shape[1:])
    depth = joints[..., 2:]
    hidden = np.clip((depth - depth[:, :, _COUNTERPART]) / 0.4, 0, 1)
    return np.asarray(_TREMBLE_M * (np.minimum(depth, 4.5) / 3) ** 2 * (1 + 2 * hidden) * (smooth + bias))


def misplace_limb(seen: Array, rng: Generator) -> None:
    """Throw one limb of one person off for a few frames."""
    limb = _LIMBS[rng.integers(len(_LIMBS))]
    start, length = int(rng.integers(len(seen))), int(rng.integers(2, 9))
    shift = rng.normal(0, 0.1, 3) * np.linspace(0.4, 1.5, len(limb))[:, None]
    seen[start : start + length, rng.integers(seen.shape[1]), limb] += shift


def lose(person: Array, n_frames: int, *, at: float) -> None:
    """Make a person absent for some frames; `at` runs from 0, the clip's start, to 1, its end.

    person: (T, 25, 3), changed in place.
    """
    n_frames = min(n_frames, len(person) - 1)
    start = round(at * (len(person) - n_frames))
    person[start : start + n_frames] = 0
