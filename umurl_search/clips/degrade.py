"""What another layout would have shown of a clip of NTU-25's joints: joints that it lacks are dropped and made anew
from those it has, and a picture shows two dimensions of them, from some side.

Letters: T frames, M people. Frames are (T, M, 25, 3) float32, metres, y up, unseen joints zeros.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import Layout, find_layout
from encoder.skeleton import N_JOINTS
from umurl_search.clips.body_axes import face_camera
from umurl_search.clips.clip import Frames
from umurl_search.clips.picture_places import scale_to_person

VIEWS = 60
"""Degrees to either side that pictures are taken from, unless told otherwise."""
MOST_VIEWS = 180
_STEP_DEG = 20
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Degrading:
    """layout: its name, or a layout file's text. views: how far to either side pictures are taken from, in degrees.

    noise: the deviation of each joint's place in metres, as of a detector.
    """

    layout: str
    views: int = VIEWS
    noise: float = 0.0

    @property
    def angles(self) -> tuple[int, ...]:
        """The sides that pictures are taken from; one, as it was recorded, of joints in space."""
        if find_layout(self.layout).dims == 3:
            return (0,)
        inner = range(0, self.views, _STEP_DEG)
        half = [*inner, self.views] if self.views else [0]
        return (*(-angle for angle in reversed(half[1:])), *half)


@lru_cache(maxsize=64)
def loss_matrix(text: str) -> NDArray[np.float64]:
    """(25, 25): NTU-25's joints as a layout shows them, from NTU-25's own; a joint that it cannot make is zeros."""
    layout = find_layout(text)
    alone = _find_told_alone(layout)
    made = np.zeros((N_JOINTS, N_JOINTS))
    for j in layout.order:
        row = layout.rows[j][0]
        own = [source for source in row.sources if source < layout.n_joints]
        if own and not (len(row.sources) > 1 and all(source in alone for source in own)):
            made[j, alone.get(own[0], j) if row.is_copy else j] = 1
            continue
        for source, weight in zip(row.sources, row.weights, strict=True):
            if source < layout.n_joints:
                made[j, alone[source]] += weight
            else:
                made[j] += weight * made[source - layout.n_joints]
    return made


def _find_told_alone(layout: Layout) -> dict[int, int]:
    """Joints of a layout that by themselves are one of NTU-25's, and which: the first."""
    alone: dict[int, int] = {}
    for j in layout.order:
        row = layout.rows[j][0]
        if row.is_copy and row.sources[0] < layout.n_joints:
            alone.setdefault(row.sources[0], j)
    return alone


def degrade(
    frames: Frames, how: Degrading, *, angle: float = 0.0, rng: np.random.Generator | None = None
) -> Frames:
    """The clip as the layout shows it, from a side; `angle` degrees about the vertical. rng: of the noise."""
    layout = find_layout(how.layout)
    seen = np.asarray(frames.any(axis=-1))
    matrix = loss_matrix(how.layout)
    needed = matrix != 0
    shown = np.einsum("jk,tmkc->tmjc", matrix.astype(np.float32), frames)
    there = ~(~seen[:, :, None, :] & needed).any(axis=-1) & needed.any(axis=1)
    if how.noise:
        generator = np.random.default_rng(_SEED) if rng is None else rng
        spread = generator.standard_normal((*frames.shape[:3], 3)).astype(np.float32) * np.float32(how.noise)
        shown = shown + np.einsum("jk,tmkc->tmjc", matrix.astype(np.float32), spread)
    shown = np.where(there[..., None], shown, np.float32(0))
    if layout.dims == 2:
        return _to_picture(shown, angle)
    return face_camera(shown) if layout.faces == "any" else shown


def _to_picture(frames: Frames, angle: float) -> Frames:
    turn = np.radians(angle)
    flat = np.zeros_like(frames)
    flat[..., 0] = np.float32(np.cos(turn)) * frames[..., 0] + np.float32(np.sin(turn)) * frames[..., 2]
    flat[..., 1] = frames[..., 1]
    return scale_to_person(flat)
