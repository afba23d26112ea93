"""People followed from frame to frame, where a file does not say who is who: the nearest is the same.

Letters: T frames, M people, V joints, C coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson, Points

MOST_PEOPLE, MOST_FOUND = 6, 20
"""People who are kept, those who are there longest; and who are looked at in a frame, the surest."""
_MOST_FOLLOWED, _FORGOTTEN = 40, 60
"""People who are followed at once, and frames after which one who is gone is another when back."""
_FARTHEST, _FARTHER = 1.0, 0.1
"""In sizes of a body: so far apart lies one person in two frames at most, and that much more a frame of absence."""


_MOST_TWICE = 0.1
"""Of frames with several people: so many may give two of them one track, or tracks are none."""


class Tracked(NamedTuple):
    """people: per frame, the detection of each of M people or None. n_people: who were there, kept or not.

    is_guessed: who is who was found out by where people are.
    """

    people: list[list[DetectedPerson | None]]
    n_people: int
    is_guessed: bool


@dataclass(kw_only=True)
class _Track:
    centre: Points
    size: float
    last: int
    found: dict[int, DetectedPerson]


def follow_people(frames: Sequence[DetectedFrame], hips: tuple[int, ...]) -> Tracked:
    """People by their tracks where all have one, else by where they are; those who are there longest come first.

    hips: which joints are a person's middle, where they are seen.
    """
    most = max((len(frame.people) for frame in frames), default=0)
    if most <= 1:
        return Tracked([[next(iter(frame.people), None)] for frame in frames], most, False)
    if _are_tracks(frames):
        return _arrange(_by_track(frames), len(frames), is_guessed=False)
    return _arrange(_by_place(frames, hips), len(frames), is_guessed=True)


def _are_tracks(frames: Sequence[DetectedFrame]) -> bool:
    """Whether all have a track, and not the same one in a frame: some files number everybody 0."""
    given = [[person.track for person in frame.people] for frame in frames]
    several = [tracks for tracks in given if len(tracks) > 1]
    twice = sum(len(set(tracks)) < len(tracks) for tracks in several)
    return not any(None in tracks for tracks in given) and twice <= _MOST_TWICE * len(several)


def _arrange(found: Sequence[dict[int, DetectedPerson]], n_frames: int, *, is_guessed: bool) -> Tracked:
    longest = sorted(found, key=lambda one: (-len(one), min(one)))[:MOST_PEOPLE]
    return Tracked([[one.get(t) for one in longest] for t in range(n_frames)], len(found), is_guessed)


def _by_track(frames: Sequence[DetectedFrame]) -> list[dict[int, DetectedPerson]]:
    """frame -> detection of each track; of two with one track in a frame, the surer."""
    found: dict[str, dict[int, DetectedPerson]] = {}
    for t, frame in enumerate(frames):
        for person in _surest(frame.people):
            found.setdefault(str(person.track), {}).setdefault(t, person)
    return list(found.values())


def _surest(people: Sequence[DetectedPerson]) -> list[DetectedPerson]:
    return sorted(people, key=lambda one: -_sureness(one))[:MOST_FOUND]


def _sureness(person: DetectedPerson) -> float:
    if person.score is not None:
        return person.score
    if person.scores is None or not np.isfinite(person.scores).any():
        return 0.0
    return float(np.nanmean(person.scores))


def _by_place(frames: Sequence[DetectedFrame], hips: tuple[int, ...]) -> list[dict[int, DetectedPerson]]:
    tracks: list[_Track] = []
    done: list[_Track] = []
    for t, frame in enumerate(frames):
        gone = [one for one in tracks if t - one.last > _FORGOTTEN]
        done += gone
        tracks = [one for one in tracks if t - one.last <= _FORGOTTEN]
        people = [(one, *_where(one, hips)) for one in _surest(frame.people)]
        people = [one for one in people if one[2] > 0]
        pairs = _match(tracks, [(centre, size) for _, centre, size in people], t)
        for place, (person, centre, size) in enumerate(people):
            track = pairs.get(place)
            if track is None:
                track = _Track(centre=centre, size=size, last=t, found={})
                tracks.append(track)
            track.centre, track.size, track.last = centre, size, t
            track.found[t] = person
        if len(tracks) > _MOST_FOLLOWED:
            tracks.sort(key=lambda one: (-one.last, -len(one.found)))
            done += tracks[_MOST_FOLLOWED:]
            del tracks[_MOST_FOLLOWED:]
    return [one.found for one in done + tracks]


def _where(person: DetectedPerson, hips: tuple[int, ...]) -> tuple[Points, float]:
    """The middle of a person and the size: the longer side of the box about all seen joints."""
    points = person.points[:, :2]
    seen = np.asarray(np.isfinite(points).all(axis=1) & (points != 0).any(axis=1))
    if not seen.any():
        return np.zeros(2), 0.0
    low, high = points[seen].min(axis=0), points[seen].max(axis=0)
    middle = [joint for joint in hips if seen[joint]]
    with np.errstate(over="ignore"):
        centre = points[middle].mean(axis=0) if len(middle) == len(hips) > 0 else (low + high) / 2
        size = float((high - low).max())
    return centre, size if np.isfinite(size) and np.isfinite(centre).all() else 0.0


def _match(tracks: Sequence[_Track], people: Sequence[tuple[Points, float]], t: int) -> dict[int, _Track]:
    """place among the people -> track: the nearest pair first, each once, none too far apart."""
    if not tracks or not people:
        return {}
    centres = np.array([one.centre for one in tracks])
    sizes = np.array([one.size for one in tracks])
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.linalg.norm(centres[:, None] - np.array([centre for centre, _ in people])[None], axis=2)
        apart /= np.maximum(sizes[:, None], np.array([size for _, size in people])[None])
    reach = _FARTHEST + _FARTHER * np.array([t - one.last - 1 for one in tracks])
    return _take_nearest(apart, apart <= reach[:, None], tracks)


def _take_nearest(
    apart: NDArray[np.float64], is_near: NDArray[np.bool_], tracks: Sequence[_Track]
) -> dict[int, _Track]:
    pairs: dict[int, _Track] = {}
    taken: set[int] = set()
    for place in np.argsort(apart, axis=None, kind="stable").tolist():
        track, person = divmod(place, apart.shape[1])
        if is_near[track, person] and track not in taken and person not in pairs:
            taken.add(track)
            pairs[person] = tracks[track]
    return pairs
