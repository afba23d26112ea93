"""From joints in metres to lines on a sheet: bones of a layout, a camera that orbits, the ground. Pure numpy.

The world has y up and is right-handed, as sensors state it; a sheet has x to the right and y down, in pixels.

Letters: T frames, M people, V = 25 joints, E bones, G lines on the ground.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from encoder.skeleton import JOINTS, LEFT_SHOULDER, PARENTS, RIGHT_SHOULDER, SPINE_MID
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import is_flat

Points = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bones = tuple[tuple[int, int], ...]

SPINE_BASE, HEAD = 0, 3
RIGHT_SIDE = frozenset((8, 9, 10, 11, 16, 17, 18, 19, 23, 24))
"""Joints of the right arm and leg."""
_HEAD_RADIUS_M = 0.09
_TO_SENSOR = np.array([0.0, 0.0, -1.0])
_STARTING = 15
"""Frames that say which way somebody faces."""
_BODY_M = 1.0
"""No neighbour of the middle of a body is farther from it."""
_DISTANCE = 2.4
"""Of the camera, in radii of what is before it."""
_CELL_M = 0.5
_MOST_CELLS = 20


def bones(layout: str = "ntu25") -> Bones:
    """The joint and its parent, numbers of NTU-25, of each bone that a layout has.

    None to a copy of a joint, nor where nothing beyond is the layout's own: fingers that nobody saw are not drawn.
    """
    shown = find_layout(layout)
    source, reached = shown.stands_for, {j for j, name in enumerate(JOINTS) if name not in shown.invented}
    while inner := {PARENTS[j] for j in reached} - reached:
        reached |= inner
    return tuple((j, p) for j, p in enumerate(PARENTS) if j in reached and source[j] != source[p])


def visible_frames(frames: Frames) -> Bools:
    """(T, M, V) which joints are there; frames: (T, M, V, 3), absent ones are zeros.

    Clips that were centred have a middle of the body that is zeros too: it is there when its neighbours, a body's
    length around it, are.
    """
    there = np.asarray(frames.any(axis=-1))
    for joint, neighbours in ((SPINE_BASE, (1, 12, 16)), (SPINE_MID, (0, 20))):
        near = np.linalg.norm(frames[:, :, neighbours, :], axis=-1) < _BODY_M
        there[:, :, joint] |= (near & frames[:, :, neighbours, :].any(axis=-1)).all(axis=-1)
    return there


@dataclass(frozen=True, kw_only=True)
class Camera:
    """azimuth_deg: round the people, 0 before them, growing to their left. elevation_deg: above the horizon.

    An angle that is None is the usual one (usual_deg: azimuth and elevation), and 0 for joints of a picture.
    """

    azimuth_deg: float | None = None
    elevation_deg: float | None = None
    perspective: bool = True
    usual_deg: tuple[float, float] = (25.0, 10.0)

    def __post_init__(self) -> None:
        azimuth, elevation = self.angles()
        if not (-360 <= azimuth <= 360 and -89 <= elevation <= 89):
            raise ValueError(f"azimuth is -360 to 360, elevation -89 to 89, got {azimuth} and {elevation}")

    def angles(self, *, flat: bool = False) -> tuple[float, float]:
        """Azimuth and elevation, degrees. flat: of joints of a picture."""
        azimuth, elevation = (0.0, 0.0) if flat else self.usual_deg
        return (
            azimuth if self.azimuth_deg is None else self.azimuth_deg,
            elevation if self.elevation_deg is None else self.elevation_deg,
        )

    def axes(self, front: Points, *, flat: bool = False) -> Points:
        """(3, 3): to the right, up the sheet, and back towards the camera. front: (3,) where the people look."""
        turn, rise = np.radians(self.angles(flat=flat))
        x, z = front[0], front[2]
        around = np.array([x * np.cos(turn) + z * np.sin(turn), 0.0, z * np.cos(turn) - x * np.sin(turn)])
        back = np.cos(rise) * around + np.array([0.0, np.sin(rise), 0.0])
        right = np.array([around[2], 0.0, -around[0]])
        return np.stack([right, np.cross(back, right), back])


def front_of(frames: Frames, there: Bools) -> Points:
    """(3,) the level direction that the first person faces at first; of two, one from which neither hides the other.

    Of joints of a picture, that to the camera, whichever way people face.
    """
    if is_flat(frames):
        return _TO_SENSOR
    if frames.shape[1] == 2:
        both = there[:, :, SPINE_BASE].all(axis=1)
        apart = (frames[both, 1, SPINE_BASE] - frames[both, 0, SPINE_BASE]).astype(np.float64).sum(axis=0)
        beside = _normalise(np.array([apart[2], 0.0, -apart[0]]))
        if 2 * both.sum() >= len(frames) and beside is not None:
            return beside if beside @ _TO_SENSOR >= 0 else -beside
    shoulders = there[:, 0, LEFT_SHOULDER] & there[:, 0, RIGHT_SHOULDER]
    first = frames[shoulders, 0][:_STARTING].astype(np.float64)
    across = first[:, RIGHT_SHOULDER] - first[:, LEFT_SHOULDER]
    facing = _normalise(np.array([across[:, 2].sum(), 0.0, -across[:, 0].sum()]))
    return _TO_SENSOR if facing is None else facing


def _normalise(direction: Points) -> Points | None:
    """Of length 1, None where it has no length."""
    length = float(np.linalg.norm(direction))
    return direction / length if length > 1e-6 else None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A clip before a camera. frames: (T, M, V, 3) metres, y up; absent joints are zeros."""

    frames: Frames
    camera: Camera

    @cached_property
    def there(self) -> Bools:
        """(T, M, V)."""
        return visible_frames(self.frames)

    @cached_property
    def flat(self) -> bool:
        """Whether its joints were found in a picture: then it is seen from straight ahead, and has no ground."""
        return is_flat(self.frames)

    @property
    def grounded(self) -> bool:
        """Whether there is a ground to stand on."""
        return not (self.flat or self.centred)

    @cached_property
    def centred(self) -> bool:
        """Whether the first person's middle is the origin in every frame: then nobody moves and no ground holds."""
        shown = self.there[:, 0].any(axis=1)
        return bool(shown.any() and not self.frames[shown, 0, SPINE_MID].any() and shown.sum() > 1)

    @cached_property
    def _joints(self) -> Points:
        """(N, 3) all joints that are there; the origin where nobody is."""
        joints = self.frames[self.there].astype(np.float64)
        return joints if len(joints) else np.zeros((1, 3))

    @cached_property
    def floor(self) -> float:
        """The height of the ground: where the lowest joint usually is when it is low."""
        heights = np.where(self.there, self.frames[..., 1].astype(np.float64), np.inf).min(axis=(1, 2))
        standing = heights[np.isfinite(heights)]
        return float(np.percentile(standing, 10)) if len(standing) else 0.0

    @cached_property
    def ground(self) -> Points:
        """(G, 2, 3) the lines of a chequered ground around where people are."""
        low, high = self._joints.min(axis=0)[[0, 2]] - 0.5, self._joints.max(axis=0)[[0, 2]] + 0.5
        cell = _CELL_M
        while (high - low).max() / cell > _MOST_CELLS:
            cell *= 2
        first, last = np.floor(low / cell) * cell, np.ceil(high / cell) * cell
        xs, zs = (
            np.linspace(a, b, round((b - a) / cell) + 1)
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
        )
        along = [[(x, self.floor, first[1]), (x, self.floor, last[1])] for x in xs.tolist()]
        across = [[(first[0], self.floor, z), (last[0], self.floor, z)] for z in zs.tolist()]
        return np.array(along + across, dtype=np.float64)

    @cached_property
    def target(self) -> Points:
        """(3,) what the camera looks at."""
        return np.asarray((self._joints.min(axis=0) + self._joints.max(axis=0)) / 2)

    @cached_property
    def _axes(self) -> Points:
        return self.camera.axes(front_of(self.frames, self.there), flat=self.flat)

    @cached_property
    def distance(self) -> float:
        """Of the camera from what it looks at: nothing is behind it."""
        around = np.concatenate([self._joints, self.ground.reshape(-1, 3)]) - self.target
        return _DISTANCE * max(float(np.linalg.norm(around, axis=1).max()), _HEAD_RADIUS_M)

    def project(self, points: Points) -> tuple[Points, Points]:
        """(..., 2) metres to the right and up the sheet, and (...) how much nearness magnifies there; (..., 3)."""
        right, up, back = np.moveaxis((points - self.target) @ self._axes.T, -1, 0)
        nearness = self.distance / (self.distance - back)
        if self.flat or not self.camera.perspective:
            nearness = np.ones_like(nearness)
        return np.stack([right * nearness, up * nearness], axis=-1), nearness

    @cached_property
    def bounds(self) -> tuple[Points, Points]:
        """The least and greatest (2,) of all joints that are there, room for heads included."""
        xy, nearness = self.project(self._joints)
        room = 1.6 * _HEAD_RADIUS_M * nearness[:, None]
        return (xy - room).min(axis=0), (xy + room).max(axis=0)


def pose_lines(stage: Stage, kinds: Bones, frame: int) -> tuple[Points, NDArray[np.int64]]:
    """The bones of a frame as lines (N, 2, 2), metres to the right and up the sheet, and (N,) whose they are."""
    child, parent = (list(side) for side in zip(*kinds, strict=True))
    joints, there = stage.frames[frame].astype(np.float64), stage.there[frame]
    people, which = np.nonzero(there[:, child] & there[:, parent])
    ends = np.stack([joints[people, np.array(side)[which]] for side in (child, parent)], axis=1)
    return stage.project(ends)[0], people


@dataclass(frozen=True, kw_only=True)
class Poses:
    """A clip on a sheet, pixels. lines: (T, M, E, 2, 2) from joint to parent; drawn: (T, M, E) which there are;
    nearness: (T, M, E), 1 in the middle. heads: (T, M, 3) x, y, radius, 0 where there is none. ground: (G, 2, 2).

    right: (E,) bones of the right arm and leg.
    """

    lines: Points
    drawn: Bools
    nearness: Points
    heads: Points
    ground: Points
    right: Bools
    scale: float

    @property
    def n_people(self) -> int:
        return int(self.lines.shape[1])


def pose_sheet(stage: Stage, kinds: Bones, *, width: float, height: float, margin: float = 4.0) -> Poses:
    """The whole clip in a box of these pixels: at one scale, in the middle, nobody ever out of it."""
    low, high = stage.bounds
    room = np.maximum([width - 2 * margin, height - 2 * margin], 1.0)
    scale = float((room / np.maximum(high - low, 1e-9)).min())
    middle = (low + high) / 2

    def on_sheet(points: Points) -> tuple[Points, Points]:
        xy, nearness = stage.project(points)
        placed = (xy - middle) * scale * np.array([1.0, -1.0])
        return placed + np.array([width / 2, height / 2]), nearness

    there = stage.there
    joints = np.where(there[..., None], stage.frames.astype(np.float64), stage.target)
    xy, nearness = on_sheet(joints)
    child, parent = (list(side) for side in zip(*kinds, strict=True))
    moved = (joints[:, :, child] != joints[:, :, parent]).any(axis=-1)
    radius = _HEAD_RADIUS_M * scale * nearness[:, :, HEAD] * there[:, :, HEAD]
    return Poses(
        lines=np.stack([xy[:, :, child], xy[:, :, parent]], axis=-2),
        drawn=there[:, :, child] & there[:, :, parent] & moved,
        nearness=(nearness[:, :, child] + nearness[:, :, parent]) / 2,
        heads=np.concatenate([xy[:, :, HEAD], radius[..., None]], axis=-1),
        ground=on_sheet(stage.ground)[0] if stage.grounded else np.zeros((0, 2, 2)),
        right=np.array([j in RIGHT_SIDE for j in child]),
        scale=scale,
    )
