"""A clip from wherever the user has it: a file, `DATASET:CLIPNAME` from the library, or `DATASET:CLIPNAME@FROM-TO`,
the seconds of a recording in it.

Frames are (T, M, 25, 3) float32, normalised for the encoder.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from encoder.errors import UmurlError
from encoder.skeleton import LAYOUTS, N_JOINTS
from umurl_search.clip import Frames
from umurl_search.clipstore import ClipStore
from umurl_search.library import Library
from umurl_search.preprocess import STORE_FPS, Conventions, normalise, to_ntu25
from umurl_search.readers import arrays, ntu, nwucla, pku
from umurl_search.readers.arrays import Axes
from umurl_search.readers.outcome import BadRecordingError, require_finite
from umurl_search.recordings import stretch

_MOMENT = re.compile(r"(?P<name>.+)@(?P<start_s>\d+(\.\d+)?)-(?P<end_s>\d+(\.\d+)?)")


@dataclass(frozen=True, kw_only=True)
class QueryClip:
    """name: as given. frames: (T, M, 25, 3) normalised. row: its catalog entry, if it came from the library.

    notes: what was assumed in reading it, one line each.
    """

    name: str
    frames: Frames
    row: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def read_clip(
    library: Library,
    text: str,
    *,
    conventions: Conventions,
    axes: Axes | None = None,
    strict_layout: bool = False,
) -> QueryClip:
    """Reads CLIP. Raises UmurlError, one line, for anything that is not a clip.

    Without `strict_layout` a file of 25 or 20 joints is taken whatever the conventions' layout.
    """
    path = Path(text)
    if path.suffix in (".npy", ".skeleton", ".txt", ".json"):
        frames, notes = read_file(path, conventions=conventions, axes=axes, strict_layout=strict_layout)
        return QueryClip(name=text, frames=frames, notes=notes)
    dataset, colon, name = text.partition(":")
    if not colon:
        raise UmurlError(
            f"{text}: not a clip; give a .npy, .skeleton, .txt or .json file, or DATASET:CLIPNAME"
        )
    return _from_library(library, dataset, name)


def _from_library(library: Library, dataset: str, name: str) -> QueryClip:
    with library.read() as catalog:
        if catalog.dataset(dataset) is None:
            known = ", ".join(row["name"] for row in catalog.datasets()) or "none"
            raise UmurlError(
                f"no dataset '{dataset}' in the library (it has {known}): umurl-search ingest {dataset}"
            )
        row = catalog.clip(dataset, name)
        part = None if row else _MOMENT.fullmatch(name)
        row = catalog.clip(dataset, part["name"]) if part else row
        if row is None:
            raise UmurlError(f"no clip '{name}' in {dataset}: umurl-search info {dataset} shows some names")
        folder = catalog.parts("dataset", dataset)[row["part"] - 1]
    store = ClipStore(library.clips(folder))
    if part:
        return _moment(store, row, f"{dataset}:{name}", float(part["start_s"]), float(part["end_s"]))
    return QueryClip(name=f"{dataset}:{name}", frames=store.normalised(row["store_row"]), row=row)


def _moment(store: ClipStore, row: dict[str, Any], name: str, start_s: float, end_s: float) -> QueryClip:
    """A stretch of a recording of the library, as a clip of its own. Raises UmurlError where nobody is in it."""
    start, stop = round(start_s * STORE_FPS), min(round(end_s * STORE_FPS), row["frames"])
    frames = stretch(store.frames(row["store_row"]), start, stop) if start < stop else None
    if frames is None:
        length_s = row["frames"] / STORE_FPS
        raise UmurlError(
            f"{name}: nobody is there from {start_s:g} to {end_s:g} s of a recording of {length_s:.1f} s; give a "
            "stretch that starts before it ends and shows somebody"
        )
    return QueryClip(name=name, frames=frames, row={**row, "label": None, "action": None})


def read_file(
    path: Path, *, conventions: Conventions, axes: Axes | None = None, strict_layout: bool = False
) -> tuple[Frames, tuple[str, ...]]:
    """Normalised frames (T, M, 25, 3) of a clip file, and notes. Raises UmurlError."""
    if not os.path.isfile(path):  # of a name that is too long too
        raise UmurlError(f"{path}: no such file; give the path of a clip")
    try:
        frames, notes = _raw(path, axes)
        require_finite(frames)
    except BadRecordingError as error:
        raise UmurlError(f"{path}: {error.reason}, {error.detail}; give a whole, finite clip") from error
    chosen = conventions if strict_layout else _fitting(frames, conventions)
    if LAYOUTS[chosen.layout].n_joints != frames.shape[2]:
        raise UmurlError(
            f"{path}: has {frames.shape[2]} joints, --layout {chosen.layout} another number: omit it"
        )
    try:
        ready = to_ntu25(frames, chosen)
    except ValueError as error:
        raise UmurlError(f"{path}: {error}") from error
    if 0 in ready.shape[:2]:
        raise UmurlError(f"{path}: nobody is in any of its {len(frames)} frames; give a clip with a person")
    if chosen.layout != conventions.layout:
        notes = (*notes, f"{path}: {frames.shape[2]} joints, read as {chosen.layout}; --layout settles it")
    return normalise(ready), notes


def _fitting(frames: Frames, conventions: Conventions) -> Conventions:
    """The stated conventions, their layout replaced if it has not the clip's number of joints."""
    n_joints = frames.shape[2]
    if LAYOUTS[conventions.layout].n_joints == n_joints:
        return conventions
    return replace(conventions, layout="ntu25" if n_joints == N_JOINTS else "kinect-v1")


def _raw(path: Path, axes: Axes | None) -> tuple[Frames, tuple[str, ...]]:
    if path.suffix == ".skeleton":
        return ntu.read_skeleton(path), ()
    if path.suffix == ".txt":
        return pku.read_recording(path), ()
    if path.suffix == ".json":
        return nwucla.read_recording(path), ()
    return arrays.read_clip_file(path, axes=axes)
