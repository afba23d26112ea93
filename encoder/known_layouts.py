"""The joint layouts that are known: data only.

Names of joints that mean what one of NTU-25's means are NTU's own, so that most rows of a layout follow from its names.
Weights are from comparing recordings of one person by several trackers (README of the layouts: docs/layouts.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from encoder.skeleton import JOINTS, PARENTS

_SIDES = ("left", "right")


def _copy(name: str) -> dict[str, float]:
    return {name: 1.0}


def _between(*names: str) -> dict[str, float]:
    return {name: 1 / len(names) for name in names}


def _hand_rules(side: str) -> dict[str, list[dict[str, float]]]:
    hand = f"{side} hand"
    beyond = {f"{side} wrist": 1.3, f"{side} elbow": -0.3}
    return {
        hand: [_copy(hand), _between(f"{side} index", f"{side} pinky"), beyond],
        f"{side} hand tip": [_copy(f"{side} hand tip"), _copy(f"{side} index"), _copy(hand)],
        f"{side} thumb": [_copy(f"{side} thumb"), _copy(hand)],
        f"{side} foot": [_copy(f"{side} foot"), _copy(f"{side} big toe"), _copy(f"{side} ankle")],
    }


_NECK = {"spine shoulder": 0.67, "head": 0.33}

USUAL_RULES: Mapping[str, Sequence[Mapping[str, float]]] = {
    **{name: [_copy(name)] for name in JOINTS},
    "spine base": [_copy("spine base"), _copy("pelvis"), _between("left hip", "right hip")],
    "spine mid": [_copy("spine mid"), _between("spine base", "spine shoulder")],
    "spine shoulder": [_copy("spine shoulder"), _between("left shoulder", "right shoulder")],
    "neck": [_copy("neck"), _NECK],
    "head": [_copy("head"), _between("left ear", "right ear"), _copy("nose")],
    **_hand_rules("left"),
    **_hand_rules("right"),
}
"""NTU-25's joints, each with ways to make it; a name that no joint of a layout has is NTU-25's own."""


def _sided(*parts: str) -> tuple[str, ...]:
    """Left and right of each part in turn."""
    return tuple(f"{side} {part}" for part in parts for side in _SIDES)


def _limbs(side: str, *parts: str) -> tuple[str, ...]:
    return tuple(f"{side} {part}" for part in parts)


_BONES = {
    **{
        f"{side} {child}": f"{side} {parent}"
        for side in _SIDES
        for child, parent in (
            ("elbow", "shoulder"),
            ("wrist", "elbow"),
            ("hand", "wrist"),
            ("hand tip", "hand"),
            ("thumb", "wrist"),
            ("knee", "hip"),
            ("ankle", "knee"),
            ("foot", "ankle"),
            ("big toe", "ankle"),
            ("small toe", "big toe"),
            ("heel", "ankle"),
            ("index", "wrist"),
            ("pinky", "wrist"),
            ("shoulder", "collar"),
            ("foot index", "ankle"),
        )
    },
}


def _bones(**others: str) -> dict[str, str]:
    """Parents by name; others: with underscores for blanks."""
    return _BONES | {name.replace("_", " "): parent for name, parent in others.items()}


def _layout(
    name: str, joints: Sequence[str], *, parents: Mapping[str, str] | None = None, **fields: Any
) -> dict[str, Any]:
    known = {
        joint: parent
        for joint, parent in (_BONES | dict(parents or {})).items()
        if joint in joints and parent in joints
    }
    rules = {
        joint: [_copy(way) if isinstance(way, str) else way for way in ways]
        for joint, ways in fields.pop("rules", {}).items()
    }
    return {"name": name, "joints": tuple(joints), "parents": known, "rules": rules, **fields}


_COCO = (
    "nose",
    *_sided("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
)
_COCO_PARENTS = {
    "left eye": "nose",
    "right eye": "nose",
    "left ear": "left eye",
    "right ear": "right eye",
    "right shoulder": "left shoulder",
    "left hip": "left shoulder",
    "right hip": "right shoulder",
    "nose": "left shoulder",
}
_HEAD_OF_NECK = {"spine shoulder": ["neck"], "neck": [_NECK]}
_FACE_PARENTS = {
    "right eye": "nose",
    "left eye": "nose",
    "right ear": "right eye",
    "left ear": "left eye",
    "nose": "neck",
    "left shoulder": "neck",
    "right shoulder": "neck",
}
_SMPL = (
    "pelvis",
    "left hip",
    "right hip",
    "spine1",
    "left knee",
    "right knee",
    "spine2",
    "left ankle",
    "right ankle",
    "spine3",
    "left foot",
    "right foot",
    "neck",
    "left collar",
    "right collar",
    "head",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
)
_SMPL_PARENTS = {
    "left hip": "pelvis",
    "right hip": "pelvis",
    "spine1": "pelvis",
    "spine2": "spine1",
    "spine3": "spine2",
    "neck": "spine3",
    "left collar": "spine3",
    "right collar": "spine3",
    "head": "neck",
}
_SMPL_RULES = {
    "spine mid": ["spine2"],
    "spine shoulder": [_between("left shoulder", "right shoulder"), "spine3"],
    "neck": ["neck"],
}
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_SMPL_H_FINGERS = tuple(f"{side} {finger}{n}" for side in _SIDES for finger in _FINGERS for n in (1, 2, 3))
_SMPL_H_PARENTS = {
    f"{side} {finger}{n}": f"{side} wrist" if n == 1 else f"{side} {finger}{n - 1}"
    for side in _SIDES
    for finger in _FINGERS
    for n in (1, 2, 3)
}
_AZURE_ARM = ("clavicle", "shoulder", "elbow", "wrist", "hand", "hand tip", "thumb")
_LEG = ("hip", "knee", "ankle", "foot")
_AZURE = (
    "pelvis",
    "spine navel",
    "spine chest",
    "neck",
    *_limbs("left", *_AZURE_ARM),
    *_limbs("right", *_AZURE_ARM),
    *_limbs("left", *_LEG),
    *_limbs("right", *_LEG),
    "head",
    "nose",
    "left eye",
    "left ear",
    "right eye",
    "right ear",
)
_AZURE_PARENTS = {
    "spine navel": "pelvis",
    "spine chest": "spine navel",
    "neck": "spine chest",
    "head": "neck",
    "nose": "head",
    "left clavicle": "spine chest",
    "right clavicle": "spine chest",
    "left shoulder": "left clavicle",
    "right shoulder": "right clavicle",
    "left hip": "pelvis",
    "right hip": "pelvis",
    "left eye": "head",
    "right eye": "head",
    "left ear": "head",
    "right ear": "head",
}
_AZURE_RULES = {
    "spine mid": [_between("spine navel", "spine chest")],
    "spine shoulder": [_between("left clavicle", "right clavicle")],
    "neck": [_between("neck", "head")],
}
_KINECT_V1 = (
    "hip center",
    "spine",
    "shoulder center",
    "head",
    *_limbs("left", "shoulder", "elbow", "wrist", "hand"),
    *_limbs("right", "shoulder", "elbow", "wrist", "hand"),
    *_limbs("left", *_LEG),
    *_limbs("right", *_LEG),
)
_KINECT_V1_PARENTS = {
    "spine": "hip center",
    "shoulder center": "spine",
    "head": "shoulder center",
    "left shoulder": "shoulder center",
    "right shoulder": "shoulder center",
    "left hip": "hip center",
    "right hip": "hip center",
}
_KINECT_V1_RULES = {
    "spine base": ["hip center"],
    "spine mid": ["spine"],
    "spine shoulder": ["shoulder center"],
    "neck": ["shoulder center"],
}
_ROLES_ARM = ("collar", "shoulder", "elbow", "wrist", "hand end", "thumb end")
_ROLES_LEG = ("hip", "knee", "ankle", "toe")
_ROLES = (
    "hips",
    "spine",
    "chest",
    "neck",
    "head",
    "head end",
    *_limbs("left", *_ROLES_ARM),
    *_limbs("right", *_ROLES_ARM),
    *_limbs("left", *_ROLES_LEG),
    *_limbs("right", *_ROLES_LEG),
)
_ROLES_PARENTS = {
    "spine": "hips",
    "chest": "spine",
    "neck": "chest",
    "head": "neck",
    "head end": "head",
    "left collar": "chest",
    "right collar": "chest",
    "left hip": "hips",
    "right hip": "hips",
    **{
        f"{side} {child}": f"{side} {parent}"
        for side in _SIDES
        for child, parent in (("hand end", "wrist"), ("thumb end", "wrist"), ("toe", "ankle"))
    },
}


def _role_hand(side: str) -> dict[str, list[Any]]:
    return {
        f"{side} hand": [
            _between(f"{side} wrist", f"{side} hand end"),
            {f"{side} wrist": 1.3, f"{side} elbow": -0.3},
        ],
        f"{side} hand tip": [f"{side} hand end", f"{side} hand"],
        f"{side} thumb": [f"{side} thumb end", f"{side} hand"],
        f"{side} foot": [f"{side} toe", f"{side} ankle"],
    }


_ROLES_RULES = {
    "spine base": ["hips"],
    "spine mid": ["chest", "spine", _between("spine base", "spine shoulder")],
    "spine shoulder": [_between("left shoulder", "right shoulder")],
    **_role_hand("left"),
    **_role_hand("right"),
}
_ZED_34 = (
    "pelvis",
    "naval spine",
    "chest spine",
    "neck",
    *_limbs("left", *_AZURE_ARM),
    *_limbs("right", *_AZURE_ARM),
    *_limbs("left", *_LEG),
    *_limbs("right", *_LEG),
    "head",
    "nose",
    "left eye",
    "left ear",
    "right eye",
    "right ear",
    "left heel",
    "right heel",
)
_ZED_38 = (
    "pelvis",
    "spine 1",
    "spine 2",
    "spine 3",
    "neck",
    "nose",
    *_sided(
        "eye",
        "ear",
        "clavicle",
        "shoulder",
        "elbow",
        "wrist",
        "hip",
        "knee",
        "ankle",
        "big toe",
        "small toe",
        "heel",
        "thumb",
        "index",
        "middle tip",
        "pinky",
    ),
)
_WHOLEBODY = (
    *_COCO,
    *_limbs("left", "big toe", "small toe", "heel"),
    *_limbs("right", "big toe", "small toe", "heel"),
    *(f"face {n}" for n in range(1, 69)),
    *(f"{side} hand {n}" for side in _SIDES for n in range(21)),
)

KNOWN: Sequence[Mapping[str, Any]] = (
    {
        "name": "ntu25",
        "joints": JOINTS,
        "parents": {name: JOINTS[parent] for name, parent in zip(JOINTS, PARENTS, strict=True)},
        "rules": {},
        "least_score": 0.0,
    },
    _layout(
        "kinect-v1",
        _KINECT_V1,
        parents=_KINECT_V1_PARENTS,
        rules=_KINECT_V1_RULES,
        least_score=0.0,
    ),
    _layout(
        "utd-mhad",
        ("head", "shoulder center", "spine", "hip center", *_KINECT_V1[4:]),
        parents=_KINECT_V1_PARENTS,
        rules=_KINECT_V1_RULES,
        least_score=0.0,
    ),
    _layout(
        "mediapipe-33",
        (
            "nose",
            *(f"{side} eye{part}" for side in _SIDES for part in (" inner", "", " outer")),
            "left ear",
            "right ear",
            "mouth left",
            "mouth right",
            *_sided(
                "shoulder",
                "elbow",
                "wrist",
                "pinky",
                "index",
                "thumb",
                "hip",
                "knee",
                "ankle",
                "heel",
                "foot index",
            ),
        ),
        parents={
            **_COCO_PARENTS,
            "left eye inner": "nose",
            "right eye inner": "nose",
            "left eye": "left eye inner",
            "right eye": "right eye inner",
            "left eye outer": "left eye",
            "right eye outer": "right eye",
            "left ear": "left eye outer",
            "right ear": "right eye outer",
            "mouth right": "mouth left",
        },
        rules={f"{side} foot": [f"{side} foot index", f"{side} ankle"] for side in _SIDES},
        axes="picture",
    ),
    _layout("coco-17", _COCO, parents=_COCO_PARENTS, dims=2, axes="picture"),
    _layout(
        "halpe-26",
        (*_COCO, "head top", "neck", "pelvis", *_sided("big toe", "small toe", "heel")),
        parents={
            **_COCO_PARENTS,
            **_FACE_PARENTS,
            "head top": "neck",
            "neck": "pelvis",
            "left hip": "pelvis",
            "right hip": "pelvis",
        },
        rules=_HEAD_OF_NECK,
        dims=2,
        axes="picture",
    ),
    _layout(
        "openpose-25",
        (
            "nose",
            "neck",
            *_limbs("right", "shoulder", "elbow", "wrist"),
            *_limbs("left", "shoulder", "elbow", "wrist"),
            "pelvis",
            *_limbs("right", "hip", "knee", "ankle"),
            *_limbs("left", "hip", "knee", "ankle"),
            "right eye",
            "left eye",
            "right ear",
            "left ear",
            *_limbs("left", "big toe", "small toe", "heel"),
            *_limbs("right", "big toe", "small toe", "heel"),
        ),
        parents={**_FACE_PARENTS, "pelvis": "neck", "right hip": "pelvis", "left hip": "pelvis"},
        rules=_HEAD_OF_NECK,
        dims=2,
        axes="picture",
    ),
    _layout(
        "openpose-18",
        (
            "nose",
            "neck",
            *_limbs("right", "shoulder", "elbow", "wrist"),
            *_limbs("left", "shoulder", "elbow", "wrist"),
            *_limbs("right", "hip", "knee", "ankle"),
            *_limbs("left", "hip", "knee", "ankle"),
            "right eye",
            "left eye",
            "right ear",
            "left ear",
        ),
        parents={**_FACE_PARENTS, "right hip": "neck", "left hip": "neck"},
        rules=_HEAD_OF_NECK,
        dims=2,
        axes="picture",
    ),
    _layout(
        "h36m-17",
        (
            "pelvis",
            *_limbs("right", "hip", "knee", "ankle"),
            *_limbs("left", "hip", "knee", "ankle"),
            "spine",
            "thorax",
            "neck",
            "head",
            *_limbs("left", "shoulder", "elbow", "wrist"),
            *_limbs("right", "shoulder", "elbow", "wrist"),
        ),
        parents={
            "right hip": "pelvis",
            "left hip": "pelvis",
            "spine": "pelvis",
            "thorax": "spine",
            "neck": "thorax",
            "head": "neck",
            "left shoulder": "thorax",
            "right shoulder": "thorax",
        },
        rules={"spine mid": ["spine"], "spine shoulder": ["thorax"]},
        faces="any",
    ),
    _layout("smpl-22", _SMPL, parents=_SMPL_PARENTS, rules=_SMPL_RULES, faces="any"),
    _layout(
        "smpl-24", (*_SMPL, "left hand", "right hand"), parents=_SMPL_PARENTS, rules=_SMPL_RULES, faces="any"
    ),
    _layout(
        "smpl-h-52",
        (*_SMPL, *_SMPL_H_FINGERS),
        parents=_SMPL_PARENTS | _SMPL_H_PARENTS,
        rules={
            **_SMPL_RULES,
            **{
                f"{side} hand": [f"{side} middle1", {f"{side} wrist": 1.3, f"{side} elbow": -0.3}]
                for side in _SIDES
            },
            **{f"{side} hand tip": [f"{side} middle3", f"{side} hand"] for side in _SIDES},
            **{f"{side} thumb": [f"{side} thumb3", f"{side} hand"] for side in _SIDES},
        },
        faces="any",
    ),
    _layout("azure-32", _AZURE, parents=_AZURE_PARENTS, rules=_AZURE_RULES, axes="picture"),
    _layout(
        "zed-34",
        _ZED_34,
        parents={
            **_AZURE_PARENTS,
            "naval spine": "pelvis",
            "chest spine": "naval spine",
            "neck": "chest spine",
            "left clavicle": "chest spine",
            "right clavicle": "chest spine",
        },
        rules={**_AZURE_RULES, "spine mid": [_between("naval spine", "chest spine")]},
    ),
    _layout(
        "zed-38",
        _ZED_38,
        parents={
            "spine 1": "pelvis",
            "spine 2": "spine 1",
            "spine 3": "spine 2",
            "neck": "spine 3",
            "nose": "neck",
            "left eye": "nose",
            "right eye": "nose",
            "left ear": "left eye",
            "right ear": "right eye",
            "left clavicle": "spine 3",
            "right clavicle": "spine 3",
            "left shoulder": "left clavicle",
            "right shoulder": "right clavicle",
            "left hip": "pelvis",
            "right hip": "pelvis",
            "left middle tip": "left wrist",
            "right middle tip": "right wrist",
        },
        rules={
            "spine mid": ["spine 2"],
            "spine shoulder": [
                _between("left clavicle", "right clavicle"),
                _between("left shoulder", "right shoulder"),
            ],
            **{f"{side} hand tip": [f"{side} middle tip", f"{side} hand"] for side in _SIDES},
        },
    ),
    _layout(
        "coco-wholebody-133",
        _WHOLEBODY,
        parents=_COCO_PARENTS
        | {
            f"{side} hand {n}": f"{side} wrist" if n % 4 == 1 else f"{side} hand {n - 1}"
            for side in _SIDES
            for n in range(1, 21)
        },
        rules={
            **{
                f"{side} hand": [f"{side} hand 9", {f"{side} wrist": 1.3, f"{side} elbow": -0.3}]
                for side in _SIDES
            },
            **{f"{side} hand tip": [f"{side} hand 12", f"{side} hand"] for side in _SIDES},
            **{f"{side} thumb": [f"{side} hand 4", f"{side} hand"] for side in _SIDES},
        },
        dims=2,
        axes="picture",
    ),
    _layout("rig", _ROLES, parents=_ROLES_PARENTS, rules=_ROLES_RULES, faces="any"),
)

BY_COUNT = ("ntu25", "kinect-v1", "mediapipe-33", "smpl-22", "smpl-h-52", "zed-38")
"""What a 3-D clip of so many joints is taken for where nothing is stated: no other layout in use has as many, or, of 20
and 25, arrays of these were read so from the start."""
