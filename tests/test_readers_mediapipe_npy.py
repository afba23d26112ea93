"""MediaPipe's landmarks in `.npy` files."""

from pathlib import Path

import numpy as np
import pytest
from detector_files import landmarks, write_holistic

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers.mediapipe_npy import (
    MediapipeNpyReader,
    count_mediapipe_files,
    is_mediapipe_npy,
    read_recording,
)

REAL = Path(__file__).parents[2] / "shared/data/skeletons/mediapipe_holistic_npy"


def clips(root: Path) -> dict[str, Clip | LeftOut]:
    reader = MediapipeNpyReader((root,))
    return {outcome.name: outcome for group in reader.read(reader.items()) for outcome in group}


def one(root: Path) -> Clip:
    (clip,) = clips(root).values()
    assert isinstance(clip, Clip), clip
    return clip


def test_a_tree_of_frames_is_a_corpus(tmp_path: Path) -> None:
    for action in ("hello", "thanks"):
        for sequence in range(2):
            write_holistic(tmp_path / action / str(sequence), landmarks())
    found = clips(tmp_path)
    assert list(found) == ["hello/0", "hello/1", "thanks/0", "thanks/1"]
    assert all(isinstance(clip, Clip) and clip.source == clip.name for clip in found.values())
    assert count_mediapipe_files(tmp_path) == 32


def test_frames_are_sorted_by_number(tmp_path: Path) -> None:
    frames = landmarks(12)
    clip = one(write_holistic(tmp_path / "0", frames))
    assert (clip.name, clip.layout) == ("0", "mediapipe-33")
    np.testing.assert_allclose(clip.frames[:, 0], frames[..., :3], rtol=1e-6)
    assert "fingers were left out" in clip.notes[0]


def test_frames_of_zeros_are_nobody(tmp_path: Path) -> None:
    frames = landmarks()
    frames[2:4] = 0
    clip = one(write_holistic(tmp_path / "0", frames))
    assert clip.frames.any(axis=(1, 2, 3)).tolist() == [True, True, False, False, *[True] * 4]
    (bad,) = clips(write_holistic(tmp_path / "1", frames[2:4])).values()
    assert isinstance(bad, LeftOut)
    assert (bad.reason, bad.detail) == ("no body", "nobody in any of 2 frames")


@pytest.mark.parametrize("kind", ["1662", "258", "132", "99", "33 4", "33 3"])
def test_every_part_that_holds_the_pose_is_read(tmp_path: Path, kind: str) -> None:
    frames = landmarks()
    for t, frame in enumerate(frames):
        more = {"1662": 1530, "258": 126}.get(kind, 0)
        joints = frame[:, :3] if kind in ("99", "33 3") else frame
        array = joints if " " in kind else np.concatenate([joints.ravel(), np.zeros(more)])
        np.save(tmp_path / f"frame_{t}.npy", array)
    np.testing.assert_allclose(one(tmp_path).frames[:, 0], frames[..., :3], rtol=1e-6)


def test_a_recording_in_one_file_is_a_clip(tmp_path: Path) -> None:
    frames = landmarks()
    for name in ("1", "2"):
        np.save(tmp_path / f"{name}.npy", frames.reshape(8, 132))
    assert list(clips(tmp_path)) == ["1", "2"]
    np.testing.assert_allclose(read_recording(tmp_path / "1.npy").frames[:, 0], frames[..., :3], rtol=1e-6)


def test_a_frame_alone_is_told(tmp_path: Path) -> None:
    write_holistic(tmp_path, landmarks(2))
    assert "one frame alone" in read_recording(tmp_path / "0.npy").notes[0]


def test_legs_that_were_never_seen_are_unseen(tmp_path: Path) -> None:
    clip = one(write_holistic(tmp_path / "0", landmarks(legs=0.01)))
    assert clip.frames[:, 0, :25].any(axis=-1).all()
    assert not clip.frames[:, 0, 25:].any()


@pytest.mark.parametrize("shape", [(8, 25, 3), (1661,), (8, 75), (0, 132), ()])
def test_other_arrays_are_no_landmarks(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    assert not is_mediapipe_npy(tmp_path / "a.npy")
    assert count_mediapipe_files(tmp_path) == 0
    assert clips(tmp_path) == {}


@pytest.mark.data
def test_the_real_tree() -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    clip = one(REAL / "MP_Data")
    assert (clip.name, clip.frames.shape) == ("hello/0", (30, 1, 33, 3))
    whole = np.load(REAL / "MBSaravanaBalaji.npz")
    (row,) = np.flatnonzero((whole["action"] == "hello") & (whole["sequence"] == 0))
    np.testing.assert_allclose(clip.frames[:, 0, :25], whole["pose"][row, :, :25, :3], rtol=2e-4, atol=1e-4)
