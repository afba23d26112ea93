"""Several performances of one programme as one training clip."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoder.ragged import RaggedClips
from umurl_search.synthetic.multi_take_clips import Retakes

N = 80


def counting_clip(n_frames: int, value: float, people: int = 1) -> NDArray[np.float32]:
    """A clip whose x is `value`, y the frame as a share of the clip."""
    frames = np.zeros((n_frames, people, 25, 3), np.float32)
    frames[..., 0] = value
    frames[..., 1] = (np.arange(n_frames) / n_frames)[:, None, None]
    return frames


def test_retakes_of_one_take_are_the_clips_themselves(generated_clips: list[NDArray[np.float32]]) -> None:
    alone, plain = Retakes.group(generated_clips, n_takes=1, seed=0), RaggedClips.of(generated_clips)
    index = torch.arange(N)
    first, length = torch.full((N,), 2), torch.clamp(plain.n_frames - 4, min=1)
    expected = plain.resize(index, first=first, length=length, people=2)
    assert torch.equal(alone.resize(index, first=first, length=length, people=2), expected)
    assert torch.equal(alone.resize(index), plain.resize(index))


def test_every_take_is_drawn_and_only_of_the_programme_asked() -> None:
    takes = [counting_clip(40 + 10 * k, value) for value in (1.0, 2.0) for k in range(3)]
    for i, take in enumerate(takes):
        take[..., 2] = i % 3
    retakes = Retakes.group(takes, n_takes=3, seed=1).to(torch.device("cpu"))
    assert len(retakes) == 2
    assert retakes.n_frames.tolist() == [40, 40]
    made = retakes.resize(torch.tensor([0, 1] * 30))
    assert made[:, 0, 0, 0, 0].tolist() == [1.0, 2.0] * 30
    assert set(made[:, 0, 0, 0, 2].tolist()) == {0.0, 1.0, 2.0}


def test_a_crop_falls_on_the_same_share_of_every_take() -> None:
    takes = [counting_clip(n, 0.0) for n in (100, 60, 200)]
    retakes = Retakes.group(takes, n_takes=3, seed=2)
    for _ in range(12):
        made = retakes.resize(torch.tensor([0]), first=torch.tensor([50]), length=torch.tensor([25]))
        assert made[0, 0, 0, 0, 1] == pytest.approx(0.5, abs=0.02)
        assert made[0, -1, 0, 0, 1] == pytest.approx(0.75, abs=0.03)


def test_same_seed_draws_the_same_takes() -> None:
    takes = [counting_clip(30, float(k)) for k in range(6)]
    one, two = (Retakes.group(takes, n_takes=6, seed=5).resize(torch.zeros(20).long()) for _ in range(2))
    assert torch.equal(one, two)


def test_retakes_refuse_takes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="3 takes a programme do not divide 4 clips"):
        Retakes.group([counting_clip(9, 0.0)] * 4, n_takes=3, seed=0)
    with pytest.raises(ValueError, match="takes of one programme show as many people"):
        Retakes.group([counting_clip(9, 0.0), counting_clip(9, 0.0, people=2)], n_takes=2, seed=0)
