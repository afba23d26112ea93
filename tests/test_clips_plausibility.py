"""Skeletons of another unit, or with another axis up, are doubted; people are not."""

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import REAL
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, to_ntu25
from umurl_search.clips.plausibility import check_scale_and_axis
from umurl_search.clips.types import Up
from umurl_search.search.query_clip import read_clip_frames
from umurl_search.synthetic.demo_corpus import make_clip

COCO = find_layout("coco-17")
CLIP = make_clip("S001C002P003R001A010")
HANGING = CLIP * np.array([1, -1, -1], np.float32)
UPS: tuple[Up, ...] = ("x", "y", "z")


def turn(frames: Frames, up: Up) -> Frames:
    """As a source holds y-up frames whose axis `up` is up."""
    x, y, z = np.moveaxis(frames, -1, 0)
    return np.stack({"y": (x, y, z), "z": (x, -z, y), "x": (y, -x, z)}[up], axis=-1)


def check(frames: NDArray[np.float32], **stated: object) -> list[str]:
    conventions = Conventions(**stated)  # type: ignore[arg-type]
    return check_scale_and_axis([to_ntu25(frames, conventions)], conventions, what="it")


@pytest.mark.parametrize(("scale", "unit"), [(0.001, "millimetres"), (0.01, "centimetres")])
def test_another_unit_is_named(scale: float, unit: str) -> None:
    (line,) = check(CLIP / np.float32(scale))
    assert line.startswith("it: people are ")
    assert line.endswith(f" m from end to end; if the file holds {unit}, say --scale {scale:g}")
    assert check(CLIP / np.float32(scale), scale=scale) == []
    assert check(CLIP, scale=0.001)[0].endswith("; if the file holds metres, say --scale 1")
    assert check(CLIP * np.float32(5))[0].endswith(
        "m from end to end; --scale says how many metres a unit is"
    )
    assert check(CLIP / np.float32(scale), scale=0.1)[0].endswith(f"say --scale {scale:g}")


@pytest.mark.parametrize("times", [0.4, 2.0])
def test_a_unit_of_their_own_is_told_by_the_trunk(times: float) -> None:
    small = CLIP * np.float32(times)
    (line,) = check(small)
    assert re.fullmatch(
        r"it: people are [\d.]+ m from hips to shoulders, of 0\.45 m that are usual; if the unit is no metre, "
        r"say --scale [\d.]+",
        line,
    )
    scale = float(line.rpartition(" ")[2])
    assert scale == pytest.approx(1 / times, rel=0.25)
    assert check(small, scale=scale) == []
    assert check(CLIP * np.float32(0.7)) == []


def test_poses_that_were_lifted_without_a_scale_are_told(tmp_path: Path) -> None:
    joints = [JOINTS.index(name) if name in JOINTS else JOINTS.index("head") for name in COCO.joints]
    np.save(tmp_path / "lifted.npy", CLIP[:, 0, joints] * np.float32(0.4))
    notes = read_clip_frames(
        tmp_path / "lifted.npy", conventions=Conventions(layout="coco-17-3d"), strict_layout=True
    ).notes
    assert any("m from hips to shoulders, of 0.45 m that are usual" in note for note in notes)


@pytest.mark.parametrize("stated", UPS)
@pytest.mark.parametrize("up", UPS)
def test_another_axis_up_is_named(up: Up, stated: Up) -> None:
    expected = [f"it: people lie along {up} rather than stand; if that axis is up, say --up {up}"]
    assert check(turn(CLIP, up), up=stated) == ([] if up == stated else expected)


@pytest.mark.parametrize("centre", [0, 1, 20])
def test_arrays_that_are_centred_on_a_joint_are_looked_at_too(centre: int) -> None:
    centred = turn(CLIP, "z")
    centred -= centred[:, :, [centre]]
    assert check(centred)[0].endswith("if that axis is up, say --up z")
    assert check(centred, up="z") == []


def test_a_camera_that_looks_down_is_not_doubted_and_its_other_axis_is() -> None:
    angle = np.float32(0.5)
    x, y, z = np.moveaxis(CLIP, -1, 0)
    tilted = np.stack(
        [x, np.cos(angle) * y - np.sin(angle) * z, np.sin(angle) * y + np.cos(angle) * z], axis=-1
    )
    assert check(tilted) == []
    assert check(turn(tilted, "z"))[0].endswith("say --up z")


def test_heads_that_hang_down_are_told() -> None:
    assert check(HANGING) == ["it: people stand on their heads; y points the other way there: say --up -y"]
    assert check(turn(HANGING, "z"), up="z")[0].endswith("heads; z points the other way there: say --up -z")


def test_some_may_lie_most_may_not() -> None:
    lying = to_ntu25(turn(CLIP, "x"), Conventions())
    assert check_scale_and_axis([lying, CLIP], Conventions(), what="it") == []
    assert len(check_scale_and_axis([lying, CLIP, lying], Conventions(), what="it")) == 1


def test_what_is_not_there_does_not_count() -> None:
    far = CLIP + np.float32(50)
    far[:, :, 5:9] = 0
    far[::2] = 0
    assert check_scale_and_axis([far], Conventions(), what="it") == []
    assert check_scale_and_axis([np.zeros((4, 1, 25, 3), np.float32)], Conventions(), what="it") == []
    assert check_scale_and_axis([], Conventions(), what="it") == []
    headless = CLIP * np.float32(1000)
    headless[:, :, 20] = 0
    assert len(check_scale_and_axis([headless], Conventions(), what="it")) == 1


@pytest.mark.data
def test_real_recordings_are_not_doubted() -> None:
    paths = sorted((REAL / "data" / "ntu_samples" / "raw").glob("*.skeleton"))
    paths += sorted((REAL / "data" / "nw_ucla" / "all_sqe").glob("*.json"))[::50]
    assert len(paths) > 30
    for path in paths:
        notes = read_clip_frames(path, conventions=Conventions(), strict_layout=False).notes
        assert [note for note in notes if "people" in note] == [], path
