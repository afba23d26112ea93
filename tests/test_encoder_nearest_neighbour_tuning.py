"""The contrastive loss against an obvious loop, and the queue."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from encoder.model import ModelConfig, UmURL
from encoder.nearest_neighbour_tuning import TEMPERATURE, Tuner

SIZE = 256


def tuner(queue: int) -> Tuner:
    torch.manual_seed(0)
    return Tuner(UmURL(ModelConfig(width=8, projection=8)), queue=queue)


def rows(n: int, seed: int) -> Tensor:
    return normalize(torch.randn(n, SIZE, generator=torch.Generator().manual_seed(seed)), dim=1)


def slow_loss(goal: np.ndarray, seeking: dict[str, Tensor]) -> float:
    """Mean over subsets and clips of -log softmax of the right goal."""
    losses = []
    for p in seeking.values():
        for i, row in enumerate(p.double().numpy()):
            scores = np.exp(goal @ row / TEMPERATURE)
            losses.append(-np.log(scores[i] / scores.sum()))
    return float(np.mean(losses))


def test_until_the_queue_is_full_a_clips_other_view_is_sought() -> None:
    made, sought = tuner(12), rows(5, 1)
    seeking = {"joint": rows(5, 2), "fused": rows(5, 3)}
    got = float(made.loss(sought, seeking, step=0))
    assert got == pytest.approx(slow_loss(sought.double().numpy(), seeking), rel=1e-5)


def test_then_its_nearest_neighbour_in_the_queue() -> None:
    made = tuner(12)
    before = made.queue.clone()
    sought, seeking = rows(5, 1), {"joint": rows(5, 2), "fused": rows(5, 3)}
    nearest = [int(np.argmax(before.numpy() @ row)) for row in sought.numpy()]
    got = float(made.loss(sought, seeking, step=3))
    assert got == pytest.approx(slow_loss(before[nearest].double().numpy(), seeking), rel=1e-5)


def test_the_queue_forgets_the_oldest() -> None:
    made = tuner(12)
    batches = [rows(5, seed) for seed in range(4)]
    for step, batch in enumerate(batches):
        made.loss(batch, {"fused": batch}, step=step)
    held = {row.numpy().tobytes() for row in made.queue}
    newest = [row.numpy().tobytes() for batch in batches for row in batch][-12:]
    assert held == set(newest)


def test_what_is_sought_gives_no_gradient() -> None:
    made = tuner(12).train()
    view = torch.randn(4, 64, 1, 25, 3)
    sought, seeking = made([{"sought": view, "seeking": view}])
    assert not sought.requires_grad
    assert set(seeking) == {"joint", "bone", "motion", "fused"}
    made.loss(sought, seeking, step=0).backward()  # type: ignore[no-untyped-call]
    without = {n for n, p in made.named_parameters() if p.grad is None}
    assert without == {n for n, _ in made.named_parameters() if n.startswith("model.projectors.")}
    torch.testing.assert_close(sought.norm(dim=1), torch.ones(4))
