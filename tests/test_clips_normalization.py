"""Preprocessing against the released code's arrays and a slow oracle, frame by frame."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from encoder.ragged import RaggedClips
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import (
    PIPELINE,
    Conventions,
    Pipeline,
    check_pipeline,
    normalise,
    to_ntu25,
)
from umurl_search.readers import safe_pickle
from umurl_search.readers.ntu import read_skeleton

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in (GOLDEN / "raw").iterdir())
REAL_NAMES = [
    "S001C001P001R001A001",
    "S001C001P001R001A002",
    "S001C001P001R001A003",
    "S001C001P001R001A011",
    "S001C003P008R002A058",
    "S002C001P003R001A003",
]
SPINE, LEFT, RIGHT = 1, 4, 8


def compare(arrays: Path, raw: Path, name: str) -> None:
    """Body choice, normalisation and resize of one recording against the released code's, 1e-5."""
    with np.load(arrays, allow_pickle=False) as file:
        row = file["names"].tolist().index(name)
        n_frames = int(file["num_frames"][row])
        selected, normalised, resized = (
            file[f"selected_{name}"],
            file["normalised"][row],
            file["resized"][row],
        )
    frames = to_ntu25(read_skeleton(raw / f"{name}.skeleton"), Conventions())
    assert len(frames) == n_frames
    assert_golden(frames, selected)
    ready = normalise(frames)
    assert_golden(ready, normalised[:, :n_frames])
    assert_golden(RaggedClips.of([ready]).resize(torch.tensor([0]))[0].numpy(), resized)


def assert_golden(got: Frames, want: NDArray[np.float32]) -> None:
    """got: (T, M, V, C) of the people that are there; want: (C, T, V, 2)."""
    expected = want.transpose(1, 3, 2, 0)
    people = got.shape[1]
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected[:, :people], rtol=0, atol=1e-5)
    assert not expected[:, people:].any()


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_of_an_awkward_recording(name: str) -> None:
    compare(GOLDEN / "preprocess.npz", GOLDEN / "raw", name)


def test_every_golden_recording_is_compared() -> None:
    with np.load(GOLDEN / "preprocess.npz", allow_pickle=False) as file:
        assert sorted(file["names"].tolist()) == NAMES
        assert set(file.files) == {"names", "num_frames", "normalised", "resized"} | {
            f"selected_{name}" for name in NAMES
        }


@pytest.mark.data
@pytest.mark.parametrize("name", REAL_NAMES)
def test_every_stage_of_a_real_recording(real: Path, name: str) -> None:
    raw = real / "data" / "ntu_samples" / "raw"
    assert sorted(path.stem for path in raw.glob("*.skeleton")) == REAL_NAMES
    compare(real / "golden" / "preprocess_real.npz", raw, name)


@pytest.mark.data
def test_utd_mhad_is_as_the_released_code_normalised_it(real: Path) -> None:
    folder = real / "data" / "utd_mhad"
    content = safe_pickle.load(folder / "utd_mhad.pkl")
    clips = {a["frame_dir"]: a for a in content["annotations"]}
    compared, worst = 0, 0.0
    for part, split in (("train", "xsub_train"), ("val", "xsub_val")):
        stored = np.load(folder / "agcn" / "xsub" / f"{part}_data_joint.npy", mmap_mode="r")
        _, labels = safe_pickle.load(folder / "agcn" / "xsub" / f"{part}_label.pkl")
        for row, name in enumerate(content["split"][split]):
            assert clips[name]["label"] == labels[row]
            raw = np.asarray(clips[name]["keypoint"], dtype=np.float32).transpose(1, 0, 2, 3)
            ready = normalise(to_ntu25(raw, Conventions()))
            want = stored[row].transpose(1, 3, 2, 0)[: len(ready)]
            worst = max(worst, float(np.abs(ready - want[:, :1]).max()))
            # What the released code has normalised is left alone.
            np.testing.assert_allclose(normalise(np.ascontiguousarray(want[:, :1])), ready, rtol=0, atol=1e-5)
            compared += 1
    assert compared == 861
    assert worst < 1e-6


# the oracle: the released recipe in plain loops


def oracle(frames: Frames) -> NDArray[np.float64]:
    people = [close_gaps(frames[:, m]) for m in range(frames.shape[1])]
    centres = [frame[SPINE] for frame in people[0]]
    centred = [
        [
            [joint - centres[t] if joint.any() else np.zeros(3, np.float32) for joint in frame]
            for t, frame in enumerate(person)
        ]
        for person in people
    ]
    turn = rotation_onto_x(centred[0][0][RIGHT] - centred[0][0][LEFT])
    out = np.zeros(frames.shape)
    for m, person in enumerate(centred):
        for t, frame in enumerate(person):
            for v, joint in enumerate(frame):
                out[t, m, v] = turn @ joint.astype(np.float64)
    return out


def close_gaps(person: Frames) -> list[Frames]:
    """person: (T, V, C). Late starts to the front without their gaps, then the end filled by repeating."""
    there = [frame.any() for frame in person]
    if not there[0]:
        kept = [frame for frame in person if frame.any()]
    else:
        last = max(t for t, seen in enumerate(there) if seen)
        kept = list(person[: last + 1])
    return [kept[t % len(kept)] for t in range(len(person))]


def rotation_onto_x(across: Frames) -> NDArray[np.float64]:
    """The rotation in the plane of `across` and x; the cosine as float32 has it."""
    length = np.sqrt(np.float32((across * across).sum()))
    if length < 1e-6 or np.abs(across[1:]).sum() < 1e-6:
        return np.eye(3)
    cosine = float(np.float32(across[0]) / np.float32(length))
    if cosine >= 1:
        return np.eye(3)
    sine = np.sqrt(1 - cosine * cosine)
    x = np.array([1.0, 0.0, 0.0])
    aside = np.array([0.0, across[1], across[2]], dtype=np.float64)
    aside /= np.sqrt(aside @ aside)
    normal = np.array([0.0, -aside[2], aside[1]])
    before = np.stack([x, aside, normal])
    after = np.stack([cosine * x - sine * aside, sine * x + cosine * aside, normal])
    return np.asarray(after.T @ before, dtype=np.float64)


@st.composite
def awkward_clips(draw: st.DrawFn) -> Frames:
    """People who come late, go early, vanish between; joints that are lost; shoulders that lie oddly."""
    n_frames, people = draw(st.integers(1, 14)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    frames = rng.normal(size=(n_frames, people, 25, 3)).astype(np.float32) + np.float32(3)
    for m in range(people):
        there = draw(st.lists(st.booleans(), min_size=n_frames, max_size=n_frames).filter(any))
        frames[~np.array(there), m] = 0
    for t, m, v in draw(st.lists(st.tuples(st.integers(0, 13), st.integers(0, 1), st.integers(0, 24)))):
        frames[t % n_frames, m % people, v] = 0
    shoulders = draw(st.sampled_from(["any", "together", "on x", "against x", "y = z"]))
    offset = {"together": (0, 0, 0), "on x": (0.5, 0, 0), "against x": (-0.5, 0, 0), "y = z": (0.4, 0.1, 0.1)}
    if shoulders != "any":
        frames[:, 0, RIGHT] = frames[:, 0, LEFT] + np.array(offset[shoulders], np.float32)
    if not all(frames[:, m].any() for m in range(people)):
        frames[0] = 1
    return frames


@settings(max_examples=250, deadline=None, derandomize=True)
@given(frames=awkward_clips())
def test_normalise_is_the_recipe_in_plain_loops(frames: Frames) -> None:
    before = frames.copy()
    got = normalise(frames)
    assert got.dtype == np.float32
    assert np.array_equal(frames, before)
    np.testing.assert_allclose(got, oracle(frames), rtol=0, atol=2e-5)


def person(n_frames: int, *, across: tuple[float, float, float] = (0.4, 0.0, 0.1)) -> Frames:
    frames = np.random.default_rng(n_frames).normal(size=(n_frames, 1, 25, 3)).astype(np.float32)
    frames[:, :, RIGHT] = frames[:, :, LEFT] + np.array(across, np.float32)
    return frames


@settings(max_examples=60, deadline=None, derandomize=True)
@given(frames=awkward_clips())
def test_normalising_twice_is_normalising_once(frames: Frames) -> None:
    once = normalise(frames)
    if once[[0, -1]].any(axis=(2, 3)).all():  # else a repeated gap has come to lie at the end
        np.testing.assert_allclose(normalise(once), once, rtol=0, atol=5e-5)


@pytest.mark.parametrize(
    "across", [(0.3, 0.2, -0.1), (-0.3, 0.2, 0.1), (0.0, 0.3, 0.0), (0.4, 0.1, 0.1), (0.3, 0.005, 0.005)]
)
def test_shoulders_come_to_lie_on_x(across: tuple[float, float, float]) -> None:
    frames = person(5, across=across)
    ready = normalise(frames)
    shoulders = ready[0, 0, RIGHT] - ready[0, 0, LEFT]
    np.testing.assert_allclose(shoulders, [float(np.linalg.norm(across)), 0.0, 0.0], atol=1e-5)
    assert not ready[:, 0, SPINE].any()
    lengths = np.linalg.norm(frames[:, :, 3] - frames[:, :, 16], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(ready[:, :, 3] - ready[:, :, 16], axis=-1), lengths, rtol=1e-5)


@pytest.mark.parametrize("across", [(0.3, 0.0, 0.0), (-0.3, 0.0, 0.0), (0.0, 0.0, 0.0), (0.3, 2e-5, 0.0)])
def test_what_cannot_or_need_not_be_turned_is_not(across: tuple[float, float, float]) -> None:
    frames = person(3, across=across)
    frames[:, :, LEFT] = 1
    frames[:, :, RIGHT] = 1 + np.array(across, np.float32)
    np.testing.assert_array_equal(normalise(frames), frames - frames[:, :, SPINE : SPINE + 1])


@pytest.mark.parametrize("depth", [0.0, 2.5])
def test_a_picture_is_centred_and_not_turned(depth: float) -> None:
    frames = person(4, across=(0.05, 0.3, 0.2))
    frames[..., 2] = depth
    np.testing.assert_array_equal(normalise(frames), frames - frames[:, :, SPINE : SPINE + 1])
    frames[3, 0, RIGHT, 2] = depth + 0.01
    assert np.abs(normalise(frames)[0, 0, RIGHT, 1] - normalise(frames)[0, 0, LEFT, 1]) < 1e-5


# conventions of a source


@pytest.mark.parametrize("up", ["y", "z", "x"])
def test_the_up_axis_becomes_y_without_mirroring(up: str) -> None:
    axes = np.zeros((3, 1, 25, 3), np.float32)
    axes[[0, 1, 2], :, :, [0, 1, 2]] = 1
    turned = to_ntu25(axes, Conventions(up=up))[:, 0, 0]  # type: ignore[arg-type]
    assert np.linalg.det(turned) == pytest.approx(1)
    np.testing.assert_array_equal(np.abs(turned).sum(axis=0), 1)
    np.testing.assert_array_equal(turned["xyz".index(up)], [0, 1, 0])


def moving_person(n_frames: int) -> Frames:
    """A person whose every joint is at (t + 1, 0, 0) in frame t."""
    frames = np.zeros((n_frames, 1, 25, 3), np.float32)
    frames[..., 0] = np.arange(1, n_frames + 1)[:, None, None]
    return frames


@pytest.mark.parametrize(
    ("n_frames", "fps", "places"),
    [
        (3, 15.0, [1, 1.5, 2, 2.5, 3]),
        (5, 60.0, [1, 3, 5]),
        (4, 30.0, [1, 2, 3, 4]),
        (1, 5.0, [1]),
        (4, 45.0, [1, 2.5, 4]),
        (2, 1000.0, [1]),
    ],
)
def test_frames_a_second_become_30(n_frames: int, fps: float, places: list[float]) -> None:
    resampled = to_ntu25(moving_person(n_frames), Conventions(fps=fps))
    np.testing.assert_allclose(resampled[:, 0, 7, 0], places, rtol=1e-6)


def test_nothing_is_drawn_between_a_joint_and_its_absence() -> None:
    frames = moving_person(4)
    frames[2, 0, 5] = 0
    resampled = to_ntu25(frames, Conventions(fps=10.0))[:, 0]
    np.testing.assert_allclose(resampled[:, 4, 0], 1 + np.arange(10) / 3, rtol=1e-6)
    np.testing.assert_allclose(resampled[:, 5, 0], [1, 4 / 3, 5 / 3, 2, 2, 0, 0, 0, 4, 4], rtol=1e-6)


def test_units_become_metres() -> None:
    frames = person(4)
    np.testing.assert_array_equal(to_ntu25(frames, Conventions(scale=0.001)), frames * np.float32(0.001))


def test_people_absent_throughout_are_dropped() -> None:
    frames = np.zeros((6, 2, 25, 3), np.float32)
    frames[:, 1:] = person(6)
    np.testing.assert_array_equal(to_ntu25(frames, Conventions()), frames[:, 1:])
    assert to_ntu25(np.zeros_like(frames), Conventions()).shape[1] == 0


def test_of_more_than_two_people_those_that_move_most_are_kept() -> None:
    crowd = np.concatenate([person(6) * np.float32(size) for size in (1, 3, 2)], axis=1)
    np.testing.assert_array_equal(to_ntu25(crowd, Conventions()), crowd[:, [1, 2]])


@pytest.mark.parametrize(("layout", "n_joints"), [("kinect-v1", 20), ("utd-mhad", 20)])
def test_other_layouts_become_25_joints(layout: str, n_joints: int) -> None:
    frames = np.random.default_rng(0).normal(size=(2, 1, n_joints, 3)).astype(np.float32)
    mapped = to_ntu25(frames, Conventions(layout=layout))
    order = list(range(20)) if layout == "kinect-v1" else [3, 2, 1, 0, *range(4, 20)]
    np.testing.assert_array_equal(mapped[:, :, :20], frames[:, :, order])
    np.testing.assert_array_equal(mapped[:, :, 20:], mapped[:, :, [2, 7, 7, 11, 11]])


def test_a_clip_of_another_layout_is_an_error() -> None:
    with pytest.raises(ValueError, match="layout kinect-v1 has 20 joints, the clip has 25"):
        to_ntu25(person(2), Conventions(layout="kinect-v1"))


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"layout": "none"}, f"layout is one of {', '.join(LAYOUTS)}, or a layout file, got 'none'"),
        ({"up": "w"}, "up is one of y, z, x, -y, -z, -x, got 'w'"),
        ({"fps": 0.0}, "fps is 1 or more, scale above 0, got 0.0 and 1.0"),
        ({"fps": float("nan")}, "fps is 1 or more, scale above 0, got nan and 1.0"),
        ({"scale": -1.0}, "fps is 1 or more, scale above 0, got 30.0 and -1.0"),
        ({"scale": float("inf")}, "fps is 1 or more, scale above 0, got 30.0 and inf"),
    ],
)
def test_conventions_that_cannot_be(given_: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Conventions(**given_)  # type: ignore[arg-type]


# the fingerprint


def test_a_pipeline_says_what_differs() -> None:
    other = {**vars(PIPELINE), "frames": 50, "denoised": True}
    del other["gaps"]
    assert PIPELINE.differences(other) == [
        "frames: 50 there, 64 here",
        "gaps: None there, 'late starts moved to the front, ends filled by repeating' here",
        "denoised: unknown here",
    ]
    assert PIPELINE.differences(vars(PIPELINE)) == []
    with pytest.raises(UmurlError) as error:
        check_pipeline({**vars(PIPELINE), "people": 1}, what="index i", hint="build it again")
    assert error.value.typed == (
        "index i reads clips prepared in another way (people: 1 there, 2 here); build it again"
    )
    check_pipeline(dict(vars(PIPELINE)), what="index i", hint="")


def test_a_fingerprint_is_of_every_field() -> None:
    assert len(PIPELINE.fingerprint) == 16
    assert PIPELINE.fingerprint == Pipeline().fingerprint
    others = [Pipeline(joints="x"), Pipeline(people=1), Pipeline(frames=1), Pipeline(centre="x")]
    others += [Pipeline(rotation="x"), Pipeline(gaps="x"), Pipeline(resize="x")]
    assert len({PIPELINE.fingerprint, *(other.fingerprint for other in others)}) == 8
