"""A corpus of made-up human motion that needs no download: subjects, cameras, a sensor's faults, and its reader.

A performance (who does what, how) does not know its cameras; each camera sees the same one with faults of
its own. Everything is drawn from the numbers in a clip's name and a seed.

Stage: metres, y up, floor at 0, its centre at the origin; camera 2 looks along -z. Camera space is a depth
sensor's: z away from the sensor, y up, and x to its left.

Letters: T frames, M people, J = 25 joints, D = channels of a pose, K keys.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from umurl_search.clip import Clip, LeftOut, Outcome
from umurl_search.demo_actions import ALL, REST, STAND, Action, Script, sampled
from umurl_search.demo_body import (
    CHANNELS,
    COLUMN,
    OFF_ARM,
    STATURE,
    Array,
    Build,
    bone_offsets,
    forward_kinematics,
    mirrored,
    placed,
    rotations,
    within_ranges,
)
from umurl_search.names import NameFields, parse_name
from umurl_search.readers.base import Splits, State

ACTIONS: tuple[str, ...] = tuple(action.name for action in ALL)
TWO_PERSON: frozenset[int] = frozenset(label for label, action in enumerate(ALL) if action.partner)
N_SUBJECTS, N_CAMERAS, N_SETUPS, N_REPLICATIONS = 24, 3, 4, 99

FRAMES_PER_S = 30
SHORTEST, LONGEST = 40, 150
"""The least and the most frames of a clip."""

_AZIMUTHS = (-45.0, 0.0, 45.0)
_DISTANCE_AND_HEIGHT = ((3.1, 1.1), (3.5, 1.7), (2.8, 0.8), (3.3, 2.1))
_SUBJECT, _HABIT, _TAKE, _SENSOR = range(4)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who performs: build, and what stays the same from action to action.

    posture: (D,) degrees, added to every pose; rest_arm: the off arm when it has nothing to do; heading:
    degrees off camera 2; place: (3,) metres from the centre of the stage.
    """

    build: Build
    left_handed: bool
    speed: float
    size: float
    posture: Array
    sway: float
    rest_arm: Array
    heading: float
    place: Array


def _spread(values: dict[str, float]) -> Array:
    """A standard deviation per channel, from those of channels named by their last word or in full: (D,)."""
    return np.array([values.get(name, values.get(name.partition(" ")[2], 0.0)) for name in CHANNELS])


_POSTURE = _spread({
    "bend": 3.5, "lean": 1.5, "twist": 3, "nod": 5, "tilt": 3, "turn": 5, "arm raise": 6, "arm spread": 5,
    "arm turn-in": 8, "arm elbow": 8, "arm wrist": 8, "leg splay": 2.5, "leg turn-in": 4,
})  # fmt: skip
_SWAY = _spread({
    "x": 0.012, "z": 0.012, "yaw": 1.5, "bend": 1.0, "lean": 1.0, "twist": 1.8, "nod": 2.5, "tilt": 1.8, "turn": 4,
    "arm raise": 2.5, "arm spread": 2, "arm turn-in": 3.5, "arm elbow": 4, "arm wrist": 4,
})  # fmt: skip
_HABITS = _spread({
    "bend": 5, "lean": 3, "twist": 6, "nod": 5, "tilt": 3, "turn": 8, "arm raise": 10, "arm spread": 10,
    "arm turn-in": 12, "arm elbow": 10, "arm wrist": 12,
})  # fmt: skip
"""How far a person's way of doing an action strays from its script, where the action uses the channel."""

_GAINS = np.array([
    0.0 if name in ("x", "z", "yaw", "weight") or " leg " in name else 0.16 for name in CHANNELS
])  # fmt: skip
_LEGS = np.array([" leg " in name for name in CHANNELS])
_IDLE_ARMS = np.array([REST, REST, (-22, 46, 50, 98, 0), (-6, 16, 30, 48, 0), (30, 4, 62, 92, 0), (-30, 2, 50, 75, 0)])
"""The free arm: hanging (twice as often), on the hip, in a pocket, on the belly, behind the back."""


def clip_names() -> list[str]:
    """The corpus: every action by every subject, before every camera, once; sorted."""
    return sorted(
        f"S{setup_of(subject):03d}C{camera:03d}P{subject:03d}R001A{label + 1:03d}"
        for subject in range(1, N_SUBJECTS + 1)
        for camera in range(1, N_CAMERAS + 1)
        for label in range(len(ACTIONS))
    )


def setup_of(subject: int) -> int:
    """The setup in which the corpus records a subject: each holds odd and even subjects."""
    return 1 + (subject - 1) // 2 % N_SETUPS


def make_clip(name: str, *, seed: int = 0) -> NDArray[np.float32]:
    """The clip of that name: (T, M, 25, 3) float32, metres in camera space; an absent person is zeros.

    Raises: ValueError for a name that is not SsssCccPpppRrrrAaaa or whose numbers are out of range.
    """
    take = parse_take(name)
    joints = in_view(perform(take, seed=seed), setup=take.setup, camera=take.camera)
    rng = _generator(seed, _SENSOR, take.setup, take.subject, take.replication, take.action, take.camera)
    return sensed(joints, rng)


@dataclass(frozen=True, kw_only=True)
class Take:
    """The numbers of a clip's name, all of them within the corpus."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


def parse_take(name: str) -> Take:
    """The numbers of a clip's name.

    Raises: ValueError.
    """
    fields = parse_name(name)
    numbers = {}
    for what, most in _most(fields).items():
        number = getattr(fields, what)
        if number is None:
            raise ValueError(f"a clip's name is SsssCccPpppRrrrAaaa, got {name!r}")
        if not 1 <= number <= most:
            raise ValueError(f"the {what} in a clip's name is 1 to {most}, got {number} in {name!r}")
        numbers[what] = number
    return Take(**numbers)
