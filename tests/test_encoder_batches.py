"""The order of clips in every epoch."""

from encoder.batches import epoch_order


def test_every_epoch_has_its_own_order() -> None:
    orders = [tuple(epoch_order(13, seed, epoch).tolist()) for seed in (3, 4) for epoch in range(5)]
    assert len(set(orders)) == 10
    assert all(sorted(order) == list(range(13)) for order in orders)
