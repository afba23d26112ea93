"""AMASS's `.npz` files and their like, one clip a file: angles of SMPL's joints, put onto a skeleton of our own.

The places of a body's joints take its maker's model, which is under a licence of its own. The skeleton here is that of
an average adult of 1.70 m, from tables of body segments (Drillis and Contini 1966: thigh and shank .245 and .246 of the
height, upper arm .17 from joint to joint, forearm .146, foot .039 high), so limbs are as long for everybody.

Letters: T frames, V = 22 joints of layout smpl-22.
"""

from collections.abc import Mapping
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
from umurl_search.readers.smpl_dialects import NAMES, RATES, find_dialect, read_angles

LAYOUT = "smpl-22"
_WHAT = "SMPL's angles"
_SMPL = LAYOUTS[LAYOUT]
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
    if find_dialect(shapes) is not None:
        return True
    is_array = any(clip_readings(shape, joint_counts()) for shape in shapes.values())
    return not is_array and any(name in shapes for name in (*NAMES[1:], "betas", *RATES[:2]))


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of a file: metres, y up. Raises: BadRecordingError, BadInputError for another layout."""
    require_own_layout(layout, LAYOUT, what=_WHAT)
    try:
        found = read_angles(load_npz(path))
    except BadRecordingError as error:
        error.path = path
        raise
    frames = pose_skeleton(found.angles, found.moved, up=found.up)
    return FileClip(frames, tuple(f"{path}: {note}" for note in found.notes), LAYOUT, found.fps)


@np.errstate(over="ignore", invalid="ignore")
def pose_skeleton(angles: NDArray[Any], moved: NDArray[Any], *, up: str = "z") -> Frames:
    """(T, 1, 22, 3) metres, y up, of angles (T, 66) and the pelvis's places (T, 3). up: their axis that is up."""
    turns = _to_rotations(angles.reshape(len(angles), -1, 3).astype(np.float64))
    offsets = _rest_offsets()
    places = np.empty((len(angles), _SMPL.n_joints, 3))
    places[:, 0] = moved
    for joint, parent in enumerate(_SMPL.parents):
        if joint != parent:
            places[:, joint] = places[:, parent] + turns[:, parent] @ offsets[joint]
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    x, y, z = np.moveaxis(places, -1, 0)
    upright = np.stack({"z": (x, z, -y), "-y": (x, -y, -z), "y": (x, y, z)}[up], axis=-1)
    return mark_seen(to_float32(upright[:, None]))


def _to_rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 3) of axes times angles, (..., 3), after Rodrigues."""
    angle = np.linalg.norm(angles, axis=-1, keepdims=True)
    x, y, z = np.moveaxis(angles / np.maximum(angle, 1e-12), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    sine, cosine = np.sin(angle)[..., None], np.cos(angle)[..., None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross))
