"""Whether skeletons are as tall as people, and upright: coordinates in another unit or with another axis up are read
without an error, and find nothing.

Letters: T frames, M people.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from umurl_search.clip import Frames
from umurl_search.clipstore import ClipStore
from umurl_search.preprocess import Conventions, Up

_LEAST_M, _MOST_M = 0.3, 4.0
_PELVIS, _SPINE_SHOULDER = 0, 20
_USUAL_M = 1.5
_UNITS = {0.001: "millimetres", 0.01: "centimetres", 0.0254: "inches"}
_MOST_CLIPS, _MOST_FRAMES = 64, 32
_AXES: dict[Up, tuple[Up, Up, Up]] = {"y": ("x", "y", "z"), "z": ("x", "z", "y"), "x": ("y", "x", "z")}
"""By the axis that is said to be up: which axes of the source lie along x, y, z of what is stored."""


def doubts_of_store(folder: Path, conventions: Conventions, *, what: str) -> list[str]:
    """`doubts` of a sealed store, from some of its clips. Raises UmurlError for a damaged one."""
    store = ClipStore(folder)
    if store.manifest["state"] == "umurl-normalised":  # turned already
        return []
    some = np.unique(np.linspace(0, len(store) - 1, _MOST_CLIPS).astype(int)).tolist()
    return doubts([store.frames(row) for row in some], conventions, what=what)


def doubts(clips: Sequence[Frames], conventions: Conventions, *, what: str) -> list[str]:
    """A line for what is unlikely of people, with the option that would mend it; none where all is well.

    clips: (T, M, 25, 3) each, as `to_ntu25` gives them by the conventions. what: whose they are, as a line begins.
    """
    some = [frames[:: -(-len(frames) // _MOST_FRAMES)] for frames in clips]
    sizes = np.concatenate([_sizes(frames) for frames in some]) if some else np.zeros(0)
    if not sizes.any():
        return []
    size, trunks = float(np.median(sizes[sizes > 0])), [_trunk(frames) for frames in some]
    return [*_of_size(size, conventions, what), *_of_trunks(trunks, conventions, what)]


def _sizes(frames: Frames) -> NDArray[np.float32]:
    """The largest extent of the joints that are there, (T * M,); 0 where nobody is."""
    there = np.asarray(frames.any(axis=-1))[..., None]
    high = np.where(there, frames, -np.inf).max(axis=2)
    low = np.where(there, frames, np.inf).min(axis=2)
    extents = np.where(np.asarray(there.any(axis=2)), high - low, 0)
    return np.asarray(extents.max(axis=-1).ravel(), dtype=np.float32)


def _trunk(frames: Frames) -> NDArray[np.float64]:
    """How far the shoulders are from the pelvis along x, y and z, without sign, in the middle of all frames."""
    pelvis, shoulders = frames[:, :, _PELVIS], frames[:, :, _SPINE_SHOULDER]
    there = pelvis.any(axis=-1) & shoulders.any(axis=-1)
    along = np.abs(shoulders[there] - pelvis[there])
    return np.median(along, axis=0).astype(np.float64) if len(along) else np.zeros(3)


def _of_size(size: float, conventions: Conventions, what: str) -> list[str]:
    if _LEAST_M <= size <= _MOST_M:
        return []
    stated = size / conventions.scale
    scale = min(_UNITS, key=lambda scale: abs(np.log(stated * scale / _USUAL_M)))
    if _LEAST_M <= stated * scale <= _MOST_M:
        remedy = f"if the file holds {_UNITS[scale]}, say --scale {scale:g}"
    else:
        remedy = "--scale says how many metres a unit is"
    return [f"{what}: people are {size:,.4g} m from end to end; {remedy}"]


def _of_trunks(trunks: list[NDArray[np.float64]], conventions: Conventions, what: str) -> list[str]:
    """In most clips, not upright by far: people lie down in some."""
    leading = [int(trunk.argmax()) for trunk in trunks if trunk.max() > 2 * trunk[1]]
    if 2 * len(leading) <= len(trunks):
        return []
    axis = _AXES[conventions.up][max(set(leading), key=leading.count)]
    return [f"{what}: people lie along {axis} rather than stand; if that axis is up, say --up {axis}"]
