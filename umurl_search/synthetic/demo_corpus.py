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
from umurl_search.synthetic import body as body
from umurl_search.synthetic.actions import ALL, REST, STAND, Script, sample_keys
from umurl_search.synthetic.body import CHANNELS, COLUMN, OFF_ARM, Array

ACTIONS: tuple[str, ...] = tuple(action.name for action in ALL)
TWO_PERSON: frozenset[int] = frozenset(label for label, action in enumerate(ALL) if action.partner)
N_SUBJECTS, N_CAMERAS, N_SETUPS, N_REPLICATIONS = 24, 3, 4, 99

FRAMES_PER_S = 30
SHORTEST, LONGEST = 40, 150
"""The least and the most frames of a clip."""

LATEST_S = 0.8
"""The longest that a clip stands still before its action, and after."""

_RAW: State = "raw"
_AZIMUTHS = (-45.0, 0.0, 45.0)
_DISTANCE_AND_HEIGHT = ((3.1, 1.1), (3.5, 1.7), (2.8, 0.8), (3.3, 2.1))
_SUBJECT, _HABIT, _TAKE, _SENSOR = range(4)


@dataclass(frozen=True, kw_only=True)
class Take:
    """The numbers of a clip's name, each within its range."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who performs: build, and what stays the same from action to action.

    posture: (D,) degrees, added to every pose; rest_arm: (5,) the off arm when it has nothing to do; heading:
    degrees off camera 2; place: (3,) metres from the centre of the stage.
    """

    number: int
    build: body.Build
    left_handed: bool
    speed: float
    size: float
    posture: Array
    sway: float
    rest_arm: Array
    heading: float
    place: Array


def _spread(values: dict[str, float]) -> Array:
    """A number per channel, (D,): that of its name, or of its name without the side, or zero."""
    return np.array([values.get(name, values.get(name.partition(" ")[2], 0.0)) for name in CHANNELS])


POSTURE = _spread(
    {
        "bend": 3.5,
        "lean": 1.5,
        "twist": 3,
        "nod": 5,
        "tilt": 3,
        "turn": 5,
        "arm raise": 6,
        "arm spread": 5,
        "arm turn-in": 8,
        "arm elbow": 8,
        "arm wrist": 8,
        "leg splay": 1.8,
        "leg turn-in": 4,
    }
)
"""How far people differ in the way they stand (degrees, a standard deviation per channel)."""
_SWAY = _spread(
    {
        "x": 0.012,
        "z": 0.012,
        "yaw": 1.5,
        "bend": 1,
        "lean": 1,
        "twist": 1.8,
        "nod": 2.5,
        "tilt": 1.8,
        "turn": 4,
        "arm raise": 2.5,
        "arm spread": 2,
        "arm turn-in": 3.5,
        "arm elbow": 4,
        "arm wrist": 4,
    }
)
"""How far a standing body sways (degrees; x and z metres)."""
_HABITS = _spread(
    {
        "bend": 4,
        "lean": 3,
        "twist": 5,
        "nod": 5,
        "tilt": 3,
        "turn": 7,
        "arm raise": 8.5,
        "arm spread": 8.5,
        "arm turn-in": 10,
        "arm elbow": 8.5,
        "arm wrist": 12,
    }
)
"""How far a person's way of doing an action strays from its script, where the action uses the channel."""

_GAINS = 0.16 * np.array(
    [name not in ("x", "z", "yaw", "roll", "weight") and " leg " not in name for name in CHANNELS]
)
"""How far the size of a movement strays (of its logarithm)."""
_LEGS_AND_PITCH = np.array([" leg " in name or name == "pitch" for name in CHANNELS])
_ANGLES = _HABITS > 0

_TREMBLE_M = np.full((25, 1), 0.009)
_TREMBLE_M[[0, 1, 2, 3, 20]] = 0.006
_TREMBLE_M[[7, 11, 15, 19]] = 0.016
_TREMBLE_M[[21, 22, 23, 24]] = 0.022
"""The sensor's error at each joint, 3 metres away."""
_COUNTERPART = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]
"""The joint on the other side: nearer to the sensor, it hides its fellow."""
_LIMBS = ([5, 6, 7, 21, 22], [9, 10, 11, 23, 24], [13, 14, 15], [17, 18, 19])

_ON_HIP, _IN_POCKET, _ON_BELLY, _BEHIND_BACK = (
    (-22, 46, 50, 98, 0),
    (-6, 16, 30, 48, 0),
    (30, 4, 62, 92, 0),
    (-30, 2, 50, 75, 0),
)
IDLE_ARMS = np.array([REST, REST, _ON_HIP, _IN_POCKET, _ON_BELLY, _BEHIND_BACK])
"""Where a free arm stays; it hangs twice as often as each of the others."""

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
    return simulate_sensor(in_view(perform(take, seed=seed), setup=take.setup, camera=take.camera), rng)


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
        build=body.Build(stature=stature, legs=legs, arms=arms, trunk=trunk, breadth=breadth),
        left_handed=number % 8 in (3, 6),
        speed=float(np.exp(rng.normal(0, 0.18))),
        size=float(np.exp(rng.normal(0, 0.10))),
        posture=rng.normal(0, 1, len(CHANNELS)) * POSTURE,
        sway=float(rng.uniform(0.4, 1.8)),
        rest_arm=IDLE_ARMS[rng.integers(len(IDLE_ARMS))],
        heading=float(rng.normal(0, 14)),
        place=rng.normal(0, 0.15, 3) * [1, 0, 1],
    )


def in_view(joints: Array, *, setup: int, camera: int) -> Array:
    """The joints in a camera's space: (T, M, 25, 3), from the same on the stage."""
    distance, height = _DISTANCE_AND_HEIGHT[setup - 1]
    azimuth, tilt = np.deg2rad(_AZIMUTHS[camera - 1]), np.arctan2(height - 0.9, distance)
    sine, cosine = np.sin(azimuth), np.cos(azimuth)
    level = np.array([[-cosine, 0, sine], [0, 1, 0], [-sine, 0, -cosine]])
    lens = np.array([distance * sine, height, distance * cosine])
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    return np.asarray((joints - lens) @ (tilted @ level).T)


def simulate_sensor(joints: Array, rng: Generator) -> NDArray[np.float32]:
    """What a depth sensor makes of the joints: (T, M, 25, 3) float32; a person it loses is zeros.

    It trembles (more at hands and feet, far away, and on the side turned from it), now and then takes a limb
    for another thing, and loses people for some frames.
    """
    seen = joints + tremble(joints, rng)
    if rng.random() < 0.2:
        misplace_limb(seen, rng)
    if rng.random() < 0.1:
        lose(seen[:, rng.integers(seen.shape[1])], int(rng.integers(1, 9)), at=float(rng.random()))
    if seen.shape[1] == 2 and rng.random() < 0.2:
        lose(seen[:, 1], int(len(seen) * rng.uniform(0.08, 0.3)), at=float(rng.integers(2)))
    return seen.astype(np.float32)


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


def apply_style(
    script: Script, person: Subject, *, habit: Generator, rng: Generator, spread: float = 1.0
) -> Script:
    """The script as this person does it this time.

    Angles differ in size and go astray in the measure in which a pose leaves standing; legs keep their
    proportions, so that feet stay under the body.
    """
    keys = np.stack([key for _, key in script])
    n_channels = keys.shape[1]
    away = keys - STAND
    reach = np.abs(away).max(axis=0)
    used = np.where(reach > 3, np.abs(away) / np.maximum(reach, 1e-9), 0)
    gain = np.exp(spread * _GAINS * (0.8 * habit.normal(size=n_channels) + 0.5 * rng.normal(size=n_channels)))
    gain[_ANGLES] *= person.size
    gain[_LEGS_AND_PITCH] = np.exp(0.12 * habit.normal() + 0.06 * rng.normal())
    stray = habit.normal(size=n_channels) + 0.35 * rng.normal(size=n_channels)
    shaky = 0.25 * rng.normal(size=keys.shape)
    played = STAND + away * gain + used * (stray + shaky) * (spread * _HABITS) + person.posture
    if not used[:, OFF_ARM].any():
        played[:, OFF_ARM] += person.rest_arm - REST
    return [(seconds, key) for (seconds, _), key in zip(script, played, strict=True)]


def animate(person: Subject, script: Script, *, clock: Array, rng: Generator) -> Array:
    """The person's joints along the script, from where its path starts: (T, 25, 3), metres, floor at 0."""
    poses = sample_keys(script, clock) + person.sway * _idling(len(clock), rng)
    if rng.random() < 0.3:
        poses[:, COLUMN["turn"]] += _glance(len(clock), rng)
    if person.left_handed:
        poses = body.mirror(poses)
    poses = body.clamp_to_ranges(poses)
    joints = body.forward_kinematics(poses, body.bone_offsets(person.build))
    return body.place(joints, poses, scale=person.build.stature / body.STATURE)


def _idling(n_frames: int, rng: Generator) -> Array:
    """The slow sway of a body that stands: (T, D)."""
    hertz, phase = rng.uniform(0.15, 0.9, 4), rng.uniform(0, 2 * np.pi, 4)
    waves = np.sin(2 * np.pi * hertz * np.arange(n_frames)[:, None] / FRAMES_PER_S + phase)
    return np.asarray(waves @ rng.normal(0, 0.7, (4, len(_SWAY))) * _SWAY)


def _glance(n_frames: int, rng: Generator) -> Array:
    """A look aside: (T,) degrees."""
    middle, width = rng.uniform(0, n_frames), rng.uniform(6, 14)
    return np.asarray(rng.normal(0, 28) * np.exp(-(((np.arange(n_frames) - middle) / width) ** 2)))


def place_on_stage(bodies: list[Array], person: Subject, *, gap: float, rng: Generator) -> Array:
    """Bodies put on the stage; two face each other, across the view of camera 2, in either order."""
    heading, place = person.heading + rng.normal(0, 6), person.place + rng.normal(0, 0.06, 3) * [1, 0, 1]
    across, swapped, apart = rng.random() < 0.5, rng.random() < 0.25, gap + rng.normal(0, 0.05)
    if len(bodies) == 2:
        heading += 90 if across else -90
        middle = np.array([0, 0, apart / 2])
        bodies = [bodies[0] - middle, bodies[1] * [-1, 1, -1] + middle]
    joints = np.stack(bodies[::-1] if swapped else bodies, axis=1)
    return np.asarray(joints @ body.rotations(np.deg2rad([0.0, heading, 0.0])).T + place)


def tremble(joints: Array, rng: Generator) -> Array:
    """The sensor's error, correlated in time over about a tenth of a second: (T, M, 25, 3), metres."""
    weights = 0.7 ** np.arange(8)
    white = rng.standard_normal((len(joints) + len(weights) - 1, *joints.shape[1:]))
    smooth = np.zeros_like(joints)
    for delay, weight in enumerate(weights / np.sqrt((weights**2).sum())):
        smooth += weight * white[delay : delay + len(joints)]
    bias = 0.7 * rng.standard_normal(joints.shape[1:])
    depth = joints[..., 2:]
    hidden = np.clip((depth - depth[:, :, _COUNTERPART]) / 0.4, 0, 1)
    return np.asarray(_TREMBLE_M * (np.minimum(depth, 4.5) / 3) ** 2 * (1 + 2 * hidden) * (smooth + bias))


def misplace_limb(seen: Array, rng: Generator) -> None:
    """Throw one limb of one person off for a few frames."""
    limb = _LIMBS[rng.integers(len(_LIMBS))]
    start, length = int(rng.integers(len(seen))), int(rng.integers(2, 9))
    shift = rng.normal(0, 0.1, 3) * np.linspace(0.4, 1.5, len(limb))[:, None]
    seen[start : start + length, rng.integers(seen.shape[1]), limb] += shift


def lose(person: Array, n_frames: int, *, at: float) -> None:
    """Make a person absent for some frames; `at` runs from 0, the clip's start, to 1, its end.

    person: (T, 25, 3), changed in place.
    """
    n_frames = min(n_frames, len(person) - 1)
    start = round(at * (len(person) - n_frames))
    person[start : start + n_frames] = 0
