"""The demo corpus: names, subjects, cameras, sensor faults, the same bytes in any order."""

import hashlib
import os
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
from made_people import aligned_error, name_of, take_of
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers.base import Reader
from umurl_search.synthetic import demo_corpus, demo_sensor
from umurl_search.synthetic.body import Array
from umurl_search.synthetic.demo_corpus import (
    ACTIONS,
    N_SUBJECTS,
    TWO_PERSON,
    DemoReader,
    clip_names,
    make_clip,
)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """The clips of subjects 1 to 8 before all cameras, and their baseline vectors."""

    clips: dict[str, NDArray[np.float32]]
    vectors: NDArray[np.float64]

    @property
    def names(self) -> list[str]:
        return list(self.clips)

    def column(self, field: str) -> NDArray[np.int64]:
        return np.array([getattr(demo_corpus.parse_take(name), field) for name in self.clips])


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    clips = {name: make_clip(name) for name in clip_names() if demo_corpus.parse_take(name).subject <= 8}
    return Corpus(clips=clips, vectors=np.stack([plain_vector(frames) for frames in clips.values()]))


# The corpus


def test_corpus_size_and_names() -> None:
    names = clip_names()
    assert len(ACTIONS) == len(set(ACTIONS)) >= 26
    assert len(TWO_PERSON) >= 6
    assert demo_corpus.N_CAMERAS == 3
    assert len(names) == len(set(names)) == len(ACTIONS) * N_SUBJECTS * 3
    assert names == sorted(names)
    takes = [demo_corpus.parse_take(name) for name in names]
    assert [name_of(take) for take in takes] == names
    assert {take.subject for take in takes} == set(range(1, N_SUBJECTS + 1))
    parities = Counter((take.setup, take.subject % 2) for take in takes)
    assert len(parities) == 2 * demo_corpus.N_SETUPS
    assert len(set(parities.values())) == 1


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("wave", "a clip's name is SsssCccPpppRrrrAaaa, three digits each, got 'wave'"),
        ("S001C001P001R001A001.skeleton", "a clip's name is SsssCccPpppRrrrAaaa"),
        ("S005C001P001R001A001", "the setup of a clip is 1 to 4, got 5 in 'S005C001P001R001A001'"),
        ("S001C004P001R001A001", "the camera of a clip is 1 to 3, got 4"),
        ("S001C001P025R001A001", "the subject of a clip is 1 to 24, got 25"),
        ("S001C001P001R000A001", "the replication of a clip is 1 to 99, got 0"),
        ("S001C001P001R001A032", "the action of a clip is 1 to 31, got 32"),
    ],
)
def test_make_clip_rejects_names_out_of_range(name: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        make_clip(name)


def test_any_setup_and_replication_can_be_made() -> None:
    assert make_clip("S004C003P001R099A031").shape[1:] == (2, 25, 3)


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_clips_are_what_a_sensor_gives(label: int) -> None:
    frames = make_clip(name_of(take_of(ACTIONS[label], 1 + label % N_SUBJECTS)))
    assert frames.dtype == np.float32
    assert frames.shape[1:] == (2 if label in TWO_PERSON else 1, 25, 3)
    assert demo_corpus.SHORTEST <= len(frames) <= demo_corpus.LONGEST
    assert np.isfinite(frames).all()
    depth = frames[..., 0, 2][frames[..., 0, 2] != 0]
    assert 2 < np.median(depth) < 4.5
    assert depth.min() > 1


def test_same_name_and_seed_give_the_same_bytes_in_any_order() -> None:
    first, second = clip_names()[100], clip_names()[1500]
    forwards = [make_clip(name).tobytes() for name in (first, second)]
    demo_corpus.sample_subject.cache_clear()
    assert [make_clip(name).tobytes() for name in (second, first)] == forwards[::-1]
    assert make_clip(first, seed=1).tobytes() != forwards[0]


def test_another_process_gives_the_same_bytes() -> None:
    name = clip_names()[1000]
    code = (
        "import hashlib; from umurl_search.synthetic.demo_corpus import make_clip;"
        f"print(hashlib.sha256(make_clip({name!r}, seed=3).tobytes()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.strip() == hashlib.sha256(make_clip(name, seed=3).tobytes()).hexdigest(), run.stderr


def test_replications_of_a_subject_differ() -> None:
    one, two = (demo_corpus.perform(take_of("bow", 5, replication=r)) for r in (1, 2))
    assert one.shape != two.shape or np.abs(one - two).max() > 0.05


# The cameras and the sensor


def test_a_performance_does_not_know_its_camera() -> None:
    take = take_of("throw", 10, camera=1)
    np.testing.assert_array_equal(demo_corpus.perform(take), demo_corpus.perform(replace(take, camera=3)))


def test_clips_of_three_cameras_show_one_performance_with_noise_of_their_own(corpus: Corpus) -> None:
    errors = []
    for name in corpus.names[:: len(corpus.names) // 40]:
        one, two = (corpus.clips.get(name.replace(name[4:8], f"C00{camera}")) for camera in (1, 3))
        assert one is not None
        assert two is not None
        assert len(one) == len(two)
        both = one[:, :, 0].any(axis=-1) & two[:, :, 0].any(axis=-1)
        errors.append(aligned_error(one[both].astype(float), two[both].astype(float)))
    assert min(errors) > 0.01
    assert np.median(errors) < 0.08


def test_noise_of_one_camera_tells_nothing_of_anothers() -> None:
    stage = demo_corpus.perform(take_of("bow", 9))
    errors = []
    for camera in (2, 3):
        seen = make_clip(name_of(take_of("bow", 9, camera=camera))).astype(float)
        error = seen - demo_sensor.to_camera_space(stage, setup=demo_corpus.setup_of(9), camera=camera)
        errors.append(np.where(np.abs(error) < 0.2, error, 0).ravel())
    assert errors[0].std() > 0.005
    assert abs(np.corrcoef(errors)[0, 1]) < 0.15


def test_some_clips_lose_people_for_some_frames_and_none_for_all(corpus: Corpus) -> None:
    lost = [np.asarray(~frames.any(axis=(2, 3))) for frames in corpus.clips.values()]
    assert 0.05 < np.mean([absent.any() for absent in lost]) < 0.3
    assert not any(absent.all(axis=0).any() for absent in lost)
    seconds = [absent[:, 1] for absent in lost if absent.shape[1] == 2]
    assert any(absent[0] and absent[:4].all() for absent in seconds)
    assert any(absent[-1] and absent[-4:].all() for absent in seconds)


# How hard it is


def plain_vector(frames: NDArray[np.float32]) -> Array:
    """Centred on person 1's spine base in every frame, resized to 64 frames, flattened, of unit length."""
    people = np.zeros((len(frames), 2, 25, 3))
    people[:, : frames.shape[1]] = frames - frames[:, :1, :1]
    flat = people.reshape(len(frames), -1)
    at = np.linspace(0, len(flat) - 1, 64)
    before = np.minimum(at.astype(int), len(flat) - 2)
    part = (at - before)[:, None]
    vector = (flat[before] * (1 - part) + flat[before + 1] * part).ravel()
    return np.asarray(vector / np.linalg.norm(vector))


def nearest_accuracy(corpus: Corpus, is_train: NDArray[np.bool_]) -> float:
    action = corpus.column("action")
    nearest = (corpus.vectors[~is_train] @ corpus.vectors[is_train].T).argmax(axis=1)
    return float((action[is_train][nearest] == action[~is_train]).mean())


def test_plain_baseline_is_neither_lost_nor_perfect(corpus: Corpus) -> None:
    assert 0.4 < nearest_accuracy(corpus, corpus.column("subject") % 2 == 1) < 0.85
    assert 0.5 < nearest_accuracy(corpus, corpus.column("camera") != 1) < 0.95


def test_actions_can_be_told_apart_in_clean_views_of_one_subject() -> None:
    def clean_vectors(replication: int) -> Array:
        takes = [take_of(name, 5, replication=replication) for name in ACTIONS]
        views = [
            demo_sensor.to_camera_space(demo_corpus.perform(take), setup=take.setup, camera=2)
            for take in takes
        ]
        return np.stack([plain_vector(view.astype(np.float32)) for view in views])

    gallery = np.concatenate([clean_vectors(replication) for replication in range(2, 10)])
    labels = np.tile(np.arange(len(ACTIONS)), 8)
    assert (labels[(clean_vectors(1) @ gallery.T).argmax(axis=1)] == np.arange(len(ACTIONS))).mean() > 0.85


# The reader


def test_reader_keeps_the_contract() -> None:
    reader: Reader = pickle.loads(pickle.dumps(DemoReader()))
    assert (reader.format, reader.state, reader.parallel, reader.layout) == ("demo", "raw", True, "ntu25")
    assert list(reader.items()) == clip_names()
    assert reader.splits() == {}
    assert reader.files() == ()
    items = [clip_names()[i] for i in (700, 3)]
    for name, outcomes in zip(items, reader.read(items), strict=True):
        (clip,) = outcomes
        assert isinstance(clip, Clip)
        take = demo_corpus.parse_take(name)
        assert (clip.name, clip.source, clip.cut, clip.label) == (name, "demo", 0, take.action - 1)
        assert (clip.subject, clip.camera, clip.setup, clip.replication) == (
            take.subject,
            take.camera,
            take.setup,
            1,
        )
        np.testing.assert_array_equal(clip.frames, make_clip(name))


def test_reader_leaves_out_a_name_that_is_none() -> None:
    [(outcome,)] = DemoReader().read(["S001C009P001R001A001"])
    assert isinstance(outcome, LeftOut)
    assert (outcome.reason, outcome.source) == ("malformed", "demo")
    assert outcome.detail == "the camera of a clip is 1 to 3, got 9 in 'S001C009P001R001A001'"


def test_reader_is_frozen_and_passes_its_seed_on() -> None:
    reader = DemoReader(seed=4)
    with pytest.raises(FrozenInstanceError):
        reader.seed = 5  # type: ignore[misc]
    [(clip,)] = reader.read(clip_names()[:1])
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames, make_clip(clip.name, seed=4))
