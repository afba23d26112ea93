"""When frames were taken: by time stamps or numbers in a file, brought to one frame after another at one rate.

Letters: T frames, M people, V joints, C = 3 coordinates.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.assumed_rates import assume_rate
from umurl_search.clips.clip import Frames
from umurl_search.readers.detected_people import DetectedFrame

_UNEVEN = 0.2
"""Of the usual step: frames farther off than that are put at even times."""
_BRIDGED = 5.0
"""Steps: so long may a gap be that is filled by what lies between its ends; in a longer one nobody is seen."""
_MOST_GROWTH = 4
"""Times as many frames as there are: with more holes the numbers are no frames' numbers."""
_MOST_STRIDE, _MOST_COUNTED = 3, 1_000_000
"""Of whole numbers that count frames: the usual step, and the first of them; seconds since 1970 are more."""
_COUNTED = assume_rate("its time stamps count one after another, so they are taken for numbers of frames")
_LEAST_FPS, _MOST_FPS = 1.0, 1_000.0


class Timing(NamedTuple):
    """positions: (T,) where each frame lies, in steps; None: one after another. fps: None where it is not known."""

    positions: NDArray[np.float64] | None
    fps: float | None
    notes: tuple[str, ...] = ()


def find_timing(frames: Sequence[DetectedFrame], fps: float | None) -> Timing:
    """The timing of frames, by time stamps where all have them and these rise, else by their numbers.

    Time stamps that count frames are numbers (`_count_frames`).

    fps: as the file states it.
    """
    times = _rising([frame.time for frame in frames])
    numbers = _rising([frame.number for frame in frames])
    if times is not None and not _count_frames(times):
        return _by_time(times, fps)
    counted = times if numbers is None else numbers
    if counted is None:
        return Timing(None, fps)
    timing = _by_number(counted, fps)
    return timing if times is None or fps else timing._replace(notes=(_COUNTED, *timing.notes))


def _count_frames(times: NDArray[np.float64]) -> bool:
    """Whether time stamps are numbers of frames: whole ones, one after another or every second or third.

    As seconds they would be a frame a second, as milliseconds hundreds.
    """
    is_whole = bool((times == times.round()).all())
    return is_whole and abs(times[0]) < _MOST_COUNTED and float(np.median(np.diff(times))) <= _MOST_STRIDE


def sort_frames(frames: Sequence[DetectedFrame]) -> list[DetectedFrame]:
    """The frames in the order of their time stamps, or of their numbers, where all have them."""
    if all(frame.time is not None for frame in frames):
        return sorted(frames, key=lambda frame: frame.time or 0.0)
    if all(frame.number is not None for frame in frames):
        return sorted(frames, key=lambda frame: frame.number or 0)
    return list(frames)


def _rising(values: Sequence[float | int | None]) -> NDArray[np.float64] | None:
    if len(values) < 3 or any(value is None for value in values):
        return None
    found = np.array(values, dtype=np.float64)
    return found if np.isfinite(found).all() and (np.diff(found) > 0).all() else None


def _by_time(times: NDArray[np.float64], fps: float | None) -> Timing:
    steps = np.diff(times)
    step = float(np.median(steps))
    rate = 1 / (step * _unit(step))
    if not _LEAST_FPS <= rate <= _MOST_FPS:
        return Timing(None, fps)
    positions = (times - times[0]) / step
    if np.abs(steps / step - 1).max() <= _UNEVEN or positions[-1] > _MOST_GROWTH * len(times):
        return Timing(None, round(rate, 3))
    said = f"frames lie {steps.min() / step / rate:.3g} to {steps.max() / step / rate:.3g} s apart by their time stamps"
    return Timing(positions, round(rate, 3), (f"{said}: brought to {rate:.3g} a second",))


def _unit(step: float) -> float:
    """Seconds in the unit of time stamps so far apart: seconds, milliseconds, microseconds or nanoseconds."""
    return next((unit for most, unit in ((1.5, 1.0), (1.5e3, 1e-3), (1.5e6, 1e-6)) if step <= most), 1e-9)


def _by_number(numbers: NDArray[np.float64], fps: float | None) -> Timing:
    steps = np.diff(numbers)
    step = float(Counter(steps.tolist()).most_common(1)[0][0])
    positions = (numbers - numbers[0]) / step
    n_missing = round(float(positions[-1])) + 1 - len(numbers)
    rate = fps / step if fps and fps / step >= _LEAST_FPS else fps
    stride = (f"only every {step:.0f}th frame is there by their numbers",) if step > 1 else ()
    if n_missing <= 0:
        return Timing(None, rate, stride)
    if positions[-1] > _MOST_GROWTH * len(numbers) or (np.abs(positions - positions.round()) > 0.01).any():
        return Timing(None, fps, ("frames are not numbered one after another: taken as they follow",))
    said = f"{n_missing:,} frames are missing by their numbers, as where nobody was seen: filled in between where short"
    return Timing(positions, rate, (*stride, said))


def spread(frames: Frames, positions: NDArray[np.float64]) -> Frames:
    """The frames at every step from the first position to the last: linear between frames that both hold the joint,
    else the nearer one; zeros in long gaps.

    frames: (T, M, V, 3), unseen joints are zeros. positions: (T,) rising.
    """
    wanted = np.arange(round(float(positions[-1])) + 1, dtype=np.float64)
    after = np.searchsorted(positions, wanted).clip(1, len(positions) - 1)
    before = after - 1
    apart = positions[after] - positions[before]
    weight = ((wanted - positions[before]) / apart).clip(0, 1).astype(np.float32)[:, None, None, None]
    low, high = frames[before], frames[after]
    both = low.any(axis=-1, keepdims=True) & high.any(axis=-1, keepdims=True)
    between = np.where(both, low * (1 - weight) + high * weight, np.where(weight < 0.5, low, high))
    nearest = np.minimum(np.abs(wanted - positions[before]), np.abs(positions[after] - wanted))
    between[(apart > _BRIDGED) & (nearest > 0.5)] = 0
    return np.asarray(between, dtype=np.float32)
