"""Joints found in pictures come to a camera's frame and a person's size."""

import numpy as np
import pytest

from encoder.joint_layouts import LAYOUTS, find_layout
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions, convert_frames, to_ntu25
from umurl_search.clips.picture_places import mirror_people, parse_size, place_picture, scale_to_person
from umurl_search.synthetic.demo_corpus import make_clip

BODY = make_clip("S001C001P003R001A010")[:, :1]
COCO = LAYOUTS["coco-17"]
_NTU = dict(zip(COCO.joints, (3, 3, 3, 3, 3, 4, 8, 5, 9, 6, 10, 12, 16, 13, 17, 14, 18), strict=True))


def to_coco(frames: Frames) -> Frames:
    """(T, M, 17, 3) of NTU-25 joints, in space; eyes and ears about the head."""
    joints = frames[:, :, [_NTU[name] for name in COCO.joints]].copy()
    for name, x in (("left eye", -0.02), ("right eye", 0.02), ("left ear", -0.05), ("right ear", 0.05)):
        joints[:, :, COCO.joints.index(name), 0] += x
    return joints


def to_pixels(frames: Frames, size: tuple[int, int] = (1280, 720)) -> Frames:
    """Seen from far before them: x to the right of the picture, y down."""
    pixels = frames * np.array([-200, -200, 0], np.float32)
    pixels[..., :2] += np.array(size, np.float32) / 2
    return pixels


def place(frames: Frames, **stated: object) -> Frames:
    return convert_frames(frames, Conventions(layout="coco-17", **stated)).frames  # type: ignore[arg-type]


def test_pixels_are_people_of_a_persons_size_who_stand() -> None:
    made = place(to_pixels(to_coco(BODY)))
    assert not made[..., 2].any()
    assert np.percentile(np.linalg.norm(made[:, 0, 20] - made[:, 0, 0], axis=-1), 90) == pytest.approx(0.5)
    in_space = to_ntu25(to_coco(BODY), Conventions(layout="coco-17-3d", up="y"))
    assert in_space.shape == made.shape
    across = made[:, 0, 8] - made[:, 0, 4]
    assert (across[:, 0] > 0).all()  # of people who face the camera, as a Kinect states them
    assert (made[:, 0, 3, 1] > made[:, 0, 0, 1]).all()


@pytest.mark.parametrize("size", [(1280, 720), (640, 480)])
def test_parts_of_a_picture_are_pixels_when_its_size_is_stated(size: tuple[int, int]) -> None:
    pixels = to_pixels(to_coco(BODY), size)
    parts = np.asarray(pixels / np.array([*size, 1]), np.float32)
    np.testing.assert_allclose(place(parts, size="{}x{}".format(*size)), place(pixels), atol=1e-4)
    assert convert_frames(parts, Conventions(layout="coco-17", size="4x3")).notes == ()
    (note,) = convert_frames(parts, Conventions(layout="coco-17")).notes
    assert "4:3 is assumed; --size settles it" in note
    assert convert_frames(pixels, Conventions(layout="coco-17")).notes == ()


def test_an_up_axis_of_a_picture_is_refused() -> None:
    pixels = to_pixels(to_coco(BODY))
    with pytest.raises(ValueError, match="joints of a picture have no up axis to state: x is right, y down"):
        place(pixels, up="z")
    assert place(pixels[:, :0], up="z").shape[1] == 0
    landmarks = np.tile(BODY - BODY[:, :, :1], (1, 1, 2, 1))[:, :, :33]
    hips = [LAYOUTS["mediapipe-33"].joints.index(f"{side} hip") for side in ("left", "right")]
    landmarks[:, :, hips] = 1e-4  # metres from the middle of the hips: no picture
    assert to_ntu25(landmarks, Conventions(layout="mediapipe-33", up="-y")).any()


def test_unseen_joints_stay_unseen() -> None:
    pixels = to_pixels(to_coco(BODY))
    pixels[3:, 0, COCO.joints.index("left knee")] = 0
    made = place(pixels)
    assert not made[3, 0, 13].any()
    assert made[2, 0, 13].any()


def test_a_mirrored_person_is_turned_back() -> None:
    seen = to_pixels(to_coco(BODY))
    mirrored = seen.copy()
    mirrored[..., 0] = 1280 - mirrored[..., 0]
    names = list(COCO.joints)
    swapped = [names.index(_other(name)) for name in names]
    mirrored = mirrored[:, :, swapped]  # what stands on the left is called left
    there, made = place(seen), place(mirrored, mirror=True)
    np.testing.assert_allclose(made - made[:, :, :1], there - there[:, :, :1], atol=1e-4)
    assert (mirror_people(mirror_people(there)) == there).all()


def _other(name: str) -> str:
    swap = {"left": "right", "right": "left"}
    return " ".join(swap.get(word, word) for word in name.split())


def landmarks(frames: Frames) -> Frames:
    """MediaPipe's 33 of NTU-25 joints, y down, z away."""
    layout = LAYOUTS["mediapipe-33"]
    of_coco, coco = to_coco(frames), COCO.joints
    made = np.zeros((*frames.shape[:2], 33, 3), np.float32)
    for at, name in enumerate(layout.joints):
        side = name.split()[0]
        near = {"pinky": "wrist", "index": "wrist", "thumb": "wrist", "heel": "ankle", "foot": "ankle"}
        joint = next((f"{side} {b}" for a, b in near.items() if a in name), name)
        made[:, :, at] = of_coco[:, :, coco.index(joint) if joint in coco else 0]
    return made * np.array([-1, -1, 1], np.float32)


def test_world_landmarks_are_metres_and_keep_their_depth() -> None:
    layout = find_layout("mediapipe-33")
    world = landmarks(BODY)
    hips = [layout.joints.index(name) for name in ("left hip", "right hip")]
    world = np.asarray(world - world[:, :, hips].mean(axis=2, keepdims=True), np.float32)
    made = convert_frames(world, Conventions(layout="mediapipe-33"))
    assert made.notes == ()
    for a, b in ((4, 5), (12, 13)):
        wanted = BODY[:, 0, b] - BODY[:, 0, a]
        np.testing.assert_allclose(made.frames[:, 0, b] - made.frames[:, 0, a], wanted, atol=1e-5)


def test_depth_of_a_picture_is_dropped_unless_it_is_kept() -> None:
    image = np.asarray(landmarks(BODY) / 4 + np.array([0.5, 0.5, 0]), np.float32)
    dropped = convert_frames(image, Conventions(layout="mediapipe-33", size="1x1"))
    assert not dropped.frames[..., 2].any()
    assert dropped.notes == (
        "the depth that a detector guessed from a picture is left out; --depth keep keeps it",
    )
    for depth in ("keep", "drop"):
        found = convert_frames(image, Conventions(layout="mediapipe-33", size="1x1", depth=depth))
        assert found.notes == ()
        assert found.frames[..., 2].any() == (depth == "keep")


def test_who_shows_no_trunk_is_scaled_by_the_shoulders() -> None:
    frames = np.zeros((3, 1, 25, 3), np.float32)
    frames[:, 0, 4, 0], frames[:, 0, 8, 0] = 1, 4
    assert np.ptp(scale_to_person(frames)[0, 0, [4, 8], 0]) == pytest.approx(0.33)
    assert (scale_to_person(frames * 0) == 0).all()


@pytest.mark.parametrize("text", ["", "1280", "0x3", "12x", "-4x3", "1e3x2"])
def test_a_size_is_width_and_height(text: str) -> None:
    with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
        parse_size(text)
    assert parse_size("1280X720") == (1280, 720)


def test_joints_in_space_are_left_alone() -> None:
    placed = place_picture(BODY, LAYOUTS["ntu25"], size=None, depth="auto")
    assert placed.frames is BODY
    assert not placed.is_picture
