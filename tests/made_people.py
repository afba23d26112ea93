"""Made-up people to measure: takes, poses, generated clips."""

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.synthetic import body as body
from umurl_search.synthetic import demo_corpus
from umurl_search.synthetic.actions import STAND
from umurl_search.synthetic.body import RANGES, Array, Build, bone_offsets, place
from umurl_search.synthetic.demo_corpus import ACTIONS, Take
from umurl_search.synthetic.motion_generator import MotionGenerator

N = 80


def take_of(action: str, subject: int = 1, *, camera: int = 2, replication: int = 1) -> Take:
    return Take(
        setup=demo_corpus.setup_of(subject),
        camera=camera,
        subject=subject,
        replication=replication,
        action=ACTIONS.index(action) + 1,
    )


def name_of(take: Take) -> str:
    numbers = take.setup, take.camera, take.subject, take.replication, take.action
    return "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*numbers)


def standing_body() -> Array:
    """The average body at rest: (25, 3)."""
    (joints,) = place(body.forward_kinematics(STAND[None], bone_offsets(Build())), STAND[None], scale=1)
    return np.asarray(joints)


def random_poses(n: int) -> Array:
    rng = np.random.default_rng(5)
    return rng.uniform(RANGES[:, 0], RANGES[:, 1], (n, len(body.CHANNELS)))


@pytest.fixture(scope="module")
def generated_clips() -> list[NDArray[np.float32]]:
    return [MotionGenerator(seed=4, pairs=0.3).clip(number, 0) for number in range(N)]


def aligned_error(one: Array, two: Array) -> float:
    """Mean distance after the best rigid motion (Kabsch) of one cloud of joints onto the other."""
    one, two = one.reshape(-1, 3), two.reshape(-1, 3)
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    u, _, vt = np.linalg.svd(one.T @ two)
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    return float(np.linalg.norm(one @ u @ flip @ vt - two, axis=-1).mean())
