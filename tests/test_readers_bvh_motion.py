"""BVH's text and the places that it says, against `bvhio` where that is installed."""

from pathlib import Path

import numpy as np
import pytest
from rigs import bvh, person

from umurl_search.readers.build_clip import BadRecordingError, read_bytes
from umurl_search.readers.bvh_motion import Numbers, drop_rest_pose, is_bvh, parse_bvh, place_nodes

REAL = Path(__file__).parents[2] / "shared/data/skeletons/bvh"
TEXT = bvh(person(root="joint_Root"), six=True)


def joints_of(content: str) -> Numbers:
    """(T, V, 3), the ends left out."""
    motion = parse_bvh(content.encode())
    return place_nodes(motion, [at for at, node in enumerate(motion.nodes) if not node.is_end])


def oracle(path: Path) -> Numbers:
    bvhio = pytest.importorskip("bvhio", reason="bvhio, the oracle, is not installed")
    root = bvhio.readAsHierarchy(str(path))
    frames = []
    for frame in range(bvhio.readAsBvh(str(path)).FrameCount):
        root.loadPose(frame)
        frames.append([tuple(joint.PositionWorld) for joint, _, _ in root.layout()])
    return np.array(frames)


@pytest.mark.parametrize("order", ["zxy", "xyz", "yxz", "zyx", "xzy", "yzx"])
@pytest.mark.parametrize("six", [False, True])
def test_joints_lie_where_bvhio_puts_them(tmp_path: Path, order: str, six: bool) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(bvh(person(root="joint_Root"), six=six, order=order, end=(0.0, 3.0, 0.0)))
    np.testing.assert_allclose(joints_of(path.read_text()), oracle(path), atol=1e-3, rtol=0)


@pytest.mark.data
def test_real_joints_lie_where_bvhio_puts_them() -> None:
    if not REAL.is_dir():
        pytest.skip("real recordings are not beside the checkout")
    for path in sorted(REAL.glob("*.bvh")):
        content = read_bytes(path).decode()
        np.testing.assert_allclose(joints_of(content), oracle(path), atol=1e-3, rtol=0, err_msg=path.name)


def test_turns_are_taken_in_order_about_the_axes_as_they_were_left() -> None:
    head = "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 3 Zrotation Xrotation Yrotation\n"
    tree = head + "JOINT b { OFFSET 0 0 2 CHANNELS 1 Xposition End Site { OFFSET 1 0 0 } } }\n"
    motion = parse_bvh((tree + "MOTION\nFrames: 1\nFrame Time: .04\n90 90 0 5\n").encode())
    (found,) = place_nodes(motion, [0, 1, 2])
    np.testing.assert_allclose(found, [[0, 0, 0], [2, 5, 0], [2, 6, 0]], atol=1e-12)  # z to -y to x; x to y
    assert motion.names == ("a", "b", "b end")


def test_many_frames_are_placed_like_few(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = joints_of(bvh(person(), n_frames=200))
    monkeypatch.setattr("umurl_search.readers.bvh_motion._MOST_IN_TURN", 1)
    monkeypatch.setattr("umurl_search.readers.bvh_motion._BLOCK", 1_000)
    np.testing.assert_array_equal(joints_of(bvh(person(), n_frames=200)), whole)


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        "\ufeff" + TEXT,
        "\n\n" + TEXT.replace(" ", "\t ").replace("\n", " \n\n"),
        TEXT.replace("\n{", " {"),
        TEXT.replace("HIERARCHY", "hierarchy").replace("JOINT", "Joint").replace("End Site", "End site"),
        TEXT.replace("Frames: 12", "Frames:12").replace("Frame Time: ", "Frame Time:\t"),
    ],
)
def test_texts_are_read_however_they_are_laid_out(changed: str) -> None:
    np.testing.assert_array_equal(joints_of(changed), joints_of(TEXT))


def test_names_may_hold_blanks_and_letters_of_any_kind() -> None:
    text = TEXT.replace("Toes_L", "Bip01 L Toe0").replace("Toes_R", "Größe")
    assert {"Bip01 L Toe0", "Größe", "Bip01 L Toe0 end"} <= set(parse_bvh(text.encode()).names)
    assert "Größe" in parse_bvh(text.encode("latin1")).names


@pytest.mark.parametrize(
    ("time", "fps"),
    [
        (".0333333", 30), ("0.0333", 30), ("0.033", 30), ("0.033367", 1 / 0.033367), ("0.008333", 120), ("0.01", 100),
        ("0.0166667", 60), ("0.00833333", 120), ("0,04", 25), ("4.0e-2", 25), ("0.0417083", 1 / 0.0417083), ("1", 1),
    ],
)  # fmt: skip
def test_the_rate_is_whole_where_the_rounded_time_of_a_frame_is(time: str, fps: float) -> None:
    assert parse_bvh(bvh(person(), frame_time=time).encode()).fps == pytest.approx(fps, rel=1e-12)


def test_a_first_frame_that_is_the_rest_pose_is_no_motion() -> None:
    motion = parse_bvh(bvh(person(), first_is_rest=True).encode())
    np.testing.assert_array_equal(drop_rest_pose(motion).values, motion.values[1:])
    for kept in (bvh(person()), bvh(person(), n_frames=1, first_is_rest=True)):
        motion = parse_bvh(kept.encode())
        assert drop_rest_pose(motion) is motion


def test_frames_beyond_the_stated_are_there() -> None:
    motion = parse_bvh(TEXT.replace("Frames: 12", "Frames: 10").encode())
    assert (len(motion.values), motion.stated) == (12, 10)


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("joints\n" + TEXT, "malformed", "it does not begin with HIERARCHY"),
        (TEXT.partition("MOTION")[0], "truncated", "it has no MOTION"),
        (TEXT.replace("MOTION", "MOTION\nno"), "malformed", "MOTION has no 'Frames:' and 'Frame Time:'"),
        (TEXT.replace("0.0333333", "0"), "malformed", "a frame time of b'0' seconds"),
        (TEXT.replace("0.0333333", "soon"), "malformed", "b'soon' is no number"),
        (TEXT.replace("0.0333333", "nan"), "malformed", "a frame time of b'nan' seconds"),
        (TEXT.rpartition("\n")[0].rpartition(" ")[0], "truncated", "its head announces 12 frames of 132"),
        (TEXT.replace("Frames: 12", "Frames: 13"), "truncated", "1584 numbers, its head announces 13 frames"),
        (TEXT + "1 2", "malformed", "1586 numbers, its head announces 12 frames of 132"),
        (TEXT + "-1.#IND", "malformed", "MOTION holds what is no number"),
        (TEXT.partition("0.0333333")[0] + "0.03\n", "no body", "it has no frames"),
        (TEXT.replace("Zrotation", "Xscale", 1), "malformed", "the channel 'xscale' is not read"),
        (TEXT.replace("Zrotation", "Xrotation", 1), "malformed", "a joint has one channel twice"),
        (TEXT.replace("CHANNELS 6", "CHANNELS six", 1), "malformed", "'six' CHANNELS"),
        (TEXT.replace("OFFSET", "LENGTH", 1), "malformed", "a joint of HIERARCHY has no OFFSET"),
        (TEXT.replace("JOINT", "BONE", 1), "malformed", "HIERARCHY has 'BONE' where a joint is due"),
        (TEXT.replace("JOINT", "ROOT", 1), "malformed", "HIERARCHY has several roots"),
        (TEXT.replace("}\nMOTION", "MOTION"), "truncated", "a joint of HIERARCHY does not end"),
        ("HIERARCHY ROOT a { OFFSET 0 0\nMOTION\n", "truncated", "HIERARCHY ends too soon"),
        ("HIERARCHY" + " ROOT a { OFFSET 0 0 0" + " JOINT b { OFFSET 0 0 0" * 2000 + "\nMOTION", "malformed",
        "over 1024"),
        ("HIERARCHY ROOT a { OFFSET 0 0 0 }\nMOTION\nFrames: 1\nFrame Time: 1\n1", "malformed", "has no channels"),
        (
            "HIERARCHY ROOT a { OFFSET 0 0 0 CHANNELS 1 Xrotation JOINT b { OFFSET 0 0 0 } }\nMOTION\nFrames: 1\n"
            "Frame Time: 1\n1", "malformed", "1 channels are fewer than its joints",
        ),
        ("HIERARCHY" + " " * 2**21 + "\nMOTION\n", "malformed", "a HIERARCHY of 20971"),
    ],
)  # fmt: skip
def test_what_is_no_bvh_is_refused(text: str, reason: str, detail: str) -> None:
    with pytest.raises(BadRecordingError) as raised:
        parse_bvh(text.encode())
    assert raised.value.reason == reason
    assert detail in raised.value.detail


def test_bvh_is_known_by_its_beginning() -> None:
    assert is_bvh(b"\xef\xbb\xbf \nhierarchy\nROOT")
    assert not is_bvh(b"ROOT HIERARCHY")
