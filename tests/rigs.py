"""Made-up rigs as BVH files: a person of several makers' names, turning and walking."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames

Rest = Mapping[str, tuple[str | None, tuple[float, float, float]]]
"""joint -> parent and offset, in cm, y up; parents first"""

SIDES = (("left", "L"), ("right", "R"))
_PLAIN = ("Hips", "Spine", "Chest", "Neck", "Head")
_LIMBS = (
    ("Shoulder_{}", "Chest", (4.0, 18.0, 0.0)),
    ("UpperArm_{}", "Shoulder_{}", (12.0, 0.0, 0.0)),
    ("LowerArm_{}", "UpperArm_{}", (27.0, 0.0, 0.0)),
    ("Hand_{}", "LowerArm_{}", (25.0, 0.0, 0.0)),
    ("UpperLeg_{}", "Hips", (9.0, -6.0, 0.0)),
    ("LowerLeg_{}", "UpperLeg_{}", (0.0, -41.0, 0.0)),
    ("Foot_{}", "LowerLeg_{}", (0.0, -40.0, 0.0)),
    ("Toes_{}", "Foot_{}", (0.0, -5.0, 14.0)),
)


def person(*, root: str | None = None) -> Rest:
    """A person who faces +z with the arms out, in Bandai's names. root: a joint above the hips, if there is one."""
    rest: dict[str, Any] = {} if root is None else {root: (None, (0.0, 0.0, 0.0))}
    rest["Hips"] = (root, (0.0, 92.0, 0.0))
    for joint, parent, up in zip(_PLAIN[1:], _PLAIN, (12.0, 14.0, 24.0, 9.0), strict=False):
        rest[joint] = (parent, (0.0, up, 0.0))
    for side, sign in (("L", 1), ("R", -1)):
        for joint, parent, (x, y, z) in _LIMBS:
            rest[joint.format(side)] = (parent.format(side), (sign * x, y, z))
    return rest


def renamed(rest: Rest, names: Mapping[str, str]) -> Rest:
    """The same with other names."""
    return {
        names.get(joint, joint): (parent and names.get(parent, parent), offset)
        for joint, (parent, offset) in rest.items()
    }


def scaled(rest: Rest, times: float) -> Rest:
    return {
        joint: (parent, (times * offset[0], times * offset[1], times * offset[2]))
        for joint, (parent, offset) in rest.items()
    }


def bvh(
    rest: Rest,
    *,
    n_frames: int = 12,
    six: bool = False,
    order: str = "zxy",
    frame_time: str = "0.0333333",
    end: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
    first_is_rest: bool = False,
) -> str:
    """A file of this rig. six: every joint has positions, beside its offset. order: of the turns."""
    rng = np.random.default_rng(seed)
    lines, rows = ["HIERARCHY"], []
    for joint, (parent, _) in rest.items():
        if parent is None:
            lines += _joint(joint, rest, order=order, six=six, end=end, depth=0)
    for frame in range(n_frames):
        row: list[float] = []
        for joint in depth_first(rest):
            parent, offset = rest[joint]
            still = first_is_rest and frame == 0
            if six or parent is None:
                moved = np.zeros(3) if still else rng.normal(size=3).round(3) * (0.2 if parent else 1)
                row += (np.array(offset) + moved).tolist()
            row += [0.0] * 3 if still else rng.normal(scale=8, size=3).round(4).tolist()
        rows.append(" ".join(f"{number:.6f}" for number in row))
    return "\n".join([*lines, "MOTION", f"Frames: {n_frames}", f"Frame Time: {frame_time}", *rows, ""])


def depth_first(rest: Rest) -> list[str]:
    """The joints as a file has them."""

    def below(joint: str) -> list[str]:
        inner = [below(name) for name, (above, _) in rest.items() if above == joint]
        return [joint, *(name for names in inner for name in names)]

    return below(next(joint for joint, (above, _) in rest.items() if above is None))


def _joint(joint: str, rest: Rest, *, order: str, six: bool, end: Sequence[float], depth: int) -> list[str]:
    parent, offset = rest[joint]
    children = [name for name, (above, _) in rest.items() if above == joint]
    channels = [f"{axis.upper()}position" for axis in "xyz"] if six or parent is None else []
    channels += [f"{axis.upper()}rotation" for axis in order]
    inner = [f"OFFSET {' '.join(map(str, offset))}", f"CHANNELS {len(channels)} {' '.join(channels)}"]
    for child in children:
        inner += _joint(child, rest, order=order, six=six, end=end, depth=depth + 1)
    if not children:
        inner += ["End Site", "{", f"OFFSET {' '.join(map(str, end))}", "}"]
    return [f"{'ROOT' if parent is None else 'JOINT'} {joint}", "{", *inner, "}"]


_OF_NTU = {
    "Hips": (None, "spine base"),
    "Spine": ("Hips", "spine mid"),
    "Chest": ("Spine", "spine shoulder"),
    "Neck": ("Chest", "neck"),
    "Head": ("Neck", "head"),
    **{f"UpperArm_{mark}": ("Chest", f"{side} shoulder") for side, mark in SIDES},
    **{f"LowerArm_{mark}": (f"UpperArm_{mark}", f"{side} elbow") for side, mark in SIDES},
    **{f"Hand_{mark}": (f"LowerArm_{mark}", f"{side} wrist") for side, mark in SIDES},
    **{f"UpperLeg_{mark}": ("Hips", f"{side} hip") for side, mark in SIDES},
    **{f"LowerLeg_{mark}": (f"UpperLeg_{mark}", f"{side} knee") for side, mark in SIDES},
    **{f"Foot_{mark}": (f"LowerLeg_{mark}", f"{side} ankle") for side, mark in SIDES},
    **{f"Toes_{mark}": (f"Foot_{mark}", f"{side} foot") for side, mark in SIDES},
}


def bvh_of(frames: Frames) -> str:
    """The motion of person 1 of a clip as a BVH file in cm, whose joints move by positions of their own."""
    cm = {joint: 100.0 * frames[:, 0, JOINTS.index(name)] for joint, (_, name) in _OF_NTU.items()}
    moved = {
        joint: cm[joint] - (0 if parent is None else cm[parent]) for joint, (parent, _) in _OF_NTU.items()
    }
    rest: Rest = {joint: (parent, tuple(moved[joint][0].tolist())) for joint, (parent, _) in _OF_NTU.items()}
    lines = ["HIERARCHY", *_joint("Hips", rest, order="zxy", six=True, end=(0, 0, 0), depth=0)]
    turns = np.zeros((len(frames), 3))
    rows = np.hstack([part for joint in depth_first(rest) for part in (moved[joint], turns)])
    motion = [" ".join(f"{number:.4f}" for number in row) for row in rows]
    return "\n".join([*lines, "MOTION", f"Frames: {len(frames)}", "Frame Time: 0.0333333", *motion, ""])
