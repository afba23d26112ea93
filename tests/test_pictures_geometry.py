"""Bones, cameras and sheets, against slow and obvious drawing by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.pictures.geometry import (
    HEAD,
    Camera,
    Poses,
    Stage,
    bones,
    front_of,
    pose_lines,
    pose_sheet,
    visible_frames,
)
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording

RNG = np.random.default_rng(11)
FEET = [14, 15, 18, 19]
CLIP = make_clip("S001C001P001R001A005")
PAIR = make_recording("P001C003T03").frames[:60]
PUBLISHED = (
    "(1,2)(2,21)(3,21)(4,3)(5,21)(6,5)(7,6)(8,7)(9,21)(10,9)(11,10)(12,11)(13,1)(14,13)(15,14)(16,15)(17,1)(18,17)"
    "(19,18)(20,19)(22,23)(23,8)(24,25)(25,12)"
)
KINECT_V1 = (
    "(1,2)(2,3)(4,3)(5,3)(6,5)(7,6)(8,7)(9,3)(10,9)(11,10)(12,11)(13,1)(14,13)(15,14)(16,15)(17,1)(18,17)(19,18)"
    "(20,19)"
)


def pairs(text: str) -> set[tuple[int, int]]:
    """1-based, as published, to 0-based."""
    ends = [part.split(",") for part in text.strip("()").split(")(")]
    return {(int(a) - 1, int(b) - 1) for a, b in ends}


def turn(frames: Frames, degrees: float) -> Frames:
    """About the vertical through the origin."""
    a = math.radians(degrees)
    x, y, z = np.moveaxis(frames.astype(np.float64), -1, 0)
    out = np.stack([x * math.cos(a) + z * math.sin(a), y, z * math.cos(a) - x * math.sin(a)], axis=-1)
    return out.astype(np.float32)


def sheet(frames: Frames, camera: Camera | None = None, *, width: float = 200, height: float = 150) -> Poses:
    stage = Stage(frames=frames, camera=camera or Camera())
    return pose_sheet(stage, bones(), width=width, height=height)


def arrays(poses: Poses) -> list[NDArray[np.float64]]:
    return [poses.lines, poses.nearness, poses.heads, poses.ground]


# bones


def test_ntus_bones_are_the_published_pairs() -> None:
    assert set(bones("ntu25")) == pairs(PUBLISHED)
    assert len(bones("ntu25")) == 24


@pytest.mark.parametrize("layout", ["kinect-v1", "utd-mhad"])
def test_a_layout_has_the_bones_between_joints_of_its_own(layout: str) -> None:
    own = RNG.standard_normal((LAYOUTS[layout].n_joints, 3))
    joints = own[LAYOUTS[layout].matrix.argmax(axis=1)]
    as_v1 = {tuple(joints[j]): j for j in range(20)}
    drawn = {(as_v1[tuple(joints[j])], as_v1[tuple(joints[p])]) for j, p in bones(layout)}
    assert drawn == pairs(KINECT_V1)
    assert len(bones(layout)) == 19


def test_bones_to_copied_joints_have_no_length_and_are_not_drawn() -> None:
    own = RNG.standard_normal((3, 1, 20, 3)).astype(np.float32) + 2
    frames = to_ntu25(own, Conventions(layout="kinect-v1"))
    assert sheet(frames).drawn.sum() == 3 * 19


# what is there


def test_bones_that_nobody_saw_are_not_drawn() -> None:
    drawn = {JOINTS[child] for child, _ in bones("coco-17")}
    hidden = {
        f"{side} {part}" for side in ("left", "right") for part in ("hand", "hand tip", "thumb", "foot")
    }
    assert drawn == set(JOINTS) - hidden - {"spine shoulder"}
    assert {JOINTS[child] for child, _ in bones("smpl-22")} == set(JOINTS) - {"spine shoulder"} - {
        name for name in hidden if "foot" not in name
    }


def test_an_absent_joint_takes_its_bones_along() -> None:
    frames = CLIP[:3].copy()
    frames[1, 0, 9] = 0
    drawn = sheet(frames).drawn
    missing = {bones()[e] for e in np.flatnonzero(drawn[0, 0] & ~drawn[1, 0]).tolist()}
    assert missing == {(9, 8), (10, 9)}
    assert (drawn[0] == drawn[2]).all()


def test_the_middle_of_a_centred_clip_is_there_and_a_missing_one_is_not() -> None:
    centred = normalise(CLIP)
    assert not centred[:, 0, 1].any()
    assert visible_frames(centred).all()
    frames = CLIP.copy()
    frames[:, 0, 1] = 0
    assert np.linalg.norm(CLIP[:, 0, 0], axis=-1).min() > 1
    assert not visible_frames(frames)[:, 0, 1].any()


def test_a_person_who_comes_late_is_drawn_from_then_on() -> None:
    frames = PAIR.copy()
    frames[:20, 1] = 0
    first, second = sheet(frames).drawn.swapaxes(0, 1)
    assert all(row.any() for row in first)
    assert [bool(row.any()) for row in second] == [False] * 20 + [True] * 40
    assert (sheet(frames).heads[:20, 1, 2] == 0).all()


@pytest.mark.parametrize(
    "frames",
    [
        CLIP[:1],
        np.zeros((1, 1, 25, 3), dtype=np.float32),
        np.full((2, 2, 25, 3), 5, dtype=np.float32),
        np.ones((4, 1, 25, 3), dtype=np.float32) * (np.arange(25) == 7)[:, None],
        np.concatenate([CLIP[:3], 1e6 * np.ones((1, *CLIP.shape[1:]), dtype=np.float32)]),
        np.concatenate([PAIR[:2], 0 * PAIR[:2]]),
        1e-6 * CLIP[:4],
    ],
    ids=["one frame", "nobody", "one point", "one joint", "far away", "gone at the end", "tiny"],
)
def test_odd_clips_are_drawn_without_nan_and_within_the_box(frames: Frames) -> None:
    with np.errstate(all="raise"):
        poses = sheet(frames.astype(np.float32))
    assert all(np.isfinite(values).all() for values in arrays(poses))
    assert len(poses.ground) <= 2 * 24
    there = poses.lines[poses.drawn]
    assert (there >= -1e-6).all()
    assert (there <= np.array([200, 150]) + 1e-6).all()


# the camera


def by_hand(
    point: list[float], camera: Camera, stage: Stage, front: NDArray[np.float64]
) -> tuple[float, float]:
    """Turns the world so that the front faces the camera, then by the orbit, one angle after the other."""
    x, y, z = (p - t for p, t in zip(point, stage.target.tolist(), strict=True))
    azimuth, elevation = camera.angles()
    heading = math.atan2(front[0], front[2]) + math.radians(azimuth)
    x, z = x * math.cos(heading) - z * math.sin(heading), x * math.sin(heading) + z * math.cos(heading)
    rise = math.radians(elevation)
    y, z = y * math.cos(rise) - z * math.sin(rise), y * math.sin(rise) + z * math.cos(rise)
    near = stage.distance / (stage.distance - z) if camera.perspective else 1.0
    return x * near, y * near


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (90, 0), (-35, 20), (180, -10), (25, 80)])
def test_projection_is_that_by_hand(azimuth: float, elevation: float, perspective: bool) -> None:
    camera = Camera(azimuth_deg=azimuth, elevation_deg=elevation, perspective=perspective)
    stage = Stage(frames=CLIP, camera=camera)
    front = front_of(CLIP, visible_frames(CLIP))
    points = CLIP[::7, 0, ::4].astype(np.float64)
    projected, _ = stage.project(points)
    for point, found in zip(points.reshape(-1, 3).tolist(), projected.reshape(-1, 2).tolist(), strict=True):
        assert found == pytest.approx(by_hand(point, camera, stage, front), abs=1e-9)


def test_a_person_faces_the_camera_their_left_hand_at_the_right() -> None:
    frames = np.zeros((1, 1, 25, 3), dtype=np.float32)
    frames[0, 0, :, 2] = 3
    frames[0, 0, [4, 8], 0] = [-0.2, 0.2]  # towards the sensor at the origin, whose left is x
    frames[0, 0, HEAD, 1] = 0.5
    stage = Stage(frames=frames, camera=Camera(azimuth_deg=0, elevation_deg=0))
    (left, right, head), nearness = stage.project(frames[0, 0, [4, 8, HEAD]].astype(np.float64))
    assert front_of(frames, visible_frames(frames)).tolist() == [0, 0, -1]
    assert left[0] > 0 > right[0]
    assert head[1] > left[1] == pytest.approx(right[1])
    beyond, _ = stage.project(np.array([[-0.2, 0.0, 4.0]]))
    assert 0 < beyond[0, 0] < left[0]
    assert (nearness > 0).all()


@pytest.mark.parametrize("degrees", [30, 90, 200, -75])
def test_a_picture_does_not_depend_on_where_the_sensor_stood(degrees: float) -> None:
    one, other = sheet(CLIP), sheet(turn(CLIP, degrees))
    np.testing.assert_allclose(one.lines, other.lines, atol=8)  # the box about turned joints is another
    spans = [np.ptp(poses.lines[..., 1]) / poses.scale for poses in (one, other)]
    assert spans[0] == pytest.approx(spans[1], rel=0.03)


def test_two_people_are_seen_from_beside() -> None:
    there = visible_frames(PAIR)
    apart = PAIR[0, 1, 0] - PAIR[0, 0, 0]
    front = front_of(PAIR, there)
    assert abs(front @ apart) < 0.2 * np.linalg.norm(apart)
    assert front[2] <= 0  # from where the sensor is
    np.testing.assert_allclose(front_of(PAIR[:, ::-1], there[:, ::-1]), front)
    alone = PAIR.copy()
    alone[5:, 1] = 0
    assert not np.allclose(front_of(alone, visible_frames(alone)), front, atol=1e-3)


def test_angles_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="azimuth is -360 to 360, elevation -89 to 89, got 0 and 90"):
        Camera(azimuth_deg=0, elevation_deg=90)


# up, and the ground


def test_whatever_axis_is_up_in_the_source_heads_are_above_feet() -> None:
    x, y, z = np.moveaxis(CLIP, -1, 0)
    sources = {"y": (x, y, z), "z": (x, -z, y), "x": (y, -x, z)}
    drawn = {}
    for up, axes in sources.items():
        frames = to_ntu25(np.stack(axes, axis=-1), Conventions(up=up))  # type: ignore[arg-type]
        np.testing.assert_allclose(frames, CLIP, atol=1e-6)
        drawn[up] = sheet(frames)
    for poses in drawn.values():
        np.testing.assert_allclose(poses.lines, drawn["y"].lines, atol=1e-3)
        feet = [e for e, (child, _) in enumerate(bones()) if child in FEET]
        assert (poses.heads[:, 0, 1] < poses.lines[:, 0, feet, 0, 1].min(axis=1)).all()


def test_feet_stand_on_the_ground() -> None:
    stage = Stage(frames=CLIP, camera=Camera(elevation_deg=0, perspective=False))
    lowest = CLIP[..., 1].min(axis=(1, 2))
    assert stage.floor == pytest.approx(np.sort(lowest)[len(lowest) // 10], abs=0.01)
    assert (stage.ground[..., 1] == stage.floor).all()
    poses = pose_sheet(stage, bones(), width=100, height=100)
    level = poses.ground[:, :, 1]
    assert np.ptp(level) < 1e-9  # seen from its own height it is a line
    assert abs(poses.lines[..., 1].max() - level[0, 0]) < 0.08 * poses.scale
    xz = CLIP[..., [0, 2]].reshape(-1, 2)
    corners = stage.ground[..., [0, 2]].reshape(-1, 2)
    assert (corners.min(axis=0) <= xz.min(axis=0) - 0.5).all()
    assert (corners.max(axis=0) >= xz.max(axis=0) + 0.5).all()


def test_a_clip_centred_in_every_frame_has_no_ground() -> None:
    assert len(sheet(normalise(CLIP)).ground) == 0
    first_only = CLIP - CLIP[:1, :1, 1:2]
    assert len(sheet(first_only).ground) > 0


# joints of a picture

FLAT = turn(CLIP, 60) * np.array([1, 1, 0], dtype=np.float32)


@pytest.mark.parametrize("frames", [FLAT, FLAT * np.array([-1, 1, 1], dtype=np.float32)])
def test_joints_of_a_picture_are_drawn_as_they_lie_in_it(frames: Frames) -> None:
    poses = sheet(frames)
    child, parent = (list(side) for side in zip(*bones(), strict=True))
    along = (frames[:, :, child] - frames[:, :, parent])[..., :2] * [-1, -1]
    np.testing.assert_allclose(
        (poses.lines[..., 0, :] - poses.lines[..., 1, :]) / poses.scale, along, atol=1e-6
    )
    assert (poses.nearness == 1).all()
    assert len(poses.ground) == 0


def test_angles_that_are_stated_hold_for_joints_of_a_picture_too() -> None:
    stated = Stage(frames=FLAT, camera=Camera(azimuth_deg=90))
    assert np.ptp(stated.bounds[1] - stated.bounds[0]) > 1
    assert stated.bounds[1][0] - stated.bounds[0][0] < 0.3  # seen from beside it is a line, and a head
    assert Camera(elevation_deg=20).angles(flat=True) == (0, 20)
    assert Camera(elevation_deg=20).angles() == (25, 20)


# sheets


@pytest.mark.parametrize("azimuth", range(-180, 180, 45))
def test_the_whole_clip_stays_in_view_and_fills_it(azimuth: int) -> None:
    for frames in (CLIP, PAIR):
        poses = sheet(frames, Camera(azimuth_deg=azimuth, elevation_deg=20), width=120, height=90)
        ends = poses.lines[poses.drawn].reshape(-1, 2)
        assert (ends >= 4).all()
        assert (ends <= np.array([116, 86])).all()
        assert max(np.ptp(ends[:, 0]) / 120, np.ptp(ends[:, 1]) / 90) > 0.7


def test_lines_are_projected_joints_from_child_to_parent() -> None:
    stage = Stage(frames=PAIR, camera=Camera())
    poses = pose_sheet(stage, bones(), width=100, height=100)
    xy, _ = stage.project(PAIR[17].astype(np.float64))
    lines, people = pose_lines(stage, bones(), 17)
    assert np.bincount(people).tolist() == [24, 24]
    for person in (0, 1):
        for e, (child, parent) in enumerate(bones()):
            found = poses.lines[17, person, e]
            expected = np.stack([xy[person, child], xy[person, parent]])
            np.testing.assert_allclose(lines[24 * person + e], expected)
            np.testing.assert_allclose(
                np.diff(found, axis=0) / poses.scale * [1, -1], np.diff(expected, axis=0), atol=1e-9
            )
    right = {bones()[e][0] for e in np.flatnonzero(poses.right)}
    assert right == {8, 9, 10, 11, 16, 17, 18, 19, 23, 24}
