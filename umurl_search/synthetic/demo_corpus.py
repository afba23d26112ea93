"""A corpus of made-up human motion, no download: subjects, cameras, a sensor's faults, and its reader.

A performance (who does what, how) does not know its cameras; each camera sees the same one with faults of
its own. Everything is drawn from the numbers in a clip's name and a seed.

Stage: metres, y up, floor at 0, its centre at the origin; camera 2 looks along -z. Camera space is a depth
sensor's: z away from the sensor, y up, and x to its left.

Letters: T frames, M people, J = 25 joints, D = channels of a pose, K keys.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, LeftOut, Outcome
from umurl_search.clips.types import Splits, State
from umurl_search.synthetic.actions import ALL, Script
from umurl_search.synthetic.body import CHANNELS, Array, Build
from umurl_search.synthetic.demo_sensor import simulate_sensor, to_camera_space
from umurl_search.synthetic.performers import (
    FRAMES_PER_S,
    IDLE_ARMS,
    POSTURE,
    Subject,
    animate,
    apply_style,
    place_on_stage,
)

ACTIONS: tuple[str, ...] = tuple(action.name for action in ALL)
TWO_PERSON: frozenset[int] = frozenset(label for label, action in enumerate(ALL) if action.partner)
N_SUBJECTS, N_CAMERAS, N_SETUPS, N_REPLICATIONS = 24, 3, 4, 99

SHORTEST, LONGEST = 40, 150
"""The least and the most frames of a clip."""

LATEST_S = 0.8
"""The longest that a clip stands still before its action, and after."""

_RAW: State = "raw"
_SUBJECT, _HABIT, _TAKE, _SENSOR = range(4)


@dataclass(frozen=True, kw_only=True)
class Take:
    """The numbers of a clip's name, each within its range."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
_MOST = {
    "setup": N_SETUPS,
    "camera": N_CAMERAS,
    "subject": N_SUBJECTS,
    "replication": N_REPLICATIONS,
    "action": len(ACTIONS),
}


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


def parse_take(name: str) -> Take:
    """The numbers of a clip's name.

    Raises: ValueError for a name that is not SsssCccPpppRrrrAaaa, or a number out of its range.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise ValueError(f"a clip's name is SsssCccPpppRrrrAaaa, three digits each, got {name!r}")
    numbers = dict(zip(_MOST, map(int, found.groups()), strict=True))
    for what, number in numbers.items():
        if not 1 <= number <= _MOST[what]:
            raise ValueError(f"the {what} of a clip is 1 to {_MOST[what]}, got {number} in {name!r}")
    return Take(**numbers)


def make_clip(name: str, *, seed: int = 0) -> NDArray[np.float32]:
    """The clip of that name: (T, M, 25, 3) float32, metres in camera space; an absent person is zeros.

    Raises: ValueError for a name that is not SsssCccPpppRrrrAaaa, or a number out of its range.
    """
    take = parse_take(name)
    rng = _generator(seed, _SENSOR, take.setup, take.subject, take.replication, take.action, take.camera)
    return simulate_sensor(
        to_camera_space(perform(take, seed=seed), setup=take.setup, camera=take.camera), rng
    )


def perform(take: Take, *, seed: int = 0) -> Array:
    """The performance of a take, the same before every camera: (T, M, 25, 3), metres on the stage."""
    rng = _generator(seed, _TAKE, take.setup, take.subject, take.replication, take.action)
    action = ALL[take.action - 1]
    n = int(rng.integers(action.repeats[0], action.repeats[1] + 1))
    people = [sample_subject(take.subject, seed=seed)]
    scripts = [action.actor(n)]
    if action.partner:
        people.append(sample_subject(_other(take.subject, rng), seed=seed))
        scripts.append(action.partner(n))
    clock = _clock(max(_seconds(script) for script in scripts), people[0].speed, rng)
    bodies = []
    for role, (person, script) in enumerate(zip(people, scripts, strict=True)):
        habit = _generator(seed, _HABIT, person.number, take.action, role)
        bodies.append(
            animate(person, apply_style(script, person, habit=habit, rng=rng), clock=clock, rng=rng)
        )
    return place_on_stage(bodies, people[0], gap=action.gap, rng=rng)


@lru_cache(maxsize=4 * N_SUBJECTS)
def sample_subject(number: int, *, seed: int = 0) -> Subject:
    """The subject of that number, the same in every clip of a seed."""
    rng = _generator(seed, _SUBJECT, number)
    legs, arms, trunk, breadth = np.exp(rng.normal(0, [0.035, 0.04, 0.035, 0.06]))
    stature = float(np.clip(rng.normal(1.70, 0.09), 1.50, 1.95))
    return Subject(
        number=number,
        build=Build(stature=stature, legs=legs, arms=arms, trunk=trunk, breadth=breadth),
        left_handed=number % 8 in (3, 6),
        speed=float(np.exp(rng.normal(0, 0.18))),
        size=float(np.exp(rng.normal(0, 0.10))),
        posture=rng.normal(0, 1, len(CHANNELS)) * POSTURE,
        sway=float(rng.uniform(0.4, 1.8)),
        rest_arm=IDLE_ARMS[rng.integers(len(IDLE_ARMS))],
        heading=float(rng.normal(0, 14)),
        place=rng.normal(0, 0.15, 3) * [1, 0, 1],
    )


@dataclass(frozen=True, kw_only=True)
class MadeUpReader(ABC):
    """A made-up corpus as a source of recordings; the state of its coordinates is that of a sensor."""

    seed: int = 0
    source = ""
    format = "demo"
    state = _RAW
    parallel = True
    layout = "ntu25"
    roots: ClassVar[tuple[Path, ...]] = ()

    @abstractmethod
    def items(self) -> Sequence[str]: ...

    @abstractmethod
    def make(self, name: str) -> Clip:
        """The recording of that name. Raises ValueError for one that names none."""

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        for name in items:
            yield (self._outcome(name),)

    def splits(self) -> Splits:
        return {}

    def files(self) -> Sequence[Path]:
        return ()

    def _outcome(self, name: str) -> Outcome:
        try:
            return self.make(name)
        except ValueError as error:
            return LeftOut(name=name, reason="malformed", detail=str(error), source=self.source)


class DemoReader(MadeUpReader):
    """The corpus as a source of recordings."""

    source = "demo"

    def items(self) -> Sequence[str]:
        return clip_names()

    def make(self, name: str) -> Clip:
        take = parse_take(name)
        return Clip(
            name=name,
            frames=make_clip(name, seed=self.seed),
            label=take.action - 1,
            subject=take.subject,
            camera=take.camera,
            setup=take.setup,
            replication=take.replication,
            source=self.source,
        )


def _generator(*numbers: int) -> Generator:
    return np.random.default_rng(SeedSequence(numbers))


def _other(subject: int, rng: Generator) -> int:
    return 1 + (subject - 1 + int(rng.integers(1, N_SUBJECTS))) % N_SUBJECTS


def _seconds(script: Script) -> float:
    return sum(seconds for seconds, _ in script)


def _clock(script_s: float, speed: float, rng: Generator) -> Array:
    """Where in the script each frame is: (T,) seconds. It starts late, runs unevenly, and ends early."""
    lead_s, lag_s = rng.uniform(0, LATEST_S, 2)
    acted_s = script_s / (speed * float(np.exp(rng.normal(0, 0.06))))
    squeeze = min(1.0, LONGEST / FRAMES_PER_S / (lead_s + acted_s + lag_s))
    n_frames = max(SHORTEST, round(FRAMES_PER_S * squeeze * (lead_s + acted_s + lag_s)))
    pace = np.cumsum(np.exp(rng.normal(0, 0.18, 6)))
    knots = squeeze * (lead_s + acted_s * np.linspace(0, 1, 7))
    frame_s = np.arange(n_frames) / FRAMES_PER_S
    return np.asarray(np.interp(frame_s, knots, script_s * np.r_[0, pace / pace[-1]]))
