"""What the people of the demo corpus do: each action as key poses in time, for a right-hander.

A script is a list of (seconds since the key before, pose); `sample_keys` draws smooth curves through it. Scripts
take the number of repetitions, so that one person claps twice and another five times.

Letters: T frames, K keys, D = channels of a pose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from umurl_search.synthetic.body import COLUMN, MAIN_ARM, MAIN_LEG, OFF_ARM, OFF_LEG, OTHER_SIDE, Array

Angles = tuple[float, float, float, float, float]
Script = list[tuple[float, Array]]
Writer = Callable[[int], Script]


@dataclass(frozen=True, kw_only=True)
class Action:
    """An action: its name, the actor's script, how often it repeats, and for two people the other's part.

    gap: metres between the two, who face each other, when the script's paths are at zero.
    """

    name: str
    actor: Writer
    repeats: tuple[int, int] = (1, 1)
    partner: Writer | None = None
    gap: float = 0.0


# Arms: raise, spread, turn in, elbow, wrist. Named after where the hand is.
REST: Angles = (4, 8, 12, 14, 0)
MOUTH: Angles = (75, 11, 27, 125, 0)
FOREHEAD: Angles = (75, 91, -25, 108, 0)
HAT: Angles = (79, 86, -38, 115, 0)
HAT_HIGH: Angles = (110, 88, -25, 72, 0)
HAT_LOW: Angles = (4, 12, 24, 87, 0)
BRUSH_TOP: Angles = (104, 73, -9, 100, 0)
BRUSH_DOWN: Angles = (57, 75, -46, 145, 0)
WAVE_OUT: Angles = (29, 67, -68, 82, -10)
WAVE_IN: Angles = (50, 75, -27, 115, 15)
CLAP_OPEN: Angles = (21, 25, -7, 98, 0)
CLAP_SHUT: Angles = (34, 11, 31, 96, 0)
CROSSED: Angles = (44, 0, 78, 105, 0)
WATCH: Angles = (38, 13, 46, 116, 0)
THROW_BACK: Angles = (45, 105, -85, 95, -30)
THROW_TOP: Angles = (72, 96, -35, 60, -20)
THROW_END: Angles = (67, -5, 60, 30, 30)
GUARD: Angles = (8, 15, 6, 135, 0)
HIT: Angles = (90, -15, 8, 5, 0)
PUSH_READY: Angles = (5, 24, 6, 128, -20)
PUSH_OUT: Angles = (80, 4, 16, 20, -20)
SHAKE: Angles = (34, 3, 29, 59, 0)
SHAKE_HIGH: Angles = (44, 3, 29, 66, 0)
HUG_HIGH: Angles = (84, 13, 71, 81, 20)
HUG_LOW: Angles = (50, 8, 73, 75, 20)
FIVE_BACK: Angles = (45, 92, -60, 100, -15)
FIVE_UP: Angles = (100, 28, 16, 58, 0)
GIVE: Angles = (47, 3, 25, 58, 0)
TAKEN: Angles = (-4, 13, 21, 115, 0)
POINTING: Angles = (92, 4, 2, 3, 0)
BELLY: Angles = (22, 12, 62, 95, 0)
STARTLED: Angles = (42, 42, 10, 70, 0)

ARM_BACK: Angles = (-18, 8, 12, 12, 0)
ARM_FRONT: Angles = (20, 6, 14, 26, 0)

# Legs: hip, splay, turn in, knee, ankle.
UPRIGHT: Angles = (0, 3, -6, 2, 2)
SWING: Angles = (24, 3, -4, 56, 5)
LEAD: Angles = (25, 3, -6, 6, 0)
TRAIL: Angles = (-17, 3, -6, 12, 14)
HIGH_KNEE: Angles = (68, 4, -6, 82, -6)


def legs(hip: float, knee: float, *, pitch: float = 0, splay: float = 3) -> Angles:
    """A leg whose sole is level with the floor, the pelvis pitched forward by `pitch` degrees."""
    return (hip, splay, -6, knee, knee - hip + pitch)


def pose(
    trunk: Mapping[str, float] | None = None,
    *,
    arm: Angles = REST,
    off_arm: Angles = REST,
    arms: Angles | None = None,
    leg: Angles = UPRIGHT,
    off_leg: Angles = UPRIGHT,
    both_legs: Angles | None = None,
) -> Array:
    """A pose, (D,): trunk channels by name, zero where not named (the weight on both feet).

    `arms` and `both_legs` stand for the two sides at once.
    """
    made = np.zeros(len(COLUMN))
    made[COLUMN["weight"]] = 0.5
    made[MAIN_ARM], made[OFF_ARM] = arms or arm, arms or off_arm
    made[MAIN_LEG], made[OFF_LEG] = both_legs or leg, both_legs or off_leg
    for name, value in (trunk or {}).items():
        made[COLUMN[name]] = value
    return made


STAND = pose()


def sample_keys(script: Script, clock: Array) -> Array:
    """The poses at the times of `clock`: (T, D); before the first key and after the last, they hold still.

    A monotone cubic (Fritsch and Butland, 1984) runs through the keys: no overshoot beyond a key pose.
    """
    times = np.cumsum([seconds for seconds, _ in script])
    keys = np.stack([key for _, key in script])
    width = np.diff(times)[:, None]
    rise = np.diff(keys, axis=0) / width
    product = rise[:-1] * rise[1:]
    slope = np.zeros_like(keys)
    total = np.where(product > 0, rise[:-1] + rise[1:], 1)
    slope[1:-1] = np.where(product > 0, 2 * product / total, 0)
    at = np.clip(np.searchsorted(times, clock, side="right") - 1, 0, len(width) - 1)
    u = np.clip((clock - times[at]) / width[at, 0], 0, 1)[:, None]
    ahead = u * u * (3 - 2 * u)
    bent = slope[at] * (u * (1 - u) ** 2) - slope[at + 1] * (u * u * (1 - u))
    return np.asarray(keys[at] * (1 - ahead) + keys[at + 1] * ahead + bent * width[at])


def _go_and_return(*keys: tuple[float, Array], back_s: float = 0.7) -> Script:
    """Stand, the keys, and stand again."""
    return [(0.0, STAND), *keys, (back_s, STAND)]


def _steps(n: int, *, start: float, step: float = 0.6, trunk: Mapping[str, float] | None = None) -> Script:
    """n steps along z from `start` (a negative step where the body has turned back)."""
    still = pose(trunk)
    passing = pose(trunk, leg=SWING, off_leg=legs(4, 6))
    landed = pose(trunk, leg=LEAD, off_leg=TRAIL, arm=ARM_BACK, off_arm=ARM_FRONT)
    script: Script = [(0.0, _move_to(start, still))]
    for _ in range(n):
        script += [(0.25, _move_to(start + 0.4 * step, passing)), (0.27, _move_to(start + step, landed))]
        start += step
        passing, landed = passing[OTHER_SIDE], landed[OTHER_SIDE]
    return [*script, (0.4, _move_to(start, still))]


def _move_to(z: float, made: Array) -> Array:
    """The pose, z metres along the path."""
    moved = made.copy()
    moved[COLUMN["z"]] = z
    return moved


def _wave(n: int) -> Script:
    up = pose({"turn": -4}, arm=WAVE_OUT), pose({"turn": 4}, arm=WAVE_IN)
    return _go_and_return((0.6, up[0]), *[(0.24, up[1]), (0.24, up[0])] * n)


def _clap(n: int) -> Script:
    apart, shut = pose(arms=CLAP_OPEN), pose(arms=CLAP_SHUT)
    return _go_and_return((0.5, apart), *[(0.16, shut), (0.2, apart)] * n)


def _drink(n: int) -> Script:
    sip, off = pose({"nod": -18, "bend": -4}, arm=MOUTH), pose({"nod": 2}, arm=(66, 12, 25, 112, 0))
    return _go_and_return((0.8, off), *[(0.3, sip), (0.6, sip), (0.3, off)] * n)


def _throw(n: int) -> Script:
    back = pose({"twist": -28, "lean": 6, "yaw": -12}, arm=THROW_BACK, off_arm=(45, 10, 10, 40, 0))
    top = pose({"twist": 5, "bend": 4}, arm=THROW_TOP, off_arm=(20, 10, 10, 45, 0), off_leg=legs(12, 10))
    end = pose({"twist": 30, "bend": 24, "yaw": 10}, arm=THROW_END, off_arm=(-15, 15, 10, 40, 0))
    return _go_and_return(*[(0.6, back), (0.18, top), (0.16, end), (0.25, end)] * n)


def _kick(n: int) -> Script:
    balance: Angles = (25, 35, 10, 35, 0)
    back = pose({"bend": 8, "weight": 0.2}, leg=(-25, 5, -6, 72, -25), off_leg=legs(6, 12), off_arm=balance)
    trunk = {"bend": 6, "pitch": -8, "weight": 0}
    hit = pose(trunk, leg=(78, 4, -6, 6, -25), off_leg=legs(-4, 4), arm=balance)
    after = pose({"weight": 0.1}, leg=(35, 5, -6, 55, -5), off_arm=balance)
    return _go_and_return(*[(0.4, back), (0.22, hit), (0.25, after), (0.3, STAND)] * n, back_s=0.3)


def _jump(n: int) -> Script:
    low = pose({"bend": 28}, arms=(-40, 12, 5, 15, 0), both_legs=legs(55, 80))
    off = pose({"y": 0.1}, arms=(110, 20, 5, 30, 0), both_legs=(0, 4, -6, 4, -35))
    top = pose({"y": 0.34}, arms=(135, 20, 5, 25, 0), both_legs=(22, 5, -6, 35, -30))
    land = pose({"bend": 18}, arms=(40, 20, 5, 30, 0), both_legs=legs(42, 62))
    return _go_and_return(*[(0.45, low), (0.18, off), (0.16, top), (0.2, off), (0.14, land)] * n, back_s=0.5)


def _squat(n: int) -> Script:
    ahead: Angles = (72, 6, 5, 12, 0)
    low = pose({"bend": 28, "nod": -12}, arms=ahead, both_legs=legs(98, 118, splay=12))
    return _go_and_return(*[(0.75, low), (0.25, low), (0.7, STAND)] * n, back_s=0.2)


def _sitting_pose() -> Array:
    lap: Angles = (24, 6, 22, 52, 0)
    return pose({"bend": 6}, arms=lap, both_legs=legs(88, 90, splay=8))


def _half_sitting_pose() -> Array:
    ahead: Angles = (30, 10, 15, 30, 0)
    return pose({"bend": 38, "nod": -14}, arms=ahead, both_legs=legs(58, 62))


def _sit_down(n: int) -> Script:
    return [(0.0, STAND), (0.65, _half_sitting_pose()), (0.6, _sitting_pose()), (0.4, _sitting_pose())]


def _stand_up(n: int) -> Script:
    return [(0.0, _sitting_pose()), (0.4, _sitting_pose()), (0.55, _half_sitting_pose()), (0.6, STAND)]


def _bow(n: int) -> Script:
    down = pose({"bend": 45, "pitch": 26, "nod": 16}, both_legs=legs(26, 2, pitch=26))
    return _go_and_return(*[(0.75, down), (0.35, down), (0.8, STAND)] * n, back_s=0.2)


def _punch(n: int) -> Script:
    ready = pose({"bend": 8, "yaw": -24}, arms=GUARD, off_leg=legs(20, 24), leg=legs(-14, 20))
    turned = {"bend": 14, "yaw": -10, "twist": 34}
    hit = pose(turned, arm=HIT, off_arm=GUARD, off_leg=legs(32, 36), leg=legs(-18, 15))
    return _go_and_return((0.4, ready), *[(0.14, hit), (0.2, hit), (0.2, ready)] * n, back_s=0.5)


def _walk(n: int) -> Script:
    return _steps(n, start=-0.3 * n)


def _march(n: int) -> Script:
    up = pose({"weight": 0.1}, leg=HIGH_KNEE, arm=(-25, 8, 12, 40, 0), off_arm=(42, 6, 14, 70, 0))
    other = pose({"weight": 0.9})
    other[MAIN_ARM.start :] = up[OTHER_SIDE][MAIN_ARM.start :]
    return _go_and_return(*[(0.38, up), (0.38, other)] * n, back_s=0.4)


def _jumping_jack(n: int) -> Script:
    up: Angles = (30, 155, 0, 18, 0)
    side: Angles = (10, 85, 0, 12, 0)
    spring = pose({"y": 0.1}, arms=side, both_legs=(2, 16, -6, 6, -20))
    wide = pose(arms=up, both_legs=legs(4, 8, splay=28))
    return _go_and_return(*[(0.2, spring), (0.18, wide), (0.2, spring), (0.18, STAND)] * n, back_s=0.2)


def _point(n: int) -> Script:
    out = pose({"turn": -6, "twist": 6}, arm=POINTING)
    return _go_and_return((0.55, out), (1.0, out))


def _check_watch(n: int) -> Script:
    look = pose({"nod": 28, "turn": 12}, off_arm=WATCH)
    return _go_and_return((0.6, look), (0.8, look))


def _cross_arms(n: int) -> Script:
    crossed = pose({"bend": -2}, arm=CROSSED, off_arm=(34, 2, 74, 100, 0))
    return [(0.0, STAND), (0.8, crossed), (1.0, crossed)]


def _salute(n: int) -> Script:
    up = pose({"bend": -4}, arm=FOREHEAD)
    return _go_and_return((0.45, up), (0.8, up), back_s=0.5)


def _brush_hair(n: int) -> Script:
    top, down = pose({"tilt": -8}, arm=BRUSH_TOP), pose({"tilt": -16, "nod": 8}, arm=BRUSH_DOWN)
    return _go_and_return((0.65, top), *[(0.35, down), (0.3, top)] * n)


def _put_on_hat(n: int) -> Script:
    held, high, on = (pose({"nod": nod}, arm=arm) for nod, arm in ((14, HAT_LOW), (4, HAT_HIGH), (10, HAT)))
    return [(0.0, held), (0.3, held), (0.6, high), (0.35, on), (0.3, on), (0.65, STAND)]


def _take_off_hat(n: int) -> Script:
    held, high, on = (pose({"nod": nod}, arm=arm) for nod, arm in ((14, HAT_LOW), (4, HAT_HIGH), (10, HAT)))
    return [(0.0, STAND), (0.65, on), (0.3, on), (0.35, high), (0.6, held), (0.3, held)]


def _fall(n: int) -> Script:
    up: Angles = (50, 55, 0, 40, 0)
    sway = pose({"lean": 14, "roll": 8, "turn": -15}, arms=up, leg=legs(22, 40), off_leg=legs(14, 26))
    knees = pose(
        {"roll": 38, "pitch": 12, "lean": 12}, leg=(40, 6, 0, 78, 0), off_leg=(30, 5, 0, 60, 0), arms=up
    )
    down = pose({"roll": 84, "pitch": 12}, arm=(110, 20, 0, 30, 0), off_arm=(45, 0, 30, 55, 0))
    down[MAIN_LEG], down[OFF_LEG] = (30, -10, 0, 45, -20), (18, 0, 0, 30, -20)
    return [(0.0, STAND), (0.4, sway), (0.35, knees), (0.3, down), (0.7, down)]


def _handshake(n: int) -> Script:
    low, high = pose({"bend": 6}, arm=SHAKE), pose({"bend": 6}, arm=SHAKE_HIGH)
    return _go_and_return((0.65, low), *[(0.17, high), (0.17, low)] * n)


def _hug(n: int) -> Script:
    open_wide: Angles = (50, 40, 10, 35, 0)
    near = pose({"z": 0.18, "bend": 4}, arms=open_wide, leg=legs(20, 25), off_leg=legs(-8, 12))
    held = pose({"z": 0.36, "bend": 9, "tilt": 10, "nod": 10}, arm=HUG_HIGH, off_arm=HUG_LOW)
    pat = pose({"z": 0.36, "bend": 9, "tilt": 10, "nod": 10}, arm=(84, 20, 62, 74, 0), off_arm=HUG_LOW)
    return _go_and_return((0.5, near), (0.5, held), *[(0.2, pat), (0.2, held)] * n)


def _push(n: int) -> Script:
    ready = pose({"bend": 4}, arms=PUSH_READY)
    out = pose({"bend": 18, "z": 0.1, "pitch": 5}, arms=PUSH_OUT, leg=legs(-12, 8), off_leg=legs(28, 30))
    return _go_and_return((0.5, ready), (0.2, out), (0.3, out))


def _take_push(n: int) -> Script:
    hit = pose({"bend": -12, "nod": 14, "z": -0.12}, arms=STARTLED, leg=legs(14, 18))
    step = pose({"bend": 6, "z": -0.42}, arms=STARTLED, leg=legs(-16, 12), off_leg=legs(14, 16))
    return [(0.0, STAND), (0.58, STAND), (0.2, hit), (0.3, step), (0.6, pose({"z": -0.5}))]


def _punch_other(n: int) -> Script:
    ready = pose({"bend": 4, "yaw": -10}, arms=GUARD)
    trunk = {"bend": 16, "z": 0.1, "twist": 30}
    hit = pose(trunk, arm=HIT, off_arm=GUARD, leg=legs(-12, 8), off_leg=legs(28, 30))
    return _go_and_return((0.5, ready), (0.15, hit), (0.2, hit))


def _take_punch(n: int) -> Script:
    hit = pose({"bend": -16, "nod": -22, "turn": 30, "twist": 14, "z": -0.1}, arms=STARTLED, leg=legs(14, 18))
    return [(0.0, STAND), (0.55, STAND), (0.18, hit), (0.3, hit), (0.6, pose({"z": -0.22}))]


def _take_kick(n: int) -> Script:
    trunk = {"bend": 42, "nod": 10, "z": -0.2, "pitch": 10}
    bent = pose(trunk, arms=BELLY, leg=legs(26, 30), off_leg=legs(20, 24))
    return [(0.0, STAND), (0.5, STAND), (0.25, bent), (0.5, bent), (0.6, pose({"z": -0.25}))]


def _high_five(n: int) -> Script:
    back, hit = pose({"twist": -12}, arm=FIVE_BACK), pose({"twist": 12, "bend": 6}, arm=FIVE_UP)
    return _go_and_return((0.6, back), *[(0.2, hit), (0.15, hit), (0.25, back)] * n, back_s=0.6)


def _hand_over(n: int) -> Script:
    held, out = pose({"nod": 12}, arm=TAKEN), pose({"bend": 10, "nod": 8}, arm=GIVE)
    return [(0.0, held), (0.2, held), (0.6, out), (0.4, out), (0.7, STAND)]


def _take_over(n: int) -> Script:
    held, out = pose({"nod": 14}, arm=TAKEN), pose({"bend": 10, "nod": 8}, arm=GIVE)
    return [(0.0, STAND), (0.35, STAND), (0.6, out), (0.3, out), (0.6, held)]


def _walk_towards(n: int) -> Script:
    return _steps(n, start=-0.5 * n, step=0.5)


def _walk_apart(n: int) -> Script:
    side_on = pose({"yaw": 90}, leg=(20, 6, -6, 45, 0))
    walk = _steps(n, start=0, step=-0.5, trunk={"yaw": 180})
    return [(0.0, STAND), (0.3, side_on), (0.35, walk[0][1]), *walk[1:]]


ALL = (
    Action(name="wave", actor=_wave, repeats=(3, 5)),
    Action(name="clap", actor=_clap, repeats=(3, 6)),
    Action(name="drink", actor=_drink, repeats=(1, 2)),
    Action(name="throw", actor=_throw),
    Action(name="kick", actor=_kick, repeats=(1, 2)),
    Action(name="jump", actor=_jump, repeats=(1, 2)),
    Action(name="squat", actor=_squat, repeats=(1, 2)),
    Action(name="sit down", actor=_sit_down),
    Action(name="stand up", actor=_stand_up),
    Action(name="bow", actor=_bow),
    Action(name="punch the air", actor=_punch, repeats=(2, 3)),
    Action(name="walk", actor=_walk, repeats=(3, 5)),
    Action(name="march in place", actor=_march, repeats=(3, 4)),
    Action(name="jumping jack", actor=_jumping_jack, repeats=(2, 4)),
    Action(name="point", actor=_point),
    Action(name="check watch", actor=_check_watch),
    Action(name="cross arms", actor=_cross_arms),
    Action(name="salute", actor=_salute),
    Action(name="brush hair", actor=_brush_hair, repeats=(2, 4)),
    Action(name="put on hat", actor=_put_on_hat),
    Action(name="take off hat", actor=_take_off_hat),
    Action(name="fall", actor=_fall),
    Action(name="handshake", actor=_handshake, repeats=(2, 4), partner=_handshake, gap=0.95),
    Action(name="hug", actor=_hug, repeats=(0, 2), partner=_hug, gap=1.05),
    Action(name="push", actor=_push, partner=_take_push, gap=0.85),
    Action(name="punch other", actor=_punch_other, partner=_take_punch, gap=0.85),
    Action(name="kick other", actor=_kick, partner=_take_kick, gap=1.05),
    Action(name="high five", actor=_high_five, repeats=(1, 2), partner=_high_five, gap=0.85),
    Action(name="hand over object", actor=_hand_over, partner=_take_over, gap=0.95),
    Action(name="walk towards", actor=_walk_towards, repeats=(2, 3), partner=_walk_towards, gap=0.8),
    Action(name="walk apart", actor=_walk_apart, repeats=(2, 3), partner=_walk_apart, gap=0.8),
)
