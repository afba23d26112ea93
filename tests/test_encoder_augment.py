"""What the augmentations draw: crops, shears, corruptions."""

import numpy as np
import pytest
import torch
from golden_arrays import arrays, to_single_batch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import clip
from torch import Tensor

from encoder.augment import (
    augmented_view,
    corruption_maps,
    map_joints,
    random_crops,
    random_joint_maps,
    shear_maps,
)
from encoder.ragged import RaggedClips

N_DRAWS = 4000


def seeded_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# crops


@settings(max_examples=200, deadline=None, derandomize=True)
@given(n_frames=st.lists(st.integers(1, 400), min_size=1, max_size=20), seed=st.integers(0, 2**32))
def test_crops_lie_within_their_clips(n_frames: list[int], seed: int) -> None:
    first, length = random_crops(torch.tensor(n_frames), seeded_generator(seed))
    for t, a, n in zip(n_frames, first.tolist(), length.tolist(), strict=True):
        assert min(t, 64) <= n <= t
        assert 0 <= a <= t - n


def test_lengths_and_places_of_crops_are_uniform() -> None:
    first, length = random_crops(torch.full((N_DRAWS,), 1000), seeded_generator(0))
    share = length.float() / 1000
    assert int(length.min()) >= 100
    assert float(share.mean()) == pytest.approx(0.55, abs=0.02)
    assert float(share.var()) == pytest.approx(0.9**2 / 12, rel=0.06)
    place = first / (1000 - length + 1)
    assert float(place.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(place.var()) == pytest.approx(1 / 12, rel=0.06)


def test_a_share_below_64_frames_becomes_64() -> None:
    _, length = random_crops(torch.full((N_DRAWS,), 128), seeded_generator(0))
    at_least = float((length == 64).float().mean())
    assert at_least == pytest.approx((65 / 128 - 0.1) / 0.9, abs=0.03)
    assert int(length.max()) > 120


def test_every_place_of_a_crop_occurs() -> None:
    first, length = random_crops(torch.full((N_DRAWS,), 66), seeded_generator(3))
    assert set(zip(length.tolist(), first.tolist(), strict=True)) >= {(64, 0), (64, 1), (64, 2)}


# spatial maps


def draw_maps() -> tuple[Tensor, Tensor, Tensor]:
    """Maps (N, 25, 3, 3); which joints are left alone (N, 25); which are zeroed (N, 25)."""
    maps = random_joint_maps(N_DRAWS, 25, seeded_generator(0))
    alone = (maps == torch.eye(3)).flatten(2).all(dim=2)
    zeroed = (maps == 0).flatten(2).all(dim=2)
    return maps, alone, zeroed


def test_half_are_corrupted_of_which_half_are_zeroed() -> None:
    _, alone, zeroed = draw_maps()
    corrupted = alone.any(dim=1)
    assert float(corrupted.float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(zeroed.any(dim=1).float().mean()) == pytest.approx(0.25, abs=0.025)
    assert not (zeroed.any(dim=1) & ~corrupted).any()


def test_fifteen_joints_are_corrupted_each_as_often_as_the_others() -> None:
    maps, alone, zeroed = draw_maps()
    corrupted = alone.any(dim=1)
    touched = ~alone[corrupted]
    assert (touched.sum(dim=1) == 15).all()
    torch.testing.assert_close(touched.float().mean(dim=0), torch.full((25,), 0.6), rtol=0, atol=0.045)
    mixed = corrupted & ~zeroed.any(dim=1)
    for one, chosen in zip(maps[mixed], ~alone[mixed], strict=True):
        assert (one[chosen] == one[chosen][0]).all()
    assert (zeroed[zeroed.any(dim=1)].sum(dim=1) == 15).all()


def test_mixing_matrices_are_uniform() -> None:
    maps, alone, zeroed = draw_maps()
    mixed = alone.any(dim=1) & ~zeroed.any(dim=1)
    matrices = torch.stack(
        [one[~left][0] for one, left in zip(maps[mixed], alone[mixed], strict=True)]
    ).flatten(1)
    assert float(matrices.abs().max()) <= 1
    torch.testing.assert_close(matrices.mean(dim=0), torch.zeros(9), rtol=0, atol=0.07)
    torch.testing.assert_close(matrices.var(dim=0), torch.full((9,), 1 / 3), rtol=0, atol=0.035)


def test_the_others_are_sheared_as_a_whole() -> None:
    maps, alone, _ = draw_maps()
    sheared = maps[~alone.any(dim=1)]
    assert (sheared == sheared[:, :1]).all()
    one = sheared[:, 0]
    assert (one.diagonal(dim1=1, dim2=2) == 1).all()
    sides = one[:, ~torch.eye(3, dtype=torch.bool)]
    assert float(sides.abs().max()) <= 1
    torch.testing.assert_close(sides.mean(dim=0), torch.zeros(6), rtol=0, atol=0.05)
    torch.testing.assert_close(sides.var(dim=0), torch.full((6,), 1 / 3), rtol=0, atol=0.025)


def test_a_map_is_applied_to_its_clip_and_joint() -> None:
    clips = torch.from_numpy(np.stack([clip(4), clip(4, seed=9)]))
    maps = torch.randn(2, 25, 3, 3, generator=seeded_generator(0))
    got = map_joints(clips, maps)
    for b, t, m, v in ((0, 0, 0, 0), (1, 3, 1, 24), (0, 2, 1, 7)):
        torch.testing.assert_close(got[b, t, m, v], clips[b, t, m, v] @ maps[b, v])


# views


def ragged_clips() -> RaggedClips:
    return RaggedClips.of([clip(90, 2), clip(30, 1), clip(64, 1), clip(200, 2)])


def test_the_same_seed_gives_the_same_bytes() -> None:
    index = torch.tensor([3, 0, 1, 1])
    views = [augmented_view(ragged_clips(), index, seeded_generator(seed)) for seed in (5, 5, 6)]
    assert views[0].numpy().tobytes() == views[1].numpy().tobytes()
    assert not torch.equal(views[0], views[2])


def test_a_generator_gives_another_view_each_time() -> None:
    generator, index = seeded_generator(0), torch.tensor([0, 3])
    assert not torch.equal(*(augmented_view(ragged_clips(), index, generator) for _ in range(2)))


@pytest.mark.parametrize("seed", range(8))
def test_an_absent_second_person_stays_zero(seed: int) -> None:
    view = augmented_view(ragged_clips(), torch.tensor([0, 1, 2, 3]), seeded_generator(seed))
    assert view.shape == (4, 64, 2, 25, 3)
    assert not view[1:3, :, 1].any()
    assert view[[0, 3], :, 1].any()


def test_clips_of_one_person_make_a_batch_of_one_person() -> None:
    assert augmented_view(ragged_clips(), torch.tensor([1, 2]), seeded_generator(0)).shape == (
        2,
        64,
        1,
        25,
        3,
    )


def test_both_people_are_augmented_alike() -> None:
    twins = clip(80, 1).repeat(2, axis=1)
    view = augmented_view(RaggedClips.of([twins] * 6), torch.arange(6), seeded_generator(1))
    assert torch.equal(view[:, :, 0], view[:, :, 1])


def test_shear() -> None:
    want = arrays("augmentations.npz")
    maps = shear_maps(torch.from_numpy(want["shear"].astype(np.float32))[None], 25)
    got = map_joints(to_single_batch(want["clip"]), maps)
    np.testing.assert_allclose(got, to_single_batch(want["sheared"]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["zeroed", "corrupted"])
def test_corruption(kind: str) -> None:
    want = arrays("augmentations.npz")
    mixing = want["corruption"].astype(np.float32) if kind == "corrupted" else np.zeros((3, 3), np.float32)
    chosen = torch.zeros(1, 25, dtype=torch.bool)
    chosen[0, want["joints"].tolist()] = True
    got = map_joints(to_single_batch(want["clip"]), corruption_maps(chosen, torch.from_numpy(mixing)[None]))
    np.testing.assert_allclose(got, to_single_batch(want[kind]), rtol=0, atol=1e-5)
