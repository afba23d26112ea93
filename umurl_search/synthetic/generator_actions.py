"""What the people of the studio do: the demo corpus's actions, varied, and in twos movements drawn at random too.

A programme is drawn once and can be performed by anybody; like the scripts of `demo_actions` it is written for a
right-hander. Angles are in degrees, times in seconds, paths in metres.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from umurl_search.synthetic import actions
from umurl_search.synthetic.actions import ALL, STAND, UPRIGHT, Angles, Script, legs, pose, sample_keys
from umurl_search.synthetic.body import (
    COLUMN,
    MAIN_ARM,
    MAIN_LEG,
    OFF_ARM,
    OFF_LEG,
    OTHER_SIDE,
    RANGES,
    Array,
)

MOST_S = 12.0
"""The longest script; a longer one is cut."""

_HANDS = np.array(
    [
        angles
        for name, angles in vars(actions).items()
        if name.isupper()
        and isinstance(angles, tuple)
        and len(angles) == 5
        and name not in ("UPRIGHT", "SWING", "LEAD", "TRAIL", "HIGH_KNEE")
    ],
    dtype=np.float64,
)
"""Where the written actions put a hand: (n, 5)."""
_ARM_EASE = np.array([(-30, 150), (-15, 110), (-70, 75), (0, 140), (-30, 40)], dtype=np.float64)
"""How far an arm goes without effort."""

_TRUNK_SPREAD = {
    "bend": 18.0,
    "lean": 9.0,
    "twist": 16.0,
    "nod": 14.0,
    "tilt": 8.0,
    "turn": 20.0,
    "pitch": 6.0,
    "yaw": 18.0,
}
_PATH = [COLUMN[name] for name in ("x", "z", "yaw")]
_LOWER = np.r_[0:6, COLUMN["weight"], MAIN_LEG, OFF_LEG]
"""What walking moves: the path, the pelvis and the legs."""


@dataclass(frozen=True, kw_only=True)
class MotionScript:
    """What is done, and a partner's script where there are two."""

    actor: Script
    partner: Script | None = None
    gap: float = 0.0
    left_handed: bool = False


def sample_script(rng: Generator, *, pairs: float) -> MotionScript:
    """A random programme, one in six left-handed; pairs: the share of those for two people."""
    made = MotionScript(actor=_sample_single(rng)) if rng.random() < 1 - pairs else _sample_pair(rng)
    return replace(made, left_handed=bool(rng.random() < 1 / 6))


def compose(rng: Generator) -> Script:
    """A movement of random key poses: reached once, repeated, or drawn in the air; standing or walking."""
    n_keys = int(rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]))
    keys = _key_poses(n_keys, rng)
    tempo = float(np.exp(rng.normal(-0.9, 0.45)))
    way = rng.random()
    if way < 0.4:
        script = _reach(keys, tempo, rng)
    elif way < 0.75:
        script = _repeat(keys, tempo, rng)
    else:
        script = _trace(keys[0], tempo, rng)
    if rng.random() < 0.2:
        script = layer(lower=walk(rng), upper=script)
    return _cut(script)


def walk(rng: Generator) -> Script:
    """Steps along an arc, slow or fast, forwards or backwards; hurried ones bend knees and elbows."""
    hurry = float(rng.uniform(0, 1))
    step = rng.uniform(0.3, 0.6) + 0.3 * hurry
    step *= -0.6 if rng.random() < 0.12 else 1.0
    if rng.random() < 0.12:
        step = 0.0
    beat = rng.uniform(0.5, 0.7) - 0.22 * hurry
    turn = rng.normal(0, 25) if rng.random() < 0.5 else 0.0
    lift = rng.uniform(0.6, 1.2) + 0.5 * hurry
    swing: Angles = (24 * lift, 3, -4, 56 * lift, 5)
    reach = abs(step) / 0.6
    lead: Angles = (25 * reach, 3, -6, 6 + 14 * hurry, 0)
    trail: Angles = (-17 * reach, 3, -6, 12 + 20 * hurry, 14)
    elbow = 14 + 70 * hurry * rng.random()
    back: Angles = (-18 - 15 * hurry, 8, 12, elbow, 0)
    front: Angles = (20 + 15 * hurry, 6, 14, 12 + elbow, 0)
    trunk = {"bend": 10 * hurry, "y": 0.0}
    passing = pose(trunk | {"y": 0.05 * max(0.0, hurry - 0.5)}, leg=swing, off_leg=legs(4, 6))
    landed = pose(trunk, leg=lead, off_leg=trail, arm=back, off_arm=front)
    place, heading = np.zeros(2), 0.0
    n_steps = int(rng.integers(2, 8))
    script: Script = [(0.0, STAND)]
    for _ in range(n_steps):
        for key, seconds in ((passing, 0.48 * beat), (landed, 0.52 * beat)):
            heading += turn / 2
            place = place + 0.5 * step * np.array([np.sin(np.deg2rad(heading)), np.cos(np.deg2rad(heading))])
            script.append((seconds, _move(key, place, heading)))
        passing, landed = passing[OTHER_SIDE], landed[OTHER_SIDE]
    if rng.random() < 0.6:
        script.append((0.4, _move(STAND, place, heading)))
    return script


def layer(*, lower: Script, upper: Script) -> Script:
    """The legs and the path of one script under the trunk and the arms of another, as long as the lower."""
    ends = [sum(seconds for seconds, _ in script) for script in (lower, upper)]
    upper = [(seconds * ends[0] / ends[1], key) for seconds, key in upper]
    times: Array = np.unique(np.round(np.concatenate([_times(lower), _times(upper)]), 3)).astype(np.float64)
    keys = sample_keys(upper, times)
    keys[:, _LOWER] = sample_keys(lower, times)[:, _LOWER]
    return [(float(seconds), key) for seconds, key in zip(np.diff(times, prepend=0.0), keys, strict=True)]


def _sample_single(rng: Generator) -> Script:
    singles = [action for action in ALL if action.partner is None]
    action = singles[rng.integers(len(singles))]
    return action.actor(int(rng.integers(action.repeats[0], action.repeats[1] + 1)))


def _sample_pair(rng: Generator) -> MotionScript:
    """Two people: mostly a written action, else each with a script of their own."""
    pairs = [action for action in ALL if action.partner is not None]
    action = pairs[rng.integers(len(pairs))]
    if rng.random() < 0.3 or action.partner is None:
        gap = float(rng.uniform(0.8, 1.6))
        return MotionScript(actor=compose(rng), partner=compose(rng), gap=gap)
    n = int(rng.integers(action.repeats[0], action.repeats[1] + 1))
    return MotionScript(actor=action.actor(n), partner=action.partner(n), gap=action.gap)


def _times(script: Script) -> Array:
    return np.cumsum([seconds for seconds, _ in script])


def _cut(script: Script) -> Script:
    """The script up to its longest, of two keys at least."""
    kept = [key for key, end in zip(script, _times(script), strict=True) if end <= MOST_S]
    return kept if len(kept) > 1 else script[:2]


def _move(key: Array, place: Array, heading: float) -> Array:
    moved = key.copy()
    moved[_PATH] = place[0], place[1], heading
    return moved


# key poses


def _key_poses(n: int, rng: Generator) -> list[Array]:
    """n poses that use the same parts of the body."""
    arms = _ARM_USES[rng.choice(len(_ARM_USES), p=[0.4, 0.1, 0.2, 0.2, 0.1])]
    moving = [name for name in _TRUNK_SPREAD if rng.random() < (0.25 if arms is not _leave_arms else 0.5)]
    stoop = rng.random() < 0.12
    stance = _STANCES[rng.choice(len(_STANCES), p=[0.5, 0.14, 0.14, 0.12, 0.1])]
    keys = []
    for _ in range(n):
        made = STAND.copy()
        for name in moving:
            made[COLUMN[name]] = rng.normal(0, _TRUNK_SPREAD[name])
        arms(made, rng)
        stance(made, rng)
        if stoop:
            _stoop(made, rng)
        keys.append(np.clip(made, RANGES[:, 0], RANGES[:, 1]))
    return keys


def _arm(rng: Generator) -> Array:
    """Where an arm goes: near a place that a written action uses, or anywhere within ease."""
    if rng.random() < 0.5:
        return np.asarray(_HANDS[rng.integers(len(_HANDS))] + rng.normal(0, 14, 5))
    return rng.uniform(_ARM_EASE[:, 0], _ARM_EASE[:, 1])


def _pose_main_arm(made: Array, rng: Generator) -> None:
    made[MAIN_ARM] = _arm(rng)


def _pose_off_arm(made: Array, rng: Generator) -> None:
    made[OFF_ARM] = _arm(rng)


def _pose_arms_alike(made: Array, rng: Generator) -> None:
    made[MAIN_ARM] = made[OFF_ARM] = _arm(rng)


def _pose_each_arm(made: Array, rng: Generator) -> None:
    made[MAIN_ARM], made[OFF_ARM] = _arm(rng), _arm(rng)


def _leave_arms(made: Array, rng: Generator) -> None:
    pass


_ARM_USES: tuple[Callable[[Array, Generator], None], ...] = (
    _pose_main_arm,
    _pose_off_arm,
    _pose_arms_alike,
    _pose_each_arm,
    _leave_arms,
)


def _stand_upright(made: Array, rng: Generator) -> None:
    pass


def _squat(made: Array, rng: Generator) -> None:
    knee = rng.uniform(15, 118)
    made[MAIN_LEG] = made[OFF_LEG] = legs(0.86 * knee, knee, splay=rng.uniform(2, 18))
    made[COLUMN["bend"]] += 0.3 * knee


def _step(made: Array, rng: Generator) -> None:
    """One foot ahead, up to a lunge."""
    depth = rng.uniform(0.15, 1)
    made[MAIN_LEG], made[OFF_LEG] = legs(78 * depth, 84 * depth), (-24 * depth, 4, -6, 55 * depth, 10 * depth)
    made[COLUMN["weight"]] = rng.uniform(0.3, 0.7)


def _raise_leg(made: Array, rng: Generator) -> None:
    made[MAIN_LEG] = rng.uniform((-28, 2, -15, 4, -25), (100, 40, 15, 95, 10))
    made[COLUMN["weight"]] = 0.0


def _spring(made: Array, rng: Generator) -> None:
    if rng.random() < 0.5:
        made[COLUMN["y"]] = rng.uniform(0.04, 0.35)
        made[MAIN_LEG] = made[OFF_LEG] = (rng.uniform(0, 25), rng.uniform(2, 25), -6, rng.uniform(4, 40), -25)
    else:
        _squat(made, rng)


_STANCES: tuple[Callable[[Array, Generator], None], ...] = (
    _stand_upright,
    _squat,
    _step,
    _raise_leg,
    _spring,
)


def _stoop(made: Array, rng: Generator) -> None:
    """Bent down to something on the floor or a table, a hand or both ahead."""
    pitch, bend = rng.uniform(5, 55), rng.uniform(15, 70)
    made[COLUMN["pitch"]], made[COLUMN["bend"]] = pitch, bend
    reach = np.array([rng.uniform(30, 100), rng.uniform(0, 20), rng.uniform(-10, 30), rng.uniform(0, 40), 0])
    made[MAIN_ARM] = reach
    if rng.random() < 0.5:
        made[OFF_ARM] = reach
    if np.array_equal(made[MAIN_LEG], UPRIGHT):
        knee = rng.uniform(2, 60)
        made[MAIN_LEG] = made[OFF_LEG] = legs(pitch + 0.5 * knee, knee, pitch=pitch)


# movements through them


def _hold(key: Array, rng: Generator) -> Script:
    return [(float(rng.uniform(0.2, 1.0)), key)] if rng.random() < 0.45 else []


def _reach(keys: list[Array], tempo: float, rng: Generator) -> Script:
    """From standing through the keys and back; or ending there, or coming from there."""
    script: Script = [(0.0, STAND)]
    for key in keys:
        script += [(tempo * float(rng.uniform(0.5, 1.8)), key), *_hold(key, rng)]
    back: Script = [(tempo * float(rng.uniform(0.8, 1.8)), STAND)]
    ending = rng.random()
    if ending < 0.15:
        return script
    if ending < 0.25:
        return [(0.0, script[1][1]), *script[2:], *back]
    return script + back


def _repeat(keys: list[Array], tempo: float, rng: Generator) -> Script:
    """Standing, the keys over and over (every other time on the other side, for some), and standing."""
    cycle = keys if len(keys) > 1 else [keys[0], _interpolate(keys[0], rng.uniform(0, 0.6))]
    seconds = tempo * rng.uniform(0.4, 1.1, len(cycle))
    n = int(rng.integers(2, 7))
    alternate = rng.random() < 0.25
    script: Script = [(0.0, STAND)]
    for turn in range(n):
        for key, s in zip(cycle, seconds, strict=True):
            script.append((float(s), key[OTHER_SIDE] if alternate and turn % 2 else key))
    start = tempo + 0.1
    script[1] = (start, script[1][1])
    return [*script, (start, STAND)]


def _interpolate(key: Array, share: float) -> Array:
    """A pose part of the way from standing to the key."""
    return np.asarray(STAND + share * (key - STAND))


def _trace(key: Array, tempo: float, rng: Generator) -> Script:
    """A hand, or both, drawing a figure in the air about the key: an ellipse, a polygon or a zigzag."""
    n_corners = int(rng.choice([2, 3, 4, 8]))
    phase, direction = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
    angles = phase + direction * 2 * np.pi * np.arange(n_corners + 1) / n_corners
    wide, high = rng.uniform(12, 50), rng.uniform(12, 50)
    offset = np.zeros((len(angles), 5))
    offset[:, 0], offset[:, 1] = high * np.sin(angles), wide * np.cos(angles)
    offset[:, 2] = rng.normal(0, 25) * np.cos(angles + rng.uniform(0, np.pi))
    offset[:, 3] = rng.normal(0, 25) * np.sin(angles + rng.uniform(0, np.pi))
    both = rng.random() < 0.25
    mirror = rng.choice([-1, 1])
    corner_s = 3.5 * tempo / n_corners
    script: Script = [(0.0, STAND)]
    for _ in range(int(rng.integers(1, 4))):
        for row in offset:
            at = key.copy()
            at[MAIN_ARM] += row
            if both:
                at[OFF_ARM] = key[MAIN_ARM] + row * [1, mirror, 1, 1, 1]
            script.append((corner_s, at))
    return [*script, (tempo + 0.2, STAND)]
