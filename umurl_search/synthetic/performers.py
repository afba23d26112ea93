"""Who performs made-up motion, and how: builds, postures, habits, idling, places on the stage.

Letters: T frames, M people, J = 25 joints, D = channels of a pose, K keys.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from umurl_search.synthetic import body
from umurl_search.synthetic.actions import REST, STAND, Script, sample_keys
from umurl_search.synthetic.body import CHANNELS, COLUMN, OFF_ARM, Array

FRAMES_PER_S = 30


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

_ON_HIP, _IN_POCKET, _ON_BELLY, _BEHIND_BACK = (
    (-22, 46, 50, 98, 0),
    (-6, 16, 30, 48, 0),
    (30, 4, 62, 92, 0),
    (-30, 2, 50, 75, 0),
)
IDLE_ARMS = np.array([REST, REST, _ON_HIP, _IN_POCKET, _ON_BELLY, _BEHIND_BACK])
"""Where a free arm stays; it hangs twice as often as each of the others."""


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
    poses = sample_keys(script, clock) + person.sway * _sway(len(clock), rng)
    if rng.random() < 0.3:
        poses[:, COLUMN["turn"]] += _glance(len(clock), rng)
    if person.left_handed:
        poses = body.mirror(poses)
    poses = body.clamp_to_ranges(poses)
    joints = body.forward_kinematics(poses, body.bone_offsets(person.build))
    return body.place(joints, poses, scale=person.build.stature / body.STATURE)


def _sway(n_frames: int, rng: Generator) -> Array:
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
