"""Bodies that their maker turned are known by looking, and are turned upright."""

import numpy as np
import pytest
from made_bodies import center, spin, turn_like_agcn
from numpy.typing import NDArray

from umurl_search.clips.body_axes import (
    face_camera,
    find_first_body,
    look_at,
    make_upright,
    settle_signs,
    stand_up,
)
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.synthetic.demo_corpus import make_clip

CLIPS = [make_clip(f"S001C00{camera}P003R001A0{action}") for camera in (1, 2) for action in (10, 11, 12)]


def test_states_are_told_apart_by_trunk_and_shoulders() -> None:
    ready = [normalise(frames) for frames in CLIPS]
    assert look_at(ready).state == "umurl-normalised"
    assert look_at([turn_like_agcn(frames) for frames in CLIPS]).state == "body-turned"
    assert look_at([center(frames) for frames in CLIPS]).state == "raw"
    assert look_at(CLIPS).state == "raw"
    assert look_at([turn_like_agcn(frames, shoulders=False) for frames in CLIPS]).state == "body-turned"


def test_most_clips_decide_and_clips_of_nobody_do_not() -> None:
    ready, turned = normalise(CLIPS[0]), turn_like_agcn(CLIPS[1])
    assert look_at([ready, ready, turned]).state == "umurl-normalised"
    assert look_at([ready, turned, turned, np.zeros_like(ready)]).state == "body-turned"
    assert look_at([]).state == "umurl-normalised"
    assert look_at([np.zeros((4, 1, 25, 3), np.float32)]).state == "umurl-normalised"


def test_upright_does_not_depend_on_turns_before() -> None:
    for frames in CLIPS:
        upright = make_upright(center(frames))
        body = find_first_body(upright)
        assert body is not None
        across, trunk = body[8] - body[4], body[20] - body[0]
        assert abs(across[1:]).max() < 1e-6 < across[0]
        assert abs(trunk[2]) < 1e-6 < trunk[1]
        for turned in (turn_like_agcn(frames), spin(center(frames), (1.0, 2.0, 3.0)), upright):
            np.testing.assert_allclose(make_upright(turned), upright, atol=2e-6)


def test_bodies_without_trunk_or_shoulders_stay_as_they_are() -> None:
    hidden = CLIPS[0].copy()
    hidden[:, :, [4, 8]] = 0
    assert make_upright(hidden) is hidden
    flat = CLIPS[0].copy()
    flat[:, :, 20] = flat[:, :, 0] + (flat[:, :, 8] - flat[:, :, 4])
    assert make_upright(flat) is flat
    nobody = np.zeros((2, 1, 25, 3), np.float32)
    assert settle_signs(nobody) is nobody


@pytest.mark.parametrize("signs", [(1, -1, 1), (1, -1, -1), (-1, -1, 1), (-1, -1, -1)])
def test_a_downward_axis_is_turned_whichever_way_its_file_was_made(signs: tuple[int, int, int]) -> None:
    kept: list[Frames] = [frames for frames in CLIPS if _faces_camera(frames)]
    assert len(kept) > 3
    for frames in kept:
        y_down = frames * np.array(signs, np.float32)
        np.testing.assert_allclose(to_ntu25(y_down, Conventions(up="-y")), frames, atol=1e-6)
        x, y, z = np.moveaxis(y_down, -1, 0)
        for up, axes in (("-z", (x, z, y)), ("-x", (y, x, z))):
            held = np.stack(axes, axis=-1)
            found = to_ntu25(held, Conventions(up=up))  # type: ignore[arg-type]
            np.testing.assert_allclose(found[..., 1], frames[..., 1], atol=1e-6)


def _faces_camera(frames: NDArray[np.float32]) -> bool:
    return bool(np.median(frames[:, 0, 8, 0] - frames[:, 0, 4, 0]) > 0)


@pytest.mark.parametrize("degrees", [0, 60, 179, -120])
def test_people_who_face_any_way_are_turned_to_the_camera_by_one_angle(degrees: float) -> None:
    turned = spin(CLIPS[0], (0.0, 1.0, 0.0), np.radians(degrees)).astype(np.float32)
    faced = face_camera(turned)
    across = (faced[:5, 0, 8] - faced[:5, 0, 4]).mean(axis=0)
    assert across[0] > 0
    assert abs(across[2]) < 1e-4
    np.testing.assert_allclose(faced, face_camera(CLIPS[0]), atol=1e-3)
    np.testing.assert_allclose(faced[..., 1], turned[..., 1], atol=1e-5)


def test_nobody_is_turned_whose_shoulders_are_never_seen() -> None:
    frames = CLIPS[0].copy()
    frames[:, 0, 4] = 0
    assert face_camera(frames) is frames
    late = CLIPS[0].copy()
    late[:3, 0, 8] = 0
    assert not face_camera(late)[:3, 0, 8].any()


@pytest.mark.parametrize("tilt_deg", [-40.0, 12.0, 90.0, 180.0])
@pytest.mark.parametrize("axis", ["x", "z"])
def test_a_tilted_camera_is_undone_by_feet_and_head(tilt_deg: float, axis: str) -> None:
    frames = make_clip("S001C001P003R001A010")[:, :1]
    straight = stand_up(frames)
    upward = (straight[:, 0, 3] - straight[:, 0, [14, 18]].mean(axis=1)).astype(np.float64)
    upward /= np.linalg.norm(upward, axis=1, keepdims=True)
    np.testing.assert_allclose(upward.mean(axis=0)[[0, 2]], 0, atol=1e-5)
    cosine, sine = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    turn = {
        "x": [[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]],
        "z": [[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]],
    }[axis]
    again = stand_up(straight @ np.array(turn, np.float32).T)
    if tilt_deg < 180:
        np.testing.assert_allclose(again, straight, atol=2e-4)
    np.testing.assert_allclose(again[..., 1], straight[..., 1], atol=2e-4)


def test_a_picture_stays_one_when_it_is_put_upright() -> None:
    frames = make_clip("S001C001P003R001A010")[:, :1]
    frames[..., 2] = 0
    rolled = frames @ np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]], np.float32).T
    assert not stand_up(rolled)[..., 2].any()
    np.testing.assert_allclose(stand_up(rolled), stand_up(frames), atol=2e-5)


def test_without_feet_nothing_is_turned() -> None:
    frames = make_clip("S001C001P003R001A010")[:, :1]
    frames[:, :, 14] = 0
    assert stand_up(frames) is frames
    assert stand_up(np.zeros_like(frames)) is not None
