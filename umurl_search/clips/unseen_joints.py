"""Joints that were not seen: how files mark them, and what becomes of them.

The library's own mark is zeros. Recordings also say NaN or infinity, -1, -9999 and the like, or put beside the
coordinates how sure the camera was. Letters: T frames, M people, V joints, C = 3 coordinates.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.body_selection import FloatT

INTERPOLATE = "interpolate"
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
def mark_unseen(frames: NDArray[FloatT], marks: Marks) -> Marked:
    """Joints that are marked as not seen become zeros, or what lies between where they are seen.

    frames: (T, M, V, 3) as the source states them. Where nothing is marked, the very same frames come back.
    """
    unseen = _find_unseen(frames, marks)
    n_unseen = 0 if unseen is None else int(unseen.sum())
    if unseen is not None:
        frames = np.where(unseen[..., None], frames.dtype.type(0), frames)
    if marks.fill:
        frames = fill_unseen(frames)
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

    A joint that is never seen, and a person in frames without any joint, stay zeros.
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


def describe_unseen(n_unseen: int, *, what: str) -> list[str]:
    """A line that says how many joints of some clips were marked as not seen; none where none was."""
    if not n_unseen:
        return []
    are = "1 joint is" if n_unseen == 1 else f"{n_unseen:,} joints are"
    return [f"{what}: {are} marked as not seen, each frame counted; --missing says which marks count"]
