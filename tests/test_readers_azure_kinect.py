"""Azure Kinect's JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion_files import write_azure_kinect

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_clip, normalise
from umurl_search.readers import detect, open_reader
from umurl_search.readers.azure_kinect import AzureKinectReader, is_azure_kinect, read_clip
from umurl_search.readers.build_clip import BadRecordingError

AZURE = LAYOUTS["azure-32"].joints
PLACES = {
    "pelvis": (0, 0), "spine navel": (0, -200), "spine chest": (0, -330), "neck": (0, -520), "head": (0, -600),
    "clavicle": (40, -480), "shoulder": (180, -450), "elbow": (210, -180), "wrist": (220, 60), "hand": (220, 130),
    "hip": (90, 0), "knee": (90, 420), "ankle": (90, 830), "foot": (90, 870),
}  # fmt: skip
"""Millimetres to the person's left and down, from the pelvis."""


def person(*, right: float = 0.0) -> Any:
    """(32, 3) millimetres: someone who faces the camera at 2 m, whose left is on the picture's right."""
    joints = []
    for joint in AZURE:
        side, _, part = joint.partition(" ")
        left = {"left": 1, "right": -1}.get(side, 0)
        x, y = PLACES.get(part if left else joint, (20, -600))
        joints.append((right + left * x, 100 + y, 2000 - (120 if part == "foot" else 0)))
    return np.array(joints, float)


def read_only(folder: Path) -> Clip | LeftOut:
    reader = AzureKinectReader((folder,))
    ((outcome,),) = reader.read(reader.items())
    return outcome


def test_bodies_are_read_in_metres_with_their_rate(tmp_path: Path) -> None:
    path = write_azure_kinect(tmp_path / "a.json", [{1: person()}] * 4)
    clip = read_clip(path)
    assert (clip.frames.shape, clip.layout, clip.fps, clip.notes) == ((4, 1, 32, 3), "azure-32", 30, ())
    np.testing.assert_allclose(clip.frames[2, 0], person() / 1000, rtol=1e-6)
    assert detect(tmp_path) == detect(path) == "azure-kinect"
    assert open_reader("azure-kinect", (path,)).layout == "azure-32"


def test_people_stand_and_look_into_the_camera(tmp_path: Path) -> None:
    write_azure_kinect(tmp_path / "a.json", [{1: person()}] * 4)
    clip = read_only(tmp_path)
    assert isinstance(clip, Clip)
    ready = convert_clip(clip, Conventions(layout="azure-32"))
    assert not isinstance(ready, LeftOut)
    at = {name: ready[0, 0, j] for j, name in enumerate(JOINTS)}
    np.testing.assert_allclose(at["spine base"], (0, -0.1, 2), atol=1e-6)
    np.testing.assert_allclose(at["head"] - at["left ankle"], (0.09, 1.43, 0), atol=1e-6)
    assert at["right shoulder"][0] - at["left shoulder"][0] == pytest.approx(0.36, abs=1e-6)
    body = normalise(ready)[0, 0]
    assert body[JOINTS.index("head"), 1] > 0.3 > -0.6 > body[JOINTS.index("left foot"), 1]


def test_people_keep_their_place_by_their_id(tmp_path: Path) -> None:
    one, other = person(), person(right=900)
    frames = [{7: other, 3: one}, {3: one}, {7: other}, {}]
    clip = read_clip(write_azure_kinect(tmp_path / "a.json", frames))
    np.testing.assert_array_equal(clip.frames.any(axis=(2, 3)), [[1, 1], [1, 0], [0, 1], [0, 0]])
    np.testing.assert_allclose(clip.frames[0, 1], other / 1000, rtol=1e-6)


def test_those_who_are_there_longest_are_kept(tmp_path: Path) -> None:
    frames = [{body: person(right=300 * body) for body in range(9) if body >= at} for at in range(9)]
    assert read_clip(write_azure_kinect(tmp_path / "a.json", frames)).frames.shape[1] == 2


def test_joints_are_ordered_by_their_names(tmp_path: Path) -> None:
    names = ["SPINE_NAVAL" if name == "spine navel" else name.upper().replace(" ", "_") for name in AZURE]
    turned = write_azure_kinect(tmp_path / "a.json", [{1: person()[::-1]}], joint_names=names[::-1])
    np.testing.assert_allclose(read_clip(turned).frames[0, 0], person() / 1000, rtol=1e-6)
    other = write_azure_kinect(tmp_path / "b.json", [{1: person()}], joint_names=["?"] * 32)
    np.testing.assert_allclose(read_clip(other).frames[0, 0], person() / 1000, rtol=1e-6)


@pytest.mark.parametrize(("step", "fps"), [(33_333, 30), (66_666, 15), (200_000, 5), (50_000, 20), (0, None)])
def test_the_rate_is_that_of_the_time_stamps(tmp_path: Path, step: int, fps: float | None) -> None:
    path = write_azure_kinect(tmp_path / "a.json", [{1: person()}] * 3)
    document = json.loads(path.read_text())
    for at, frame in enumerate(document["frames"]):
        frame["timestamp_usec"] = step * at
    path.write_text(json.dumps(document))
    assert read_clip(path).fps == fps
    said = "its time stamps say no rate: 30 frames a second are assumed; --fps settles it"
    assert read_clip(path).notes == (() if fps else (f"{path}: {said}",))


def changed(**body: Any) -> str:
    return json.dumps({"frames": [{"bodies": [{"body_id": 1, "joint_positions": person().tolist()} | body]}]})


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "truncated", "the file is empty"),
        (changed()[:300], "truncated", "the JSON ends too soon"),
        ("{'joint_positions': 1}", "malformed", "no JSON"),
        ("[1]", "malformed", "the JSON is a list"),
        ('{"frames": 1}', "malformed", "it has no list 'frames'"),
        ('{"frames": []}', "no body", "it has no frames"),
        ('{"frames": [{}, {"bodies": []}]}', "no body", "nobody in any of 2 frames"),
        ('{"frames": [1]}', "malformed", "a frame has no list 'bodies'"),
        ('{"frames": [{"bodies": [1]}]}', "malformed", "a body is no object"),
        (changed(body_id="x"), "malformed", "a body's body_id is no number"),
        (changed(joint_positions=[[1, 2]] * 32), "malformed", "joint_positions of shape (32, 2)"),
        (changed(joint_positions=[[1, 2, "x"]] * 32), "malformed", "joint_positions are no numbers"),
        (changed(joint_positions=[[1, 2, 10**400]] * 32), "malformed", "joint_positions are no numbers"),
        (changed(joint_positions=[[float("nan")] * 3] * 32), "non-finite", "96 NaN or infinite numbers"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, text: str, reason: str, detail: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(BadRecordingError) as raised:
        read_clip(path)
    assert raised.value.reason == reason
    assert detail in raised.value.detail
    assert isinstance(read_only(tmp_path), LeftOut)


def test_other_json_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"skeletons": []}')
    assert not is_azure_kinect(tmp_path / "a.json")
    assert not is_azure_kinect(tmp_path)
    with pytest.raises(UmurlError, match="Azure Kinect's joints are of layout azure-32, not coco-17"):
        AzureKinectReader((tmp_path,), layout="coco-17")
