"""The axes of a body: arrays that their maker turned, and people who are turned upright.

2s-AGCN and its descendants turn the spine of person 1 in frame 1 onto z, then the shoulders onto x. UmURL turns the
shoulders alone. What both share, once they are turned, is the angle about x up to one unknown: how far the trunk leaned
in front of the camera. It is near zero of most people, so a trunk that is put upright stands where UmURL leaves it.

Letters: T frames, M people, V joints, C = 3 coordinates. Frames are (T, M, 25, 3) float32, absent joints are zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.skeleton import LEFT_SHOULDER, RIGHT_SHOULDER, SPINE_MID
from umurl_search.clips.body_selection import FloatT
from umurl_search.clips.clip import Frames
from umurl_search.clips.types import State, Up

SPINE_BASE, SPINE_SHOULDER, HEAD = 0, 20, 3
_ANKLES, _FEET = (14, 18), (15, 19)
_LINED_UP = 0.999_998
"""The cosine from which on a bone lies along an axis as no person's does by chance, and a rounded turn's does."""
_CENTRED = 1e-3
"""Of a trunk's length: as far as a rounded centre lies from zero."""
_SHORTEST = 1e-6
_AXES: tuple[Up, ...] = ("x", "y", "z", "-x", "-y", "-z")
_MOST_FRAMES = 32
_STRAIGHT = 90
"""In a hundred: so many frames show a trunk that is no longer."""
_LOW, _HIGH = (0, 1), (20, 2, 3)
"""Pelvis or middle of the spine; shoulders, neck or head: what arrays are centred on is zero, as if it were absent."""
_STARTING = 5
"""Frames that say which way somebody faces."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was done to some clips, told by their first frames.

    centred: the middle of the spine of person 1 is zero in every frame. shoulders_on_x, spine_on_axis: as a maker turns
    them, not by chance. stands: the trunk points up along y.
    """

    centred: bool
    shoulders_on_x: bool
    spine_on_axis: bool
    stands: bool

    @property
    def is_turned(self) -> bool:
        """Whether a maker turned the bodies."""
        return self.shoulders_on_x or self.spine_on_axis

    @property
    def state(self) -> State:
        """What was done to arrays that say they are normalised."""
        if self.is_turned and not self.stands:
            return "body-turned"
        return "umurl-normalised" if self.centred and self.shoulders_on_x else "raw"


def look_at(clips: Sequence[Frames]) -> Look:
    """What holds of most of these clips; those whose trunk or shoulders are not seen do not count."""
    places = [frames.astype(np.float64) for frames in clips]  # in single precision, squares might overflow
    seen = [joints for joints in map(find_first_body, places) if joints is not None]
    if not seen:
        return Look(centred=True, shoulders_on_x=True, spine_on_axis=False, stands=True)
    across = _to_unit(np.stack([body[RIGHT_SHOULDER] - body[LEFT_SHOULDER] for body in seen]))
    trunk = _to_unit(np.stack([body[SPINE_SHOULDER] - body[SPINE_BASE] for body in seen]))
    spine = _to_unit(np.stack([body[SPINE_MID] - body[SPINE_BASE] for body in seen]))
    return Look(
        centred=_is_most([_is_centred(frames) for frames in places if frames.any()]),
        shoulders_on_x=_is_most(np.abs(across[:, 0]) > _LINED_UP),
        spine_on_axis=_is_most(np.abs(spine).max(axis=1) > _LINED_UP),
        stands=_is_most(trunk[:, 1] >= np.abs(trunk[:, 2])),
    )


def find_first_body(frames: NDArray[FloatT]) -> NDArray[FloatT] | None:
    """Person 1 in the first frame that has somebody in that place, (25, 3); None without trunk or shoulders there."""
    there = np.flatnonzero(frames[:, 0].any(axis=(1, 2)))
    if not len(there):
        return None
    body = frames[there[0], 0]
    across, trunk = body[RIGHT_SHOULDER] - body[LEFT_SHOULDER], body[SPINE_SHOULDER] - body[SPINE_BASE]
    return body if min(np.abs(across).sum(), np.abs(trunk).sum()) > _SHORTEST else None


def find_trunk(frames: Frames) -> NDArray[np.float64]:
    """From the pelvis to the shoulders, the median of all frames, (3,); zero where neither is ever there."""
    low, high = (_pick_present_joint(frames, joints) for joints in (_LOW, _HIGH))
    along = (high - low)[low.any(axis=-1) & high.any(axis=-1)]
    return np.median(along, axis=0).astype(np.float64) if len(along) else np.zeros(3)


def find_trunk_length(frames: Frames) -> float:
    """From the pelvis to the shoulders of person 1, where it is longest over time, which no stoop shortens; 0 where it
    is never seen."""
    both = frames[:, 0, (SPINE_BASE, SPINE_SHOULDER)].any(axis=-1).all(axis=-1)
    trunks = (frames[:, 0, SPINE_SHOULDER] - frames[:, 0, SPINE_BASE])[both].astype(np.float64)
    return float(np.percentile(np.linalg.norm(trunks, axis=-1), _STRAIGHT)) if len(trunks) else 0.0


def _pick_present_joint(frames: Frames, joints: tuple[int, ...]) -> Frames:
    """Of joints that stand for one another, the first that is ever there, (T, M, 3)."""
    return frames[:, :, next((joint for joint in joints if frames[:, :, joint].any()), joints[0])]


def find_standing_axis(frames: Frames) -> Up | None:
    """The axis along which most of a trunk lies, with its sign; None where no trunk is seen."""
    trunk = find_trunk(frames[:: -(-len(frames) // _MOST_FRAMES)]) if frames.size else np.zeros(3)
    along = int(np.abs(trunk).argmax())
    return None if not np.abs(trunk[along]) > 0 else _AXES[along + 3 * int(trunk[along] < 0)]


def make_upright(frames: Frames) -> Frames:
    """The clip turned as a whole, so that in its first frame the shoulders of person 1 lie along x and the trunk is up.

    What is up of the trunk is its part at right angles to the shoulders. The result depends on no turn that was done
    before. A clip whose trunk or shoulders are not seen stays as it is.
    """
    body = find_first_body(frames)
    axes = None if body is None else _find_axes(body)
    if axes is None:
        return frames
    return (frames.reshape(-1, 3) @ axes.T.astype(frames.dtype)).reshape(frames.shape)


def _find_axes(body: Frames) -> NDArray[np.float64] | None:
    """The body's own axes as rows (3, 3); None where its trunk lies along its shoulders."""
    across = body[RIGHT_SHOULDER].astype(np.float64) - body[LEFT_SHOULDER]
    trunk = body[SPINE_SHOULDER].astype(np.float64) - body[SPINE_BASE]
    x = across / np.linalg.norm(across)
    upward = trunk - (trunk @ x) * x
    if np.linalg.norm(upward) < 1e-3 * np.linalg.norm(trunk):
        return None
    y = upward / np.linalg.norm(upward)
    return np.stack([x, y, np.cross(x, y)])


def stand_up(frames: Frames) -> Frames:
    """The clip turned as a whole, so that person 1 stands along y: from the feet to the head, over all frames together.

    It undoes the tilt of a camera, as far as people stand or walk; it does not turn them about the vertical. A clip
    that never shows ankles and head together stays as it is.
    """
    bodies = frames[:, 0].astype(np.float64)
    feet, head = bodies[:, _ANKLES], bodies[:, HEAD]
    both = feet.any(axis=-1).all(axis=-1) & head.any(axis=-1)
    if not both.any():
        return frames
    upward = _to_unit(head[both] - feet[both].mean(axis=1)).mean(axis=0)
    length = float(np.linalg.norm(upward))
    if length < _SHORTEST:
        return frames
    x, y, z = upward / length
    if y < _SHORTEST - 1:  # head down: about z, as a picture is turned
        turn = np.diag([-1.0, -1.0, 1.0])
    else:
        turn = np.array(
            [
                [1 - x * x / (1 + y), -x, -x * z / (1 + y)],
                [x, y, z],
                [-x * z / (1 + y), -z, 1 - z * z / (1 + y)],
            ]
        )
    return (frames.reshape(-1, 3) @ turn.T.astype(frames.dtype)).reshape(frames.shape)


def settle_signs(frames: Frames) -> Frames:
    """A clip whose y was turned over, with the signs of x and z by which its people are people.

    Files with a downward axis come turned about any other axis, or mirrored: y alone has another sign. Whoever looks
    into the camera has the shoulders from left to right along x, and toes point ahead. Person 1 decides for all.
    """
    bodies = frames[:, 0][frames[:, 0].any(axis=(1, 2))].astype(np.float64)
    if not len(bodies):
        return frames
    across = np.median(bodies[:, RIGHT_SHOULDER] - bodies[:, LEFT_SHOULDER], axis=0)
    toes = np.median((bodies[:, _FEET] - bodies[:, _ANKLES]).mean(axis=1), axis=0)
    trunk = np.median(bodies[:, SPINE_SHOULDER] - bodies[:, SPINE_BASE], axis=0)
    is_mirrored = np.cross(across, trunk) @ toes > 0
    x = -1 if across[0] < 0 else 1
    z = -x if is_mirrored else x
    return frames if x == z == 1 else frames * np.array([x, 1, z], dtype=frames.dtype)


def _is_centred(frames: NDArray[np.float64]) -> bool:
    there = frames[:, 0].any(axis=(1, 2))
    bodies = frames[there, 0]
    off = np.linalg.norm(bodies[:, SPINE_MID], axis=-1)
    size = np.linalg.norm(bodies[:, SPINE_SHOULDER] - bodies[:, SPINE_BASE], axis=-1)
    return bool(len(off)) and bool(np.median(off) <= _CENTRED * np.median(size))


def _to_unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) of unit length; of none, zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, _SHORTEST), dtype=np.float64)


def _is_most(held: Sequence[bool] | NDArray[np.bool_]) -> bool:
    return 2 * int(np.sum(held)) > len(held)


def face_camera(frames: Frames) -> Frames:
    """The clip turned about the vertical, so that person 1's shoulders lie along x, from left to right, at its start.

    One angle for the clip and everybody in it, of the first frames that show both shoulders; people of recordings that
    were made from all around face the camera then, as those of a Kinect do. Unseen joints stay zeros.
    """
    shoulders = frames[:, 0, (LEFT_SHOULDER, RIGHT_SHOULDER)]
    both = np.flatnonzero(shoulders.any(axis=-1).all(axis=-1))[:_STARTING]
    if not len(both):
        return frames
    across = (shoulders[both, 1] - shoulders[both, 0]).astype(np.float64).mean(axis=0)
    length = np.hypot(across[0], across[2])
    if length < _SHORTEST:
        return frames
    cosine, sine = across[0] / length, across[2] / length
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    return (frames.reshape(-1, 3) @ turn.T.astype(frames.dtype)).reshape(frames.shape)
