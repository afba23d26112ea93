"""Composed scripts: movements of every part of the body, walks, layers."""

import numpy as np
import pytest

from umurl_search.synthetic import generator_actions
from umurl_search.synthetic.actions import STAND, Script, pose
from umurl_search.synthetic.body import COLUMN, MAIN_ARM, MAIN_LEG
from umurl_search.synthetic.generator_actions import compose, layer, walk


def seconds(script: Script) -> float:
    return sum(s for s, _ in script)


@pytest.mark.parametrize("seed", range(40))
def test_composed_scripts_move_and_take_time(seed: int) -> None:
    script = compose(np.random.default_rng(seed))
    assert 0.2 < seconds(script) <= generator_actions.MOST_S
    assert script[0][0] == 0
    assert all(s > 0 for s, _ in script[1:])
    keys = np.stack([key for _, key in script])
    assert np.isfinite(keys).all()
    assert np.abs(keys - STAND).max() > 5


def test_composed_movements_use_every_part_of_the_body() -> None:
    reach = np.stack(
        [
            np.ptp(np.stack([key for _, key in compose(np.random.default_rng(seed))]), axis=0)
            for seed in range(150)
        ]
    )
    used = (reach > 10).mean(axis=0)
    for name in ("main arm raise", "off arm raise", "main leg knee", "off leg hip", "bend", "twist", "turn"):
        assert 0.1 < used[COLUMN[name]] < 1, name


def test_walks_lead_somewhere_and_turn() -> None:
    ends = np.stack([walk(np.random.default_rng(seed))[-1][1] for seed in range(60)])
    far = np.hypot(ends[:, COLUMN["x"]], ends[:, COLUMN["z"]])
    assert far.max() > 2
    assert (far < 0.01).any()  # on the spot
    assert (ends[:, COLUMN["z"]] < -0.3).any()  # backwards
    assert np.abs(ends[:, COLUMN["yaw"]]).max() > 45


def test_layered_takes_legs_from_one_and_arms_from_the_other() -> None:
    lower = [(0.0, STAND), (1.0, pose(leg=(60, 4, -6, 80, 0)))]
    upper = [(0.0, STAND), (2.0, pose(arm=(90, 4, 2, 3, 0)))]
    made = layer(lower=lower, upper=upper)
    assert seconds(made) == pytest.approx(1.0)
    end = made[-1][1]
    np.testing.assert_allclose(end[MAIN_LEG], (60, 4, -6, 80, 0))
    np.testing.assert_allclose(end[MAIN_ARM], (90, 4, 2, 3, 0))
