"""Whether joints are a person's, in the stated order: the right number of wrong joints is read without an error.

Bones tell it: neighbours lie close together, limbs keep their length and are alike on both sides. So does the third
coordinate: of pictures it is flat, or a score. None of it depends on unit, place or direction, so that one check holds
for all. Letters: T frames, M people, V joints, E bones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import Frames
from umurl_search.clips.joint_orders import JOINT_ORDERS, Bones, JointOrder, bones_of
from umurl_search.clips.normalization import Conventions

_MOST_FRAMES = 32
_FEWEST_JOINTS = 12
_MANY = 8
"""Clips from which on their median counts, by stricter bounds: a single recording may be odd."""
_TANGLED, _TANGLED_ALONE = 1.5, 1.9
"""Bones in the stated order by the shortest tree over the same joints: of people to 1.4, to 1.8 of one badly seen."""
_CLEARER = 0.85
"""How much less tangled another order is that is named, or that is believed of a clip below the bound."""
_FLAT = 0.03
"""The least extent by the greatest; a person's is 0.09 or more."""
_STRETCHING = 0.3
"""The deviation of a limb's length by its mean; up to 0.24 of people."""
_UNEVEN = 1.75
"""Of limbs left and right, the longer by the shorter; in the median of clips up to 1.3."""
_LIMBS = ((4, 5, 8, 9), (5, 6, 9, 10), (12, 13, 16, 17), (13, 14, 17, 18))
"""Joints of ntu25: a left limb's two ends, then the right one's."""
_PAGE = "docs/data-format.md says which joints are read and how others are brought to them"

Remedy = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """What is measured of a clip; NaN where it shows too little.

    tangle: by order of joints, the stated one first. thickness: least extent by greatest. is_picture: whether all
    coordinates, or the third beside larger ones, lie within 0 and 1.
    """

    tangle: NDArray[np.float64]
    thickness: float
    stretch: float
    unevenness: float
    is_picture: bool


def check_joints(
    clips: Sequence[Frames], conventions: Conventions, *, what: str, remedy: Remedy
) -> list[str]:
    """A line where the joints are no person's in the stated order, saying what they look like; else none.

    clips: (T, M, 25, 3) each, as `to_ntu25` gives them by the conventions.
    """
    layout = find_layout(conventions.layout)
    if layout.copies is None:
        return []
    known = [
        order for order in JOINT_ORDERS if order.n_joints == layout.n_joints and order.layout != layout.name
    ]
    orders = [JointOrder(name=layout.name, n_joints=layout.n_joints, bones=bones_of(layout)), *known]
    source = np.array([layout.copies.index(j) if j in layout.copies else -1 for j in range(layout.n_joints)])
    shapes = [
        shape for frames in clips if (shape := _measure(frames, source, orders, conventions)) is not None
    ]
    if not shapes:
        return []
    doubts = _doubt(shapes, orders)
    if not doubts:
        return []
    named = _name_order(shapes, orders) if any("bones" in doubt for doubt in doubts) else None
    mend = remedy(f"--layout {named.layout}") if named and named.layout else _PAGE
    looks = f"; they look like {named.name}" if named else ""
    return [
        f"{what}: these are no person's joints in the order of {layout.name}: {'; '.join(doubts)}{looks}; {mend}"
    ]


def _doubt(shapes: Sequence[_Shape], orders: Sequence[JointOrder]) -> list[str]:
    """What speaks against the joints, in words."""
    many = len(shapes) >= _MANY
    tangle = _median([shape.tangle[0] for shape in shapes])
    others = [_median([shape.tangle[at] for shape in shapes]) for at in range(1, len(orders))]
    clearer = min(others, default=np.inf) < _CLEARER * tangle
    bound = _TANGLED if many or clearer else _TANGLED_ALONE
    said = []
    if tangle > bound:
        said.append(f"bones are {tangle:.1f} times as long as they need be to join these joints")
    if _is_most([shape.is_picture for shape in shapes]):
        said.append("the third coordinate is a score, or all lie within 0 and 1, as in a picture")
    elif _median([shape.thickness for shape in shapes]) < _FLAT:
        said.append("they are flat, as in a picture, or one axis has another unit")
    if _median([shape.stretch for shape in shapes]) > _STRETCHING:
        said.append("limbs do not keep their length")
    if many and _median([shape.unevenness for shape in shapes]) > _UNEVEN:
        said.append("left limbs are not as long as right ones")
    return said


def _name_order(shapes: Sequence[_Shape], orders: Sequence[JointOrder]) -> JointOrder | None:
    """The order that the joints look like, if one is clear."""
    tangles = [_median([shape.tangle[at] for shape in shapes]) for at in range(len(orders))]
    best = int(np.argmin(tangles))
    return orders[best] if best and tangles[best] < min(_CLEARER * tangles[0], _TANGLED_ALONE) else None


def _measure(
    frames: Frames, source: NDArray[np.int64], orders: Sequence[JointOrder], conventions: Conventions
) -> _Shape | None:
    """The shape of person 1, None where too little is seen. source: the ntu25 joint of each joint of the layout."""
    people = frames[:: -(-len(frames) // _MOST_FRAMES), 0]
    people = people[people.any(axis=(1, 2))]
    places = people[:, source]
    seen = places.any(axis=-1) & (source >= 0)
    kept = np.asarray(2 * seen.sum(axis=0) > len(seen)) if len(seen) else np.zeros(0, dtype=bool)
    if kept.sum() < _FEWEST_JOINTS:
        return None
    whole = seen[:, kept].all(axis=1)
    if not whole.any():
        return None
    places = np.where(kept[:, None], places[whole], 0).astype(np.float64)
    is_picture = _is_picture(places[:, kept], conventions)
    extents = np.sort(np.median(np.ptp(places[:, kept], axis=1), axis=0))
    if extents[-1] <= 0:
        return None
    flat = places.copy()
    if is_picture or extents[0] < _FLAT * extents[-1]:
        flat[..., _third(conventions)] = 0
    distances = np.median(np.linalg.norm(flat[:, :, None] - flat[:, None], axis=-1), axis=0)
    tangle = np.array([_tangle(distances, order.bones, kept) for order in orders])
    stretch, unevenness = _limbs(people[whole])
    return _Shape(
        tangle=tangle,
        thickness=float(extents[0] / extents[-1]),
        stretch=stretch,
        unevenness=unevenness,
        is_picture=is_picture,
    )


def _third(conventions: Conventions) -> int:
    """Which stored coordinate is the source's third."""
    return {"y": 2, "x": 2, "z": 1}[conventions.up[-1]]


def _is_picture(places: NDArray[Any], conventions: Conventions) -> bool:
    """Whether all coordinates of joints that are seen lie within 0 and 1, or the third does beside large ones.

    places: (T, V, 3).
    """
    stated = np.abs(places) / conventions.scale
    inside = (places >= 0).all() and (places <= conventions.scale).all()
    third = stated[..., _third(conventions)]
    others = np.delete(stated, _third(conventions), axis=-1)
    beside = third.max() <= 1 and np.ptp(places[..., _third(conventions)]) > 0 and others.max() > 20
    return bool(inside or beside)


def _tangle(distances: NDArray[np.float64], bones: Bones, kept: NDArray[np.bool_]) -> float:
    """The bones between joints that are seen, by as many of the shortest tree over these joints."""
    chosen = [(a, b) for a, b in bones if kept[a] and kept[b]]
    joints = np.array(sorted({joint for bone in chosen for joint in bone}))
    if len(joints) < _FEWEST_JOINTS:
        return float("nan")
    tree = _shortest_tree(distances[np.ix_(joints, joints)])
    shortest = np.sort(tree)[::-1][: len(chosen)].sum()
    return float(sum(distances[bone] for bone in chosen) / shortest) if shortest > 0 else float("nan")


def _shortest_tree(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lengths of the shortest tree over points, (V - 1,), by Prim's way; distances: (V, V)."""
    nearest, left = distances[0].copy(), np.ones(len(distances), dtype=bool)
    left[0] = False
    lengths = np.zeros(len(distances) - 1)
    for at in range(len(lengths)):
        joint = int(np.where(left, nearest, np.inf).argmin())
        lengths[at], left[joint] = nearest[joint], False
        nearest = np.minimum(nearest, distances[joint])
    return lengths


def _limbs(people: Frames) -> tuple[float, float]:
    """How much the limbs' lengths vary over time, and how unlike the two sides are; people: (T, 25, 3) of ntu25."""
    ends = np.array(_LIMBS)
    lengths = np.linalg.norm(people[:, ends[:, [0, 2]]] - people[:, ends[:, [1, 3]]], axis=-1)
    there = np.asarray(people[:, ends].any(axis=-1))
    seen = np.asarray(there.all(axis=(0, 2))) & (lengths.mean(axis=(0, 2)) > 0)
    if not seen.any():
        return float("nan"), float("nan")
    lengths = lengths[:, seen]
    means, medians = lengths.mean(axis=0), np.maximum(np.median(lengths, axis=0), 1e-12)
    stretch = np.median(lengths.std(axis=0) / np.maximum(means, 1e-12))
    return float(stretch), float(np.exp(np.abs(np.log(medians[:, 0] / medians[:, 1]))).max())


def _median(values: Sequence[float]) -> float:
    """Of those that are known; NaN, which passes no bound, where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else float("nan")


def _is_most(held: Sequence[bool]) -> bool:
    return 2 * sum(held) > len(held)
