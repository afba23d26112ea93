"""A folder as one clip."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detector_files import landmarks, write_holistic, write_openpose

from encoder.errors import UmurlError
from umurl_search.clips.normalization import Conventions
from umurl_search.search.folder_clip import read_folder_clip
from umurl_search.search.query_clip import library_name, read_clip_frames
from umurl_search.synthetic.demo_corpus import make_clip


def test_frames_in_a_folder_are_a_clip(tmp_path: Path) -> None:
    walk = write_openpose(tmp_path / "walk")
    read = read_folder_clip(walk)
    assert (read.frames.shape, read.layout) == ((8, 1, 25, 3), "openpose-25")
    signs = read_folder_clip(write_holistic(tmp_path / "signs", landmarks()))
    assert (signs.layout, signs.notes[0].startswith(f"{tmp_path / 'signs'}: ")) == ("mediapipe-33", True)
    assert library_name(str(walk)) is None
    ready = read_clip_frames(walk, conventions=Conventions())
    assert (ready.frames.shape, ready.layout) == ((8, 1, 25, 3), "openpose-25")


def test_a_folder_of_one_array_is_a_clip(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_clip("S001C001P001R001A010")[:, 0])
    read = read_clip_frames(tmp_path, conventions=Conventions(), axes="TVC")
    assert read.layout == "ntu25"
    assert not any("--axes" in note for note in read.notes)


@pytest.mark.parametrize("stated", [None, "coco-17"])
def test_a_layout_is_heeded(tmp_path: Path, stated: Any) -> None:
    walk = write_openpose(tmp_path / "walk")
    if stated:
        with pytest.raises(UmurlError, match="people have 25 joints, layout coco-17 17"):
            read_folder_clip(walk, layout=stated)
    else:
        assert read_folder_clip(walk, layout=stated).layout == "openpose-25"


def test_a_folder_of_several_clips_is_none(tmp_path: Path) -> None:
    for name in ("walk", "run"):
        write_openpose(tmp_path / name)
    with pytest.raises(UmurlError) as raised:
        read_folder_clip(tmp_path)
    said = f"{tmp_path}: a folder of 2 clips, and one is wanted here; give one of them: its file, or the folder of its"
    assert raised.value.typed == f"{said} frames alone"
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "NTU60_CS.npz", x_train=np.ones((1, 4, 150)), y_train=np.eye(60)[:1])
    with pytest.raises(UmurlError, match="format ctr-gcn holds many clips, and one is wanted here"):
        read_folder_clip(tmp_path / "set")


def test_a_folder_without_a_body_is_refused(tmp_path: Path) -> None:
    folder = write_holistic(tmp_path / "signs", np.zeros((4, 33, 4)))
    with pytest.raises(UmurlError, match="signs: no body, nobody in any of 4 frames"):
        read_clip_frames(folder, conventions=Conventions())
