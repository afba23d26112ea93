"""The order of clips in every epoch, and the shapes that batches have where these must not change."""

import pytest
import torch

from encoder.batches import epoch_order, fixed_singles


def test_every_epoch_has_its_own_order() -> None:
    orders = [tuple(epoch_order(13, seed, epoch).tolist()) for seed in (3, 4) for epoch in range(5)]
    assert len(set(orders)) == 10
    assert all(sorted(order) == list(range(13)) for order in orders)


@pytest.mark.parametrize(("share", "count"), [(0.8, 1), (0.8, 4), (0.5, 2), (0.97, 1)])
def test_nearly_every_batch_has_the_fixed_number_of_one_person(share: float, count: int) -> None:
    n_people = 1 + (torch.rand(20_000, generator=torch.Generator().manual_seed(0)) > share).int()
    fixed = fixed_singles(n_people, batch_size=512, count=count)
    fewest = [
        int((n_people[epoch_order(len(n_people), 0, epoch)[: 39 * 512].view(39, 512)] == 1).sum(dim=1).min())
        for epoch in range(20)
    ]
    assert fixed % 8 == 0
    assert fixed * count <= min(fewest)
    assert fixed > 0.8 * 512 * share / count


def test_corpora_of_one_kind_or_with_few_of_one_person_are_one_group() -> None:
    assert fixed_singles(torch.full((1000,), 2), batch_size=64, count=1) == 0
    assert fixed_singles(torch.full((1000,), 1), batch_size=64, count=1) == 64
    assert fixed_singles(torch.tensor([1] * 50 + [2] * 950), batch_size=64, count=1) == 0
