"""Made-up human motion without end, to train on: anybody, doing anything, before any camera.

Where the demo corpus is a data set with labels and protocols, the studio is a source: a clip is a programme (what
is done) performed once (who, where, before which camera and sensor), and everything is drawn from three numbers:
the seed, the programme and the performance.

Letters: T frames, M people, J = 25 joints, D = channels of a pose.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from umurl_search.synthetic import body as body
from umurl_search.synthetic import performers, sensors
from umurl_search.synthetic.body import CHANNELS, Array
from umurl_search.synthetic.generator_actions import MotionScript, sample_script

GENERATOR = "studio-1"
"""The generator's name: it changes when its clips do."""

_PROGRAMME, _PERFORMANCE = 11, 12
SHORTEST, LONGEST = 16, 300
"""The least and the most frames of a clip."""


@dataclass(frozen=True, kw_only=True)
class MotionGenerator:
    """What a studio makes. pairs: the share of programmes for two people.

    v1: the share of clips that an older sensor sees, with 20 joints, five of them copied.
    """

    seed: int = 0
    pairs: float = 0.08
    v1: float = 0.5

    def clip(self, programme: int, performance: int) -> NDArray[np.float32]:
        """(T, M, 25, 3) float32, metres in camera space; an absent person is zeros."""
        rng = _generator(self.seed, _PERFORMANCE, programme, performance)
        played = perform(self.script(programme), rng)
        return sensors.simulate_recording(played, rng, v1=bool(rng.random() < self.v1))

    def script(self, number: int) -> MotionScript:
        """What is done in every performance of that number."""
        return sample_script(_generator(self.seed, _PROGRAMME, number), pairs=self.pairs)


def perform(programme: MotionScript, rng: Generator) -> Array:
    """The programme as somebody does it once: (T, M, 25, 3), metres on the stage."""
    scripts = [programme.actor] + ([programme.partner] if programme.partner else [])
    people = [sample_performer(rng, left_handed=programme.left_handed) for _ in scripts]
    clock = _clock(max(sum(s for s, _ in script) for script in scripts), people[0].speed, rng)
    bodies = []
    for person, script in zip(people, scripts, strict=True):
        loose = float(rng.uniform(0.4, 1.6))
        done = performers.apply_style(script, person, habit=rng, rng=rng, spread=loose)
        bodies.append(performers.animate(person, done, clock=clock, rng=rng))
    return _centre(performers.place_on_stage(bodies, people[0], gap=programme.gap, rng=rng))


def sample_performer(rng: Generator, *, left_handed: bool) -> performers.Subject:
    """Somebody, children and giants among them."""
    legs, arms, trunk, breadth = np.exp(rng.normal(0, [0.05, 0.055, 0.05, 0.09]))
    stature = float(np.clip(rng.normal(1.69, 0.12), 1.15, 2.05))
    return performers.Subject(
        number=0,
        build=body.Build(stature=stature, legs=legs, arms=arms, trunk=trunk, breadth=breadth),
        left_handed=left_handed,
        speed=float(np.exp(rng.normal(0.1, 0.3))),
        size=float(np.exp(rng.normal(0, 0.15))),
        posture=rng.normal(0, 1.2, len(CHANNELS)) * performers.POSTURE,
        sway=float(rng.uniform(0.2, 2.0)),
        rest_arm=performers.IDLE_ARMS[rng.integers(len(performers.IDLE_ARMS))],
        heading=float(rng.normal(0, 14)),
        place=rng.normal(0, 0.2, 3) * [1, 0, 1],
    )


def _clock(script_s: float, speed: float, rng: Generator) -> Array:
    """Where in the script each frame is: (T,) seconds, at an uneven pace.

    Half the clips are cut close, into the action at times; the others begin and end with standing still.
    """
    close = rng.random() < 0.5
    first, last = rng.uniform(0, 0.15, 2) * script_s if close else -rng.uniform(0, 0.8, 2)
    wanted = performers.FRAMES_PER_S * (script_s - first - last) / speed
    n_frames = int(np.clip(round(wanted), SHORTEST, LONGEST))
    pace = np.exp(rng.normal(0, 0.2, 6))
    knots = np.r_[0, np.cumsum(pace) / pace.sum()] * (script_s - first - last) + first
    return np.asarray(np.interp(np.linspace(0, 6, n_frames), np.arange(7), knots))


def _centre(joints: Array) -> Array:
    """The performance with the middle of its ground at the stage's centre."""
    ground = joints[:, :, 0]
    middle = (ground.max(axis=(0, 1)) + ground.min(axis=(0, 1))) / 2
    return np.asarray(joints - middle * [1, 0, 1])


def _generator(*numbers: int) -> Generator:
    return np.random.default_rng(SeedSequence(numbers))
