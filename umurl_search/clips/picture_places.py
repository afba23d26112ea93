"""Joints that a detector found in a picture, brought to a camera's frame and a person's size.

Letters: T frames, M people, V joints, C = 3 coordinates. Frames are (T, M, V, 3) float32, unseen joints are zeros.
Sources: the axes and units of MediaPipe's landmarks and of COCO keypoints, as their makers document them.
"""

import re
from typing import Literal, NamedTuple, get_args

import numpy as np

from encoder.joint_layouts import Layout
from encoder.skeleton import JOINTS, LEFT_SHOULDER, RIGHT_SHOULDER
from umurl_search.clips.clip import Frames

Depth = Literal["auto", "keep", "drop"]
"""What becomes of the depth that a detector guessed in a picture; auto drops it."""
DEPTHS: tuple[Depth, ...] = get_args(Depth)

TRUNK_M = 0.5
"""From the middle of the hips to the middle of the shoulders, of a person whose size is not known."""
_SHOULDERS_M = 0.33
_PERCENTILE, _SHORTEST = 90, 1e-9
_USUAL_ASPECT = (4, 3)
_NORMALISED, _MOST_OF = 2.0, 95
"""Coordinates of which so many in a hundred are not above are parts of the picture, not its points."""
_ORIGIN = 0.02
"""Of a body's extent: so near zero lie the hips of landmarks that are metres from their middle."""
_SPINE_BASE, _SPINE_SHOULDER = 0, 20
_SIZE = re.compile(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})")
_ASPECT_ASSUMED = (
    "coordinates are parts of a picture whose size is not stated: 4:3 is assumed; --size settles it"
)
_DEPTH_DROPPED = "the depth that a detector guessed from a picture is left out; --depth keep keeps it"


class Placed(NamedTuple):
    """frames: (T, M, V, 3) in a camera's frame, y up. is_picture: their unit is no metre. is_in_parts: it is the
    picture's width and height. notes: what was assumed."""

    frames: Frames
    is_picture: bool
    is_in_parts: bool = False
    notes: tuple[str, ...] = ()


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of `1280x720`. Raises ValueError for another text."""
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        drawn = (
            f"; --pixels {text.strip()[:5]} says how large render draws" if text.strip().isdecimal() else ""
        )
        raise ValueError(f"a picture's size is WIDTHxHEIGHT, such as 1280x720, got {text[:40]!r}{drawn}")
    return int(found[1]), int(found[2])


def check_size(text: str) -> str:
    """The same text. Raises ValueError where `parse_size` does."""
    parse_size(text)
    return text


@np.errstate(over="ignore", invalid="ignore")
def place_picture(frames: Frames, layout: Layout, *, size: tuple[int, int] | None, depth: Depth) -> Placed:
    """Joints with x to the right, y down and z away, as a Kinect would state them: x to the left, y up, z away.

    Coordinates that are parts of the picture's width and height become alike in unit; those that are metres from the
    hips stay. Depth of a picture is dropped unless `depth` is keep.
    """
    if layout.axes == "camera":
        return Placed(frames * np.array([-1, -1, 1], dtype=np.float32), is_picture=False)
    if layout.axes != "picture":
        return Placed(frames, is_picture=False)
    notes: tuple[str, ...] = ()
    is_picture = layout.dims == 2 or not _is_about_hips(frames, layout)
    is_in_parts = is_picture and _is_in_parts(frames)
    if is_in_parts:
        frames, notes = _to_square(frames, size)
    sign = np.array([-1, -1, 1], dtype=np.float32)
    if is_picture and (layout.dims == 2 or depth != "keep"):
        sign[2] = 0
        notes = notes if layout.dims == 2 or depth == "drop" else (*notes, _DEPTH_DROPPED)
    return Placed(frames * sign, is_picture, is_in_parts, notes)


def mirror_people(frames: Frames) -> Frames:
    """(T, M, 25, 3) of people as they are who were seen in a mirror: x the other way, left and right exchanged."""
    return frames[:, :, _OTHER_SIDE] * np.array([-1, 1, 1], dtype=np.float32)


def _swap_side(name: str) -> str:
    words = {"left": "right", "right": "left"}
    return " ".join(words.get(word, word) for word in name.split(" "))


_OTHER_SIDE = [JOINTS.index(_swap_side(name)) for name in JOINTS]


def _is_about_hips(frames: Frames, layout: Layout) -> bool:
    """Whether the middle of the hips is the origin, as of MediaPipe's world landmarks."""
    hips = [layout.joints.index(name) for name in ("left hip", "right hip") if name in layout.joints]
    seen = np.asarray(frames.any(axis=-1))
    both = seen[:, :, hips].all(axis=2)
    if not hips or not both.any():
        return bool((frames[..., :2] < 0).any())
    bodies = frames[both]
    middle = np.linalg.norm(bodies[:, hips].mean(axis=1), axis=-1)
    extent = (bodies.max(axis=1) - bodies.min(axis=1)).max(axis=-1)
    return bool(np.median(middle) <= _ORIGIN * np.median(extent))


def _is_in_parts(frames: Frames) -> bool:
    """Whether coordinates are parts of a picture's width and height, not its points."""
    there = np.asarray(frames.any(axis=-1))
    return not there.any() or bool(np.percentile(np.abs(frames[there][:, :2]), _MOST_OF) <= _NORMALISED)


def _to_square(frames: Frames, size: tuple[int, int] | None) -> tuple[Frames, tuple[str, ...]]:
    """Coordinates of one unit in x and y, of those that are parts of width and height; z goes with x."""
    width, height = size or _USUAL_ASPECT
    scaled = frames * np.array([width, height, width], dtype=np.float32)
    return scaled, () if size else (_ASPECT_ASSUMED,)


def scale_to_person(frames: Frames) -> Frames:
    """(T, M, 25, 3) of any unit, so that the trunk of person 1 is half a metre where it is longest; its shoulders,
    where the trunk is never seen."""
    for low, high, metres in (
        (_SPINE_BASE, _SPINE_SHOULDER, TRUNK_M),
        (LEFT_SHOULDER, RIGHT_SHOULDER, _SHOULDERS_M),
    ):
        both = frames[:, 0, (low, high)].any(axis=-1).all(axis=-1)
        if both.any():
            lengths = np.linalg.norm((frames[:, 0, high] - frames[:, 0, low])[both], axis=-1)
            longest = float(np.percentile(lengths, _PERCENTILE))
            if longest > _SHORTEST:
                return np.asarray(frames * np.float32(metres / longest), dtype=np.float32)
    return frames
