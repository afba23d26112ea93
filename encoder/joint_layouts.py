"""Joint layouts as data: named joints, and NTU's 25 joints as weighted combinations of them.

Letters: V joints of a layout.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from encoder.skeleton import JOINTS, N_JOINTS
from encoder.usual_joints import USUAL_RULES, Combination

Faces = Literal["camera", "any"]
Axes = Literal["world", "camera", "picture"]

MOST_JOINTS = 1024
_FOLDER = Path(__file__).parent / "layouts"
_MOST_TEXT = 200_000
_LONGEST_NAME = 100
_WEIGHT_ERROR = 1e-5
_LEAST_SCORE = 0.3
_FIELDS = ("name", "joints", "parents", "dims", "faces", "axes", "ntu25", "least_score", "scored")
_NAMES = (
    *("ntu25", "kinect-v1", "utd-mhad", "mediapipe-33", "coco-17", "halpe-26", "openpose-25", "openpose-18"),
    *(
        "h36m-17",
        "smpl-22",
        "smpl-24",
        "smpl-h-52",
        "azure-32",
        "zed-34",
        "zed-38",
        "coco-wholebody-133",
        "rig",
    ),
)
"""The layouts that are known, a layout file each."""
BY_COUNT = ("ntu25", "kinect-v1", "mediapipe-33", "smpl-22", "smpl-h-52", "zed-38")
"""What a 3-D clip of so many joints is taken for where nothing is stated: no other layout in use has as many, or, of 20
and 25, arrays of these were read so from the start."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to make a joint of NTU-25: sources and weights of the layout's joints (v), or of NTU-25's (V + j)."""

    sources: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def is_copy(self) -> bool:
        return self.weights == (1.0,)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A joint layout.

    joints: their names, in the order of files. parents: of each joint, for drawing; a root is its own. dims: 2 for
    joints in a picture. faces: which way people look: into the camera (more or less), or any. axes: `world` is y
    up, right-handed; `picture` is x to the right, y down, z away, of the picture or in metres from the hips;
    `camera` the same from a camera, in a unit of length. rules: NTU-25's joints by name, each with ways to make it,
    the first whose joints are seen; what is not stated follows from the names of the joints. least_score: below it
    a joint counts as unseen, where a file says how sure it was. scored: the joints for which it counts, throughout
    a clip, since others are better guessed than not there; None: every joint, frame by frame.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    dims: int = 3
    faces: Faces = "camera"
    axes: Axes = "world"
    rules: Mapping[str, Sequence[Combination]]
    least_score: float = _LEAST_SCORE
    scored: tuple[str, ...] | None = None

    @property
    def n_joints(self) -> int:
        return len(self.joints)

    @cached_property
    def rows(self) -> tuple[tuple[Row, ...], ...]:
        """The ways to make each of NTU-25's joints; none for a joint that cannot be made."""
        return _resolve_rows(self)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """NTU-25's joints, each after those that it is made of."""
        return _sort_rows(self.rows, self.n_joints)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(25, V): NTU-25's joints from a layout's, where all are seen."""
        n, made = self.n_joints, np.zeros((N_JOINTS, self.n_joints))
        for j in self.order:
            for source, weight in zip(self.rows[j][0].sources, self.rows[j][0].weights, strict=True):
                if source < n:
                    made[j, source] += weight
                else:
                    made[j] += weight * made[source - n]
        return made

    @cached_property
    def copies(self) -> tuple[int, ...] | None:
        """The joint of the layout that stands for each of NTU-25's, where all are copies; else None."""
        is_copy = ((self.matrix == 0) | (self.matrix == 1)).all() and (self.matrix.sum(axis=1) == 1).all()
        return tuple(self.matrix.argmax(axis=1).tolist()) if is_copy else None

    @cached_property
    def stands_for(self) -> tuple[int, ...]:
        """The first of NTU-25's joints that lies where each of them does; those that cannot be made are alike."""
        rows = [tuple(row) for row in self.matrix.tolist()]
        return tuple(rows.index(row) for row in rows)

    @property
    def copied(self) -> int:
        """How many of NTU-25's joints add nothing: copies of others, or combinations of them."""
        return N_JOINTS - int(np.linalg.matrix_rank(self.matrix))

    @property
    def invented(self) -> tuple[str, ...]:
        """NTU-25's joints that no joint of the layout tells by itself: copied, put between others, or beyond them."""
        return tuple(JOINTS[j] for j, ways in enumerate(self.rows) if not self._is_told(ways))

    def _is_told(self, ways: tuple[Row, ...]) -> bool:
        if not ways:
            return False
        first, taken = ways[0], self._told_alone
        return all(s < self.n_joints and s not in taken for s in first.sources) or (
            first.is_copy and first.sources[0] < self.n_joints and self._first_of(first) == ways
        )

    @cached_property
    def _told_alone(self) -> frozenset[int]:
        return frozenset(ways[0].sources[0] for ways in self.rows if ways and ways[0].is_copy)

    def _first_of(self, row: Row) -> tuple[Row, ...]:
        return next(ways for ways in self.rows if ways and ways[0] == row)

    def to_json(self) -> str:
        """The layout as a file states it, in one line."""
        document = {
            "name": self.name,
            "joints": list(self.joints),
            "parents": list(self.parents),
            "dims": self.dims,
            "faces": self.faces,
            "axes": self.axes,
            "least_score": self.least_score,
            **({} if self.scored is None else {"scored": list(self.scored)}),
            "ntu25": {name: [dict(way) for way in ways] for name, ways in self.rules.items()},
        }
        return json.dumps(document, separators=(",", ":"))


def _resolve_rows(layout: Layout) -> tuple[tuple[Row, ...], ...]:
    done: dict[str, tuple[Row, ...]] = {}

    def resolve(name: str, within: tuple[str, ...]) -> tuple[Row, ...]:
        if name not in done:
            ways = [_find_sources(way, layout, resolve, (*within, name)) for way in _ways(layout, name)]
            found = tuple(row for row in ways if row is not None)
            if within and not found:
                return found
            done[name] = found
        return done[name]

    return tuple(resolve(name, ()) for name in JOINTS)


def _ways(layout: Layout, name: str) -> Sequence[Combination]:
    return layout.rules.get(name, USUAL_RULES[name])


def _find_sources(way: Combination, layout: Layout, resolve: Any, within: tuple[str, ...]) -> Row | None:
    """Where the joints of a combination are found; None where one is not. within: NTU-25's that need it."""
    sources = []
    for name in way:
        if name in layout.joints:
            sources.append(layout.joints.index(name))
        elif name in JOINTS and name not in within and resolve(name, within):
            sources.append(layout.n_joints + JOINTS.index(name))
        else:
            return None
    return Row(sources=tuple(sources), weights=tuple(way.values()))


def _sort_rows(rows: tuple[tuple[Row, ...], ...], n_joints: int) -> tuple[int, ...]:
    order: list[int] = []

    def add(j: int) -> None:
        if j in order or not rows[j]:
            return
        for row in rows[j]:
            for source in row.sources:
                if source >= n_joints:
                    add(source - n_joints)
        order.append(j)

    for j in range(N_JOINTS):
        add(j)
    return tuple(order)


@lru_cache(maxsize=64)
def find_layout(text: str) -> Layout:
    """The layout of a name, or of the text of a layout file (JSON). Raises ValueError for neither."""
    if text.lstrip().startswith("{"):
        return parse_layout(text)
    if text in LAYOUTS:
        return LAYOUTS[text]
    base, dims = text[:-3], {"-2d": 2, "-3d": 3}.get(text[-3:])
    if base not in LAYOUTS or dims is None:
        raise ValueError(
            f"layout is one of {', '.join(LAYOUTS)}, or a layout file, got '{text[:_LONGEST_NAME]}'"
        )
    layout = LAYOUTS[base]
    flat = {"axes": "picture", "faces": "camera"} if dims == 2 else {"axes": "world"}
    return Layout(**{**vars_of(layout), **flat, "name": text, "dims": dims})


def vars_of(layout: Layout) -> dict[str, Any]:
    """The fields of a layout."""
    return {name: getattr(layout, name) for name in Layout.__dataclass_fields__}


def check_layout(text: str) -> str:
    """The same text. Raises ValueError where `find_layout` does."""
    find_layout(text)
    return text


def layout_name(text: str) -> str:
    """The name of a layout that `find_layout` knows."""
    return find_layout(text).name


def parse_layout(text: str) -> Layout:
    """The layout that a layout file (JSON) of one's own states. Raises ValueError, saying what is wrong."""
    layout = _read_layout(text)
    if layout.name in LAYOUTS:
        raise ValueError(f"'{layout.name}' is the name of a layout that is known; choose another")
    return layout


def _read_layout(text: str) -> Layout:
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
        axes=_parse_choice(document, "axes", get_args(Axes)[:: 1 if dims == 3 else -1]),
        rules=_parse_rules(document.get("ntu25", {}), joints),
        least_score=_parse_score(document.get("least_score", _LEAST_SCORE)),
        scored=_parse_scored(document.get("scored"), joints),
    )
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
    """Parents as numbers (-1 or null for a root), or as an object of names; without them no bones are drawn."""
    if stated is None:
        return tuple(range(len(joints)))
    if isinstance(stated, dict):
        stated = [stated.get(name) for name in joints] if set(stated) <= set(joints) else None
    if not (isinstance(stated, list) and len(stated) == len(joints)):
        raise ValueError("parents are a number or a name for each joint, or an object {joint: parent}")
    return tuple(_parse_parent(parent, own, joints) for own, parent in enumerate(stated))


def _parse_parent(stated: Any, own: int, joints: tuple[str, ...]) -> int:
    if stated in (None, -1):
        return own
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


def _require_body(layout: Layout) -> None:
    """Raises ValueError for a layout without what every clip is turned and centred by."""
    needed = ("spine mid", "left shoulder", "right shoulder", "spine base")
    if lacking := [name for name in needed if not layout.rows[JOINTS.index(name)]]:
        raise ValueError(
            f"the layout does not say where {', '.join(lacking)} of NTU-25 lie; state them in ntu25"
        )


def joint_counts() -> tuple[int, ...]:
    """The numbers of joints that say which layout a clip has."""
    return tuple(LAYOUTS[name].n_joints for name in BY_COUNT)


def folded_counts() -> tuple[int, ...]:
    """The same of layouts whose joints may be taken from one row of numbers a frame: Kinect's."""
    return joint_counts()[:2]


def layout_of(n_joints: int) -> Layout | None:
    """The layout of that many joints, where the number says it: what a clip is taken for where nothing is stated."""
    return next((LAYOUTS[name] for name in BY_COUNT if LAYOUTS[name].n_joints == n_joints), None)


def layouts_with(n_joints: int) -> tuple[str, ...]:
    """The names of all known layouts of that many joints."""
    return tuple(name for name, one in LAYOUTS.items() if one.n_joints == n_joints)


LAYOUTS: dict[str, Layout] = {}
"""name -> layout. A name with `-2d` or `-3d` behind it is the same with that many coordinates, in a picture or in the
world."""
for _name in _NAMES:
    LAYOUTS[_name] = _read_layout((_FOLDER / f"{_name}.json").read_text("utf-8"))
