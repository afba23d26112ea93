"""Plain arrays as clips: shapes, order of axes, types."""

import pickle
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS, joint_counts
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Clip, LeftOut, Outcome, Reason
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.readers import SourceOptions, detect, open_reader
from umurl_search.readers.arrays import NpyReader, read_array, read_clip_file


def numbers(*shape: int, dtype: str = "f4") -> NDArray[Any]:
    return (10 * np.random.default_rng(0).normal(size=shape)).astype(dtype)


def outcome(root: Path, **options: Any) -> Outcome:
    reader = NpyReader((root,), **options)
    ((found,),) = reader.read(reader.items())
    return found


@pytest.mark.parametrize(
    ("shape", "reading", "others", "order"),
    [
        ((7, 25, 3), "TVC", (), None),
        ((7, 20, 3), "TVC", (), None),
        ((1, 25, 3), "TVC", (), None),
        ((2, 7, 25, 3), "MTVC", (), (1, 0, 2, 3)),
        ((7, 2, 25, 3), "TMVC", (), (0, 1, 2, 3)),
        ((3, 7, 25, 2), "CTVM", (), (1, 3, 2, 0)),
        ((3, 7, 20, 1), "CTVM", (), (1, 3, 2, 0)),
        ((3, 25, 25, 2), "CTVM", (), (1, 3, 2, 0)),
        ((2, 2, 25, 3), "MTVC", ("TMVC",), (1, 0, 2, 3)),
        ((1, 2, 25, 3), "MTVC", ("TMVC",), (1, 0, 2, 3)),
        ((100, 1, 25, 3), "TMVC", (), (0, 1, 2, 3)),
        ((5, 1, 25, 3), "TMVC", ("MTVC",), (0, 1, 2, 3)),
        ((4, 50, 25, 3), "MTVC", (), (1, 0, 2, 3)),
        ((50, 6, 25, 3), "TMVC", (), (0, 1, 2, 3)),
        ((4, 5, 25, 3), "MTVC", ("TMVC",), (1, 0, 2, 3)),
    ],
)
def test_shapes_are_read(
    shape: tuple[int, ...], reading: str, others: tuple[str, ...], order: tuple[int, ...] | None
) -> None:
    array = numbers(*shape)
    read = read_array(array)
    assert (read.reading, read.other_readings) == (reading, others)
    np.testing.assert_array_equal(read.frames, array.transpose(order) if order else array[:, None])
    assert read.frames.flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "axes", "wanted"),
    [
        ((2, 2, 25, 3), "TMVC", (2, 2, 25, 3)),
        ((5, 4, 25, 3), "MTVC", (4, 5, 25, 3)),
        ((9, 40, 25, 3), "MTVC", (40, 9, 25, 3)),
        ((3, 4, 25, 9), "CTVM", (4, 9, 25, 3)),
    ],
)
def test_the_order_of_axes_may_be_given(shape: tuple[int, ...], axes: str, wanted: tuple[int, ...]) -> None:
    read = read_array(numbers(*shape), axes=axes)
    assert (read.frames.shape, read.reading, read.other_readings) == (wanted, axes, ())


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "i2", "u1", "i8"])
def test_numbers_become_float32(dtype: str) -> None:
    array = np.abs(numbers(4, 25, 3)).astype(dtype)
    frames = read_array(array).frames
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames[:, 0], array.astype(np.float32))


@pytest.mark.parametrize("dtype", ["complex64", "bool", "U5", "O", "M8[s]"])
def test_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(UmurlError, match=r"^an array of .* is no clip: integers or floats are needed$"):
        read_array(np.zeros((4, 25, 3), int).astype(dtype))


@pytest.mark.parametrize(
    "shape",
    [(), (25,), (25, 3), (7, 24, 3), (7, 25, 2), (0, 25, 3), (7, 7, 25, 3), (3, 7, 25, 3, 1), (3, 7, 25, 7)],
)
def test_other_shapes_are_errors_that_list_what_is_accepted(shape: tuple[int, ...]) -> None:
    with pytest.raises(UmurlError) as raised:
        read_array(np.ones(shape))
    assert str(raised.value) == (
        f"an array of shape {shape} is no clip: accepted are (T, V, C), (M, T, V, C), (T, M, V, C), "
        f"(C, T, V, M) with T >= 1, V {' or '.join(map(str, joint_counts()))} and C 3"
    )


def test_a_shape_that_does_not_fit_the_axes_given_is_an_error() -> None:
    with pytest.raises(UmurlError, match=r"shape \(4, 25, 3\) is no clip: accepted are \(M, T, V, C\) with"):
        read_array(numbers(4, 25, 3), axes="MTVC")
    with pytest.raises(UmurlError, match=r"^axes must be one of TVC, MTVC, TMVC, CTVM, .*, not 'TCT'$"):
        read_array(numbers(4, 25, 3), axes="TCT")
    with pytest.raises(UmurlError, match=r"V 20 and C 3$"):
        read_array(numbers(4, 25, 3), layout=LAYOUTS["kinect-v1"])


def test_the_files_of_utd_mhad_need_no_layout(tmp_path: Path) -> None:
    array = numbers(7, 20, 3)
    savemat(tmp_path / "a3_s2_t4_skeleton.mat", {"d_skel": array.transpose(1, 2, 0)})
    assert detect(tmp_path) == "mat"
    reader = open_reader("mat", (tmp_path,))
    ((clip,),) = reader.read(reader.items())
    assert isinstance(clip, Clip)
    assert (reader.layout, clip.label, clip.subject, clip.replication) == ("utd-mhad", 2, 2, 4)
    assert (clip.frames[:, 0] == array).all()
    assert open_reader("mat", (tmp_path,), SourceOptions(layout="kinect-v1")).layout == "kinect-v1"


def test_files_are_clips(tmp_path: Path) -> None:
    array = numbers(4, 25, 3)
    np.save(tmp_path / "a10_s1_t2.npy", array)
    clip = outcome(tmp_path)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.label, clip.subject, clip.replication) == ("a10_s1_t2", 9, 1, 2)
    assert clip.source == "a10_s1_t2.npy"
    np.testing.assert_array_equal(clip.frames, array[:, None])


def test_layout_state_and_axes_are_the_users(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbers(2, 2, 20, 3))
    options: dict[str, Any] = {"layout": "kinect-v1", "state": "umurl-normalised", "axes": "TMVC"}
    reader = open_reader("npy", (tmp_path,), SourceOptions(**options))
    ((clip,),) = reader.read(reader.items())
    assert isinstance(clip, Clip)
    assert (reader.layout, reader.state) == ("kinect-v1", "umurl-normalised")
    np.testing.assert_array_equal(clip.frames, np.load(tmp_path / "a.npy"))
    with pytest.raises(UmurlError, match="axes must be one of"):
        open_reader("npy", (tmp_path,), SourceOptions(axes="xyz"))


def test_of_more_people_the_two_who_move_most_are_kept(tmp_path: Path) -> None:
    array = numbers(4, 9, 25, 3) * np.arange(1, 5)[:, None, None, None].astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    clip = outcome(tmp_path)
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames, array[[3, 2]].transpose(1, 0, 2, 3))


def test_column_order_is_read(tmp_path: Path) -> None:
    array = np.asfortranarray(numbers(4, 25, 3))
    np.save(tmp_path / "a.npy", array)
    clip = outcome(tmp_path)
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames[:, 0], array)


def head(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"", "truncated", "the file is empty"),
        (b"\x93NUM", "truncated", "no usable array: no npy header"),
        (head("(4, 25, 3)")[:60], "truncated", "no usable array: no npy header"),
        (head("(4, 25, 3)") + bytes(1199), "truncated", "1327 bytes, its header announces 1328"),
        (head("(1000000000000, 25, 3)"), "truncated", "128 bytes, its header announces 300000000000128"),
        (head("(4, 25, 3)") + bytes(1200), "no body", "nobody in any of 4 frames"),
        (head("(4, 25, 3)") + b"\xff" * 1200, "non-finite", "300 NaN or infinite numbers, from frame 1"),
        (
            head("(4, 25, 3)", "<f8") + struct.pack("<300d", *[1e200] * 300),
            "non-finite",
            "300 NaN or infinite",
        ),
        (head("(100, 3)") + bytes(1200), "malformed", "an array of shape (100, 3) is no clip"),
        (head("(4, 20, 3)") + bytes(960), "malformed", "an array of shape (4, 20, 3) is no clip"),
        (head("(4, 25, 3)", "|O") + bytes(2400), "malformed", "no usable array: holds Python objects"),
        (head("(4, 25, 3)", "|b1") + bytes(300), "malformed", "no usable array: holds bool, not numbers"),
        (head("(4, -25, 3)") + bytes(1200), "malformed", "no usable array: a shape of (4, -25, 3)"),
        (head("((((") + bytes(1200), "malformed", "no usable array: no npy header"),
        (b"hello\n", "malformed", "no usable array: no npy header"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, reason: Reason, detail: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    left_out = outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.reason, left_out.source) == ("a", reason, "a.npy")
    assert left_out.detail.startswith(detail)


def test_objects_in_an_array_are_not_loaded(tmp_path: Path) -> None:
    class Marks:
        def __reduce__(self) -> tuple[Any, tuple[Path]]:
            return Path.touch, (tmp_path / "marker",)

    np.save(tmp_path / "a.npy", np.array([Marks()], dtype=object), allow_pickle=True)
    left_out = outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "malformed"
    assert not (tmp_path / "marker").exists()


def test_of_two_files_of_one_recording_the_first_is_used(tmp_path: Path) -> None:
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "S001C001P001R001A001.npy", numbers(4, 25, 3))
    reader = NpyReader((tmp_path,))
    copy = pickle.loads(pickle.dumps(reader))
    clip, left_out = (group[0] for group in copy.read(reader.items()))
    assert isinstance(clip, Clip)
    assert isinstance(left_out, LeftOut)
    assert (left_out.reason, left_out.source) == ("duplicate name", "b/S001C001P001R001A001.npy")
    assert repr(copy) == repr(reader) != repr(NpyReader((tmp_path,), axes="TVC"))


def test_a_file_alone_comes_with_notes_on_what_was_assumed(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, numbers(2, 2, 25, 3))
    frames, notes, *_ = read_clip_file(path)
    assert frames.shape == (2, 2, 25, 3)
    assert notes == (
        f"{path}: an array of shape (2, 2, 25, 3), read as MTVC; it could be TMVC: --axes settles it",
    )
    assert read_clip_file(path, axes="TMVC")[1] == ()
    np.save(path, numbers(9, 3))
    with pytest.raises(UmurlError, match=r"a\.npy: an array of shape \(9, 3\) is no clip"):
        read_clip_file(path)


@pytest.mark.parametrize(
    ("n_joints", "said"),
    [
        (17, "17 joints may be coco-17 or h36m-17: --layout says which"),
        (24, "24 joints may be smpl-24: --layout says which"),
        (23, "no known layout has 23 joints: --layout FILE.json states one"),
    ],
)
def test_a_number_of_joints_that_says_no_layout_is_named(tmp_path: Path, n_joints: int, said: str) -> None:
    np.save(tmp_path / "a.npy", np.ones((30, n_joints, 3)))
    line = f"; {said} (see"
    ((left_out,),) = NpyReader((tmp_path,)).read(["0/a.npy"])
    assert isinstance(left_out, LeftOut)
    assert line in left_out.detail
    with pytest.raises(UmurlError, match=re.escape(line)):
        read_clip_file(tmp_path / "a.npy")


@pytest.mark.parametrize(("width", "whose"), [(263, "HumanML3D"), (251, "KIT-ML")])
def test_features_of_motion_are_named(tmp_path: Path, width: int, whose: str) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, numbers(40, width))
    said = f"{width} numbers a frame are the features of {whose} (new_joint_vecs), not joints: give the arrays of"
    with pytest.raises(UmurlError, match=re.escape(said)):
        read_clip_file(path)
    left_out = outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "malformed"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((40, 66), "66 numbers a frame may be joints of smpl-22: --layout smpl-22 says so"),
        ((40, 51), "51 numbers a frame may be joints of h36m-17: --layout h36m-17 says so"),
        ((40, 17, 3), "17 joints may be coco-17 or h36m-17: --layout says which (see docs/layouts.md)"),
    ],
)
def test_the_layout_to_state_is_named(tmp_path: Path, shape: tuple[int, ...], said: str) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, numbers(*shape))
    with pytest.raises(UmurlError, match=re.escape(said)):
        read_clip_file(path)
    left_out = outcome(tmp_path)
    assert isinstance(left_out, LeftOut)
    assert left_out.detail.endswith(said)


def test_scores_that_are_all_too_low_are_told(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.abs(numbers(40, 17, 3)) % 0.2 + 0.05)
    with pytest.raises(UmurlError, match=r"no body: by their scores no joints are seen: all are below 0\.3$"):
        read_clip_file(path, layout="coco-17")
    left_out = outcome(tmp_path, layout="coco-17")
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "no body"


@pytest.mark.parametrize(
    ("shape", "layout", "n_joints"),
    [
        ((40, 22, 3), None, 22),
        ((40, 66), "smpl-22", 22),
        ((40, 17, 3), "h36m-17", 17),
        ((1, 40, 17, 3), "h36m-17", 17),
    ],
)
def test_arrays_of_motion_capture_are_read(
    tmp_path: Path, shape: tuple[int, ...], layout: str | None, n_joints: int
) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, numbers(*shape))
    assert read_clip_file(path, layout=layout).frames.shape == (40, 1, n_joints, 3)
    (clip,) = (one for group in _read(tmp_path, layout) for one in group)
    assert isinstance(clip, Clip)
    assert clip.frames.shape == (40, 1, n_joints, 3)


def _read(folder: Path, layout: str | None) -> Any:
    reader = open_reader("npy", (folder,), SourceOptions(layout=layout))
    return reader.read(reader.items())


def test_people_of_lifted_arrays_stand_where_y_is_said_to_be_down() -> None:
    joints = LAYOUTS["h36m-17"].joints
    heights = {
        "head": 70,
        "neck": 60,
        "thorax": 50,
        "shoulder": 48,
        "spine": 25,
        "elbow": 20,
        "wrist": -5,
        "pelvis": 0,
    }
    heights |= {"hip": 0, "knee": -42, "ankle": -84}
    places = []
    for joint in joints:
        side, _, part = joint.rpartition(" ")
        across = {"left": 1, "right": -1}.get(side, 0) * (
            18 if part in ("shoulder", "elbow", "wrist") else 10
        )
        places.append((across, -heights[part], 0))
    array = np.repeat(np.array(places, np.float32)[None] / 100, 8, axis=0)
    frames = read_array(array, layout=LAYOUTS["h36m-17"]).frames
    body = normalise(to_ntu25(frames, Conventions(layout="h36m-17", up="-y")))[0, 0]
    assert body[JOINTS.index("head"), 1] > 0.3 > -0.6 > body[JOINTS.index("left ankle"), 1]
    assert body[JOINTS.index("right shoulder"), 0] - body[JOINTS.index("left shoulder"), 0] == pytest.approx(
        0.36
    )


def test_object_arrays_of_an_archive_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data_3d_h36m.npz"
    people = {"S1": {"Walking": numbers(40, 32, 3)}}
    np.savez_compressed(path, positions_3d=np.array(people, dtype=object))
    with pytest.raises(
        UmurlError, match=r"positions_3d of Python objects, refused, they may run code: write each clip"
    ):
        read_clip_file(path, layout="h36m-17")
