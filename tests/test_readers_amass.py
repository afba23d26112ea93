"""AMASS's angles on a skeleton of our own."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_and_count, convert_clip, normalise
from umurl_search.readers import detect, open_reader
from umurl_search.readers.amass import AmassReader, is_amass, pose_skeleton, read_clip
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.formats import read_clip_file, states_nothing
from umurl_search.search.query_clip import library_name

REAL = Path(__file__).parents[2] / "shared/data/skeletons/amass_npz/amass_sample.npz"
SMPL = LAYOUTS["smpl-22"].joints
UPRIGHT = (np.pi / 2, 0.0, 0.0)
"""The turn of the pelvis by which a body, y up in itself, stands where z is up."""


def angles(n_frames: int = 5, width: int = 156, **turns: tuple[float, float, float]) -> Any:
    """(T, width), standing but for turns of joints (with underscores for blanks)."""
    poses = np.zeros((n_frames, width // 3, 3))
    poses[:, 0] = UPRIGHT
    for joint, turn in turns.items():
        poses[:, SMPL.index(joint.replace("_", " "))] = turn
    return poses.reshape(n_frames, width)


def stand(**turns: tuple[float, float, float]) -> Any:
    """(22, 3) of one frame."""
    return pose_skeleton(angles(1, 66, **turns), np.zeros((1, 3)))[0, 0]


def at(body: Any, joint: str) -> Any:
    return body[SMPL.index(joint)]


def write(folder: Path, *, name: str = "walk", **arrays: Any) -> Path:
    path = folder / f"{name}.npz"
    np.savez(path, **arrays)
    return path


def whole(n_frames: int = 5, **changes: Any) -> dict[str, Any]:
    trans = np.tile([1.0, 2.0, 0.95], (n_frames, 1))
    said = {"gender": np.array("male"), "betas": np.zeros(16), "mocap_framerate": np.array(120.0)}
    return {"poses": angles(n_frames), "trans": trans, **said, **changes}


def test_the_rest_pose_is_an_adult_whose_sides_are_alike() -> None:
    body = stand()
    for joint in SMPL:
        other = joint.replace("left", "right") if joint.startswith("left") else joint.replace("right", "left")
        np.testing.assert_allclose(at(body, joint), at(body, other) * [-1, 1, 1], atol=1e-5)
    height = at(body, "head")[1] - at(body, "left foot")[1] + 0.16  # from the joint to the top of the head
    assert 1.6 < height < 1.8
    assert at(body, "left hip")[1] < at(body, "spine1")[1] < at(body, "neck")[1] < at(body, "head")[1]
    assert at(body, "left wrist")[0] > 0.6  # with the person's left on +x it faces +z
    assert at(body, "left foot")[2] > at(body, "left ankle")[2] + 0.1
    limbs = (("hip", "knee", 0.4165), ("knee", "ankle", 0.418), ("elbow", "wrist", 0.248))
    for upper, lower, meant in limbs:
        found = np.linalg.norm(at(body, f"left {lower}") - at(body, f"left {upper}"))
        assert found == pytest.approx(meant, abs=0.01)


def test_turns_go_down_the_body() -> None:
    bent = stand(left_knee=(np.pi / 2, 0, 0))
    rest = stand()
    np.testing.assert_allclose(at(bent, "left knee"), at(rest, "left knee"), atol=1e-6)
    assert at(bent, "left ankle")[2] < at(rest, "left ankle")[2] - 0.35  # the shank goes backwards
    np.testing.assert_allclose(at(bent, "right ankle"), at(rest, "right ankle"), atol=1e-6)
    raised = stand(left_shoulder=(0, 0, np.pi / 2))
    assert at(raised, "left wrist")[1] > at(rest, "left shoulder")[1] + 0.5
    nod = stand(spine1=(0.5, 0, 0), spine2=(0.5, 0, 0))
    assert at(nod, "head")[2] > at(rest, "head")[2] + 0.2


def test_files_are_clips_in_metres_y_up(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path, **whole()))
    assert clip.frames.shape == (5, 1, 22, 3)
    assert clip.frames.dtype == np.float32
    assert (clip.layout, clip.fps, clip.notes) == ("smpl-22", 120, ())
    np.testing.assert_allclose(clip.frames[:, 0, 0], np.tile([1, 0.95, -2], (5, 1)), atol=1e-6)
    assert abs(at(clip.frames[0, 0], "left foot")[1]) < 0.1


@pytest.mark.parametrize("width", [66, 72, 156, 165])
def test_bodies_with_fewer_or_more_joints_are_read(tmp_path: Path, width: int) -> None:
    clip = read_clip(write(tmp_path, **whole(poses=angles(width=width))))
    np.testing.assert_array_equal(clip.frames, read_clip(write(tmp_path, **whole())).frames)


def test_a_rate_may_be_absent_or_have_its_later_name(tmp_path: Path) -> None:
    said = whole()
    del said["mocap_framerate"]
    path = write(tmp_path, **said)
    assert read_clip(path).fps is None
    assumed = "it has none of mocap_framerate, mocap_frame_rate, fps: 30 frames a second are assumed; --fps settles it"
    assert read_clip(path).notes == (f"{path}: {assumed}",)
    (outcomes,) = AmassReader((path,)).read(AmassReader((path,)).items())
    assert isinstance(outcomes[0], Clip)
    assert outcomes[0].notes == (assumed,)
    for fps, notes in ((30.0, (assumed,)), (120.0, ())):
        converted = convert_and_count(outcomes[0], Conventions(layout="smpl-22", fps=fps))
        assert not isinstance(converted, LeftOut)
        assert converted.notes == notes
    assert read_clip(write(tmp_path, **said, mocap_frame_rate=np.array([60]))).fps == 60


def test_a_folder_is_recognised_and_its_people_stand(tmp_path: Path) -> None:
    write(tmp_path, **whole())
    write(tmp_path, name="shape", betas=np.zeros(16), gender=np.array("male"))
    assert detect(tmp_path) == "amass"
    reader = open_reader("amass", (tmp_path,))
    left_out, clip = (outcome for group in reader.read(reader.items()) for outcome in group)
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.reason) == ("shape", "malformed")
    assert left_out.detail.startswith("it has no poses: read are poses (T, 66), pose_body and root_orient")
    assert isinstance(clip, Clip)
    assert (clip.fps, clip.layout) == (120, "smpl-22")
    ready = convert_clip(clip, Conventions(layout="smpl-22"))
    assert not isinstance(ready, LeftOut)
    body = normalise(ready)[0, 0]
    assert body[JOINTS.index("head"), 1] > 0.3 > -0.6 > body[JOINTS.index("left foot"), 1]


def test_other_arrays_are_no_angles(tmp_path: Path) -> None:
    clip = np.ones((4, 25, 3))
    for arrays in (
        {"keypoints": clip},
        {"keypoints": clip, "betas": np.zeros(10)},
        {"poses": np.zeros((4, 75))},
    ):
        path = write(tmp_path, **arrays)
        assert not is_amass(path)
        assert states_nothing(str(path))
    assert not is_amass(tmp_path / "none.npz")
    path = write(tmp_path, **whole(marker_data=np.ones((5, 52, 3))))
    assert is_amass(path)
    assert not states_nothing(str(path))
    assert read_clip_file(path).layout == "smpl-22"


@pytest.mark.parametrize(
    ("arrays", "reason", "detail"),
    [
        (whole(poses=np.zeros((5, 63))), "malformed", r"it has poses of shape \(5, 63\)"),
        (whole(poses=np.zeros((0, 156)), trans=np.zeros((0, 3))), "no body", "it has no frames"),
        (whole(trans=np.zeros((4, 3))), "malformed", r"trans of shape \(4, 3\) for 5 frames"),
        (whole(mocap_framerate=np.array(0)), "malformed", "no number of frames a second"),
        (whole(mocap_framerate=np.zeros(2)), "malformed", "no number of frames a second"),
    ],
)
def test_what_is_not_whole_is_refused(
    tmp_path: Path, arrays: dict[str, Any], reason: str, detail: str
) -> None:
    path = write(tmp_path, **arrays)
    with pytest.raises(BadRecordingError, match=detail) as raised:
        read_clip(path)
    assert (raised.value.reason, raised.value.path) == (reason, path)


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, **whole(poses=np.full((5, 156), np.nan), trans=np.full((5, 3), np.nan)))
    reader = AmassReader((tmp_path,))
    ((left_out,),) = reader.read(reader.items())
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "non-finite"


def test_angles_have_no_other_layout(tmp_path: Path) -> None:
    path = write(tmp_path, **whole())
    with pytest.raises(UmurlError, match=r"^SMPL's angles are of layout smpl-22, not smpl-24$") as raised:
        read_clip(path, layout="smpl-24")
    assert raised.value.typed.endswith("omit --layout")
    with pytest.raises(UmurlError, match="not smpl-24"):
        AmassReader((tmp_path,), layout="smpl-24")
    assert read_clip(path, layout="smpl-22").fps == 120


@pytest.mark.data
def test_a_real_recording_lies_where_its_markers_do() -> None:
    if not REAL.is_file():
        pytest.skip("real recordings are not beside the checkout")
    clip = read_clip(REAL)
    with np.load(REAL, allow_pickle=False) as arrays:
        markers, labels = arrays["marker_data"], [name.decode() for name in arrays["marker_labels"].tolist()]
    seen = np.stack([markers[..., 0], markers[..., 2], -markers[..., 1]], axis=-1)
    for joint, label in (("head", "LFHD"), ("left wrist", "LIWR"), ("right wrist", "RIWR"), ("left foot", "LMT1"),
                         ("right foot", "RMT1"), ("left knee", "LKNE"), ("right shoulder", "RFSH")):  # fmt: skip
        apart = np.linalg.norm(seen[:, labels.index(label)] - clip.frames[:, 0, SMPL.index(joint)], axis=-1)
        assert np.nanmedian(apart) < 0.3, joint


def test_a_pickle_of_angles_is_refused_with_the_way_to_write_it(tmp_path: Path) -> None:
    path = tmp_path / "gBR.pkl"
    path.write_bytes(pickle.dumps({"smpl_loss": 1.0, "smpl_poses": np.zeros((5, 72))}))
    way_out = r"numpy\.savez\('CLIP\.npz', \*\*dictionary\) writes a pickle of SMPL's angles as \.npz"
    with pytest.raises(UmurlError) as raised:
        detect(path)
    assert re.search(way_out, raised.value.typed)
    with pytest.raises(UmurlError) as raised:
        library_name(str(path))
    assert re.search(f"{path}: not a clip; {way_out}", raised.value.typed)
