"""Files of motion capture among the formats: told from others of their suffix, asked with, ingested."""

import json
from pathlib import Path

import motion_files
import numpy as np
import pytest
from rigs import bvh, person, renamed

from umurl_search.clips.normalization import Conventions
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.readers import FORMATS, detect
from umurl_search.readers.capture_files import ROWS
from umurl_search.readers.formats import clip_suffixes, read_clip_file, states_nothing
from umurl_search.search.query_clip import read_clip

REAL = Path(__file__).parents[2] / "shared/data/skeletons"


def write_amass(path: Path) -> Path:
    poses = np.random.default_rng(1).normal(scale=0.1, size=(41, 156))
    poses[:, 0] += np.pi / 2
    np.savez(path, poses=poses, trans=np.zeros((41, 3)), mocap_framerate=120.0, betas=np.zeros(16))
    return path


def test_each_is_a_format_of_one_clip_a_file() -> None:
    for name in ROWS:
        assert FORMATS[name].is_clip_a_file
        assert not FORMATS[name].arrays
        assert FORMATS[name].suffix in clip_suffixes()
    assert len(set(clip_suffixes())) == len(clip_suffixes())


def test_files_of_one_suffix_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    write_amass(tmp_path / "angles.npz")
    np.savez(tmp_path / "places.npz", keypoints=np.ones((4, 25, 3)))
    motion_files.write_azure_kinect(tmp_path / "azure.json", [{1: np.ones((32, 3))}])
    (tmp_path / "ucla.json").write_text(json.dumps({"skeletons": np.ones((2, 20, 3)).tolist(), "label": 1}))
    formats = {path.name: detect(path) for path in tmp_path.iterdir()}
    assert formats == {
        "angles.npz": "amass",
        "places.npz": "npz",
        "azure.json": "azure-kinect",
        "ucla.json": "nw-ucla",
    }
    joints = {path.name: read_clip_file(path).frames.shape[2] for path in tmp_path.iterdir()}
    assert joints == {"angles.npz": 22, "places.npz": 25, "azure.json": 32, "ucla.json": 20}
    assert [states_nothing(str(tmp_path / name)) for name in ("angles.npz", "places.npz", "gone.npz")] == [
        False,
        True,
        True,
    ]


def test_one_that_asks_has_its_own_layout_and_rate(tmp_path: Path) -> None:
    """Whatever those of the dataset that it asks are."""
    library = Library(tmp_path / "library")
    clip = read_clip(library, str(write_amass(tmp_path / "a.npz")), conventions=Conventions())
    assert (len(clip.frames), clip.notes) == (11, ())
    path = tmp_path / "a.bvh"
    path.write_text(bvh(person(), n_frames=41, frame_time="0.0083333"))
    assert len(read_clip(library, str(path), conventions=Conventions(layout="kinect-v1")).frames) == 11
    assert len(read_clip(library, str(path), conventions=Conventions(fps=60)).frames) == 21


def test_a_layout_file_says_what_the_joints_of_a_source_are(tmp_path: Path) -> None:
    names = {name: f"n{at}" for at, name in enumerate(person())}
    (tmp_path / "in").mkdir()
    for at in range(3):
        (tmp_path / "in" / f"c{at}.bvh").write_text(bvh(renamed(person(), names), seed=at))
    rules = {"spine base": names["Hips"], "spine mid": names["Spine"]}
    parts = {"shoulder": "UpperArm", "hip": "UpperLeg", "knee": "LowerLeg", "ankle": "Foot"}
    for side, mark in (("left", "L"), ("right", "R")):
        rules |= {f"{side} {ours}": names[f"{theirs}_{mark}"] for ours, theirs in parts.items()}
    layout = json.dumps({"name": "own", "joints": list(names.values()), "faces": "any", "ntu25": rules})
    library = Library(tmp_path / "library")
    report = ingest(library, Request(name="mine", source=tmp_path / "in", layout=layout))
    assert (report.format, report.used, report.left_out) == ("bvh", 3, {})
    without = ingest(library, Request(name="usual", source=write_usual(tmp_path / "usual")))
    assert (without.format, without.used) == ("bvh", 2)


def write_usual(folder: Path) -> Path:
    folder.mkdir()
    for at in range(2):
        (folder / f"c{at}.bvh").write_text(bvh(person(), seed=at))
    return folder


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "fmt"),
    [
        ("bvh", "bvh"),
        ("amass_npz", "amass"),
        ("pose_format", "pose"),
        ("c3d", "c3d"),
        ("humanml3d_npy", "npy"),
    ],
)
def test_real_files_are_recognised(source: str, fmt: str) -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    assert detect(REAL / source) == fmt
