"""What a file of detections holds twice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import flat, points, walk

from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson
from umurl_search.readers.keypoints_csv import read_recording as read_csv
from umurl_search.readers.keypoints_json import read_recording
from umurl_search.readers.repeated_frames import settle_repeats

COCO = walk("coco-17")
DETECTIONS: list[dict[str, Any]] = [
    {"image_id": f"{t}.jpg", "keypoints": flat(joints), "score": 2.1} for t, joints in enumerate(COCO)
]
NUMBERED: list[dict[str, Any]] = [{"frame": t, "keypoints": points(joints)} for t, joints in enumerate(COCO)]
TIMED: list[dict[str, Any]] = [
    {"timestamp": 0.04 * t, "keypoints": points(joints)} for t, joints in enumerate(COCO)
]
TWICE = "8 detections are there twice, number by number: each counts once"


def person(at: float, track: str | None = None) -> DetectedPerson:
    return DetectedPerson(points=np.full((17, 2), at), track=track)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (DETECTIONS, TWICE),
        (NUMBERED, TWICE),
        (TIMED, TWICE),
        (
            [{"keypoints": points(joints)} for joints in COCO],
            "its 8 frames are there twice, number by number",
        ),
    ],
)
def test_a_list_that_is_there_twice_counts_once(tmp_path: Path, content: list[Any], said: str) -> None:
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(content))
    once = read_recording(path)
    path.write_text(json.dumps(content * 2))
    twice = read_recording(path)
    np.testing.assert_array_equal(once.frames, twice.frames)
    assert once.notes == ()
    assert len(twice.notes) == 1
    assert twice.notes[0].startswith(said)


def test_rows_that_are_there_twice_count_once(tmp_path: Path) -> None:
    names = [f"{axis}{joint}" for joint in range(33) for axis in "xyz"]
    places = np.concatenate([walk("mediapipe-33"), np.full((8, 33, 1), 0.1)], axis=-1)
    rows = [",".join(map(str, [t, *frame.ravel()])) for t, frame in enumerate(places)]
    path = tmp_path / "clip.csv"
    path.write_text("\n".join([",".join(["frame", *names]), *rows, *rows]))
    assert read_csv(path).frames.shape == (8, 1, 33, 3)
    assert read_csv(path).notes == (TWICE,)


def test_people_of_one_frame_are_joined_and_others_stay() -> None:
    frames = [DetectedFrame(people=(person(at + t),), number=t) for at in (1, 50) for t in range(4)]
    kept, notes = settle_repeats(frames)
    assert [len(frame.people) for frame in kept] == [2, 2, 2, 2]
    assert notes == ()


def test_one_detection_and_none() -> None:
    same = DetectedFrame(people=(person(1), person(1), person(1, "2")))
    kept, notes = settle_repeats([same])
    assert len(kept[0].people) == 2
    assert notes == ("1 detection is there twice, number by number: it counts once",)
    assert settle_repeats([]) == ([], ())


def test_who_stands_still_repeats_nothing() -> None:
    still = [DetectedFrame(people=(person(1),))] * 8
    assert settle_repeats(still) == (still, ())
    stopped = [DetectedFrame(people=(person(t),), time=0.0) for t in range(4)]
    assert settle_repeats(stopped) == (stopped, ())
