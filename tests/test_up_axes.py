"""Motion capture with another axis up: whoever follows the note gets people who stand.

Guards clips/normalization.py, clips/plausibility.py and ingest/store_plausibility.py.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from made_people import standing_body
from motion_files import write_c3d
from rigs import bvh, person

from encoder.skeleton import JOINTS
from umurl_search.clips.body_axes import find_trunk
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.types import Up
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.search.query_clip import read_clip_frames

TURNS = {
    "y": np.eye(3),
    "-y": np.diag([1, -1, -1]),
    "z": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-z": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "x": np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    "-x": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
}
"""Takes what is y up to another axis up, without a mirror."""
MARKERS = json.dumps({"name": "markers", "joints": JOINTS, "faces": "any", "axes": "world"})


def facing(degrees: float) -> Any:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def write_bvh(folder: Path, turn: Any) -> Path:
    path = folder / "clip.bvh"
    rest = {joint: (parent, tuple(turn @ offset)) for joint, (parent, offset) in person().items()}
    path.write_text(bvh(rest, n_frames=2))
    return path


def write_markers(folder: Path, turn: Any) -> Path:
    noise = 0.01 * np.random.default_rng(0).standard_normal((8, 25, 3))
    people = (standing_body() + noise + [0.2, 0.5, 0.1]) @ np.asarray(turn).T
    return write_c3d(folder / "clip.c3d", 1000 * people.transpose(2, 1, 0), JOINTS)


def write_array(folder: Path, turn: Any) -> Path:
    noise = 0.01 * np.random.default_rng(0).standard_normal((8, 25, 3))
    np.save(folder / "clip.npy", (standing_body() + noise + [0.2, 0.5, 0.1]) @ np.asarray(turn).T)
    return folder / "clip.npy"


def hinted(notes: Any) -> list[str]:
    return [found[1] for note in notes if (found := re.search(r"--up (-?[xyz])", note))]


@pytest.mark.parametrize("degrees", [0, 70, 160, 250])
@pytest.mark.parametrize("up", get_args(Up))
@pytest.mark.parametrize(
    ("write", "layout"), [(write_bvh, "rig"), (write_markers, MARKERS), (write_array, "ntu25")]
)
def test_who_follows_the_note_stands(
    tmp_path: Path, write: Callable[[Path, Any], Path], layout: str, up: Up, degrees: float
) -> None:
    if write is write_array and degrees:
        degrees = 10  # people of a Kinect face it
    path = write(tmp_path, TURNS[up] @ facing(degrees))
    read = read_clip_frames(path, conventions=Conventions(layout=layout), strict_layout=True)
    assert hinted(read.notes) == ([] if up == "y" else [up])
    again = read_clip_frames(path, conventions=Conventions(layout=layout, up=up), strict_layout=True)
    assert hinted(again.notes) == []
    trunk = find_trunk(again.frames)
    assert trunk[1] > 0.9 * np.linalg.norm(trunk)


@pytest.mark.parametrize("up", ["-y", "z", "-z", "x", "-x"])
def test_ingest_names_the_same_axis(tmp_path: Path, up: Up) -> None:
    (tmp_path / "clips").mkdir()
    write_bvh(tmp_path / "clips", TURNS[up] @ facing(70))
    report = ingest(Library(tmp_path / "library"), Request(name="mine", source=tmp_path / "clips"))
    assert hinted(report.notes) == [up]
