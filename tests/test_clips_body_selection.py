"""Which people of a recording are kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.body_selection import choose_bodies, drop_absent
from umurl_search.readers.ntu import read_skeleton

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared"


def people(*spreads: float, n_frames: int = 5) -> NDArray[np.float64]:
    """(T, M, 25, 3): one person per spread, who moves by it; 0 for somebody absent."""
    rng = np.random.default_rng(0)
    motion = rng.uniform(-1, 1, (n_frames, 25, 3))
    return np.stack([(motion + 2) * spread for spread in spreads], axis=1)


def test_the_two_who_move_most_come_most_first() -> None:
    frames = people(1.0, 3.0, 2.0)
    np.testing.assert_array_equal(choose_bodies(frames), frames[:, [1, 2]])


def test_only_four_positions_are_looked_at() -> None:
    frames = people(1.0, 2.0, 3.0, 4.0, 50.0, 60.0)
    np.testing.assert_array_equal(choose_bodies(frames), frames[:, [3, 2]])


def test_absent_people_are_dropped() -> None:
    frames = people(0.0, 2.0, 0.0)
    np.testing.assert_array_equal(choose_bodies(frames), frames[:, [1]])
    np.testing.assert_array_equal(drop_absent(frames), frames[:, [1]])
    assert choose_bodies(people(0.0, 0.0)).shape == (5, 0, 25, 3)
    assert choose_bodies(np.zeros((4, 0, 25, 3))).shape == (4, 0, 25, 3)


def test_empty_frames_do_not_count_towards_motion() -> None:
    frames = people(0.1, 0.2)
    frames[:, 0] += 100  # far off, so that counting its empty frames would make it the one that moves most
    frames[1:, 0] = 0
    assert frames[:, 0].std() > 100 * frames[:, 1].std()
    np.testing.assert_array_equal(choose_bodies(frames), frames[:, [1, 0]])


def assert_equals_reference(path: Path, arrays: Any) -> None:
    wanted = arrays[f"selected_{path.stem}"].transpose(1, 3, 2, 0)
    frames = read_skeleton(path)
    np.testing.assert_allclose(frames, wanted[:, : frames.shape[1]], atol=1e-5, rtol=0)
    assert not wanted[:, frames.shape[1] :].any()


@pytest.mark.parametrize("path", sorted((GOLDEN / "raw").glob("*.skeleton")), ids=lambda path: path.stem)
def test_choice_equals_the_reference(path: Path) -> None:
    assert_equals_reference(path, np.load(GOLDEN / "preprocess.npz"))


@pytest.mark.data
def test_choice_equals_the_reference_on_real_recordings() -> None:
    paths = sorted((SHARED / "data/ntu_samples/raw").glob("*.skeleton"))
    if not paths:
        pytest.skip("real NTU RGB+D recordings are not beside the checkout")
    for path in paths:
        assert_equals_reference(path, np.load(SHARED / "golden/preprocess_real.npz"))
