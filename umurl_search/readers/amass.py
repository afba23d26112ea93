"""AMASS's `.npz` files, one clip a file: angles of SMPL's joints, put onto a skeleton of our own.

The places of a body's joints take its maker's model, which is under a licence of its own. The skeleton here is that of
an average adult of 1.70 m, from tables of body segments (Drillis and Contini 1966: thigh and shank .245 and .246 of the
height, upper arm .17 from joint to joint, forearm .146, foot .039 high), so limbs are as long for everybody.

Letters: T frames, V = 22 joints of layout smpl-22.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS, joint_counts
from umurl_search.clips.clip import Frames
from umurl_search.readers.array_axes import clip_readings
from umurl_search.readers.array_files import load_npz, read_shapes
from umurl_search.readers.build_clip import BadRecordingError, FileClip, to_float32
from umurl_search.readers.named_joints import OneLayoutReader, mark_seen, require_own_layout

LAYOUT = "smpl-22"
_WHAT = "AMASS's angles"
_SMPL = LAYOUTS[LAYOUT]
_N_ANGLES = 3 * _SMPL.n_joints
_POSES, _MOVED, _SHAPE = "poses", "trans", "betas"
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
_MIDDLE: Mapping[str, tuple[float, float, float]] = {
    "pelvis": (0.0, 0.0, 0.0),
    "spine1": (0.0, 0.11, -0.01),
    "spine2": (0.0, 0.13, 0.0),
    "spine3": (0.0, 0.06, 0.01),
    "neck": (0.0, 0.19, -0.03),
    "head": (0.0, 0.08, 0.03),
}
_LEFT: Mapping[str, tuple[float, float, float]] = {
    "hip": (0.085, -0.08, 0.0),
    "knee": (0.01, -0.415, 0.0),
    "ankle": (0.0, -0.42, -0.02),
    "foot": (0.02, -0.05, 0.13),
    "collar": (0.06, 0.12, -0.02),
    "shoulder": (0.12, 0.0, 0.0),
    "elbow": (0.285, 0.0, -0.01),
    "wrist": (0.25, 0.0, 0.01),
}
"""Metres from the parent, y up, z ahead, x to the person's left: standing, the arms held out."""


def _rest_offsets() -> NDArray[np.float64]:
    offsets = []
    for joint in _SMPL.joints:
        side, _, part = joint.partition(" ")
        x, y, z = _LEFT[part] if side in ("left", "right") else _MIDDLE[joint]
        offsets.append((-x if side == "right" else x, y, z))
    return np.array(offsets)


class AmassReader(OneLayoutReader):
    """AMASS's recordings, anywhere below the roots."""

    format: str = "amass"
    layout: str = LAYOUT
    suffix: str = ".npz"
    what: str = _WHAT

    def read_clip(self, path: Path) -> FileClip:
        return read_clip(path)


def is_amass(path: Path) -> bool:
    """Whether an archive holds angles of SMPL's joints, or what AMASS keeps beside them and no clip."""
    try:
        shapes = read_shapes(path)
    except (OSError, ValueError, UmurlError):
        return False
    if _are_angles(shapes.get(_POSES, ())) and (_MOVED in shapes or _SHAPE in shapes):
        return True
    is_array = any(clip_readings(shape, joint_counts()) for shape in shapes.values())
    return not is_array and (_SHAPE in shapes or any(rate in shapes for rate in _RATES[:2]))


def _are_angles(shape: Sequence[int]) -> bool:
    return len(shape) == 2 and shape[1] >= _N_ANGLES and shape[1] % 3 == 0


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of a file: metres, y up. Raises: BadRecordingError, BadInputError for another layout."""
    require_own_layout(layout, LAYOUT, what=_WHAT)
    arrays = load_npz(path)
    poses = arrays.get(_POSES)
    if poses is None or not _are_angles(poses.shape):
        found = "no poses" if poses is None else f"poses of shape {poses.shape}"
        detail = (
            f"it has {found}: AMASS's recordings hold the angles of 22 joints or more, (T, 66) to (T, 165)"
        )
        raise BadRecordingError("malformed", detail, path)
    if not len(poses):
        raise BadRecordingError("no body", "it has no frames", path)
    moved = arrays.get(_MOVED, np.zeros((len(poses), 3)))
    if moved.shape != (len(poses), 3):
        detail = f"trans of shape {moved.shape} for {len(poses)} frames"
        raise BadRecordingError("malformed", detail, path)
    return FileClip(pose_skeleton(poses[:, :_N_ANGLES], moved), (), LAYOUT, _read_rate(arrays, path))


def _read_rate(arrays: Mapping[str, NDArray[Any]], path: Path) -> float | None:
    stated = next((arrays[name] for name in _RATES if name in arrays), None)
    if stated is None:
        return None
    if stated.size != 1 or not 1 <= float(stated.reshape(-1)[0]) < 10_000:
        raise BadRecordingError("malformed", "its frame rate is no number of frames a second", path)
    return float(stated.reshape(-1)[0])


@np.errstate(over="ignore", invalid="ignore")
def pose_skeleton(angles: NDArray[Any], moved: NDArray[Any]) -> Frames:
    """(T, 1, 22, 3) metres, y up, of angles (T, 66) and the pelvis's places (T, 3), both z up."""
    turns = _to_rotations(angles.reshape(len(angles), -1, 3).astype(np.float64))
    offsets = _rest_offsets()
    places = np.empty((len(angles), _SMPL.n_joints, 3))
    places[:, 0] = moved
    for joint, parent in enumerate(_SMPL.parents):
        if joint != parent:
            places[:, joint] = places[:, parent] + turns[:, parent] @ offsets[joint]
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    upright = np.stack([places[..., 0], places[..., 2], -places[..., 1]], axis=-1)
    return mark_seen(to_float32(upright[:, None]))


def _to_rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 3) of axes times angles, (..., 3), after Rodrigues."""
    angle = np.linalg.norm(angles, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(angles / np.maximum(angle, 1e-12), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    sine, cosine = np.sin(angle)[..., None], np.cos(angle)[..., None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross))
