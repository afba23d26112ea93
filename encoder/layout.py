"""A joint layout: named joints, and NTU-25's as weighted combinations of them.

Letters: V joints of a layout.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoder.skeleton import JOINTS, N_JOINTS
from encoder.usual_joints import USUAL_RULES, Combination

Faces = Literal["camera", "any"]
Axes = Literal["world", "picture", "camera"]
LEAST_SCORE = 0.3


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
    joints in a picture. faces: which way people look: into the camera (more or less), or any. axes: `world` is y up in
    a right-handed system, as a Kinect states it; `picture` is x to the right, y down, z away from the camera, in the
    picture's unit or in metres from the hips; `camera` is the same in a unit of length, from the camera.
    rules: NTU-25's joints by name, each with ways to make it, the first whose joints are seen; what is not stated
    follows from the names of the joints. least_score: below it a joint counts as unseen, where a file says how sure it
    was. scored: the joints for which it counts, throughout a clip, since others are better guessed than not there;
    None: every joint, frame by frame.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    dims: int = 3
    faces: Faces = "camera"
    axes: Axes = "world"
    rules: Mapping[str, Sequence[Combination]]
    least_score: float = LEAST_SCORE
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
        return tuple(JOINTS[j] for j in range(N_JOINTS) if not self._is_told(j))

    def _is_told(self, j: int) -> bool:
        if not self.rows[j]:
            return False
        first, taken = self.rows[j][0], self._told_alone
        return all(s < self.n_joints and s not in taken for s in first.sources) or (
            first.is_copy and first.sources[0] < self.n_joints and self._first_of(first) == j
        )

    @cached_property
    def _told_alone(self) -> frozenset[int]:
        return frozenset(ways[0].sources[0] for ways in self.rows if ways and ways[0].is_copy)

    def _first_of(self, row: Row) -> int:
        return next(j for j, ways in enumerate(self.rows) if ways and ways[0] == row)

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


def vars_of(layout: Layout) -> dict[str, Any]:
    """The fields of a layout."""
    return {name: getattr(layout, name) for name in Layout.__dataclass_fields__}
