"""From a layout's joints to NTU-25's, unseen ones apart.

Letters: T frames, M people, V joints of the layout, C = 3 coordinates.
"""

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import Layout, find_layout
from encoder.layout import Row
from encoder.skeleton import N_JOINTS
from umurl_search.clips.clip import Frames

_HARDLY_ANY = np.float32(1e-6)
"""A joint that comes to lie at the origin is moved by so much, since zeros mean unseen."""


def combine_joints(frames: Frames, layout: Layout) -> Frames:
    """(T, M, 25, 3) of (T, M, V, 3); unseen joints are zeros before and after.

    A joint of NTU-25 is made in the first way of the layout's whose joints are all seen; where there is none it is
    unseen.
    """
    if layout.copies is not None:
        return frames if layout.name == "ntu25" else frames[:, :, list(layout.copies)]
    source = settle_root(frames, layout)
    seen = np.asarray(source.any(axis=-1))
    made = np.zeros((*frames.shape[:2], N_JOINTS, 3), dtype=np.float32)
    is_made = np.zeros(made.shape[:3], dtype=bool)
    for j in layout.order:
        for row in layout.rows[j]:
            wanted = ~is_made[:, :, j]
            if not wanted.any():
                break
            place, is_there = _combine(row, source, seen, made, is_made)
            taken = wanted & is_there
            made[:, :, j][taken] = place[taken]
            is_made[:, :, j] |= taken
    at_origin = is_made & ~np.asarray(made.any(axis=-1))
    made[at_origin, 1] = _HARDLY_ANY
    return made


def _combine(
    row: Row, source: Frames, seen: NDArray[np.bool_], made: Frames, is_made: NDArray[np.bool_]
) -> tuple[Frames, NDArray[np.bool_]]:
    """(T, M, 3) the places that a row gives, and (T, M) whether all its joints are seen."""
    n_joints = source.shape[2]
    place = np.zeros((*source.shape[:2], 3), dtype=np.float32)
    is_there = np.ones(source.shape[:2], dtype=bool)
    for at, weight in zip(row.sources, row.weights, strict=True):
        own = at < n_joints
        place += np.float32(weight) * (source[:, :, at] if own else made[:, :, at - n_joints])
        is_there &= seen[:, :, at] if own else is_made[:, :, at - n_joints]
    return place, is_there


def layout_as_seen(text: str, frames: Frames) -> str:
    """The layout of some clips, (T, M, 25, 3) in a camera's frame: flat, where their depth was left out."""
    layout = find_layout(text)
    is_flat = layout.dims > 2 and layout.axes == "picture" and layout.name == text
    return f"{text}-2d" if is_flat and not frames[..., 2].any() else text


def settle_root(frames: Frames, layout: Layout) -> Frames:
    """The frames with a root that is zeros throughout, as files centred on it have it, as a joint that is seen."""
    roots = [j for j, parent in enumerate(layout.parents) if j == parent]
    if len(roots) != 1 or layout.dims == 2:
        return frames
    (root,) = roots
    seen = np.asarray(frames.any(axis=-1))
    is_centred = seen.any(axis=2) & ~seen[:, :, root].any(axis=0) & _has_all_others(seen, root)
    if not is_centred.any():
        return frames
    settled = frames.copy()
    settled[:, :, root][is_centred] = (0, _HARDLY_ANY, 0)
    return settled


def _has_all_others(seen: NDArray[np.bool_], root: int) -> NDArray[np.bool_]:
    others = np.delete(seen, root, axis=2)
    return np.asarray(others.all(axis=2))
