"""A clip from wherever the user has it: a file, or `DATASET:CLIPNAME` from the library.

Frames are (T, M, 25, 3) float32, normalised for the encoder.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from encoder.errors import UmurlError
from encoder.skeleton import LAYOUTS, N_JOINTS
from umurl_search.clip import Frames
from umurl_search.clipstore import ClipStore
from umurl_search.library import Library
from umurl_search.preprocess import Conventions, normalise, to_ntu25
from umurl_search.readers import arrays, ntu, nwucla, pku
from umurl_search.readers.arrays import Axes
from umurl_search.readers.outcome import BadRecordingError, require_finite


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
    if row is None:
        raise UmurlError(f"no clip '{name}' in {dataset}: umurl-search info {dataset} shows some names")
    store = ClipStore(library.clips(dataset))
    return QueryClip(name=f"{dataset}:{name}", frames=store.normalised(row["store_row"]), row=row)


def read_file(
    path: Path, *, conventions: Conventions, axes: Axes | None = None, strict_layout: bool = False
) -> tuple[Frames, tuple[str, ...]]:
    """Normalised frames (T, M, 25, 3) of a clip file, and notes. Raises UmurlError."""
    if not path.is_file():
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
