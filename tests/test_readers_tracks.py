"""Who is who from frame to frame."""

import numpy as np
from detector_files import person

from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson
from umurl_search.readers.tracks import MOST_PEOPLE, follow_people

HIPS = (11, 12)


def found(x: float, *, track: str | None = None, score: float | None = None) -> DetectedPerson:
    return DetectedPerson(points=person("coco-17", at=(x, 240)), track=track, score=score)


def places(people: list[list[DetectedPerson | None]]) -> list[list[float]]:
    return [
        [0.0 if one is None else float(one.points[list(HIPS), 0].mean()) for one in frame] for frame in people
    ]


def test_people_who_swap_places_in_the_list_are_followed() -> None:
    frames = [
        DetectedFrame(people=tuple(map(found, pair if t % 2 else pair[::-1])))
        for t, pair in enumerate([(100 + 5 * t, 500 - 5 * t) for t in range(6)])
    ]
    tracked = follow_people(frames, HIPS)
    assert tracked.is_guessed
    assert tracked.n_people == 2
    assert np.abs(np.diff(places(tracked.people), axis=0)).max() == 5


def test_who_is_there_longest_comes_first() -> None:
    frames = [DetectedFrame(people=(found(500), found(100)) if t == 3 else (found(100),)) for t in range(6)]
    tracked = follow_people(frames, HIPS)
    assert [one[0] for one in places(tracked.people)] == [100] * 6
    assert [one[1] for one in places(tracked.people)] == [0, 0, 0, 500, 0, 0]


def test_who_was_away_for_some_frames_is_the_same() -> None:
    frames = [
        DetectedFrame(people=(found(100), found(600)) if t not in (2, 3, 4) else (found(100),))
        for t in range(8)
    ]
    assert follow_people(frames, HIPS).n_people == 2


def test_somebody_far_away_is_another() -> None:
    frames = [DetectedFrame(people=(found(100), found(600 if t < 3 else 2000))) for t in range(6)]
    assert follow_people(frames, HIPS).n_people == 3


def test_tracks_of_the_file_count() -> None:
    frames = [
        DetectedFrame(people=(found(100, track="7"), found(110, track="3"))[:: 1 if t % 2 else -1])
        for t in range(4)
    ]
    tracked = follow_people(frames, HIPS)
    assert not tracked.is_guessed
    assert [len({one.track for one in column if one}) for column in zip(*tracked.people, strict=True)] == [
        1,
        1,
    ]


def test_one_number_for_everybody_is_no_track() -> None:
    frames = [DetectedFrame(people=(found(100, track="0"), found(600, track="0"))) for _ in range(4)]
    assert follow_people(frames, HIPS).is_guessed


def test_one_person_a_frame_is_the_same_throughout() -> None:
    frames = [DetectedFrame(people=(found(100 + 700 * t, track=str(t)),)) for t in range(3)] + [
        DetectedFrame()
    ]
    tracked = follow_people(frames, HIPS)
    assert [len(frame) for frame in tracked.people] == [1] * 4
    assert tracked.people[3] == [None]


def test_crowds_are_bounded() -> None:
    frames = [
        DetectedFrame(people=tuple(found(300.0 * i, score=0.9 - 0.01 * i) for i in range(60)))
        for _ in range(3)
    ]
    tracked = follow_people(frames, HIPS)
    assert tracked.n_people == 20
    assert {len(frame) for frame in tracked.people} == {MOST_PEOPLE}


def test_somebody_without_a_joint_is_nobody() -> None:
    nothing = DetectedPerson(points=np.full((17, 2), np.nan))
    tracked = follow_people([DetectedFrame(people=(found(100), nothing))], HIPS)
    assert tracked.n_people == 1
