"""The names under which archives hold the angles of SMPL's joints: AMASS's, SMPL-X's, those of `smplx`, AIST++'s.

Letters: T frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.assumed_rates import assume_rate
from umurl_search.readers.build_clip import BadRecordingError

Array = NDArray[Any]
N_ANGLES = 66
"""Of the pelvis and the 21 joints of the body."""
_AXIS = 3
RATES = ("mocap_framerate", "mocap_frame_rate", "fps")
_LEAST_FPS, _MOST_FPS = 1, 10_000


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """parts: arrays whose rows, one behind the other, are the angles, the pelvis's first. moved: the pelvis's places.

    scaling: by what the places are to be divided. up: the axis that is up; None: that along which people stand. fps:
    where the archive states none. beside: arrays of which one must be there, where the names alone say too little.
    """

    whose: str
    parts: tuple[str, ...]
    moved: str
    scaling: str = ""
    up: Literal["y", "z"] | None = "z"
    fps: float | None = None
    beside: tuple[str, ...] = ()


_DIALECTS = (
    Dialect(whose="AMASS", parts=("poses",), moved="trans", beside=("trans", "betas")),
    Dialect(whose="SMPL-X", parts=("root_orient", "pose_body"), moved="trans"),
    Dialect(whose="smplx", parts=("global_orient", "body_pose"), moved="transl", up=None),
    Dialect(
        whose="AIST++", parts=("smpl_poses",), moved="smpl_trans", scaling="smpl_scaling", up="y", fps=60.0
    ),
)
_WANTED = (
    "read are poses (T, 66), pose_body and root_orient, body_pose and global_orient, or smpl_poses, by axes"
)
NAMES = tuple(dict.fromkeys(name for one in _DIALECTS for name in one.parts))


class Angles(NamedTuple):
    """angles: (T, 66) axes times angles. moved: (T, 3) metres. up: the axis that is up there. fps: where it is known.

    notes: what was assumed.
    """

    angles: Array
    moved: Array
    up: str
    fps: float | None
    notes: tuple[str, ...] = ()


def find_dialect(shapes: Mapping[str, Sequence[int]]) -> Dialect | None:
    """The first whose arrays are there, as their shapes say; None where there are no angles of a body."""
    return next((one for one in _DIALECTS if _fits(one, shapes)), None)


def _fits(dialect: Dialect, shapes: Mapping[str, Sequence[int]]) -> bool:
    found = [shapes.get(name) for name in dialect.parts]
    if dialect.beside and not any(name in shapes for name in dialect.beside):
        return False
    there = [shape for shape in found if shape is not None]
    if len(there) < len(found) or len({shape[0] for shape in there if len(shape) > 1}) != 1:
        return False
    widths = [_width(shape) for shape in there]
    return all(widths) and sum(widths) >= N_ANGLES and (len(widths) == 1 or widths[0] == _AXIS)


def _width(shape: Sequence[int]) -> int:
    """Numbers a frame of (T, n) or (T, n / 3, 3); 0 of anything else."""
    is_list = len(shape) == 2 and shape[1] % _AXIS == 0
    is_table = len(shape) == 3 and shape[2] == _AXIS
    return int(np.prod(shape[1:])) if is_list or is_table else 0


def read_angles(arrays: Mapping[str, Array]) -> Angles:
    """What an archive holds. Raises: BadRecordingError."""
    shapes = {name: array.shape for name, array in arrays.items()}
    dialect = find_dialect({**shapes, "trans": (0,)})  # of poses alone, too: the file was named
    if dialect is None:
        raise BadRecordingError("malformed", _describe_lack(shapes))
    parts = [arrays[name] for name in dialect.parts]
    n_frames = len(parts[0])
    if not n_frames:
        raise BadRecordingError("no body", "it has no frames")
    if any(part.dtype.kind not in "iuf" for part in parts):
        raise BadRecordingError("malformed", f"{' and '.join(dialect.parts)} are no numbers")
    angles = np.concatenate([part.reshape(n_frames, -1) for part in parts], axis=1)[:, :N_ANGLES]
    fps, notes = _find_rate(arrays, dialect)
    up = dialect.up or find_up(angles[:, :_AXIS])
    if dialect.up is None:
        notes = (*notes, f"it does not say which axis is up: people stand along {up}; --up says otherwise")
    return Angles(angles, _find_places(arrays, dialect, n_frames), up, fps, notes)


def _describe_lack(shapes: Mapping[str, Sequence[int]]) -> str:
    there = [f"{name} of shape {tuple(shapes[name])}" for name in NAMES if name in shapes]
    found = " and ".join(there) if there else "no poses"
    return f"it has {found}: {_WANTED}"


def _find_places(arrays: Mapping[str, Array], dialect: Dialect, n_frames: int) -> Array:
    moved = arrays.get(dialect.moved, np.zeros((n_frames, _AXIS)))
    if moved.shape != (n_frames, _AXIS) or moved.dtype.kind not in "iuf":
        raise BadRecordingError(
            "malformed", f"{dialect.moved} of shape {moved.shape} for {n_frames:,} frames"
        )
    scaling = arrays.get(dialect.scaling)
    if scaling is None:
        return moved
    if scaling.size != 1 or scaling.dtype.kind not in "iuf" or not 1e-6 < float(scaling.reshape(-1)[0]) < 1e6:
        raise BadRecordingError("malformed", f"its {dialect.scaling} is no number to divide by")
    return moved.astype(np.float64) / float(scaling.reshape(-1)[0])


def _find_rate(arrays: Mapping[str, Array], dialect: Dialect) -> tuple[float | None, tuple[str, ...]]:
    stated = next((arrays[name] for name in RATES if name in arrays), None)
    if stated is None:
        return dialect.fps, (_describe_rate(dialect),)
    is_number = stated.size == 1 and stated.dtype.kind in "iuf"
    if not is_number or not _LEAST_FPS <= float(stated.reshape(-1)[0]) < _MOST_FPS:
        raise BadRecordingError("malformed", "its frame rate is no number of frames a second")
    return float(stated.reshape(-1)[0]), ()


def _describe_rate(dialect: Dialect) -> str:
    if dialect.fps is None:
        return assume_rate(f"it has none of {', '.join(RATES)}")
    return assume_rate("it states no rate", dialect.fps, whose=f", as {dialect.whose} has it")


@np.errstate(over="ignore", invalid="ignore")
def find_up(pelvis: Array) -> str:
    """The axis along which people stand: y, z, or -y of a camera's frame. pelvis: (T, 3) its axes times angles."""
    angle = np.linalg.norm(pelvis.astype(np.float64), axis=1)
    x, y, z = np.moveaxis(pelvis / np.maximum(angle, 1e-12)[:, None], -1, 0)
    sine, rest = np.sin(angle), 1 - np.cos(angle)
    upwards = np.stack([x * y * rest - z * sine, 1 - rest * (x * x + z * z), z * y * rest + x * sine], axis=1)
    middle = np.nan_to_num(upwards).mean(axis=0)
    return max((middle[1], "y"), (middle[2], "z"), (-middle[1], "-y"))[1]
