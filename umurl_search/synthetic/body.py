"""A human body for made-up motion: its tree, limb lengths, ranges of movement and forward kinematics.

The body's own frame: x to its left, y up, z ahead. Standing, every rotation zero, the arms hang down. A pose
is a row of `CHANNELS`: angles in degrees, and path and lift in metres for a person of `STATURE`. Poses are
written for the handed side ("main") and the other ("off"); a right-hander's main side is the right one.

Letters: T frames, J = 25 joints, D = len(CHANNELS).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STATURE = 1.75

PARENTS = (
    0,
    0,
    20,
    2,
    20,
    4,
    5,
    6,
    20,
    8,
    9,
    10,
    0,
    12,
    13,
    14,
    0,
    16,
    17,
    18,
    1,
    7,
    6,
    11,
    10,
)
"""The joint that carries each joint of NTU-25; the spine base (0) is the root."""

TRUNK = ("x", "y", "z", "yaw", "pitch", "roll", "bend", "lean", "twist", "nod", "tilt", "turn", "weight")
ARM = ("raise", "spread", "turn-in", "elbow", "wrist")
LEG = ("hip", "splay", "turn-in", "knee", "ankle")
CHANNELS = (
    *TRUNK,
    *(
        f"{side} {limb} {name}"
        for side in ("main", "off")
        for limb, names in (("arm", ARM), ("leg", LEG))
        for name in names
    ),
)
COLUMN = {name: column for column, name in enumerate(CHANNELS)}
MAIN_ARM, MAIN_LEG, OFF_ARM, OFF_LEG = (slice(start, start + 5) for start in (13, 18, 23, 28))

_TRUNK_RANGES = (
    (-6, 6),
    (0, 1),
    (-6, 6),
    (-360, 360),
    (-100, 100),
    (-100, 100),
    (-25, 100),
    (-35, 35),
    (-50, 50),
    (-45, 50),
    (-35, 35),
    (-75, 75),
    (0, 1),
)
_ARM_RANGES = ((-50, 180), (-35, 175), (-90, 90), (0, 150), (-60, 70))
_LEG_RANGES = ((-30, 125), (-20, 55), (-30, 35), (0, 145), (-45, 35))
RANGES: Array = np.array(_TRUNK_RANGES + 2 * (_ARM_RANGES + _LEG_RANGES), dtype=np.float64)
"""(D, 2): the least and the greatest value of each channel. Knees and elbows bend one way only."""

OTHER_SIDE = np.r_[0:13, 23:33, 13:23]
"""`pose[OTHER_SIDE]`: main and off limbs change places, the trunk stays."""
_FLIPPED = [COLUMN[name] for name in ("x", "yaw", "roll", "lean", "twist", "tilt", "turn")]

_ARM_JOINTS = np.array([[4, 5, 6, 7, 21, 22], [8, 9, 10, 11, 23, 24]])
_LEG_JOINTS = np.array([[12, 13, 14, 15], [16, 17, 18, 19]])
_FLOOR_RADIUS = 0.03


@dataclass(frozen=True, kw_only=True)
class Build:
    """A person's size (metres) and the ratio of each part to the average build of that size."""

    stature: float = STATURE
    legs: float = 1.0
    arms: float = 1.0
    trunk: float = 1.0
    breadth: float = 1.0


def bone_offsets(build: Build) -> Array:
    """Where each joint lies from its parent in the standing body: (25, 3), metres; the root's is zero."""
    offsets = np.zeros((25, 3))
    offsets[[1, 20, 2, 3], 1] = np.array([0.29, 0.22, 0.075, 0.145]) * build.trunk
    arm = np.array([[0.17 * build.breadth, -0.03, 0], [0, -0.28, 0], [0, -0.25, 0], [0, -0.08, 0]])
    fingers = np.array([[0, -0.08, 0], [-0.01, -0.06, 0.05]])
    leg = np.array([[0.085 * build.breadth, -0.04, 0], [0, -0.42, 0], [0, -0.40, 0], [0, -0.055, 0.13]])
    arm[1:] *= build.arms
    leg[1:3] *= build.legs
    for side, sign in enumerate((1, -1)):
        mirrored = np.array([sign, 1, 1])
        offsets[_ARM_JOINTS[side]] = np.concatenate([arm, fingers]) * mirrored
        offsets[_LEG_JOINTS[side]] = leg * mirrored
    return offsets * (build.stature / STATURE)


def mirror(poses: Array) -> Array:
    """The poses of a left-hander: main and off sides change places, and left and right with them.

    poses: (..., D), written for a right-hander.
    """
    swapped = poses[..., OTHER_SIDE]
    swapped[..., _FLIPPED] *= -1
    swapped[..., COLUMN["weight"]] = 1 - swapped[..., COLUMN["weight"]]
    return swapped


def clamp_to_ranges(poses: Array) -> Array:
    """The nearest poses that a body can take: (..., D)."""
    return np.asarray(np.clip(poses, RANGES[:, 0], RANGES[:, 1]))


def rotations(vectors: Array) -> Array:
    """Rotation matrices of rotation vectors (Rodrigues' formula).

    vectors: (..., 3), radians. Returns (..., 3, 3).
    """
    angle = np.sqrt((vectors**2).sum(-1))[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    cross = np.zeros((*vectors.shape, 3))
    cross[..., 2, 1], cross[..., 0, 2], cross[..., 1, 0] = x, y, z
    cross[..., 1, 2], cross[..., 2, 0], cross[..., 0, 1] = -x, -y, -z
    outer = vectors[..., :, None] * vectors[..., None, :]
    half = np.sinc(angle / (2 * np.pi))
    return np.asarray(np.cos(angle) * np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * outer)


def forward_kinematics(poses: Array, offsets: Array) -> Array:
    """Joints of a body whose spine base is at the origin: (T, 25, 3), metres.

    poses: (T, D), right-handed (main is the right side); offsets: (25, 3) as `bone_offsets` gives.
    """
    joints = np.zeros((len(poses), 25, 3))
    pelvis, lumbar, chest, neck, skull = _trunk_rotations(poses)
    for joint, parent, turned in ((1, 0, lumbar), (20, 1, chest), (2, 20, neck), (3, 2, skull)):
        joints[:, joint] = joints[:, parent] + turned @ offsets[joint]
    sides = np.stack([poses[:, 23:33], poses[:, 13:23]], axis=1)
    _add_limbs(joints, _arm_rotations(sides[..., :5], chest), limbs=_ARM_JOINTS, offsets=offsets)
    _add_limbs(joints, _leg_rotations(sides[..., 5:], pelvis), limbs=_LEG_JOINTS, offsets=offsets)
    return joints


def place(joints: Array, poses: Array, *, scale: float) -> Array:
    """The body standing on the floor (y = 0) with its feet where its path leads: (T, 25, 3), metres.

    The lowest joint touches the floor, unless the pose lifts it; sideways and ahead, the point between the
    ankles (as `weight` shares it: 0 off leg, 1 main leg) follows the path, so that planted feet stay put.

    joints: (T, 25, 3), spine base at the origin; poses: (T, D), right-handed; scale: stature / STATURE.
    """
    weight = poses[:, COLUMN["weight"], None]
    support = (1 - weight) * joints[:, 14] + weight * joints[:, 18]
    root = poses[:, :3] * scale - support
    root[:, 1] = poses[:, 1] * scale - joints[:, :, 1].min(axis=1) + _FLOOR_RADIUS
    return joints + root[:, None]


def _vectors(x: Array | float, y: Array | float, z: Array | float) -> Array:
    """Rotation vectors in radians of three components in degrees: (..., 3)."""
    return np.asarray(np.deg2rad(np.stack(np.broadcast_arrays(x, y, z), axis=-1)))


def _trunk_rotations(poses: Array) -> tuple[Array, ...]:
    """Global rotations (T, 3, 3) of pelvis, lower and upper spine, neck and head."""
    yaw, pitch, roll, bend, lean, twist, nod, tilt, turn = poses[:, 3:12].T
    back, head = _vectors(bend, twist, lean) / 2, _vectors(nod, turn, tilt) / 2
    about = np.stack([_vectors(0, yaw, 0), _vectors(pitch, 0, roll), back, head])
    heading, lying, spine, skull = rotations(about)
    pelvis = heading @ lying
    chain = [pelvis]
    for local in (spine, spine, skull, skull):
        chain.append(chain[-1] @ local)
    return tuple(chain)


def _arm_rotations(angles: Array, chest: Array) -> list[Array]:
    """Global rotations (T, 2, 3, 3) that carry shoulder, elbow, wrist and hand.

    angles: (T, 2, 5), the left side first; chest: (T, 3, 3).
    """
    sign = np.array([1.0, -1.0])
    lift, spread, turn, elbow, wrist = np.moveaxis(angles, -1, 0)
    swing, twist, hinge, palm = rotations(
        np.stack(
            [
                _vectors(-lift, 0, sign * spread),
                _vectors(0, -sign * turn, 0),
                _vectors(-elbow, 0, 0),
                _vectors(0, 0, -sign * wrist),
            ]
        )
    )
    girdle = np.broadcast_to(chest[:, None], swing.shape)
    upper = girdle @ swing @ twist
    fore = upper @ hinge
    hand = fore @ palm
    return [girdle, upper, fore, hand, hand, hand]


def _leg_rotations(angles: Array, pelvis: Array) -> list[Array]:
    """Global rotations (T, 2, 3, 3) that carry hip, knee, ankle and foot.

    angles: (T, 2, 5), the left side first; pelvis: (T, 3, 3).
    """
    sign = np.array([1.0, -1.0])
    lift, splay, turn, knee, ankle = np.moveaxis(angles, -1, 0)
    swing, twist, hinge, sole = rotations(
        np.stack(
            [
                _vectors(-lift, 0, sign * splay),
                _vectors(0, -sign * turn, 0),
                _vectors(knee, 0, 0),
                _vectors(-ankle, 0, 0),
            ]
        )
    )
    girdle = np.broadcast_to(pelvis[:, None], swing.shape)
    thigh = girdle @ swing @ twist
    shank = thigh @ hinge
    return [girdle, thigh, shank, shank @ sole]


def _add_limbs(joints: Array, carried: list[Array], *, limbs: NDArray[np.int64], offsets: Array) -> None:
    """Fill in the joints of both sides' limbs, from the trunk outwards."""
    parents = np.array(PARENTS)
    for column, rotation in enumerate(carried):
        joint = limbs[:, column]
        joints[:, joint] = joints[:, parents[joint]] + (rotation @ offsets[joint][..., None])[..., 0]
