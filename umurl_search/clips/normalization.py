"""From a recording to what the encoder reads: NTU-25 joints, then UmURL's normalisation.

Letters: T frames, M people, V joints, C = 3 coordinates. Frames are (T, M, V, C) float32.
Source of the normalisation: the authors' released code, matched stage by stage by its numbers.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from encoder.joint_layouts import Layout, find_layout
from encoder.skeleton import LEFT_SHOULDER, N_FRAMES, N_PEOPLE, RIGHT_SHOULDER, SPINE_MID
from umurl_search.clips.assumed_rates import drop_rates
from umurl_search.clips.body_axes import face_camera, find_standing_axis, make_upright, settle_signs, stand_up
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Clip, Frames, LeftOut
from umurl_search.clips.idle_options import describe_idle
from umurl_search.clips.joint_mapping import combine_joints
from umurl_search.clips.picture_people import check_picture_people, tell_person
from umurl_search.clips.picture_places import (
    DEPTHS,
    Depth,
    Placed,
    mirror_people,
    parse_size,
    place_picture,
    scale_to_person,
)
from umurl_search.clips.types import NORMALISED, State, Up
from umurl_search.clips.unseen_joints import Marked, fill_gaps, mark_unseen, parse_marks, trim_absence

STORE_FPS = 30.0
_LATER = ("upright", "missing", "size", "mirror", "person", "depth", "untrimmed")
_NOT_TURNED = "not turned upright: too little of the body is seen to tell how it stands"
FARTHEST_M = 1e6
"""No coordinate lies farther out: more is a wrong unit or a damaged file, and its square would overflow."""


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How a source states its coordinates: joint layout, frames a second, up axis, metres a unit.

    layout: its name, or the text of a layout file (`find_layout`). upright: people are turned by their own trunk and
    shoulders; those that a detector found, from feet to head. missing: what marks an unseen joint (`parse_marks`).
    size: of the picture that joints were found in, as `1280x720`. mirror: people were seen in a mirror. person: the
    only one that counts, from 1. depth: what becomes of the depth that a detector guessed. untrimmed: times in the
    recording count, so that frames before and after people were detected stay. is_assumed: axis and unit are those of a
    dataset, and nobody said that they hold here. is_rate_stated: `fps` was, whatever it is.
    """

    layout: str = "ntu25"
    fps: float = STORE_FPS
    up: Up = "y"
    scale: float = 1.0
    upright: bool = False
    missing: str | None = None
    size: str | None = None
    mirror: bool = False
    person: int | None = None
    depth: Depth = "auto"
    untrimmed: bool = False
    is_assumed: bool = False
    is_rate_stated: bool = False

    def __post_init__(self) -> None:
        find_layout(self.layout)
        if self.up not in get_args(Up):
            raise ValueError(f"up is one of {', '.join(get_args(Up))}, got '{self.up}'")
        parse_marks(self.missing)
        parse_size(self.size)
        if self.depth not in DEPTHS:
            raise ValueError(f"depth is one of {', '.join(DEPTHS)}, got '{self.depth}'")
        if self.person is not None and self.person < 1:
            raise ValueError(f"people are counted from 1, got person {self.person}")
        if not (1 <= self.fps < 10_000 and 0 < self.scale < 1e9):
            raise ValueError(f"fps is 1 or more, scale above 0, got {self.fps} and {self.scale}")

    @property
    def states_rate(self) -> bool:
        """Whether a rate was stated, which counts more than the file's own."""
        return self.is_rate_stated or self.fps != STORE_FPS

    @property
    def stated(self) -> dict[str, Any]:
        """The fields that are not the default: name -> value."""
        told = {name: value for name, value in vars(self).items() if not name.startswith("is_")}
        return {name: value for name, value in told.items() if value != getattr(type(self), name)}

    def describe(self) -> dict[str, Any]:
        """The fields as they are kept; of those that came later, what is not the default."""
        later = {
            name: value
            for name, value in vars(self).items()
            if name in _LATER and value != getattr(type(self), name)
        }
        return {"layout": self.layout, "fps": self.fps, "up": self.up, "scale": self.scale, **later}


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


class NonFiniteError(ValueError):
    """A coordinate that is no number, and marks no unseen joint either."""


class Converted(NamedTuple):
    """frames: (T, M, 25, 3), metres, y up, 30 a second. n_unseen: joints that were marked as not seen, frame by frame.

    notes: what was assumed. stands_along: the axis along which people stand, where it is not the one that was stated.
    """

    frames: Frames
    n_unseen: int
    notes: tuple[str, ...] = ()
    stands_along: str | None = None

    @property
    def standing(self) -> tuple[str, ...]:
        """That axis, as `check_clips` takes those of several clips."""
        return (self.stands_along,) if self.stands_along else ()


def to_ntu25(frames: Frames, conventions: Conventions) -> Frames:
    """Frames (T, M, V, C) of a source as NTU-25 joints, metres, y up, 30 frames/s, one or two people.

    People absent throughout are dropped; if nobody is left the result has M = 0. Unseen joints become zeros, or are
    filled, as the conventions say; those that a detector lost for a short while are filled (`fill_gaps`), and the time
    in which it found nobody yet or any more is cut off (`trim_absence`).
    Raises ValueError when V is not the layout's, or a coordinate would overflow single precision later on;
    NonFiniteError for one that is no number.
    """
    return convert_frames(frames, conventions).frames


def convert_frames(frames: Frames, conventions: Conventions) -> Converted:
    """The same, and what is to be known of it."""
    layout = find_layout(conventions.layout)
    if frames.shape[2] != layout.n_joints:
        raise ValueError(f"layout {layout.name} has {layout.n_joints} joints, the clip has {frames.shape[2]}")
    frames, n_unseen, _ = mark_unseen(frames, parse_marks(conventions.missing), fps=conventions.fps)
    if not np.isfinite(frames).all():
        raise NonFiniteError("NaN or infinite")
    frames = _choose_people(frames, conventions.person)
    filled = _close_losses(frames, conventions) if layout.axes != "world" else Marked(frames, 0)
    frames = filled.frames
    placed, stands_along = _place_joints(frames, layout, conventions)
    frames = placed.frames
    if frames.size and not np.abs(frames).max() <= FARTHEST_M:  # NaN where infinite ones met
        raise ValueError(
            f"coordinates beyond {FARTHEST_M:g} m overflow single precision; give metres, or the scale"
        )
    if layout.faces == "any" and frames.size:
        frames = face_camera(frames)
    notes = (*placed.notes, *filled.notes)
    if conventions.upright and frames.size:
        turned = make_upright(frames) if layout.axes == "world" else stand_up(frames)
        notes = notes if turned is not frames else (*notes, _NOT_TURNED)
        frames = turned
    notes = (*notes, *check_picture_people(frames)) if layout.axes == "picture" else notes
    ready = np.ascontiguousarray(_resample(frames, conventions.fps), dtype=np.float32)
    return Converted(ready, n_unseen, notes, stands_along)


def _choose_people(frames: Frames, person: int | None) -> Frames:
    """At most two people, those that are there; the one that is stated alone."""
    if person is not None:
        if person > frames.shape[1]:
            raise ValueError(f"person {person} is wanted, the clip has {frames.shape[1]}")
        frames = frames[:, person - 1 : person]
    frames = choose_bodies(frames) if frames.shape[1] > N_PEOPLE else frames
    return frames[:, np.asarray(frames.any(axis=(0, 2, 3)))]


def _close_losses(frames: Frames, conventions: Conventions) -> Marked:
    """What a detector lost: short gaps are filled, and the time before and after anybody was there is cut off."""
    filled = fill_gaps(frames, fps=conventions.fps)
    if conventions.untrimmed:
        return filled
    cut = trim_absence(filled.frames, fps=conventions.fps)
    return Marked(cut.frames, 0, (*filled.notes, *cut.notes))


def _place_joints(frames: Frames, layout: Layout, conventions: Conventions) -> tuple[Placed, str | None]:
    """NTU-25's joints in metres, y up, of a layout's in the source's axes and unit; and the axis along which people
    stand, where it is not the stated one. Raises ValueError for another up axis of a picture's joints."""
    placed = place_picture(
        frames,
        layout,
        size=parse_size(conventions.size),
        depth=conventions.depth,
    )
    if placed.is_picture and frames.size and conventions.up != "y":
        raise ValueError("joints of a picture have no up axis to state: x is right, y down")
    joints = combine_joints(placed.frames, layout)
    along = None if placed.is_picture else find_standing_axis(joints)
    frames = _y_up(joints, conventions.up)
    frames = mirror_people(frames) if conventions.mirror else frames
    if placed.is_picture and frames.size:
        frames = scale_to_person(frames)
    elif conventions.scale != 1.0:
        with np.errstate(over="ignore"):
            frames = frames * np.float32(conventions.scale)
    idle = describe_idle(
        conventions.stated, layout, is_picture=placed.is_picture, is_in_parts=placed.is_in_parts
    )
    placed = placed._replace(frames=frames, notes=(*placed.notes, *idle))
    return placed, along if along != conventions.up else None


def convert_clip(clip: Clip, conventions: Conventions, *, state: State = "raw") -> Frames | LeftOut:
    """The clip's frames as `to_ntu25` gives them, or why it cannot be used.

    state: of the source. What was normalised there and is turned here is normalised again.
    """
    converted = convert_and_count(clip, conventions, state=state)
    return converted if isinstance(converted, LeftOut) else converted.frames


def convert_and_count(clip: Clip, conventions: Conventions, *, state: State = "raw") -> Converted | LeftOut:
    """The same, with how many joints were marked as not seen, by the reader too."""
    try:
        found = convert_frames(clip.frames, conventions_for(clip, conventions))
    except NonFiniteError as error:
        return LeftOut(name=clip.name, reason="non-finite", detail=str(error), source=clip.source)
    except ValueError as error:
        return LeftOut(name=clip.name, reason="malformed", detail=str(error), source=clip.source)
    frames = found.frames
    if 0 in frames.shape[:2]:
        return describe_nobody(clip)
    is_turned = conventions.up != "y" or conventions.upright
    ready = normalise(frames) if is_turned and state in NORMALISED else frames
    notes = (*settle_notes(clip.notes, conventions), *found.notes)
    return Converted(ready, found.n_unseen + clip.unseen, notes, found.stands_along)


def settle_notes(notes: Sequence[str], conventions: Conventions) -> tuple[str, ...]:
    """A reader's notes, as they are once the person and the rate are stated."""
    return drop_rates(tell_person(notes, conventions.person), is_stated=conventions.states_rate)


def conventions_for(clip: Clip, conventions: Conventions) -> Conventions:
    """The conventions with what a clip's own file says of its joints and rate, where nobody stated another rate."""
    if clip.layout is None and clip.fps is None:
        return conventions
    if clip.layout is not None and find_layout(clip.layout).dims != find_layout(conventions.layout).dims:
        names = f"{find_layout(clip.layout).name}, the others are of {find_layout(conventions.layout).name}"
        raise ValueError(f"joints of {names}: pictures and space do not mix in one dataset")
    fps = conventions.fps if clip.fps is None or conventions.states_rate else clip.fps
    return replace(conventions, layout=clip.layout or conventions.layout, fps=fps)


def describe_nobody(clip: Clip) -> LeftOut:
    """Why a clip in which nobody is left cannot be used."""
    if np.isfinite(clip.frames).all():
        return LeftOut(name=clip.name, reason="no body", detail="nobody in any frame", source=clip.source)
    n_bad = int((~np.isfinite(clip.frames)).sum())
    detail = f"{n_bad} NaN or infinite numbers, and nobody is left without them"
    return LeftOut(name=clip.name, reason="non-finite", detail=detail, source=clip.source)


def _y_up(frames: Frames, up: Up) -> Frames:
    """Turned so that the stated up axis is y: a rotation; of an axis that points down, with the signs of people."""
    if up == "y":
        return frames
    x, y, z = np.moveaxis(frames, -1, 0)
    turned = {
        "z": (x, z, -y),
        "x": (-y, x, z),
        "-y": (x, -y, -z),
        "-z": (x, -z, y),
        "-x": (y, -x, z),
    }[up]
    ready = np.stack(turned, axis=-1)
    return settle_signs(ready) if up.startswith("-") and ready.size else ready


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

    frames: (T, M, 25, 3), M of 1 or 2, y up, metres; absent joints are zeros. Returns the same shape. A clip without
    depth is a picture and is not rotated: across its plane the shoulders of who is seen from the side lie by chance.
    """
    frames = _close_gaps(frames)
    present = frames.any(axis=-1, keepdims=True)
    centre = frames[:, :1, SPINE_MID : SPINE_MID + 1]
    centred = (frames - centre) * present
    rotation = None if is_flat(centred) else _find_rotation(centred[0, 0])
    return centred if rotation is None else _rotate(centred, rotation)


def is_flat(frames: Frames) -> bool:
    """Whether no joint of a clip has a depth, as of those found in a picture."""
    return not (frames[0, 0, :, 2].any() or frames[..., 2].any())


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
