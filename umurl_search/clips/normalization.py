"""From a recording to what the encoder reads: NTU-25 joints, then UmURL's normalisation.

Letters: T frames, M people, V joints, C = 3 coordinates. Frames are (T, M, V, C) float32.
Source of the normalisation: the authors' released code, matched stage by stage by its numbers.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import LEFT_SHOULDER, N_FRAMES, N_PEOPLE, RIGHT_SHOULDER, SPINE_MID
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Frames, LeftOut

Up = Literal["y", "z", "x"]
STORE_FPS = 30.0
FARTHEST_M = 1e6
"""No coordinate lies farther out: more is a wrong unit or a damaged file, and its square would overflow."""


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How a source states its coordinates: joint layout, frames a second, up axis, metres a unit."""

    layout: str = "ntu25"
    fps: float = STORE_FPS
    up: Up = "y"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout is one of {', '.join(LAYOUTS)}, got '{self.layout}'")
        if self.up not in ("y", "z", "x"):
            raise ValueError(f"up is y, z or x, got '{self.up}'")
        if not (1 <= self.fps < 10_000 and 0 < self.scale < 1e9):
            raise ValueError(f"fps is 1 or more, scale above 0, got {self.fps} and {self.scale}")


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """How an encoder's input is made. Encoders and indexes of different pipelines do not mix."""

    joints: str = "ntu25"
    people: int = N_PEOPLE
    frames: int = N_FRAMES
    centre: str = "spine mid of person 1 in every frame"
    rotation: str = "shoulders of person 1 onto x in frame 1"
    gaps: str = "late starts moved to the front, ends filled by repeating"
    resize: str = "bilinear over time"

    @property
    def fingerprint(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differences(self, other: dict[str, object]) -> list[str]:
        """One phrase a field in which `other` (as written in a manifest) is not this pipeline."""
        known = {field.name for field in fields(self)}
        mine = asdict(self)
        changed = [f"{name}: {other.get(name)!r} there, {mine[name]!r} here" for name in mine]
        differing = [
            phrase for name, phrase in zip(mine, changed, strict=True) if other.get(name) != mine[name]
        ]
        return differing + [f"{name}: unknown here" for name in sorted(set(other) - known)]


PIPELINE = Pipeline()


def check_pipeline(other: dict[str, object], *, what: str, hint: Hint | str) -> None:
    """Raises UmurlError, saying what differs, unless `other` is this version's pipeline."""
    differing = PIPELINE.differences(other)
    if differing:
        raise UmurlError(f"{what} reads clips prepared in another way ({'; '.join(differing)})", hint)


def to_ntu25(frames: Frames, conventions: Conventions) -> Frames:
    """Frames (T, M, V, C) of a source as NTU-25 joints, metres, y up, 30 frames/s, one or two people.

    People absent throughout are dropped; if nobody is left the result has M = 0.
    Raises ValueError when V is not the layout's, or a coordinate would overflow single precision later on.
    """
    layout = LAYOUTS[conventions.layout]
    if frames.shape[2] != layout.n_joints:
        raise ValueError(f"layout {layout.name} has {layout.n_joints} joints, the clip has {frames.shape[2]}")
    frames = choose_bodies(frames) if frames.shape[1] > N_PEOPLE else frames
    frames = frames[:, np.asarray(frames.any(axis=(0, 2, 3)))]
    if layout.name != "ntu25":
        frames = frames[:, :, list(layout.to_ntu25)]
    frames = _y_up(frames, conventions.up)
    if conventions.scale != 1.0:
        with np.errstate(over="ignore"):
            frames = frames * np.float32(conventions.scale)
    if frames.size and np.abs(frames).max() > FARTHEST_M:
        raise ValueError(
            f"coordinates beyond {FARTHEST_M:g} m overflow single precision; give metres, or the scale"
        )
    return np.ascontiguousarray(_resample(frames, conventions.fps), dtype=np.float32)


def convert_clip(clip: Clip, conventions: Conventions) -> Frames | LeftOut:
    """The clip's frames as `to_ntu25` gives them, or why it cannot be used."""
    if not np.isfinite(clip.frames).all():
        return LeftOut(name=clip.name, reason="non-finite", detail="NaN or infinite", source=clip.source)
    try:
        frames = to_ntu25(clip.frames, conventions)
    except ValueError as error:
        return LeftOut(name=clip.name, reason="malformed", detail=str(error), source=clip.source)
    if 0 in frames.shape[:2]:
        return LeftOut(name=clip.name, reason="no body", detail="nobody in any frame", source=clip.source)
    return frames


def _y_up(frames: Frames, up: Up) -> Frames:
    """A proper rotation that takes the stated up axis to y (no mirroring)."""
    if up == "z":
        x, y, z = np.moveaxis(frames, -1, 0)
        return np.stack([x, z, -y], axis=-1)
    if up == "x":
        x, y, z = np.moveaxis(frames, -1, 0)
        return np.stack([-y, x, z], axis=-1)
    return frames


def _resample(frames: Frames, fps: float) -> Frames:
    """Resampled to 30 frames/s: linear between frames that both hold the joint, else the nearer one."""
    if fps == STORE_FPS or len(frames) < 2:
        return frames
    n_out = max(1, round((len(frames) - 1) * STORE_FPS / fps) + 1)
    position = np.linspace(0, len(frames) - 1, n_out)
    low = np.minimum(position.astype(np.int64), len(frames) - 2)
    weight = (position - low).astype(np.float32)[:, None, None, None]
    before, after = frames[low], frames[low + 1]
    both = np.any(before, axis=-1, keepdims=True) & np.any(after, axis=-1, keepdims=True)
    nearest = np.where(weight < 0.5, before, after)
    return np.where(both, before * (1 - weight) + after * weight, nearest)


def normalise(frames: Frames) -> Frames:
    """UmURL's normalisation of a whole clip: gaps, centring, rotation.

    frames: (T, M, 25, 3), M of 1 or 2, y up, metres; absent joints are zeros. Returns the same shape.
    """
    frames = _close_gaps(frames)
    present = frames.any(axis=-1, keepdims=True)
    centre = frames[:, :1, SPINE_MID : SPINE_MID + 1]
    centred = (frames - centre) * present
    rotation = _find_rotation(centred[0, 0])
    return centred if rotation is None else _rotate(centred, rotation)


def _close_gaps(frames: Frames) -> Frames:
    """A person who starts late is moved to the front; trailing empty frames repeat the person's frames."""
    seen = np.asarray(frames.any(axis=(2, 3)))
    if seen[0].all() and seen[-1].all():
        return frames
    filled = frames.copy()
    for person in range(frames.shape[1]):
        there = np.flatnonzero(seen[:, person])
        if there.size == 0:
            continue
        order = there if there[0] > 0 else np.arange(there[-1] + 1)
        repeated = np.resize(order, len(frames))
        filled[:, person] = frames[repeated, person]
    return filled


def _find_rotation(joints: Frames) -> NDArray[np.float64] | None:
    """Rotation (3, 3) about the axis normal to both that takes right minus left shoulder onto x, or None.

    joints: (25, 3), person 1 in frame 1. The reference leaves alone what it cannot or need not turn: no
    shoulders, less than 1e-6 rad, or an axis shorter than 1e-6. It takes the cosine in float32, where the
    smallest angle is 3.5e-4 rad, and so does this.
    """
    across = joints[RIGHT_SHOULDER] - joints[LEFT_SHOULDER]
    if np.abs(across).sum() < 1e-6:
        return None
    cosine = np.float64((across / np.linalg.norm(across))[0])
    axis = np.array([0.0, across[2], -across[1]])
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if np.abs(axis).sum() < 1e-6 or angle < 1e-6:
        return None
    axis /= np.linalg.norm(axis)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turned = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return np.asarray(turned, dtype=np.float64)


def _rotate(frames: Frames, rotation: NDArray[np.float64]) -> Frames:
    flat = frames.reshape(-1, 3) @ rotation.T.astype(np.float32)
    return flat.reshape(frames.shape)
