"""C3D files, by the markers that a layout file names."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motion_files import write_c3d

from encoder.errors import UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_clip, normalise
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.c3d import C3dReader, is_c3d, read_clip

REAL = Path(__file__).parents[2] / "shared/data/skeletons/c3d/Optotrak.c3d"
MARKERS = {
    "C7": (0, 0, 1480), "STRN": (0, 60, 1200), "LASI": (110, 80, 1000), "RASI": (-110, 80, 1000), "HEAD": (0, 40, 1650),
    "LSHO": (180, 0, 1430), "LELB": (220, 0, 1150), "LWRA": (230, 40, 900), "LKNE": (120, 20, 500), "LANK": (120,
    -20, 90),
    "RSHO": (-180, 0, 1430), "RELB": (-220, 0, 1150), "RWRA": (-230, 40, 900), "RKNE": (-120, 20, 500),
    "RANK": (-120, -20, 90),
}  # fmt: skip
"""Millimetres, z up."""
NTU = {
    "spine base": {"LASI": 0.5, "RASI": 0.5}, "spine mid": "STRN", "head": "HEAD", "left hip": "LASI",
    "right hip": "RASI",
    **{f"{side} {joint}": f"{side[0].upper()}{marker}" for side in ("left", "right")
       for joint, marker in (("shoulder", "SHO"), ("elbow", "ELB"), ("wrist", "WRA"), ("knee", "KNE"), ("ankle",
       "ANK"))},
}  # fmt: skip
LAYOUT = json.dumps({"name": "lab", "joints": list(MARKERS), "faces": "any", "ntu25": NTU})


def points(n_frames: int = 6) -> Any:
    """(3, V, T)"""
    return np.repeat(np.array(list(MARKERS.values()), float).T[:, :, None], n_frames, axis=2)


def write(folder: Path, *, labels: list[str] | None = None, **fields: Any) -> Path:
    return write_c3d(folder / "a.c3d", fields.pop("points", points()), labels or list(MARKERS), **fields)


def test_markers_are_read_in_metres_with_their_rate(tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path), layout=LAYOUT)
    assert (clip.frames.shape, clip.layout, clip.fps, clip.notes) == ((6, 1, 15, 3), LAYOUT, 100, ())
    np.testing.assert_allclose(clip.frames[0, 0], points()[:, :, 0].T / 1000, rtol=1e-6)


@pytest.mark.parametrize("unit", ["m", "cm", "in", ["mm"] * 14 + ["m"]])
def test_the_unit_is_the_files_one_or_one_a_marker(tmp_path: Path, unit: Any) -> None:
    times = {"m": 1.0, "cm": 0.01, "in": 0.0254, "mm": 0.001}
    each = np.array([times[one] for one in ([unit] * 15 if isinstance(unit, str) else unit)])
    clip = read_clip(write(tmp_path, points=points() / 1000 / each[:, None], unit=unit), layout=LAYOUT)
    np.testing.assert_allclose(clip.frames[0, 0], points()[:, :, 0].T / 1000, rtol=1e-4, atol=1e-5)


def test_labels_may_have_the_subjects_name_before_them(tmp_path: Path) -> None:
    usual = read_clip(write(tmp_path), layout=LAYOUT).frames
    labels = [f"Anna:{label}" for label in MARKERS]
    np.testing.assert_array_equal(read_clip(write(tmp_path, labels=labels), layout=LAYOUT).frames, usual)


def test_markers_that_no_camera_saw_are_unseen_and_one_at_the_origin_is_not(tmp_path: Path) -> None:
    moved = points()
    moved[:, 3, 2], moved[:, 4, 3] = np.nan, 0
    frames = read_clip(write(tmp_path, points=moved), layout=LAYOUT).frames
    assert not frames[2, 0, 3].any()
    assert 0 < np.abs(frames[3, 0, 4]).sum() < 1e-5


def test_people_stand_where_z_is_said_to_be_up(tmp_path: Path) -> None:
    path = write(tmp_path)
    reader = C3dReader((path,), layout=LAYOUT)
    ((clip,),) = reader.read(reader.items())
    assert isinstance(clip, Clip)
    ready = convert_clip(clip, Conventions(layout=LAYOUT, up="z"))
    assert not isinstance(ready, LeftOut)
    body = normalise(ready)[0, 0]
    assert body[3, 1] > 0.3 > -0.6 > body[14, 1]


def test_without_a_layout_the_markers_are_listed(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(UmurlError) as raised:
        read_clip(path)
    assert raised.value.typed == (
        f"{path}: C3D holds markers, which are no joints until a layout file says what they are; it has "
        f"{', '.join(MARKERS)}; --layout FILE.json says which is which, by their names"
    )
    with pytest.raises(UmurlError, match="C3D holds markers"):
        C3dReader((tmp_path,))


def test_markers_that_are_not_the_layouts_are_refused_with_their_names(tmp_path: Path) -> None:
    path = write(tmp_path, labels=[f"M{at}" for at in range(15)])
    with pytest.raises(UmurlError, match=r"known to be spine base, .* \(layout lab\); it has M0, M1"):
        read_clip(path, layout=LAYOUT)
    reader = C3dReader((path,), layout=LAYOUT)
    ((left_out,),) = reader.read(reader.items())
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "malformed"


def test_files_that_say_no_unit_or_an_odd_one(tmp_path: Path) -> None:
    path = write(tmp_path, unit="")
    assert read_clip(path, layout=LAYOUT).notes == (f"{path}: it states no unit: mm is assumed",)
    with pytest.raises(BadRecordingError, match="its unit is 'parsec'"):
        read_clip(write(tmp_path, unit="parsec"), layout=LAYOUT)


def test_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    content = write(tmp_path).read_bytes()
    path = tmp_path / "b.c3d"
    for cut, detail in (
        (1, "does not begin as one"),
        (300, "ends in its head"),
        (600, "ends in its parameters"),
        (1024, "no frame is there, its head announces 6"),
    ):
        path.write_bytes(content[:cut])
        with pytest.raises(BadRecordingError, match=detail):
            read_clip(path, layout=LAYOUT)
    assert is_c3d(tmp_path / "a.c3d")
    assert not is_c3d(tmp_path)


def test_frames_that_are_not_there_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    clip = read_clip(path, layout=LAYOUT)
    assert (len(clip.frames), clip.notes) == (5, (f"{path}: 5 frames are there, its head announces 6",))
    ((found,),) = (lambda reader: reader.read(reader.items()))(C3dReader((path,), layout=LAYOUT))
    assert isinstance(found, Clip)
    assert found.cut == 1


@pytest.mark.data
def test_a_real_files_markers_are_told() -> None:
    if not REAL.is_file():
        pytest.skip("real recordings are not beside the checkout")
    with pytest.raises(UmurlError, match=r"it has Marker_1, Marker_2, .*Marker_54"):
        read_clip(REAL)
    names = [f"Marker_{n}" for n in range(1, 16)]
    rules = {joint: f"Marker_{at + 1}" for at, joint in enumerate(NTU)}
    layout = json.dumps({"name": "any markers", "joints": names, "ntu25": rules})
    assert find_layout(layout).n_joints == 15
    clip = read_clip(REAL, layout=layout)
    assert (clip.frames.shape, clip.fps) == ((29, 1, 15, 3), 30)
