"""Orders of joints that are mistaken for one another, since they have as many: their bones, to tell them by.

An order is known by its bones: neighbours in it lie close together. Data only.
"""

from dataclasses import dataclass

from encoder.joint_layouts import LAYOUTS, Layout
from encoder.skeleton import JOINTS, PARENTS

Bones = tuple[tuple[int, int], ...]

_SIDED = ("Shoulder", "Elbow", "Wrist", "Hand"), ("Hip", "Knee", "Ankle", "Foot"), ("HandTip", "Thumb")
_ARM, _LEG, _FINGERS = (
    tuple(f"{part}{side}" for side in ("Left", "Right") for part in parts) for parts in _SIDED
)
_SDK_NAMES = ("SpineBase", "SpineMid", "Neck", "Head", *_ARM, *_LEG, "SpineShoulder", *_FINGERS)
_BODY_25: Bones = (
    *((0, 1), (1, 8), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11), (8, 12)),
    *((12, 13), (13, 14), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21), (11, 22)),
    *((22, 23), (11, 24)),
)
_SMPL_PARENTS = (0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_MEDIAPIPE_UPPER: Bones = (
    *((0, 2), (2, 7), (0, 5), (5, 8), (9, 10), (0, 9), (9, 11), (11, 12), (11, 13), (13, 15), (15, 17)),
    *((15, 19), (15, 21), (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (11, 23), (12, 24)),
)


@dataclass(frozen=True, kw_only=True)
class JointOrder:
    """name: as a line says it. layout: the one that reads it, where there is one."""

    name: str
    n_joints: int
    bones: Bones
    layout: str | None = None


def bones_of(layout: Layout) -> Bones:
    """The bones between a layout's own joints."""
    joints = layout.copies
    if joints is None:
        return tuple((j, parent) for j, parent in enumerate(layout.parents) if j != parent)
    bones = (tuple(sorted((joints[j], joints[parent]))) for j, parent in enumerate(PARENTS))
    return tuple(dict.fromkeys((a, b) for a, b in bones if a != b))


def _sorted_by_name(names: tuple[str, ...]) -> Bones:
    place = {name: at for at, name in enumerate(sorted(names))}
    return tuple((place[names[j]], place[names[parent]]) for j, parent in enumerate(PARENTS) if j != parent)


JOINT_ORDERS = (
    *(
        JointOrder(
            name=f"those of {layout.name}", n_joints=layout.n_joints, bones=bones_of(layout), layout=name
        )
        for name, layout in LAYOUTS.items()
        if name != "openpose-25"
    ),
    JointOrder(name="OpenPose's BODY_25 (x, y, score)", n_joints=25, bones=_BODY_25, layout="openpose-25"),
    JointOrder(
        name="the 24 of SMPL and one more",
        n_joints=25,
        bones=tuple((j, parent) for j, parent in enumerate(_SMPL_PARENTS) if j != parent),
    ),
    JointOrder(name="Kinect's, sorted by name", n_joints=25, bones=_sorted_by_name(_SDK_NAMES)),
    JointOrder(name="Kinect's, sorted by name", n_joints=25, bones=_sorted_by_name(JOINTS)),
    JointOrder(name="MediaPipe's upper body", n_joints=25, bones=_MEDIAPIPE_UPPER),
)
