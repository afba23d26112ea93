"""Layout files (JSON): what is known, and layouts of one's own, are stated alike."""

import json
import re
from typing import Any

from encoder.layout import LEAST_SCORE, Layout
from encoder.skeleton import JOINTS
from encoder.usual_joints import Combination

MOST_JOINTS = 1024
_USUAL_AXES = {2: ("picture", "world", "camera"), 3: ("world", "picture", "camera")}
_MOST_TEXT = 200_000
_LONGEST_NAME = 100
_WEIGHT_ERROR = 1e-5
_NUMBER = re.compile(r"[0-9]{1,4}")
_FIELDS = ("name", "joints", "parents", "dims", "faces", "axes", "ntu25", "least_score", "scored")


def read_layout(text: str) -> Layout:
    """The layout that a layout file states."""
    if len(text) > _MOST_TEXT:
        raise ValueError(f"a layout file has at most {_MOST_TEXT:,} characters, this one {len(text):,}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a layout file is JSON; this one is not ({error})") from None
    if not isinstance(document, dict):
        raise ValueError('a layout file is an object: {"name": ..., "joints": [...], ...}')
    if unknown := sorted(set(document) - set(_FIELDS)):
        raise ValueError(f"a layout file has {', '.join(_FIELDS)}; not {', '.join(unknown)[:200]}")
    joints = _parse_joints(document.get("joints"))
    dims = _parse_choice(document, "dims", (3, 2))
    layout = Layout(
        name=_parse_name(document.get("name")),
        joints=joints,
        parents=_parse_parents(document.get("parents"), joints),
        dims=dims,
        faces=_parse_choice(document, "faces", ("camera", "any")),
        axes=_parse_choice(document, "axes", _USUAL_AXES[dims]),
        rules=_parse_rules(document.get("ntu25", {}), joints),
        least_score=_parse_score(document.get("least_score", LEAST_SCORE)),
        scored=_parse_scored(document.get("scored"), joints),
    )
    _require_picture(layout)
    _require_no_circle(layout)
    _require_body(layout)
    return layout


def _parse_score(stated: Any) -> float:
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not 0 <= stated <= 1:
        raise ValueError("least_score is a number from 0 to 1")
    return float(stated)


def _parse_scored(stated: Any, joints: tuple[str, ...]) -> tuple[str, ...] | None:
    if stated is None:
        return None
    if not (isinstance(stated, list) and all(isinstance(name, str) and name in joints for name in stated)):
        raise ValueError("scored is a list of joints of the layout")
    return tuple(stated)


def _parse_name(stated: Any) -> str:
    if not (isinstance(stated, str) and 0 < len(stated) <= _LONGEST_NAME and stated.isprintable()):
        raise ValueError(f"a layout's name is a text of at most {_LONGEST_NAME} characters")
    return stated


def _parse_joints(stated: Any) -> tuple[str, ...]:
    if not (isinstance(stated, list) and 0 < len(stated) <= MOST_JOINTS):
        raise ValueError(f"joints is a list of 1 to {MOST_JOINTS} names")
    for name in stated:
        if not (isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()):
            raise ValueError(f"a joint's name is a text of at most {_LONGEST_NAME} characters")
    if twice := next((name for i, name in enumerate(stated) if name in stated[:i]), None):
        raise ValueError(f"joint '{twice}' is there twice")
    return tuple(stated)


def _parse_parents(stated: Any, joints: tuple[str, ...]) -> tuple[int, ...]:
    """Parents by name or number: a list (-1 or null for a root), or an object {joint: parent} without the roots.

    Without them no bones are drawn. In a list of numbers a root may be its own parent, as `Layout.to_json` writes it.
    """
    if stated is None:
        return tuple(range(len(joints)))
    if isinstance(stated, dict):
        stated = _list_parents(stated, joints)
    if not (isinstance(stated, list) and len(stated) == len(joints)):
        raise ValueError("parents are a number or a name for each joint, or an object {joint: parent}")
    parents = tuple(_parse_parent(parent, own, joints) for own, parent in enumerate(stated))
    for joint in range(len(joints)):
        _require_root(joint, parents, joints)
    return parents


def _list_parents(stated: dict[str, Any], joints: tuple[str, ...]) -> list[Any]:
    """Of an object {joint: parent}, the parent of each joint; None for a root."""
    parents: list[Any] = [None] * len(joints)
    for key, parent in stated.items():
        own = joints.index(key) if key in joints else int(key) if _NUMBER.fullmatch(key) else len(joints)
        if own >= len(joints):
            raise ValueError(f"parents: '{key[:_LONGEST_NAME]}' is no joint of the layout")
        if parents[own] is not None:
            raise ValueError(f"the parent of joint '{joints[own]}' is stated twice")
        if parent == joints[own] or (parent == own and not isinstance(parent, bool)):
            raise ValueError(_own_parent(joints[own]))
        parents[own] = parent
    return parents


def _require_root(joint: int, parents: tuple[int, ...], joints: tuple[str, ...]) -> None:
    """Raises ValueError where a joint is its own ancestor."""
    above = parents[joint]
    for _ in joints:
        if above == parents[above]:
            return
        above = parents[above]
    raise ValueError(f"the parents of joint '{joints[joint]}' lead in a circle")


def _own_parent(joint: str) -> str:
    return f"joint '{joint}' is its own parent; a root is left out"


def _parse_parent(stated: Any, own: int, joints: tuple[str, ...]) -> int:
    if stated in (None, -1):
        return own
    if stated == joints[own]:
        raise ValueError(_own_parent(joints[own]))
    if isinstance(stated, str) and stated in joints:
        return joints.index(stated)
    if isinstance(stated, int) and not isinstance(stated, bool) and 0 <= stated < len(joints):
        return stated
    raise ValueError(f"the parent of joint '{joints[own]}' is no joint")


def _parse_choice(document: dict[str, Any], field: str, choices: tuple[Any, ...]) -> Any:
    stated = document.get(field, choices[0])
    if isinstance(stated, bool) or stated not in choices:
        raise ValueError(f"{field} is one of {', '.join(map(str, choices))}")
    return stated


def _parse_rules(stated: Any, joints: tuple[str, ...]) -> dict[str, tuple[Combination, ...]]:
    if not isinstance(stated, dict):
        raise ValueError("ntu25 is an object: {joint of NTU-25: joint, {joint: weight}, or a list of these}")
    rules: dict[str, tuple[Combination, ...]] = {}
    for name, ways in stated.items():
        if name not in JOINTS:
            raise ValueError(f"'{name[:_LONGEST_NAME]}' is no joint of NTU-25: {', '.join(JOINTS)}")
        several = ways if isinstance(ways, list) else [ways]
        if not several:
            raise ValueError(f"{name}: the list of ways is empty; state one, or leave the joint out")
        rules[name] = tuple(_parse_combination(way, name, joints) for way in several)
    return rules


def _parse_combination(stated: Any, name: str, joints: tuple[str, ...]) -> dict[str, float]:
    way = {stated: 1.0} if isinstance(stated, str) else stated
    if not (isinstance(way, dict) and way):
        raise ValueError(f"{name}: a joint's name, or an object {{joint: weight}}, is needed")
    for joint, weight in way.items():
        if joint not in joints and joint not in JOINTS:
            raise ValueError(f"{name}: '{joint[:_LONGEST_NAME]}' is no joint of the layout, nor of NTU-25")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) < 1e6:
            raise ValueError(f"{name}: the weight of {joint} is no number")
    if abs(sum(way.values()) - 1) > _WEIGHT_ERROR:
        raise ValueError(f"{name}: weights add to {sum(way.values()):g}, not to 1")
    return {joint: float(weight) for joint, weight in way.items()}


def _require_picture(layout: Layout) -> None:
    """Raises ValueError for joints in a picture that are said to lie in space."""
    if layout.dims == 2 and (layout.axes == "world" or layout.faces == "any"):
        field, stated = ("axes", "world") if layout.axes == "world" else ("faces", "any")
        raise ValueError(f"dims 2 is of joints in a picture: {field} cannot be {stated}")


def _require_no_circle(layout: Layout) -> None:
    """Raises ValueError for joints of NTU-25 that are stated by one another, and by nothing else."""
    lost = [name for name in layout.rules if not layout.rows[JOINTS.index(name)]]
    needs = {name: {source for way in layout.rules[name] for source in way} & set(lost) for name in lost}
    for name in lost:
        reached = needs[name]
        while further := {source for one in reached for source in needs[one]} - reached:
            reached = reached | further
        if name in reached:
            raise ValueError(
                f"{name} is made of itself: {name} of {', '.join(layout.rules[name][0])}, and so on"
            )


def _require_body(layout: Layout) -> None:
    """Raises ValueError for a layout without what every clip is turned and centred by."""
    needed = ("spine mid", "left shoulder", "right shoulder", "spine base")
    if lacking := [name for name in needed if not layout.rows[JOINTS.index(name)]]:
        raise ValueError(
            f"the layout does not say where {', '.join(lacking)} of NTU-25 lie; state them in ntu25"
        )
