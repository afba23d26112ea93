"""What the joints of a rig are for, by the names that makers give them.

A name is cut into words (`mixamorig:LeftUpLeg`: left, up, leg), its side is taken out, and the rest is looked up; words
before those that are known count as a prefix (`Bip01_L_Thigh`, `Character1_LeftArm`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SIDES = {"left": "left", "l": "left", "lft": "left", "lt": "left"} | {
    "right": "right",
    "r": "right",
    "rgt": "right",
    "rt": "right",
}
_NO_JOINTS = {
    "ik",
    "twist",
    "roll",
    "pole",
    "target",
    "ctrl",
    "control",
    "helper",
    "nub",
    "end",
    "weapon",
    "prop",
}

_LIMBS: Mapping[str, Sequence[str]] = {
    "shoulder": (
        "upperarm",
        "uparm",
        "uarm",
        "humerus",
        "shldr",
        "shldrbend",
        "arm",
        "shoulder",
        "shoulderjoint",
    ),
    "elbow": ("lowerarm", "lowarm", "forearm", "farm", "forearmbend", "arm1", "elbow", "radius"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "collarbone", "scapula", "shoulder"),
    "hip": ("upleg", "upperleg", "thigh", "thighbend", "femur", "hip", "hipjoint", "buttock", "leg"),
    "knee": ("lowerleg", "lowleg", "leg", "shin", "calf", "knee", "tibia"),
    "ankle": ("ankle", "foot"),
    "toe": ("toe", "toes", "toebase", "ball", "forefoot", "footf", "foot"),
}
"""Roles of an arm or a leg, with the words for it: the first that is there and has no role yet."""
_TRUNK: Mapping[str, Sequence[str]] = {
    "hips": ("hips", "pelvis", "hip", "hipcenter", "hipcentre"),
    "neck": ("neck", "lowerneck", "neck1"),
    "head": ("head", "skull"),
}
_SPINE = (
    "spine", "spine1", "spine2", "spine3", "spine4", "spine5", "spine6", "chest", "chest1", "chest2", "chest3",
    "chest4", "upperchest", "lowerback", "upperback", "abdomen", "abdomenlower", "abdomenupper", "chestlower",
    "chestupper", "thorax", "torso", "waist", "ab", "l5", "l3", "t12", "t8",
)  # fmt: skip
_FINGERS = ("middle", "mid", "finger2", "index", "finger1", "fingerbase", "fingers", "finger", "ring")
_THUMBS = ("thumb", "finger0")
_LIMB_WORDS = {word for words in _LIMBS.values() for word in words} | {"thumb"}
_KNOWN = _LIMB_WORDS | {word for words in _TRUNK.values() for word in words} | set(_SPINE)


class Part(NamedTuple):
    """A joint's side (None: the middle), its word, and how far it had to be looked for."""

    side: str | None
    word: str
    effort: int


class Tree(NamedTuple):
    """Joints by name, and the parent of each (-1: none), which comes before it."""

    names: Sequence[str]
    parents: Sequence[int]

    def children(self, at: int) -> list[int]:
        return [child for child, parent in enumerate(self.parents) if parent == at]

    def above(self, at: int) -> list[int]:
        """The joint and those that it hangs from, upwards."""
        found = []
        while at >= 0:
            found.append(at)
            at = self.parents[at]
        return found


def find_roles(tree: Tree) -> dict[str, int]:
    """role of layout `rig` -> joint, of those that are found; `spine` and `chest` are left to `spine_joints`."""
    by_part = _first_of_each(tree.names)
    roles: dict[str, int] = {}
    for side in ("left", "right"):
        roles |= _find_limbs(tree, by_part, side)
    for role, words in _TRUNK.items():
        place = next((by_part[None, word] for word in words if (None, word) in by_part), None)
        if place is not None:
            roles[role] = place
    if "hips" not in roles and (above := _join(tree, roles)) is not None:
        roles["hips"] = above
    return roles | _ends(tree, roles)


def _find_limbs(tree: Tree, by_part: Mapping[tuple[str | None, str], int], side: str) -> dict[str, int]:
    """The joints of an arm and a leg: of each role, the first of its words that is there and has none yet."""
    roles: dict[str, int] = {}
    for role, words in _LIMBS.items():
        there = [by_part[side, word] for word in words if (side, word) in by_part]
        free = [joint for joint in there if joint not in roles.values()]
        if free:
            roles[f"{side} {role}"] = free[0]
    _settle_leg(roles, side)
    for last, before in (("wrist", "elbow"), ("ankle", "knee")):
        end = _end_below(tree, roles.get(f"{side} {before}"))
        if f"{side} {last}" not in roles and end is not None:
            roles[f"{side} {last}"] = end
    return roles


def _end_below(tree: Tree, joint: int | None) -> int | None:
    """The end of the tree that hangs from a joint alone, if it does: of a forearm without a hand, or a shin."""
    ends = [] if joint is None else tree.children(joint)
    return ends[0] if len(ends) == 1 and not tree.children(ends[0]) else None


def _settle_leg(roles: dict[str, int], side: str) -> None:
    """A `Leg` that was taken for the thigh and has no shin below it is none."""
    if f"{side} hip" in roles and f"{side} knee" not in roles:
        roles.pop(f"{side} hip")


def _join(tree: Tree, roles: Mapping[str, int]) -> int | None:
    """Where both legs meet."""
    if not {"left hip", "right hip"} <= set(roles):
        return None
    right = tree.above(roles["right hip"])
    return next((joint for joint in tree.above(roles["left hip"])[1:] if joint in right), None)


def spine_joints(tree: Tree, roles: Mapping[str, int]) -> list[int]:
    """The joints between hips and shoulders, upwards."""
    if not {"hips", "left shoulder"} <= set(roles):
        return []
    between = [joint for joint in tree.above(roles["left shoulder"]) if joint > roles["hips"]]
    parts = {joint: _read_name(tree.names[joint]) for joint in between}
    return [
        joint
        for joint in reversed(between)
        if (part := parts[joint]) is not None and part.side is None and part.word in _SPINE
    ]


def _first_of_each(names: Iterable[str]) -> dict[tuple[str | None, str], int]:
    """(side, word) -> the joint that is called so with the least ado, of several the first."""
    found: dict[tuple[str | None, str], tuple[int, int]] = {}
    for at, name in enumerate(names):
        part = _read_name(name)
        if part is not None:
            key = part.side, part.word
            found[key] = min(found.get(key, (part.effort, at)), (part.effort, at))
    return {key: at for key, (_, at) in found.items()}


def _read_name(name: str) -> Part | None:
    """What a name says; None where it says nothing that is known."""
    words = _split(name)
    if not words or _NO_JOINTS & set(words):
        return None
    if "".join(words) in _SPINE:  # Xsens's L5 has no side
        return Part(None, "".join(words), 0)
    side = next((_SIDES[word] for word in words if word in _SIDES), None)
    rest = [word for word in words if word not in _SIDES]
    for dropped in range(len(rest)):
        whole = "".join(rest[dropped:])
        for effort, word in enumerate((whole, whole.rstrip("0123456789"))):
            if side is not None and word in _LIMB_WORDS:
                return Part(side, word, 2 * dropped + effort)
            if side is None and (part := _read_joined(word, 2 * dropped + effort)) is not None:
                return part
    return None


def _read_joined(word: str, effort: int) -> Part | None:
    """A word of the middle, or one whose side is its beginning or end: `lfemur`, `leftarm`, `shoulderleft`."""
    if word in _KNOWN - _LIMB_WORDS or word == "hip":
        return Part(None, word, effort)
    for mark, side in (("left", "left"), ("right", "right"), ("l", "left"), ("r", "right")):
        if word.startswith(mark) and word.removeprefix(mark) in _LIMB_WORDS:
            return Part(side, word.removeprefix(mark), effort)
        if len(mark) > 1 and word.endswith(mark) and word.removesuffix(mark) in _LIMB_WORDS:
            return Part(side, word.removesuffix(mark), effort)
    return None


def _split(name: str) -> list[str]:
    """The words of a name in small letters, numbers without leading zeros; what is before a colon is a prefix."""
    words = _WORDS.findall(name.rpartition(":")[2])
    return [str(int(word)) if word.isdecimal() else word.lower() for word in words[:12]]


def _ends(tree: Tree, roles: Mapping[str, int]) -> dict[str, int]:
    """Where head, hands, thumbs and feet end, of those that have an end."""
    found = {}
    if "head" in roles and (ends := tree.children(roles["head"])):
        tops = [end for end in ends if {"end", "nub", "top"} & set(_split(tree.names[end]))]
        found["head end"] = (tops or ends)[0]
    for side in ("left", "right"):
        if (wrist := roles.get(f"{side} wrist")) is not None:
            found |= {f"{side} {role}": end for role, end in _hand_ends(tree, wrist).items()}
        ankle = roles.get(f"{side} ankle")
        if f"{side} toe" not in roles and ankle is not None and (ends := tree.children(ankle)):
            found[f"{side} toe"] = ends[0]
    return found


def _hand_ends(tree: Tree, wrist: int) -> dict[str, int]:
    """The last joint of the middle finger, or of what else there is, and that of the thumb."""
    chains = {at: "".join(_split(tree.names[at])) for at in range(wrist + 1, len(tree.names))
              if wrist in tree.above(at)}  # fmt: skip
    thumb = next((at for at, word in chains.items() if any(one in word for one in _THUMBS)), None)
    fingers = [at for at, word in chains.items() if thumb is None or thumb not in tree.above(at)]
    finger = next(
        (at for one in _FINGERS for at in fingers if one in chains[at]), fingers[0] if fingers else None
    )
    ends = {"hand end": finger, "thumb end": thumb}
    return {role: _last_below(tree, at) for role, at in ends.items() if at is not None}


def _last_below(tree: Tree, at: int) -> int:
    while children := tree.children(at):
        at = children[0]
    return at
