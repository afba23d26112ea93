"""Frames that a file lists in several pieces, and what it holds twice.

Letters: T frames, V joints, C coordinates.
"""

from collections.abc import Sequence
from dataclasses import replace

from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson

_FEWEST = 3
"""Frames: a shorter list may repeat itself by chance."""
_TWICE = "are there twice, number by number: each counts once"
_ONE_TWICE = "1 detection is there twice, number by number: it counts once"


def settle_repeats(frames: Sequence[DetectedFrame]) -> tuple[list[DetectedFrame], tuple[str, ...]]:
    """The frames, each once and every detection in it once, and notes on what was there twice.

    Frames of one number, or of one time where they have no numbers, are one: some files list people, each with the
    number of the frame. A list of frames whose second half is its first is taken once.
    """
    kept, n_same = [], 0
    for frame in _join_frames(frames):
        people = _drop_same(frame.people)
        n_same += len(frame.people) - len(people)
        kept.append(replace(frame, people=people))
    if n_same:
        return kept, (_ONE_TWICE if n_same == 1 else f"{n_same:,} detections {_TWICE}",)
    half = len(kept) // 2
    if len(kept) % 2 or not _is_said_again(kept[:half], kept[half:]):
        return kept, ()
    return kept[:half], (f"its {half:,} frames {_TWICE}",)


def _join_frames(frames: Sequence[DetectedFrame]) -> list[DetectedFrame]:
    keys: list[float | int | None] = [frame.number for frame in frames]
    if None in keys:
        keys = [frame.time for frame in frames]
        if len(set(keys)) == 1:  # no clock ran
            return list(frames)
    if None in keys or len(set(keys)) == len(keys):
        return list(frames)
    joined: dict[float | int | None, DetectedFrame] = {}
    for key, frame in zip(keys, frames, strict=True):
        before = joined.get(key)
        joined[key] = frame if before is None else _join(before, frame)
    return list(joined.values())


def _join(one: DetectedFrame, other: DetectedFrame) -> DetectedFrame:
    fingers = one.has_fingers or other.has_fingers
    return replace(one, people=one.people + other.people, has_fingers=fingers)


def _drop_same(people: Sequence[DetectedPerson]) -> tuple[DetectedPerson, ...]:
    """The people, each detection once."""
    if len(people) < 2:
        return tuple(people)
    kept: dict[tuple[object, ...], DetectedPerson] = {}
    for person in people:
        kept.setdefault(_key(person), person)
    return tuple(kept.values())


def _key(person: DetectedPerson) -> tuple[object, ...]:
    scores = None if person.scores is None else person.scores.tobytes()
    return person.track, person.score, person.points.shape, person.points.tobytes(), scores


def _is_said_again(first: Sequence[DetectedFrame], second: Sequence[DetectedFrame]) -> bool:
    """Whether a list of frames that show motion is followed by the same people once more."""
    if len(first) < _FEWEST or _keys(first[0]) != _keys(second[0]):
        return False
    keys = list(map(_keys, first))
    return len(set(keys)) > 1 and keys == list(map(_keys, second))


def _keys(frame: DetectedFrame) -> tuple[object, ...]:
    return tuple(map(_key, frame.people))
