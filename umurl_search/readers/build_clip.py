"""From the coordinates in a file to a clip, or to the reason why there is none."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint, reason_of
from encoder.joint_layouts import Layout
from umurl_search.clips.body_selection import FloatT, drop_absent
from umurl_search.clips.clip import Clip, Frames, LeftOut, Reason
from umurl_search.clips.naming import parse_name
from umurl_search.readers.dimensions import doubt_dimensions

_DETAIL_LENGTH = 200
_COORDINATES = 3
_MOST_LABELS = 2**63
_MOST_NAME = 1_000
_UNSHOWABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line ends and those that turn the direction of what follows."""


class FileClip(NamedTuple):
    """The clip of a file that may ask as a query.

    frames: (T, M, V, 3) as the file states them. notes: what was assumed in reading it, a line each. layout, fps: its
    joint layout and frames a second, where the file says them.
    """

    frames: Frames
    notes: tuple[str, ...] = ()
    layout: str | None = None
    fps: float | None = None


class BadRecordingError(BadInputError):
    """A recording that cannot be used: why (one of `REASONS`), the particulars and, when known, its file and a hint."""

    def __init__(
        self, reason: Reason, detail: str, path: Path | None = None, hint: Hint | None = None
    ) -> None:
        self.reason: Reason = reason
        self.detail = detail if len(detail) <= _DETAIL_LENGTH else detail[:_DETAIL_LENGTH] + "..."
        self.path = path
        super().__init__(detail, hint)
        self.args = (reason, detail, path, hint)  # what unpickling gives to this function

    @property
    def message(self) -> str:
        return ": ".join(str(part) for part in (self.path, self.reason, self.detail) if part)

    def left_out(self, name: str, source: str) -> LeftOut:
        detail = BadInputError(self.detail, self.hint).typed
        return LeftOut(name=preview(name), reason=self.reason, detail=detail, source=preview(source))


def preview(name: str) -> str:
    """A name that a line can hold: cut if very long, what does not print written out."""
    kept = name if len(name) <= _MOST_NAME else name[:_DETAIL_LENGTH] + "..."
    return _UNSHOWABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), kept)


def describe(value: Any) -> str:
    """A value that is not what it should be; of one that may be large or nested, its type."""
    small = (str, bytes, float, bool, type(None))
    if isinstance(value, small) or (isinstance(value, int) and value.bit_length() < _DETAIL_LENGTH):
        return repr(value[:_DETAIL_LENGTH] if isinstance(value, str | bytes) else value)
    return f"a very large {type(value).__name__}" if isinstance(value, int) else f"a {type(value).__name__}"


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises: BadRecordingError where it is empty or cannot be read."""
    if not path.is_file():
        raise BadRecordingError("malformed", "no regular file (a link to nowhere, or a pipe)", path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadRecordingError("malformed", f"cannot be read: {error.strerror}", path) from error
    if not content or content.isspace():
        raise BadRecordingError("truncated", "the file is empty", path)
    return content


def read_head(path: Path, n_bytes: int = 4096) -> bytes:
    """How a file begins; nothing of one that cannot be read, nor of a pipe, which would keep its reader waiting."""
    if not path.is_file():
        return b""
    try:
        with open(path, "rb") as stream:
            return stream.read(n_bytes)
    except OSError:
        return b""


def parse_object(text: bytes, parse: Callable[[bytes], Any] = json.loads) -> dict[str, Any]:
    """The object that a JSON file of this content holds. Raises: BadRecordingError, truncated or malformed."""
    try:
        content = parse(text)
    except (ValueError, RecursionError) as error:
        if not text.rstrip().endswith(b"}"):
            raise BadRecordingError("truncated", f"the JSON ends too soon ({reason_of(error)})") from None
        raise BadRecordingError("malformed", f"no JSON: {reason_of(error)}") from None
    if not isinstance(content, dict):
        raise BadRecordingError("malformed", f"the JSON is a {type(content).__name__}, not an object")
    return content


@np.errstate(over="ignore", invalid="ignore")
def to_float32(numbers: NDArray[Any]) -> Frames:
    """The nearest single-precision numbers; infinite beyond their range."""
    return numbers.astype(np.float32)


def take_places(frames: Frames, layout: Layout) -> Frames:
    """(T, M, V, 3) of (T, M, V, C), C the layout's coordinates and perhaps how sure the camera was.

    That is left out, and joints of less than the layout's least score are zeros; the third coordinate of joints in a
    picture is zero. Raises: BadRecordingError where joints are there and all their scores are too low, and where the
    numbers show a picture, the layout space, or the other way round.
    """
    mismatch = doubt_dimensions(frames, layout)
    if mismatch is not None:
        raise BadRecordingError("malformed", mismatch[0], hint=mismatch[1])
    dims = layout.dims
    places = np.ascontiguousarray(frames[..., :dims])
    if dims < _COORDINATES:
        places = np.concatenate([places, np.zeros_like(places[..., :1])], axis=-1)
    if frames.shape[-1] > dims:
        was_there = bool(places.any())
        places[find_unsure(frames[..., dims], layout)] = 0
        if was_there and not places.any():
            least = "none is above 0" if layout.least_score == 0 else f"all are below {layout.least_score:g}"
            raise BadRecordingError("no body", f"by their scores no joints are seen: {least}")
    return places


def find_unsure(scores: NDArray[Any], layout: Layout) -> NDArray[np.bool_]:
    """(T, M, V) which joints do not count as seen by their scores, which are zero where nobody is.

    Of a layout that says for which joints scores count, those that are too low in most frames are unseen in all: single
    frames of low scores are better guessed than lost.
    """
    unsure = is_unsure(scores, layout)
    if layout.scored is None:
        return unsure
    there = np.asarray((scores > 0).any(axis=2, keepdims=True))
    most = 2 * (unsure & there).sum(axis=0) > there.sum(axis=0)
    scored = np.isin(layout.joints, layout.scored)
    return np.broadcast_to(most & scored, unsure.shape)


def is_unsure(scores: NDArray[Any], layout: Layout) -> NDArray[np.bool_]:
    """Where a score is too low, or no number, for its joint to count as seen."""
    return np.asarray(~(scores > 0) if layout.least_score == 0 else ~(scores >= layout.least_score))


@np.errstate(invalid="ignore")
def require_places(frames: NDArray[FloatT]) -> None:
    """Raises: BadRecordingError where coordinates are NaN or infinite and no joint is left; frames: (T, ..., C).

    Joints may be marked as not seen by such coordinates, but not all of them.
    """
    finite = np.isfinite(frames)
    if not finite.all() and not (finite.all(axis=-1) & frames.any(axis=-1)).any():
        first = int(np.flatnonzero(~finite.all(axis=tuple(range(1, frames.ndim))))[0])
        raise BadRecordingError(
            "non-finite", f"{np.sum(~finite)} NaN or infinite numbers, from frame {first + 1}"
        )


@np.errstate(invalid="ignore")
def require_range(numbers: NDArray[Any], converted: Frames) -> None:
    """Raises: BadRecordingError for a number that is one, but beyond single precision; converted: by `to_float32`."""
    finite = np.isfinite(converted)
    if not finite.all():
        beyond = np.isfinite(numbers) & ~finite
        if beyond.any():
            first = int(np.flatnonzero(beyond.any(axis=tuple(range(1, beyond.ndim))))[0])
            detail = f"{np.sum(beyond)} NaN or infinite numbers, from frame {first + 1}"
            raise BadRecordingError("non-finite", f"{detail} (in single precision)")


def keep_notes(clip: Clip, read: FileClip, path: Path | None = None) -> Clip:
    """The clip with the notes of what was read, without the file's name before them."""
    notes = tuple(note.removeprefix(f"{path}: ") for note in read.notes)
    return replace(clip, notes=notes) if notes else clip


def make_clip(
    name: str,
    frames: NDArray[FloatT],
    *,
    source: str,
    label: int | None = None,
    action: str | None = None,
    max_frames: int | None = None,
    unseen: int = 0,
    layout: str | None = None,
    fps: float | None = None,
) -> Clip:
    """The clip of these coordinates: at most `max_frames`, only people that are there, float32.

    frames: (T, M, V, 3) of any float type; an absent person or joint is zeros, or what its source marks it by.
    unseen: joints that are zeros since the source says beside the coordinates that they were not seen.
    label: where None, the action in the name, if it has one. action: its name, where the source tells one.
    layout, fps: of its joints and frames, where its file says them.
    Raises: BadRecordingError for a name or label that cannot be one, where no number is finite, or when
        nobody is there.
    """
    if preview(name) != name:
        raise BadRecordingError("malformed", "its name is very long or holds characters that do not print")
    if label is not None and not 0 <= label < _MOST_LABELS:
        raise BadRecordingError("malformed", f"its label is {describe(label)}, not a class from 0")
    kept = frames[:max_frames]
    kept32 = to_float32(kept)
    require_range(kept, kept32)
    require_places(kept32)
    kept32 = drop_absent(kept32)
    if not kept32.size:
        raise BadRecordingError("no body", f"nobody in any of {len(kept)} frames")
    fields = parse_name(name)
    if label is None and fields.action is not None:
        label = fields.action - 1
    return Clip(
        name=name,
        frames=np.ascontiguousarray(kept32),
        label=label,
        action=action,
        subject=fields.subject,
        camera=fields.camera,
        setup=fields.setup,
        replication=fields.replication,
        source=source,
        cut=len(frames) - len(kept),
        unseen=unseen,
        layout=layout,
        fps=fps,
    )
