"""What is stated and changes nothing is said: each option with each kind of file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from detector_files import landmarks, points, walk, write_openpose
from motion_files import write_azure_kinect
from rigs import bvh, person

from umurl_search.clips.normalization import Conventions
from umurl_search.search.query_clip import conventions_of, read_clip_frames
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]

PIXELS = "--size changes nothing: coordinates are points of the picture, not parts of its width and height"
SPACE = "changes nothing: joints lie in space, not in a picture"
UNIT = "--scale changes nothing: a person in a picture has no unit"
FLAT = "--depth changes nothing: joints have two coordinates, and no depth that was guessed"


def write_pixels(folder: Path) -> Path:
    path = folder / "clip.json"
    path.write_text(json.dumps([{"keypoints": points(one)} for one in walk("coco-17")]))
    return path


def write_landmarks(folder: Path) -> Path:
    path = folder / "clip.json"
    keys = ("x", "y", "z", "visibility")
    frames = landmarks().tolist()
    path.write_text(
        json.dumps([{"landmarks": [dict(zip(keys, j, strict=True)) for j in one]} for one in frames])
    )
    return path


def write_array(folder: Path) -> Path:
    path = folder / "clip.npy"
    np.save(path, make_clip("S001C001P001R001A010")[:, 0])
    return path


def write_bvh(folder: Path) -> Path:
    path = folder / "clip.bvh"
    path.write_text(bvh(person()))
    return path


def write_azure(folder: Path) -> Path:
    joints = np.random.default_rng(0).normal(size=(32, 3)) * 300
    return write_azure_kinect(folder / "clip.json", [{1: joints + t} for t in range(4)])


KINDS: dict[str, Callable[[Path], Path]] = {
    "pixels": write_pixels,
    "landmarks": write_landmarks,
    "array": write_array,
    "bvh": write_bvh,
    "azure": write_azure,
}
SAID = {
    ("size", "pixels"): PIXELS,
    ("size", "array"): f"--size {SPACE}",
    ("size", "bvh"): f"--size {SPACE}",
    ("size", "azure"): f"--size {SPACE}",
    ("scale", "pixels"): UNIT,
    ("scale", "landmarks"): UNIT,
    ("depth", "pixels"): FLAT,
    ("depth", "array"): f"--depth {SPACE}",
    ("depth", "bvh"): f"--depth {SPACE}",
    ("depth", "azure"): f"--depth {SPACE}",
    ("axes", "pixels"): "--axes changes nothing: this file is no array",
    ("axes", "landmarks"): "--axes changes nothing: this file is no array",
    ("axes", "bvh"): "--axes changes nothing: this file is no array",
    ("axes", "azure"): "--axes changes nothing: this file is no array",
}
STATED: dict[str, Any] = {"size": "1280x720", "scale": 1.25, "depth": "keep", "mirror": True, "fps": 15.0}


def read(path: Path, axes: Any = None, **stated: Any) -> tuple[Any, list[str]]:
    found = read_clip_frames(path, conventions=Conventions(**stated), axes=axes)
    return found.frames, [note for note in found.notes if "changes nothing" in note]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", [*STATED, "axes"])
def test_an_option_has_an_effect_or_is_said_to_have_none(tmp_path: Path, option: str, kind: str) -> None:
    path = KINDS[kind](tmp_path)
    plain, none = read(path)
    stated = {"axes": "TVC"} if option == "axes" else {option: STATED[option]}
    made, notes = read(path, **stated)
    assert none == []
    is_same = plain.shape == made.shape and np.array_equal(plain, made)
    if (option, kind) in SAID:
        assert is_same
        assert len(notes) == 1
        assert SAID[option, kind] in notes[0]
    else:
        assert notes == []
        assert not is_same or option == "axes"


def test_who_cannot_be_turned_upright_is_said_to_stay(tmp_path: Path) -> None:
    frames = walk("coco-17")
    frames[:, 13:] = 0  # no knees, no ankles
    path = tmp_path / "clip.json"
    path.write_text(json.dumps([{"keypoints": points(one)} for one in frames]))
    said = read_clip_frames(path, conventions=Conventions(upright=True)).notes
    assert any("not turned upright: too little of the body is seen" in note for note in said)
    whole = read_clip_frames(write_pixels(tmp_path), conventions=Conventions(upright=True)).notes
    assert not any("not turned upright" in note for note in whole)


def test_a_rate_that_is_stated_wins_even_where_it_is_the_usual_one(tmp_path: Path) -> None:
    path = write_bvh(tmp_path)
    path.write_text(bvh(person(), frame_time="0.0166667"))
    dataset = {"state": "raw", "layout": "ntu25"}
    for stated, n_frames in (({}, 7), ({"fps": 30.0}, 12), ({"fps": 15.0}, 23)):
        conventions = conventions_of(str(path), dataset, stated)
        assert len(read_clip_frames(path, conventions=conventions).frames) == n_frames


def test_clips_of_the_library_were_read_before(library: Any, command: Command, tmp_path: Path) -> None:
    path = write_array(tmp_path)
    assert command("ingest", "own", "--source", path).code == 0
    assert command("build-index", "own").code == 0
    said = "own:clip: --size, --mirror change nothing: it was read when it was ingested"
    options = ("--size", "1280x720", "--mirror", "--k", 1)
    assert said in command("query", "own:clip", *options).err
    out = tmp_path / "clip.svg"
    assert said in command("render", "own:clip", "--out", out, "--mirror", "--size", "1280x720").err
    assert "own: --size, --mirror change nothing" in command("query", "own", *options).err
    assert "change" not in command("query", "own:clip", "--upright", "--k", 1).err


@pytest.mark.parametrize("verb", ["ingest", "embed"])
def test_axes_are_of_arrays(library: Any, command: Command, tmp_path: Path, verb: str) -> None:
    folder = write_openpose(tmp_path / "walk")
    given = ("own", "--source", folder) if verb == "ingest" else (folder, "--out", tmp_path / "y.npy")
    told = command(verb, *given, "--axes", "TVC")
    assert told.code == 1
    assert (
        "recordings of format openpose are no arrays, and have no axes to state; leave out --axes" in told.err
    )
