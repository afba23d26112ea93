"""Long recordings of made-up motion: what their segments say is what is there."""

import hashlib
import pickle
from collections import Counter
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, LeftOut, Segment
from umurl_search.datasets import protocols
from umurl_search.readers.base import Reader
from umurl_search.synthetic import demo_corpus, long_recordings
from umurl_search.synthetic.demo_corpus import ACTIONS, TWO_PERSON
from umurl_search.synthetic.long_recordings import DemoLongReader, Recording, make_recording, recording_names

NAMES = recording_names()
SOME = tuple(NAMES[i] for i in range(0, len(NAMES), 3)) + tuple(NAMES[i] for i in range(2, len(NAMES), 9))


@cache
def make(name: str) -> Recording:
    return make_recording(name)


def find_segments(action: str) -> list[tuple[str, Segment]]:
    return [(name, one) for name in SOME for one in make(name).segments if one.action == action]


def test_names_are_every_subject_in_every_take() -> None:
    assert len(set(NAMES)) == len(NAMES) == demo_corpus.N_SUBJECTS * long_recordings.N_TAKES
    assert sorted(NAMES) == NAMES
    parsed = [long_recordings.parse_recording(name) for name in NAMES]
    assert {(subject, take) for subject, _, take in parsed} == {
        (p, t) for p in range(1, 25) for t in (1, 2, 3)
    }
    assert set(Counter(camera for _, camera, _ in parsed).values()) == {len(NAMES) // 3}


@pytest.mark.parametrize(
    "name", ["", "P001C001T1", "P000C001T01", "P025C001T01", "P001C004T01", "P001C001T04", "x"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^a recording's name is PpppCcccTtt, at most P024C003T03, got '{name}'$"
    ):
        make_recording(name)


def test_the_same_name_and_seed_give_the_same_bytes() -> None:
    name = NAMES[4]
    digests = [
        hashlib.sha256(make_recording(name, seed=seed).frames.tobytes()).digest() for seed in (0, 0, 1)
    ]
    assert digests[0] == digests[1] != digests[2]
    assert make_recording(name).segments == make(name).segments != make_recording(name, seed=1).segments


@pytest.mark.parametrize("name", SOME[:12])
def test_segments_follow_one_another_with_idle_stretches_between(name: str) -> None:
    recording = make(name)
    bounds = [
        0,
        *(frame for one in recording.segments for frame in (one.start, one.stop)),
        len(recording.frames),
    ]
    idle, acted = np.diff(bounds)[::2] / 30, np.diff(bounds)[1::2] / 30
    assert len(recording.segments) >= long_recordings.ACTIONS_A_TAKE
    assert idle.min() > long_recordings.IDLE_S[0] - 0.1
    assert idle.max() < long_recordings.IDLE_S[1] + 0.1
    assert acted.min() > 0.8
    assert acted.max() < 7
    assert all(one.action == ACTIONS[one.label] for one in recording.segments if one.label is not None)


@pytest.mark.parametrize("name", SOME[:12])
def test_coordinates_are_a_sensors(name: str) -> None:
    recording, take = make(name), long_recordings.parse_recording(name)[2]
    pair = take in long_recordings.PAIR_TAKES
    assert recording.frames.dtype == np.float32
    assert recording.frames.shape[1:] == (1 + pair, 25, 3)
    assert np.isfinite(recording.frames).all()
    assert {one.label in TWO_PERSON for one in recording.segments} == {pair}
    seen = recording.frames.any(axis=(2, 3))
    assert seen.mean() > 0.9
    depth = recording.frames[..., 0, 2][seen]
    assert 0.2 < depth.min() < depth.max() < 8


@pytest.mark.parametrize("name", SOME[:12])
def test_nobody_jumps_from_one_place_to_another(name: str) -> None:
    frames = make(name).frames
    there = np.asarray(frames.any(axis=(2, 3)))
    spine = frames[:, :, [0, 1, 20]]
    moved = np.linalg.norm(np.diff(spine, axis=0), axis=-1)[there[1:] & there[:-1]]
    assert moved.max() < 0.25
    assert np.median(moved) < 0.03


def height_over_feet(name: str, start: int, stop: int) -> float:
    """Of the spine base, in a stretch of a recording, metres."""
    frames = make(name).frames[start:stop, 0]
    frames = frames[frames.any(axis=(1, 2))]
    return float(np.median(np.linalg.norm(frames[:, 0] - frames[:, [14, 18]].mean(axis=1), axis=-1)))


def test_who_sits_down_stays_seated_until_standing_up() -> None:
    found = find_segments("sit down")
    assert len(found) > 3
    for name, sat in found:
        after = [one for one in make(name).segments if one.start >= sat.stop]
        assert after[0].action == "stand up"
        standing = height_over_feet(name, sat.start - 5, sat.start + 1)
        assert height_over_feet(name, sat.stop, after[0].start) < 0.8 * standing
    assert len(find_segments("stand up")) == len(found)


def plain_vector(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centred on person 1's spine base in every frame, 32 frames, flattened, of unit length."""
    people = np.zeros((len(frames), 2, 25, 3))
    people[:, : frames.shape[1]] = frames - frames[:, :1, :1]
    vector = people[np.linspace(0, len(frames) - 1, 32).round().astype(int)].ravel()
    return np.asarray(vector / np.linalg.norm(vector))


def nearest_accuracy(
    cut: list[NDArray[np.float32]], labels: NDArray[np.int64], odd: NDArray[np.bool_]
) -> float:
    vectors = np.stack([plain_vector(frames) for frames in cut])
    nearest = (vectors[~odd] @ vectors[odd].T).argmax(axis=1)
    return float((labels[odd][nearest] == labels[~odd]).mean())


def test_actions_are_told_apart_by_their_segments_not_by_the_frames_between() -> None:
    every = [(name, one) for name in NAMES for one in make(name).segments]
    labels = np.array([one.label for _, one in every])
    odd = np.array([int(name[1:4]) % 2 == 1 for name, _ in every])
    assert set(labels[odd]) == set(labels[~odd]) == set(range(len(ACTIONS)))
    acted = nearest_accuracy([make(name).frames[one.start : one.stop] for name, one in every], labels, odd)
    idle = nearest_accuracy([make(name).frames[one.stop :][:25] for name, one in every], labels, odd)
    assert 0.4 < acted < 0.9
    assert idle < 0.5 * acted


def test_the_protocol_is_by_subject() -> None:
    dataset = protocols.find("demo-long")
    parts = {name: protocols.part_of(dataset, "xsub", name) for name in NAMES}
    assert parts == {name: "train" if int(name[1:4]) % 2 else "test" for name in NAMES}


def test_reader_keeps_the_contract() -> None:
    reader: Reader = pickle.loads(pickle.dumps(DemoLongReader()))
    assert (reader.format, reader.state, reader.parallel, reader.layout) == ("demo", "raw", True, "ntu25")
    assert list(reader.items()) == NAMES
    assert (reader.splits(), reader.files()) == ({}, ())
    name = NAMES[-1]
    [(clip,)] = reader.read([name])
    assert isinstance(clip, Clip)
    assert (clip.name, clip.source, clip.label, clip.cut) == (name, "demo-long", None, 0)
    assert (clip.subject, clip.camera, clip.setup, clip.replication) == (24, 3, demo_corpus.setup_of(24), 2)
    assert clip.segments == make(name).segments
    np.testing.assert_array_equal(clip.frames, make(name).frames)


def test_reader_leaves_out_a_name_that_is_none() -> None:
    [(outcome,)] = DemoLongReader().read(["P001"])
    assert isinstance(outcome, LeftOut)
    assert (outcome.reason, outcome.source) == ("malformed", "demo-long")
