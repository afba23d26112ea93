"""A clip from wherever the user has it: a file, `DATASET:CLIPNAME` from the library, or `DATASET:CLIPNAME@FROM-TO`,
the seconds of a recording in it.

Frames are (T, M, 25, 3) float32, normalise, to_ntu25d for the encoder.
"""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint, NotFoundError, UmurlError
from encoder.joint_layouts import find_layout, layout_of
from encoder.skeleton import N_JOINTS, N_PEOPLE
from umurl_search.clips.body_axes import make_upright
from umurl_search.clips.body_selection import drop_absent
from umurl_search.clips.clip import Frames
from umurl_search.clips.clip_length import check_lengths
from umurl_search.clips.crop import crop
from umurl_search.clips.idle_options import describe_axes, describe_stored
from umurl_search.clips.joint_mapping import layout_as_seen
from umurl_search.clips.normalization import (
    STORE_FPS,
    Conventions,
    NonFiniteError,
    convert_frames,
    normalise,
    settle_notes,
    to_ntu25,
)
from umurl_search.clips.plausibility import check_clips, check_scale_and_axis
from umurl_search.clips.types import Axes, Embeddings
from umurl_search.clips.unseen_joints import describe_unseen, mark_unseen, parse_marks
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.library.missing import require_dataset
from umurl_search.readers.build_clip import BadRecordingError, FileClip
from umurl_search.readers.format_detection import find_remedies
from umurl_search.readers.formats import clip_suffixes, list_suffixes, read_clip_file, states_nothing
from umurl_search.search.folder_clip import read_folder_clip

_VALUE_BYTES = 4
_MOST_FOR_A_BYTE = 2
"""Bytes of an array in a file for one of its frames here: float64 for float32."""
_USUAL = Conventions()
_WHOLE = "give a whole, finite clip"
_MOMENT = re.compile(r"(?P<name>.+)@(?P<start_s>\d+(\.\d+)?)-(?P<end_s>\d+(\.\d+)?)")


class TooLongError(BadInputError):
    """A clip of more frames than may be."""


@dataclass(frozen=True, kw_only=True)
class QueryClip:
    """name: as given. frames: (T, M, 25, 3) normalised. row: its catalog entry, if it came from the library.

    notes: what was assumed in reading it, one line each. layout: of its joints, as it was read or is kept.
    """

    name: str
    frames: Frames
    row: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    layout: str = "ntu25"


@dataclass(frozen=True, kw_only=True)
class QueryBatch:
    """Queries ready to be searched. y: (Q, D) embeddings; rows: what the catalog says of each, None for files.

    layout: the joint layout of the clips, where they cross from it by a bridge: y is (Q, K D) then. centred: on their
    own mean, in place of the mean of the clips that bridges and transforms were fitted on. absent: columns of one's
    own, and their types, that only other datasets have which are searched beside.
    """

    names: Sequence[str]
    y: Embeddings
    rows: Sequence[dict[str, Any] | None] = field(default_factory=tuple)
    layout: str | None = None
    centred: bool = False
    absent: Mapping[str, str] = field(default_factory=dict)


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
    named = library_name(text)
    if named is None:
        read = read_clip_frames(Path(text), conventions=conventions, axes=axes, strict_layout=strict_layout)
        return QueryClip(name=text, frames=normalise(read.frames), notes=read.notes, layout=read.layout)
    found = _from_library(library, *named, upright=conventions.upright)
    return replace(found, notes=idle_notes(found.name, conventions, axes))


def idle_notes(name: str, conventions: Conventions, axes: str | None = None) -> tuple[str, ...]:
    """A line where something is stated of a clip of the library that changes nothing of it."""
    stated = {key: value for key, value in conventions.stated.items() if key != "upright"}
    return tuple(f"{name}: {note}" for note in describe_stored(stated | ({"axes": axes} if axes else {})))


def library_name(text: str) -> tuple[str, str] | None:
    """The dataset and the rest of a clip of the library, None for a file or folder. Raises UmurlError for neither."""
    if Path(text).suffix.lower() in clip_suffixes() or os.path.isdir(text):
        return None
    dataset, colon, name = text.partition(":")
    if not colon:
        remedies = find_remedies(Path(text).suffix.lower()) if os.path.isfile(text) else []
        clips = f"give a {list_suffixes()} file, or DATASET:CLIPNAME"
        raise BadInputError(f"{text}: not a clip", "; ".join([*remedies, clips]))
    return dataset, name


def is_upright(dataset: Mapping[str, Any]) -> bool:
    """Whether the clips of a dataset (as `Catalog.dataset_as_read` gives it) were turned upright."""
    return bool(dataset.get("upright")) or dataset["state"] == "body-turned"


def is_turned_by_trunk(dataset: Mapping[str, Any]) -> bool:
    """Whether they were by the trunk of each, so that whatever asks them is; not by the tilt of a camera."""
    return is_upright(dataset) and find_layout(dataset["layout"]).axes == "world"


def conventions_of(clip: str, dataset: Mapping[str, Any], stated: Mapping[str, Any]) -> Conventions:
    """What is stated; for arrays, else what the dataset (its row) was ingested with; else NTU's.

    Joints that are stated to be of a picture do not take the dataset's up axis. Clips that ask a dataset of bodies that
    their maker turned are turned alike, whatever they are.
    """
    inherited = dataset if states_nothing(clip) and dataset["state"] == "raw" else {}
    is_file = Path(clip).suffix.lower() in clip_suffixes() or os.path.isdir(clip)
    layout = stated.get("layout") or inherited.get("layout", "ntu25")
    is_picture = bool(stated.get("layout")) and find_layout(layout).axes == "picture"
    turned = is_upright(dataset) if is_file else is_turned_by_trunk(dataset)
    return Conventions(
        **{name: stated[name] for name in ("size", "mirror", "person", "depth") if stated.get(name)},
        layout=layout,
        fps=stated.get("fps") or inherited.get("fps", 30.0),
        up=stated.get("up") or ("y" if is_picture else inherited.get("up", "y")),
        scale=stated.get("scale") or (1.0 if is_picture else inherited.get("scale", 1.0)),
        upright=bool(stated.get("upright")) or turned,
        missing=stated.get("missing") or inherited.get("missing"),
        is_assumed=bool(inherited) and not (stated.get("up") or stated.get("scale")),
        is_rate_stated=bool(stated.get("fps")),
    )


@dataclass(frozen=True, kw_only=True)
class StoredClip:
    """A clip of the library, or the frames [start, stop) of one, where `start` is no None. row: of the catalog."""

    name: str
    row: dict[str, Any]
    store: ClipStore
    start: int | None = None
    stop: int | None = None

    @property
    def layout(self) -> str:
        """The joint layout of its dataset."""
        return layout_as_seen(self.store.manifest["conventions"]["layout"], self.frames)

    @property
    def frames(self) -> Frames:
        """(T, M, 25, 3) as read."""
        return self.store.frames(self.row["store_row"])[self.start : self.stop]


def find_stored(library: Library, dataset: str, name: str) -> StoredClip:
    """The clip that DATASET:CLIPNAME[@FROM-TO] says. Raises UmurlError where there is none."""
    with library.read() as catalog:
        require_dataset(catalog, dataset)
        row = catalog.clip(dataset, name)
        part = None if row else _MOMENT.fullmatch(name)
        row = catalog.clip(dataset, part["name"]) if part else row
        if row is None:
            raise NotFoundError(
                f"no clip '{name}' in {dataset}",
                Hint("{command} shows some names", command=("info", dataset)),
            )
        folder = catalog.parts("dataset", dataset)[row["part"] - 1]
    store = ClipStore(library.clips(folder))
    whole = StoredClip(name=f"{dataset}:{name}", row=row, store=store)
    return _part(whole, float(part["start_s"]), float(part["end_s"])) if part else whole


def _part(whole: StoredClip, start_s: float, end_s: float) -> StoredClip:
    """A stretch of a recording of the library. Raises UmurlError where nobody is in it."""
    n_frames = whole.row["frames"]
    start, stop = round(start_s * STORE_FPS), min(round(end_s * STORE_FPS), n_frames)
    part = replace(whole, start=start, stop=stop)
    if start >= stop or not part.frames.any():
        raise BadInputError(
            f"{whole.name}: nobody is there from {start_s:g} to {end_s:g} s of a recording of "
            f"{n_frames / STORE_FPS:.1f} s",
            "give a stretch that starts before it ends and shows somebody",
        )
    return part


def stretch_of(name: str, *, n_frames: int) -> tuple[int, int] | None:
    """The frames [start, stop) that DATASET:CLIPNAME@FROM-TO says of a recording, None where it says none."""
    part = _MOMENT.fullmatch(name)
    if part is None:
        return None
    return round(float(part["start_s"]) * STORE_FPS), min(round(float(part["end_s"]) * STORE_FPS), n_frames)


def _from_library(library: Library, dataset: str, name: str, *, upright: bool) -> QueryClip:
    found = find_stored(library, dataset, name)
    if found.start is None or found.stop is None:
        ready = found.store.normalised_frames(found.row["store_row"])
        kept = make_upright(ready) if upright else ready
        return QueryClip(name=found.name, frames=kept, row=found.row, layout=found.layout)
    cut = crop(found.store.frames(found.row["store_row"]), found.start, found.stop)
    assert cut is not None, found.name
    cut = make_upright(cut) if upright else cut
    row = {**found.row, "label": None, "action": None}
    return QueryClip(name=found.name, frames=cut, row=row, layout=found.layout)


def read_file(
    path: Path, *, conventions: Conventions, axes: Axes | None = None, strict_layout: bool = False
) -> tuple[Frames, tuple[str, ...]]:
    """Normalised frames (T, M, 25, 3) of a clip file, and notes. Raises UmurlError."""
    read = read_clip_frames(path, conventions=conventions, axes=axes, strict_layout=strict_layout)
    return normalise(read.frames), read.notes


class ClipFrames(NamedTuple):
    """frames: (T, M, 25, 3), metres, y up, 30 a second. layout: the joint layout that the file was read as."""

    frames: Frames
    notes: tuple[str, ...]
    layout: str


def _require_room(path: Path, most_bytes: int) -> None:
    """Raises TooLongError for a compressed file that would take more memory than frames of so many bytes need."""
    from umurl_search.readers.array_files import unpacked_size

    if unpacked_size(path) > _MOST_FOR_A_BYTE * most_bytes:
        raise _too_long(path)


def _too_long(path: Path) -> TooLongError:
    return TooLongError(f"{path}: more frames than there is room for", "cut it into shorter clips")


def read_clip_frames(
    path: Path,
    *,
    conventions: Conventions,
    axes: Axes | None = None,
    strict_layout: bool = False,
    most_bytes: int | None = None,
) -> ClipFrames:
    """The frames of a clip file as a clip store has them.

    Raises UmurlError, TooLongError for frames that would take more than `most_bytes`.
    """
    if not os.path.isfile(path) and not os.path.isdir(path):  # of a name that is too long too
        raise NotFoundError(f"{path}: no such file", "give the path of a clip")
    try:
        if most_bytes is not None:
            _require_room(path, most_bytes)
        read = _read_as_likely(path, conventions, axes=axes, strict_layout=strict_layout)
    except BadRecordingError as error:
        raise BadInputError(f"{path}: {error.reason}, {error.detail}", error.hint or _WHOLE) from error
    frames, notes = read.frames, settle_notes(read.notes, conventions)
    is_array = states_nothing(str(path)) or (path.is_dir() and read.layout is None)
    conventions, strict_layout = _follow_file(read, conventions, strict_layout)
    if most_bytes is not None and _VALUE_BYTES * frames.size * STORE_FPS / conventions.fps > most_bytes:
        raise _too_long(path)
    chosen = conventions if strict_layout else _fit_layout(frames, conventions)
    layout = find_layout(chosen.layout)
    if layout.n_joints != frames.shape[2]:
        raise BadInputError(
            f"{path}: the clip has {frames.shape[2]} joints but layout {layout.name} has {layout.n_joints}",
            Hint("omit {option}", option="layout"),
        )
    try:
        converted = convert_frames(frames, chosen)
    except NonFiniteError as error:
        raise BadInputError(f"{path}: non-finite, {error}", _WHOLE) from error
    except ValueError as error:
        raise BadInputError(f"{path}: {error}") from error
    ready, standing = converted.frames, converted.standing
    if 0 in ready.shape[:2]:
        if not np.isfinite(frames).all():
            raise BadInputError(f"{path}: non-finite, and no joint is left without", _WHOLE)
        raise BadInputError(
            f"{path}: nobody is in any of its {len(frames)} frames", "give a clip with a person"
        )
    if chosen.is_assumed and (other := _doubt_assumed(ready, frames, chosen)) is not None:
        ready, standing, chosen = other, (), replace(chosen, up=_USUAL.up, scale=_USUAL.scale)
        notes = (
            *notes,
            f"{path}: read in metres, y up, unlike the index's dataset; --scale and --up settle it",
        )
    if chosen.layout != conventions.layout:
        notes = (*notes, f"{path}: {frames.shape[2]} joints, read as {layout.name}; --layout settles it")
    notes = (
        *notes,
        *(f"{path}: {note}" for note in (*converted.notes, *describe_axes(axes, is_array=is_array))),
        *describe_unseen(converted.n_unseen, what=str(path)),
        *check_clips([ready], chosen, what=str(path), standing=standing),
    )
    return ClipFrames(frames=ready, notes=notes, layout=layout_as_seen(chosen.layout, ready))


def _read_as_likely(
    path: Path, conventions: Conventions, *, axes: Axes | None, strict_layout: bool
) -> FileClip:
    """The clip of a file in the layout that is stated; in the index's dataset's own if it fits, where none is."""
    layout = find_layout(conventions.layout)
    read = read_folder_clip if path.is_dir() else read_clip_file
    if strict_layout:
        return read(path, axes=axes, layout=conventions.layout)
    if layout_of(layout.n_joints) is not layout:
        with contextlib.suppress(UmurlError):
            return read(path, axes=axes, layout=conventions.layout)
    return read(path, axes=axes)


def _follow_file(read: FileClip, conventions: Conventions, strict_layout: bool) -> tuple[Conventions, bool]:
    """The conventions with what the file itself says of its joints and rate, unless these were stated."""
    is_stated = strict_layout and not str(read.layout).startswith(conventions.layout)
    if read.layout is not None and not is_stated:  # of a stated layout, it may be the form in two dimensions
        conventions, strict_layout = replace(conventions, layout=read.layout), True
        if conventions.is_assumed:  # axis and unit of arrays, which this file is none of
            conventions = replace(conventions, up=_USUAL.up, scale=_USUAL.scale, is_assumed=False)
    if read.fps is not None and not conventions.states_rate:
        conventions = replace(conventions, fps=read.fps)
    return conventions, strict_layout


def _doubt_assumed(ready: Frames, frames: Frames, conventions: Conventions) -> Frames | None:
    """The clip in metres and y up, if so its people are people, and not by the axis and unit of the index's dataset."""
    usual = replace(conventions, up=_USUAL.up, scale=_USUAL.scale)
    if usual == conventions or not check_scale_and_axis([ready], conventions, what=""):
        return None
    other = to_ntu25(frames, usual)
    return None if check_scale_and_axis([other], usual, what="") else other


def _fit_layout(frames: Frames, conventions: Conventions) -> Conventions:
    """The stated conventions, their layout replaced if it has not the clip's number of joints."""
    n_joints = frames.shape[2]
    if find_layout(conventions.layout).n_joints == n_joints:
        return conventions
    known = layout_of(n_joints)
    return conventions if known is None else replace(conventions, layout=known.name)


def read_array(clip: NDArray[Any], *, conventions: Conventions) -> QueryClip:
    """An array (T, M, 25, 3) or (T, 25, 3), metres, y up, 30 frames a second. Raises ValueError for another.

    conventions: what marks unseen joints, and whether people are turned upright; nothing else of them counts.
    """
    frames = np.asarray(clip, dtype=np.float32)
    frames = frames[:, None] if frames.ndim == 3 else frames
    if frames.ndim != 4 or frames.shape[2:] != (N_JOINTS, 3) or 0 in frames.shape:
        raise ValueError(f"a clip is (T, M, {N_JOINTS}, 3) or (T, {N_JOINTS}, 3), got {np.shape(clip)}")
    frames, n_unseen, _ = mark_unseen(frames, parse_marks(conventions.missing))
    if not np.isfinite(frames).all() or (n_unseen and not frames.any()):
        raise ValueError("a clip's coordinates are finite numbers; some of these are not")
    people = drop_absent(frames)
    if people.size == 0:
        raise ValueError("nobody is in the clip: all its coordinates are zero")
    if people.shape[1] > N_PEOPLE:
        raise ValueError(
            f"{people.shape[1]} people are in the clip, the encoder sees {N_PEOPLE}: choose them"
        )
    ready = normalise(make_upright(people) if conventions.upright else people)
    notes = [*describe_unseen(n_unseen, what="array"), *check_lengths([len(ready)], what="array")]
    return QueryClip(name="array", frames=ready, notes=tuple(notes))
