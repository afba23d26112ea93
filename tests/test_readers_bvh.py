"""BVH files as clips: joints by the names of rigs or of a layout file, in metres."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs import Rest, bvh, depth_first, person, renamed, scaled

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_clip, normalise, to_ntu25
from umurl_search.readers.build_clip import BadRecordingError, FileClip
from umurl_search.readers.bvh import BvhReader, is_bvh_file, read_clip
from umurl_search.readers.formats import read_clip_file

REAL = Path(__file__).parents[2] / "shared/data/skeletons/bvh"
RIG = LAYOUTS["rig"]
ODD = {name: f"joint {at}" for at, name in enumerate(person())}
"""Names that say nothing."""


def write(folder: Path, text: str, *, name: str = "walk") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.bvh"
    path.write_text(text)
    return path


def read(folder: Path, rest: Rest, *, layout: str | None = None, **fields: object) -> FileClip:
    return read_clip(write(folder, bvh(rest, **fields)), layout=layout)  # type: ignore[arg-type]


def seen(clip: FileClip) -> set[str]:
    return {
        name
        for name, there in zip(RIG.joints, np.asarray(clip.frames.any(axis=(0, 1, 3))), strict=True)
        if there
    }


def own_layout(**changes: object) -> str:
    """A layout file of the joints with odd names."""
    joints = {
        ours: ODD[theirs]
        for ours, theirs in (("spine base", "Hips"), ("spine mid", "Spine"), ("head", "Head"))
    }
    parts = {
        "shoulder": "UpperArm",
        "elbow": "LowerArm",
        "wrist": "Hand",
        "hip": "UpperLeg",
        "knee": "LowerLeg",
        "ankle": "Foot",
    }
    for side, mark in (("left", "L"), ("right", "R")):
        joints |= {f"{side} {ours}": ODD[f"{theirs}_{mark}"] for ours, theirs in parts.items()}
    document = {"name": "odd", "joints": list(joints.values()), "faces": "any", "ntu25": joints}
    return json.dumps(document | changes)


def test_a_rig_is_read_in_metres_with_its_rate(tmp_path: Path) -> None:
    clip = read(tmp_path, person(root="joint_Root"), six=True, frame_time="0.00833333")
    assert clip.frames.shape == (12, 1, 26, 3)
    assert clip.frames.dtype == np.float32
    assert (clip.layout, clip.fps, clip.notes) == ("rig", 120, ())
    assert seen(clip) == set(RIG.joints) - {
        "head end",
        "left hand end",
        "right hand end",
        "left thumb end",
        "right thumb end",
    }
    head = clip.frames[:, 0, RIG.joints.index("head")]
    assert (
        1.3 < np.linalg.norm(head - clip.frames[:, 0, RIG.joints.index("left ankle")], axis=-1).mean() < 1.6
    )


def test_ends_with_a_length_are_seen(tmp_path: Path) -> None:
    assert {"head end", "left hand end", "right hand end"} <= seen(
        read(tmp_path, person(), end=(0.0, 9.0, 0.0))
    )


@pytest.mark.parametrize(
    ("times", "note"),
    [
        (1, ""), (0.01, ""), (0.8, ""), (10, "its legs are 810 long: read in mm"),
        (1 / 2.54, "its legs are 31.89 long: read in inches"),
        (0.45 / 2.54, "its legs are 14.35 long: read in CMU's unit of 5.64 cm"),
        (50, "its legs are 4050 long: scaled so that they are 0.8 m"),
    ],
)  # fmt: skip
def test_the_unit_is_that_of_a_person(tmp_path: Path, times: float, note: str) -> None:
    usual = read(tmp_path / "usual", person(), n_frames=1, first_is_rest=True)
    clip = read(tmp_path, scaled(person(), times), n_frames=1, first_is_rest=True)
    assert list(clip.notes) == ([f"{tmp_path}/walk.bvh: {note}"] if note else [])
    if times != 0.8:
        np.testing.assert_allclose(clip.frames, usual.frames, atol=0.03 if times == 50 else 1e-4)


@pytest.mark.parametrize(("heights", "middle"), [((5, 16, 33), 1), ((2, 6, 25), 2), ((20, 30, 38), 0)])
def test_the_middle_of_the_spine_is_the_joint_that_lies_there(
    tmp_path: Path, heights: tuple[int, int, int], middle: int
) -> None:
    """Shoulders lie 44 cm above the hips."""
    rest: dict[str, Any] = dict(person())
    below, at = "Hips", 0.0
    for name, height in zip(("Spine", "Spine1", "Chest"), heights, strict=True):
        rest[name] = (below, (0.0, height - at, 0.0))
        below, at = name, height
    for side in "LR":
        rest[f"Shoulder_{side}"] = ("Chest", (4.0 if side == "L" else -4.0, 44.0 - at, 0.0))
    clip = read(tmp_path, rest, n_frames=1, first_is_rest=True)
    hips, chest = (clip.frames[0, 0, RIG.joints.index(name)] for name in ("hips", "chest"))
    assert chest[1] - hips[1] == pytest.approx(heights[middle] / 100, abs=1e-5)


def test_joints_that_are_missing_are_unseen(tmp_path: Path) -> None:
    rest = {name: place for name, place in person().items() if not name.startswith(("Toes", "Head", "Neck"))}
    clip = read(tmp_path, rest)
    assert not {"left toe", "head", "neck"} & seen(clip)
    ready = to_ntu25(clip.frames, Conventions(layout="rig"))
    there = [JOINTS.index("left foot"), JOINTS.index("spine mid")]
    assert np.asarray(ready.any(axis=(0, 1, 3)))[there].all()
    assert not ready[:, :, JOINTS.index("head")].any()


def test_a_rig_whose_legs_are_not_known_is_refused_with_its_names(tmp_path: Path) -> None:
    path = write(tmp_path, bvh(renamed(person(), {f"UpperLeg_{s}": f"Stelze_{s}" for s in "LR"})))
    with pytest.raises(UmurlError) as raised:
        read_clip(path)
    assert raised.value.message == (
        f"{path}: none of its joints is known to be left hip, right hip (layout rig); it has "
        + ", ".join(name.replace("UpperLeg", "Stelze") for name in names_with_ends())
    )
    assert raised.value.typed.endswith("; --layout FILE.json says which is which, by these names")
    (left_out,) = next(iter(reader_of(tmp_path)))
    assert isinstance(left_out, LeftOut)
    assert (left_out.reason, left_out.detail[:61]) == (
        "malformed",
        "none of its joints is known to be left hip, right hip (layout",
    )


def names_with_ends() -> list[str]:
    rest = person()
    parents = {above for above, _ in rest.values()}
    return [
        one for name in depth_first(rest) for one in ([name] if name in parents else [name, f"{name} end"])
    ]


def reader_of(folder: Path, layout: str | None = None) -> list[tuple[Clip | LeftOut, ...]]:
    reader = BvhReader((folder,), layout=layout)
    return list(reader.read(reader.items()))


def test_a_layout_file_says_what_the_joints_are(tmp_path: Path) -> None:
    rest = renamed(person(), ODD)
    clip = read(tmp_path, rest, layout=own_layout())
    usual = read(tmp_path, person())
    write(tmp_path, bvh(rest))
    assert clip.layout == own_layout()
    for joint in ("left knee", "right wrist", "head"):
        at, usually = (clip.frames[:, 0, _at(joint)], usual.frames[:, 0, RIG.joints.index(joint)])
        np.testing.assert_array_equal(at, usually)
    ((found,),) = reader_of(tmp_path, own_layout())
    assert isinstance(found, Clip)
    np.testing.assert_array_equal(found.frames, clip.frames)


def _at(joint: str) -> int:
    document = json.loads(own_layout())
    return int(document["joints"].index(document["ntu25"][joint]))


def test_names_of_a_layout_are_found_in_small_letters_and_behind_a_prefix(tmp_path: Path) -> None:
    rest = renamed(person(), {name: f"Max:{name.upper()}" for name in person()} | {})
    layout = own_layout().replace("joint ", "JOINT_")
    usual = read(tmp_path, renamed(person(), ODD), layout=own_layout())
    clip = read(tmp_path, renamed(person(), {n: f"Max:{odd}" for n, odd in ODD.items()}), layout=layout)
    np.testing.assert_array_equal(clip.frames, usual.frames)
    with pytest.raises(UmurlError, match=r"none of its joints is known to be spine base, .*\(layout odd\)"):
        read(tmp_path, rest, layout=own_layout())


def test_what_a_file_leaves_out_is_said(tmp_path: Path) -> None:
    clip = read(tmp_path, person(), first_is_rest=True)
    assert (len(clip.frames), clip.notes) == (
        11,
        (f"{tmp_path}/walk.bvh: its first frame is the rest pose and was left out",),
    )
    clip = read_clip(write(tmp_path, bvh(person()).replace("Frames: 12", "Frames: 7")))
    assert (len(clip.frames), clip.notes) == (
        12,
        (f"{tmp_path}/walk.bvh: 12 frames are there, its head announces 7",),
    )


def test_people_stand_upright_whichever_way_they_face(tmp_path: Path) -> None:
    for turn in range(0, 360, 30):
        text = bvh(person(), n_frames=3).splitlines()
        start = next(at for at, line in enumerate(text) if line.startswith("Frame Time")) + 1
        for at in range(start, len(text)):
            words = text[at].split()
            text[at] = " ".join([*words[:3], "0", "0", str(turn), *words[6:]])
        path = write(tmp_path, "\n".join(text))
        ((clip,),) = reader_of(tmp_path)
        assert isinstance(clip, Clip)
        ready = convert_clip(clip, Conventions(layout="rig"))
        assert not isinstance(ready, LeftOut)
        body = normalise(ready)[0, 0]
        assert body[JOINTS.index("head"), 1] > 0.3 > -0.5 > body[JOINTS.index("left ankle"), 1], (turn, path)


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "truncated", "the file is empty"),
        (bvh(person()).partition("MOTION")[0], "truncated", "it has no MOTION"),
        (bvh(scaled(person(), 1e-9)), "malformed", "its legs are"),
        (bvh(person()).replace("Frames: 12", "Frames: 13"), "truncated", "its head announces 13 frames"),
    ],
)
def test_files_that_are_not_whole_are_left_out(tmp_path: Path, text: str, reason: str, detail: str) -> None:
    path = write(tmp_path, text)
    ((left_out,),) = reader_of(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == reason
    assert detail in left_out.detail
    with pytest.raises(BadRecordingError, match=detail):
        read_clip(path)


def test_numbers_that_are_none_mark_unseen_frames(tmp_path: Path) -> None:
    text = bvh(person()).splitlines()
    text[-1] = " ".join(["nan"] * len(text[-1].split()))
    clip = read_clip(write(tmp_path, "\n".join(text)))
    assert np.isfinite(clip.frames[:-1]).all()
    assert np.isnan(clip.frames[-1]).any()


def test_bvh_that_is_named_as_text_is_called_bvh(tmp_path: Path) -> None:
    path = tmp_path / "walk.txt"
    path.write_text(bvh(person()))
    with pytest.raises(BadRecordingError, match=r"this is BVH; give it a name that ends in \.bvh"):
        read_clip_file(path)


def test_bvh_is_recognised_by_its_beginning(tmp_path: Path) -> None:
    assert is_bvh_file(write(tmp_path, bvh(person())))
    assert not is_bvh_file(write(tmp_path, "ROOT"))
    assert not is_bvh_file(tmp_path)


@pytest.mark.data
def test_real_recordings_are_read() -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    clips = [outcome for (outcome,) in reader_of(REAL)]
    assert len(clips) == 32
    for clip in clips:
        assert isinstance(clip, Clip), clip
        ready = convert_clip(clip, Conventions(layout="rig"))
        assert not isinstance(ready, LeftOut)
        body = normalise(ready)[:, 0]
        assert (body[:, 3, 1] - body[:, [15, 19], 1].mean(axis=1)).mean() > 1, clip.name
