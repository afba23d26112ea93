"""Clips as other preprocessing code leaves them: centred, turned by the body, in other orders of joints."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
BODY_25 = (3, 2, 8, 9, 10, 4, 5, 6, 0, 16, 17, 18, 12, 13, 14, 3, 3, 3, 3, 15, 15, 14, 19, 19, 18)
"""For each joint of OpenPose's, the one of ntu25 that is nearest to it."""


def center(frames: Array) -> Array:
    """(T, M, 25, 3) about the middle of the spine of person 1 in every frame."""
    there = frames.any(axis=-1, keepdims=True)
    return np.asarray((frames - frames[:, :1, 1:2]) * there, dtype=np.float32)


def spin(frames: Array, axis: tuple[float, float, float], angle: float = 1.0) -> Array:
    """The clip turned about an axis."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return _rotate(frames, np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def turn_like_agcn(frames: Array, *, shoulders: bool = True) -> Array:
    """Centred, the spine of person 1 in frame 1 turned onto z, then the shoulders onto x: what 2s-AGCN does."""
    turned = center(frames)
    for low, high, end in ((0, 1, (0, 0, 1)), (4, 8, (1, 0, 0)))[: 1 + shoulders]:
        body = turned[0, 0].astype(np.float64)
        turned = _rotate(turned, _onto(body[high] - body[low], np.array(end, dtype=np.float64)))
    return turned


def to_pixels(frames: Array, *, seed: int = 0) -> Array:
    """(T, M, 25, 3): x, y of a picture in the order of BODY_25, and a score."""
    joints = frames[:, :, list(BODY_25)].astype(np.float64)
    depth = np.maximum(joints[..., 2] - joints[..., 2].min() + 2, 1)
    score = 0.6 + 0.35 * np.random.default_rng(seed).random(depth.shape)
    x, y = 960 + 1000 * joints[..., 0] / depth, 540 - 1000 * joints[..., 1] / depth
    return np.stack([x, y, score], axis=-1).astype(np.float32)


def _onto(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation that takes one direction to the other."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    x, y, z = np.cross(a, b)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + a @ b), dtype=np.float64)


def _rotate(frames: Array, rotation: NDArray[np.float64]) -> Array:
    return np.asarray(frames @ rotation.T, dtype=np.float32)
