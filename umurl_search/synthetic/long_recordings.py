"""Long recordings of made-up motion, no download: actions of the demo corpus one after the other, idle in between.

A recording shows one subject, or two, before one camera. Between actions people stand and sway, or stay seated until
they stand up again; where an action led them away they are taken back meanwhile. Everything is drawn from the
numbers in a recording's name and a seed.

Letters: T frames, M people, D = channels of a pose, K keys.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, Segment
from umurl_search.clips.types import State
from umurl_search.synthetic import demo_corpus, demo_sensor, performers
from umurl_search.synthetic.actions import ALL, STAND, Script
from umurl_search.synthetic.body import COLUMN, Array

N_TAKES = 3
PAIR_TAKES = frozenset({3})
"""Takes of two people; the others are of one."""
ACTIONS_A_TAKE = 9
IDLE_S = (1.4, 3.5)
"""The shortest and the longest that people do nothing between two actions."""

_RAW: State = "raw"
_PERFORMANCE, _SENSOR = 101, 102
_GAP_M = 0.95
"""Between two people when neither does anything."""
_FAULTS_A_S = 0.06
"""How often the sensor errs, besides trembling."""
_SIT, _STAND_UP = (
    next(i for i, action in enumerate(ALL) if action.name == n) for n in ("sit down", "stand up")
)
_NAME = re.compile(r"P(\d{3})C(\d{3})T(\d{2})")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """frames: (T, M, 25, 3) float32, metres in camera space. segments: what happens in it, in order."""

    frames: NDArray[np.float32]
    segments: tuple[Segment, ...]


def recording_names() -> list[str]:
    """The corpus: every subject in every take, before one camera; sorted."""
    return sorted(
        f"P{subject:03d}C{1 + (subject + take) % demo_corpus.N_CAMERAS:03d}T{take:02d}"
        for subject in range(1, demo_corpus.N_SUBJECTS + 1)
        for take in range(1, N_TAKES + 1)
    )


def parse_recording(name: str) -> tuple[int, int, int]:
    """Subject, camera and take in a recording's name.

    Raises: ValueError for a name that is not PpppCcccTtt, or a number out of its range.
    """
    found = _NAME.fullmatch(name)
    numbers = tuple(int(number) for number in found.groups()) if found else (0, 0, 0)
    most = (demo_corpus.N_SUBJECTS, demo_corpus.N_CAMERAS, N_TAKES)
    if not all(1 <= number <= limit for number, limit in zip(numbers, most, strict=True)):
        raise ValueError(
            f"a recording's name is PpppCcccTtt, at most P{most[0]:03d}C{most[1]:03d}T{most[2]:02d}, "
            f"got {name!r}"
        )
    return numbers[0], numbers[1], numbers[2]


def make_recording(name: str, *, seed: int = 0) -> Recording:
    """The recording of that name. Raises: ValueError for a name that `parse_recording` refuses."""
    subject, camera, take = parse_recording(name)
    rng = _generator(seed, _PERFORMANCE, subject, take)
    people = [demo_corpus.sample_subject(subject, seed=seed)]
    if take in PAIR_TAKES:
        people.append(demo_corpus.sample_subject(_other(subject, rng), seed=seed))
    scripts, segments = _write_scripts(_programme(take, rng), people, seed=seed, rng=rng)
    seconds = sum(duration for duration, _ in scripts[0])
    clock = np.arange(round(seconds * performers.FRAMES_PER_S)) / performers.FRAMES_PER_S
    bodies = [
        performers.animate(person, script, clock=clock, rng=rng)
        for person, script in zip(people, scripts, strict=True)
    ]
    joints = performers.place_on_stage(bodies, people[0], gap=_GAP_M, rng=rng)
    seen = demo_sensor.to_camera_space(joints, setup=demo_corpus.setup_of(subject), camera=camera)
    return Recording(
        frames=_sense(seen, _generator(seed, _SENSOR, subject, take, camera)),
        segments=tuple(segments),
    )


def _programme(take: int, rng: Generator) -> list[int]:
    """The labels of what is done, in order; who sits down stands up next, and nobody stands up who does not sit."""
    pair = take in PAIR_TAKES
    fitting = [label for label, action in enumerate(ALL) if (action.partner is not None) == pair]
    free = [label for label in fitting if label != _STAND_UP]
    drawn = rng.permutation(free)[:ACTIONS_A_TAKE].tolist()
    return [label for one in drawn for label in ((one, _STAND_UP) if one == _SIT else (one,))]


def _write_scripts(
    programme: list[int], people: list[performers.Subject], *, seed: int, rng: Generator
) -> tuple[list[Script], list[Segment]]:
    """A script for each person, of equal length, and the segments in it."""
    idle = [_idle_key(person) for person in people]
    scripts: list[Script] = [[(0.0, key)] for key in idle]
    segments: list[Segment] = []
    now = 0.0
    for label in programme:
        parts = _act(label, people, seed=seed, rng=rng)
        wait_s = float(rng.uniform(*IDLE_S))
        now += wait_s
        length_s = max(sum(seconds for seconds, _ in part) for part in parts)
        for script, part, rest in zip(scripts, parts, idle, strict=True):
            script += _wait(wait_s, rest, before=script[-1][1], after=part[0][1], seated=label == _STAND_UP)
            script += part[1:]
            script.append((length_s - sum(seconds for seconds, _ in part) + 1e-3, part[-1][1]))
        start, now = now, now + length_s + 1e-3
        segments.append(_segment(label, start, now))
    for script, rest in zip(scripts, idle, strict=True):
        script += _wait(IDLE_S[0], rest, before=script[-1][1], after=rest, seated=False)
    return scripts, segments


def _segment(label: int, start_s: float, stop_s: float) -> Segment:
    first, last = (round(seconds * performers.FRAMES_PER_S) for seconds in (start_s, stop_s))
    return Segment(label=label, action=ALL[label].name, start=first, stop=last)


def _idle_key(person: performers.Subject) -> Array:
    """How a person stands when doing nothing: (D,)."""
    return np.asarray(STAND + person.posture)


def _act(label: int, people: list[performers.Subject], *, seed: int, rng: Generator) -> list[Script]:
    """An action as each person does it this time, at their pace; who has no part in it is not asked."""
    action = ALL[label]
    n = int(rng.integers(action.repeats[0], action.repeats[1] + 1))
    writers = [action.actor, action.partner] if action.partner else [action.actor]
    pace = people[0].speed * float(np.exp(rng.normal(0, 0.06)))
    parts = []
    for role, (person, writer) in enumerate(zip(people, writers, strict=True)):
        assert writer is not None
        habit = _generator(seed, _PERFORMANCE, person.number, label, role)
        played = performers.apply_style(writer(n), person, habit=habit, rng=rng)
        parts.append([(seconds / pace, _move_nearer(key, action.gap, role)) for seconds, key in played])
    return parts


def _move_nearer(key: Array, gap: float, role: int) -> Array:
    """The pose of an action that wants another distance: the second person closes it."""
    moved = key.copy()
    moved[COLUMN["z"]] += (_GAP_M - gap) * role
    return moved


def _wait(seconds: float, rest: Array, *, before: Array, after: Array, seated: bool) -> Script:
    """Keys from one pose to the next with a rest between; who is seated stays so. The last key is `after`."""
    if seated:
        return [(0.6 * seconds, before), (0.4 * seconds, after)]
    to_rest, to_next = max(0.8, 0.35 * seconds), min(0.5, 0.3 * seconds)
    return [(to_rest, rest), (seconds - to_rest - to_next, rest), (to_next, after)]


def _sense(joints: Array, rng: Generator) -> NDArray[np.float32]:
    """What a depth sensor makes of the joints: it trembles, misplaces limbs and loses people, now and then."""
    seen = joints + demo_sensor.tremble(joints, rng)
    for _ in range(int(rng.poisson(_FAULTS_A_S * len(seen) / performers.FRAMES_PER_S))):
        demo_sensor.misplace_limb(seen, rng)
    for _ in range(int(rng.poisson(_FAULTS_A_S / 2 * len(seen) / performers.FRAMES_PER_S))):
        person = seen[:, rng.integers(seen.shape[1])]
        demo_sensor.lose(person, int(rng.integers(1, 9)), at=float(rng.random()))
    return seen.astype(np.float32)


class DemoLongReader(demo_corpus.MadeUpReader):
    """The corpus as a source of whole recordings with their segments."""

    source = "demo-long"

    def items(self) -> Sequence[str]:
        return recording_names()

    def make(self, name: str) -> Clip:
        subject, camera, take = parse_recording(name)
        made = make_recording(name, seed=self.seed)
        return Clip(
            name=name,
            frames=made.frames,
            subject=subject,
            camera=camera,
            setup=demo_corpus.setup_of(subject),
            replication=take,
            source=self.source,
            segments=made.segments,
        )


def _other(subject: int, rng: Generator) -> int:
    return 1 + (subject - 1 + int(rng.integers(1, demo_corpus.N_SUBJECTS))) % demo_corpus.N_SUBJECTS


def _generator(*numbers: int) -> Generator:
    return np.random.default_rng(SeedSequence(numbers))
