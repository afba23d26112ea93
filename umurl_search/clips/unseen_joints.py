"""Joints that were not seen: how files mark them, what becomes of them, and how short gaps are filled over time.

The library's own mark is zeros. Recordings also say NaN or infinity, -1, -9999 and the like, or put beside the
coordinates how sure the camera was. Letters: T frames, M people, V joints, C = 3 coordinates.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.body_selection import FloatT

INTERPOLATE = "interpolate"
_BRIDGED_S = 0.5
"""So long may a gap be that is filled by what lies between its ends."""
_OFTEN = 1 / 3
"""Of the frames in which a person is there: joints that are seen in fewer are not filled."""
_NAN, _ZERO = "nan", "zero"
_NINES = tuple(float(sign * (10**digits - 1)) for digits in range(2, 8) for sign in (1, -1))
_USUAL = (-1.0, *_NINES, -100.0, -1000.0, -10000.0)
"""Numbers that mark a joint where they are all its coordinates, or the first two and the third is zero."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Which numbers mark a joint as not seen. not_a_number: NaN and infinity do. fill: over time, instead of zeros."""

    numbers: tuple[float, ...] = _USUAL
    not_a_number: bool = True
    fill: bool = False


_EVERY = Marks()


class Marked(NamedTuple):
    """frames: (T, M, V, 3), what is not seen is zeros or filled. n_unseen: joints that were marked, frame by frame.

    notes: what was assumed of the coordinates.
    """

    frames: NDArray[Any]
    n_unseen: int
    notes: tuple[str, ...] = ()


def parse_marks(stated: str | None) -> Marks:
    """What is stated: marks with commas between, or `interpolate`. None: every usual mark, and nothing is filled.

    Raises ValueError for a word that is neither.
    """
    if not stated:
        return _EVERY
    words = [word.strip().lower() for word in stated.split(",")]
    marks = [word for word in words if word != INTERPOLATE]
    fill = len(marks) < len(words)
    if not marks:
        return Marks(fill=fill)
    numbers = tuple(_parse_number(word) for word in marks if word not in (_NAN, _ZERO))
    return Marks(numbers=numbers, not_a_number=_NAN in marks, fill=fill)


def check_marks(stated: str) -> str:
    """The same text. Raises ValueError where `parse_marks` does."""
    parse_marks(stated)
    return stated


def _parse_number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError(
            f"marks are {_NAN}, {_ZERO} or numbers, with commas between, or {INTERPOLATE}; got {word!r}"
        )
    return number


@np.errstate(invalid="ignore", over="ignore")
def mark_unseen(frames: NDArray[FloatT], marks: Marks, *, fps: float = 30.0) -> Marked:
    """Joints that are marked as not seen become zeros, or what lies between where they are seen.

    frames: (T, M, V, 3) as the source states them, fps of them a second. Where nothing is marked, the very same frames
    come back.
    """
    unseen = _find_unseen(frames, marks)
    n_unseen = 0 if unseen is None else int(unseen.sum())
    if unseen is not None:
        frames = np.where(unseen[..., None], frames.dtype.type(0), frames)
    if marks.fill:
        frames = fill_unseen(fill_gaps(frames, fps=fps).frames)
    return Marked(frames, n_unseen)


def _find_unseen(frames: NDArray[FloatT], marks: Marks) -> NDArray[np.bool_] | None:
    """(T, M, V); None where nothing is marked, which is found out in few steps."""
    unseen = None
    if marks.not_a_number and not np.isfinite(frames.sum()):  # a sum that is finite has no NaN in it
        unseen = ~np.isfinite(frames).all(axis=-1)
    x = frames[..., 0]
    same = x == frames[..., 1]
    if same.any():
        same &= x != 0
    if same.any():
        third = frames[..., 2]
        numbers = np.asarray(marks.numbers, dtype=frames.dtype)
        marked = same & ((third == x) | (third == 0)) & np.isin(x, numbers)
        unseen = marked if unseen is None else unseen | marked
    return None if unseen is None or not unseen.any() else unseen


def fill_unseen(frames: NDArray[FloatT]) -> NDArray[FloatT]:
    """Joints of people who are there, filled over time: linearly between where they are seen, at the ends the nearest.

    A joint that is never seen, and a person in frames without any joint, stay zeros: `fill_gaps` fills short ones.
    """
    seen = np.asarray(frames.any(axis=-1))
    gaps = ~seen & seen.any(axis=-1, keepdims=True)
    if not gaps.any():
        return frames
    filled, times = frames.copy(), np.arange(len(frames))
    for person, joint in np.argwhere(gaps.any(axis=0)):
        known, wanted = seen[:, person, joint], gaps[:, person, joint]
        if not known.any():
            continue
        for c in range(frames.shape[-1]):
            filled[wanted, person, joint, c] = np.interp(
                times[wanted], times[known], frames[known, person, joint, c]
            )
    return filled


def fill_gaps(frames: NDArray[FloatT], *, fps: float) -> Marked:
    """Short gaps filled over time, linearly between the frames before and after which show that joint of that person.

    frames: (T, M, V, 3), unseen joints are zeros; fps of them a second. Gaps of more than half a second, those before a
    joint is first seen or after it is last seen, and joints that are hardly ever seen stay zeros. n_unseen: 0, since
    nothing is marked here. notes: how many joints were not seen, and filled. Where nothing is to be filled, the very
    same frames come back.
    """
    seen = np.asarray(frames.any(axis=-1))
    there = seen.any(axis=-1, keepdims=True)
    wanted = seen.any(axis=0) & (seen.sum(axis=0) >= _OFTEN * there.sum(axis=0))
    before, after = _neighbours(seen)
    short = after - before - 1 <= _BRIDGED_S * fps
    gaps = ~seen & wanted & (before >= 0) & (after < len(frames)) & short
    notes = _describe_gaps(seen, gaps)
    if not gaps.any():
        return Marked(frames, 0, notes)
    t, person, joint = np.nonzero(gaps)
    first, last = before[gaps], after[gaps]
    weight = ((t - first) / (last - first)).astype(frames.dtype)[:, None]
    filled = frames.copy()
    filled[gaps] = frames[first, person, joint] * (1 - weight) + frames[last, person, joint] * weight
    return Marked(filled, 0, notes)


def trim_absence(frames: NDArray[FloatT], *, fps: float) -> Marked:
    """Frames before and after anybody is there are cut off; more than half a second is noted.

    frames: (T, M, V, 3), unseen joints are zeros; fps of them a second. Where nobody is in any frame, or somebody in
    the first and in the last, the very same frames come back.
    """
    there = np.flatnonzero(frames.any(axis=(1, 2, 3)))
    if not there.size or there.size == len(frames):
        return Marked(frames, 0)
    first, last = int(there[0]), int(there[-1])
    ends = (("start", first), ("end", len(frames) - 1 - last))
    said = [f"{n / fps:.1f} s at the {end}" for end, n in ends if n > _BRIDGED_S * fps]
    notes = (f"nobody is seen for {' and '.join(said)}: cut off",) if said else ()
    return Marked(frames[first : last + 1], 0, notes)


def _neighbours(seen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(T, M, V) the last frame up to each and the first from each in which a joint is seen; -1 and T where none is."""
    n_frames = len(seen)
    times = np.arange(n_frames)[:, None, None]
    before = np.maximum.accumulate(np.where(seen, times, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, times, n_frames)[::-1], axis=0)[::-1]
    return before, after


def _describe_gaps(seen: NDArray[np.bool_], gaps: NDArray[np.bool_]) -> tuple[str, ...]:
    """How many joints were not seen, of those that are seen in some frame, from a person's first frame to the last."""
    there = np.asarray(seen.any(axis=-1, keepdims=True))
    before, after = _neighbours(there)
    counted = (before >= 0) & (after < len(seen)) & seen.any(axis=0)
    n_unseen, n_counted = int((counted & ~seen).sum()), int(counted.sum())
    if not n_unseen:
        return ()
    said = f"{_percent(n_unseen, n_counted)} of joints were not seen"
    n_filled = int(gaps.sum())
    if n_filled == 0:
        return (f"{said}, in gaps too long to be filled in",)
    rest = "" if n_filled == n_unseen else f" ({_percent(n_filled, n_counted)})"
    return (f"{said}; gaps of up to half a second were filled in{rest}",)


def _percent(n: int, n_all: int) -> str:
    share = 100 * n / n_all
    return "under 0.1 %" if share < 0.1 else f"{share:.1f} %"


def describe_unseen(n_unseen: int, *, what: str) -> list[str]:
    """A line that says how many joints of some clips were marked as not seen; none where none was."""
    if not n_unseen:
        return []
    are = "1 joint is" if n_unseen == 1 else f"{n_unseen:,} joints are"
    return [f"{what}: {are} marked as not seen, each frame counted; --missing says which marks count"]
