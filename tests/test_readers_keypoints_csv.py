"""CSV whose head names a pose estimator's joints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import landmarks, walk

from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import Clip
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.keypoints_csv import KeypointsCsvReader, is_keypoints_csv, read_recording

NAMES = [name.replace(" ", "_") for name in find_layout("mediapipe-33").joints]
COCO = [name.replace(" ", "_") for name in find_layout("coco-17").joints]
FRAMES = landmarks()


def write(folder: Path, head: list[str], rows: list[Any], mark: str = ",") -> Path:
    path = folder / "walk.csv"
    path.write_text("\n".join(mark.join(map(str, row)) for row in (head, *rows)))
    return path


HEADS = {
    "x1": [f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"],
    "x0": [f"{axis}_{joint}" for joint in range(33) for axis in "xyzv"],
    "x_nose": [f"{axis}_{name}" for name in NAMES for axis in ("x", "y", "z", "visibility")],
    "LEFT_HIP_x": [f"{name.upper()}_{axis}" for name in NAMES for axis in "xyzv"],
    "leftHip.X": [
        f"{name.title().replace('_', '')}.{axis}" for name in NAMES for axis in ("X", "Y", "Z", "Visibility")
    ],
    "landmark_0_x": [
        f"landmark_{joint}_{axis}" for joint in range(33) for axis in ("x", "y", "z", "visibility")
    ],
}


@pytest.mark.parametrize("form", HEADS)
def test_mediapipes_heads(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, ["frame", *HEADS[form]], [[t, *frame.ravel()] for t, frame in enumerate(FRAMES)])
    assert is_keypoints_csv(path)
    clip = read_recording(path)
    assert clip.layout == "mediapipe-33"
    np.testing.assert_allclose(clip.frames[:, 0], FRAMES[..., :3], rtol=1e-6)


def test_two_dimensions_and_other_orders(tmp_path: Path) -> None:
    joints = walk("coco-17")
    head = [f"{name}_{axis}" for name in COCO[::-1] for axis in "yx"]
    clip = read_recording(
        write(tmp_path, head, [frame[::-1, ::-1].ravel().tolist() for frame in joints], ";")
    )
    assert clip.layout == "coco-17"
    np.testing.assert_allclose(clip.frames[:, 0, :, :2], joints, rtol=1e-6)


def test_people_of_one_frame_belong_together(tmp_path: Path) -> None:
    head = ["frame", "person_id", *(f"{name}_{axis}" for name in COCO for axis in "xy")]
    rows = [
        [t, who, *(frame + 200 * who).ravel()] for t, frame in enumerate(walk("coco-17")) for who in (0, 1)
    ]
    clip = read_recording(write(tmp_path, head, rows))
    assert clip.frames.shape == (8, 2, 17, 3)


def test_time_stamps_say_the_rate(tmp_path: Path) -> None:
    rows = [[40 * t, *frame.ravel()] for t, frame in enumerate(FRAMES)]
    assert read_recording(write(tmp_path, ["timestamp", *HEADS["x1"]], rows)).fps == 25


@pytest.mark.parametrize("head", [["a", "b"], [f"{axis}{joint}" for joint in range(1, 26) for axis in "xyz"]])
def test_other_heads_are_not_of_an_estimator(tmp_path: Path, head: list[str]) -> None:
    path = write(tmp_path, head, [[0.5] * len(head)])
    assert not is_keypoints_csv(path)
    with pytest.raises(BadRecordingError, match="names no joints of a pose estimator"):
        read_recording(path)


def test_a_head_alone_is_nobody(tmp_path: Path) -> None:
    with pytest.raises(BadRecordingError, match="it has no frames"):
        read_recording(write(tmp_path, HEADS["x1"], []))


def test_a_folder_is_a_corpus(tmp_path: Path) -> None:
    write(tmp_path, HEADS["x1"], FRAMES.reshape(8, -1).tolist())
    reader = KeypointsCsvReader((tmp_path,))
    ((clip,),) = reader.read(reader.items())
    assert isinstance(clip, Clip)
    assert (clip.name, reader.layout, clip.layout) == ("walk", "mediapipe-33", "mediapipe-33")


def test_a_column_t_that_counts_is_no_clock(tmp_path: Path) -> None:
    head = ["t", *(f"{name}_{axis}" for name in COCO for axis in "xy")]
    for start in (0, 1):
        path = write(tmp_path, head, [[start + t, *one.ravel()] for t, one in enumerate(walk("coco-17"))])
        read = read_recording(path)
        assert read.fps is None
        assert len(read.frames) == 8
        assert "--fps settles it" in read.notes[0]
    path = write(tmp_path, head, [[0.04 * t, *one.ravel()] for t, one in enumerate(walk("coco-17"))])
    assert read_recording(path).fps == 25
