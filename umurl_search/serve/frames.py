"""Frames as the page draws them: whole millimetres, standing on the ground above the origin.

Letters: T frames, M people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.pictures.geometry import bones
from umurl_search.serve.documents import SkeletonDrawing

_MM = 1000.0
_HIPS = 0
_FARTHEST = 32_767


@dataclass(frozen=True, kw_only=True)
class Payload:
    """body: int16, little-endian, of the shape (T, M, 25, 3)."""

    body: bytes
    shape: tuple[int, ...]
    layout: str

    @property
    def headers(self) -> dict[str, str]:
        shape = ",".join(map(str, self.shape))
        return {"X-Shape": shape, "X-Fps": f"{STORE_FPS:g}", "X-Layout": self.layout}


def payload(frames: Frames, *, layout: str) -> Payload:
    """frames: (T, M, 25, 3) float32, metres, y up; absent joints are zeros and stay so."""
    placed = stand_on_floor(frames)
    return Payload(body=placed.astype("<i2").tobytes(), shape=placed.shape, layout=layout)


def stand_on_floor(frames: Frames) -> NDArray[np.int16]:
    """(T, M, 25, 3) millimetres: the first person's hips, where they are first seen, above the origin, the lowest
    joint at height 0. A joint that would come to lie at the origin is lifted by one, since zeros mean absent."""
    present = np.asarray(frames.any(axis=-1))
    if not present.any():
        return np.zeros(frames.shape, dtype=np.int16)
    people = np.asarray(present.any(axis=2))
    first = int(np.asarray(people.any(axis=1)).argmax())
    hips = frames[first, int(people[first].argmax()), _HIPS]
    origin = np.array([hips[0], frames[..., 1][present].min(), hips[2]], dtype=np.float64)
    moved = np.clip(np.rint((frames - origin) * _MM), -_FARTHEST, _FARTHEST).astype(np.int16)
    moved[present & ~np.asarray(moved.any(axis=-1)), 1] = 1
    moved[~present] = 0
    return moved


def skeleton(layout: str) -> SkeletonDrawing:
    """Names of the joints and the bones between them, as in pictures."""
    return SkeletonDrawing(layout=layout, joints=list(JOINTS), bones=list(bones(layout)), fps=STORE_FPS)
