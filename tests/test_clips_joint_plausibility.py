"""The right number of wrong joints is doubted, whatever their unit and place; people are not."""

import numpy as np
import pytest
from made_bodies import BODY_25, center, spin, to_pixels
from numpy.typing import NDArray

from encoder.joint_layouts import LAYOUTS
from encoder.skeleton import JOINTS
from umurl_search.clips.joint_plausibility import check_joints
from umurl_search.clips.normalization import Conventions, normalise, to_ntu25
from umurl_search.synthetic.demo_corpus import make_clip

CLIPS = [make_clip(f"S001C002P00{subject}R001A0{action}") for subject in (1, 2, 3) for action in (10, 20, 30)]
SMPL = (0, 12, 16, 1, 13, 17, 1, 14, 18, 20, 15, 19, 2, 4, 8, 3, 5, 9, 6, 10, 7, 11, 22, 24, 0)


def check(clips: list[NDArray[np.float32]], **stated: object) -> list[str]:
    conventions = Conventions(**stated)  # type: ignore[arg-type]
    ready = [to_ntu25(np.ascontiguousarray(frames), conventions) for frames in clips]
    return check_joints(ready, conventions, what="it", remedy="say {}".format)


def both(clips: list[NDArray[np.float32]], **stated: object) -> list[list[str]]:
    """Of all clips, and of each."""
    return [check(clips, **stated), *(check([frames], **stated) for frames in clips)]


@pytest.mark.parametrize("scale", [1.0, 0.001, 1000.0])
def test_people_are_not_doubted(scale: float) -> None:
    as_they_are = [frames / np.float32(scale) for frames in CLIPS]
    assert not any(both(as_they_are, scale=scale))
    assert not any(both([center(frames) for frames in CLIPS]))
    assert not any(both([normalise(frames) for frames in CLIPS]))
    assert not any(both([spin(frames, (1.0, 0.5, 0.2), 2.0) for frames in CLIPS]))
    assert not any(both([frames * np.array([-1, 1, 1], np.float32) for frames in CLIPS]))
    for layout in ("kinect-v1", "utd-mhad"):
        source = [LAYOUTS[layout].matrix[:, joint].argmax() for joint in range(20)]
        assert not any(both([frames[:, :, source] for frames in CLIPS], layout=layout))


@pytest.mark.parametrize("unit", [1.0, 1 / 1920, 0.01])
@pytest.mark.parametrize("stated", [1.0, 0.001])
def test_joints_of_openpose_are_told_in_any_unit(unit: float, stated: float) -> None:
    pixels = [to_pixels(frames) * np.array([unit, unit, 1], np.float32) for frames in CLIPS]
    centred = [frames - frames.mean(axis=(0, 2), keepdims=True) for frames in pixels]
    for wrong in (pixels, centred):
        for said in both(wrong, scale=stated):
            assert len(said) == 1
            assert "no person's joints in the order of ntu25" in said[0]
            assert "--scale" not in said[0]
        assert "they look like OpenPose's BODY_25 (x, y, score); say --layout openpose-25" in check(wrong)[0]


def test_orders_of_25_joints_are_told_and_named() -> None:
    by_name = np.argsort(JOINTS).tolist()
    for order, name in (
        (list(BODY_25), "OpenPose's BODY_25"),
        (by_name, "Kinect's, sorted by name"),
        (list(SMPL), "the 24 of SMPL and one more"),
    ):
        for said in both([frames[:, :, order] for frames in CLIPS]):
            assert len(said) == 1
            assert f"they look like {name}" in said[0]
    for order in (list(range(24, -1, -1)), [*range(1, 25), 0]):
        assert all(both([frames[:, :, order] for frames in CLIPS]))


def test_another_layout_of_as_many_joints_is_named_with_its_option() -> None:
    source = [LAYOUTS["utd-mhad"].matrix[:, joint].argmax() for joint in range(20)]
    (line,) = check([frames[:, :, source] for frames in CLIPS], layout="kinect-v1")
    assert line.endswith("they look like those of utd-mhad; say --layout utd-mhad")


def test_flat_and_relative_coordinates_are_told() -> None:
    flat = [frames * np.array([1, 1, 0], np.float32) for frames in CLIPS]
    assert all("flat" in said[0] for said in both(flat))
    mixed = [frames * np.array([500, 500, 1], np.float32) for frames in CLIPS]
    assert all("flat" in said[0] for said in both(mixed))
    low, high = ([f(frames, axis=(0, 1, 2)) for frames in CLIPS] for f in (np.min, np.max))
    relative = [(frames - a) / (b - a) for frames, a, b in zip(CLIPS, low, high, strict=True)]
    assert all("within 0 and 1" in said[0] for said in both(relative))


def test_limbs_that_do_not_keep_their_length_are_told() -> None:
    noise = np.random.default_rng(0)
    wild = [
        frames + noise.normal(size=frames.shape).astype(np.float32) * np.float32(0.15) for frames in CLIPS
    ]
    assert "limbs do not keep their length" in check(wild)[0]


def test_what_is_not_seen_does_not_count() -> None:
    sitting = [frames.copy() for frames in CLIPS]
    for frames in sitting:
        frames[:, :, 12:20] = 0
        frames[::3, :, 21:] = 0
        frames[5] = 0
    assert not any(both(sitting))
    few = [frames.copy() for frames in CLIPS]
    for frames in few:
        frames[:, :, 8:] = 0
    assert not any(both(few))
    assert check([]) == []
    assert check_joints([np.zeros((4, 1, 25, 3), np.float32)], Conventions(), what="it", remedy=str) == []
    assert check_joints([np.ones((4, 1, 25, 3), np.float32)], Conventions(), what="it", remedy=str) == []
