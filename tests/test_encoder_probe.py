"""The linear classifier against a plain loop in numpy, its schedule, and how epochs become figures."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.probe import (
    ProbeConfig,
    ScoredHead,
    late_fusion,
    new_head,
    probe,
    probe_result,
    rate_in,
    shuffle,
)

CPU = torch.device("cpu")
CONFIG = ProbeConfig(epochs=15, batch_size=8, learning_rate=0.05, seed=3)
Array = NDArray[np.float64]


def blobs(
    seed: int = 0, *, spread: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, NDArray[np.int64]]:
    """30 training and 21 test clips of 3 classes around three corners, 5 dimensions."""
    rng = np.random.default_rng(seed)
    labels, wanted = np.repeat(np.arange(3), 10), np.repeat(np.arange(3), 7)
    corners = 6 * np.eye(3, 5)
    x, z = (corners[c] + spread * rng.normal(size=(len(c), 5)) for c in (labels, wanted))
    return torch.tensor(x).float(), torch.from_numpy(labels), torch.tensor(z).float(), wanted


def run(config: ProbeConfig = CONFIG, **given: Any) -> list[ScoredHead]:
    x, labels, z, _ = blobs()
    return list(probe(x, labels, z, n_classes=3, config=config, device=CPU, **given))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def oracle(config: ProbeConfig) -> Array:
    """Scores (Q, K) after the last epoch, gradients written out, in float64, in the same order of clips."""
    x, labels, z, _ = (np.asarray(part) for part in blobs())
    x, z = x.astype(np.float64), z.astype(np.float64)
    if config.standardise:
        mean, spread = x.mean(axis=0), x.std(axis=0)
        x, z = (x - mean) / spread, (z - mean) / spread
    generator = torch.Generator().manual_seed(config.seed)
    w = np.asarray(new_head(5, 3, generator).weight.detach(), dtype=np.float64)
    b, vw, vb = np.zeros(3), np.zeros((3, 5)), np.zeros(3)
    for epoch in range(config.epochs):
        rate = config.learning_rate
        for share in config.drops_at:
            rate *= 0.1 if epoch >= round(share * config.epochs) else 1.0
        order = torch.randperm(30, generator=generator).numpy()
        for start in range(0, 30, config.batch_size):
            rows = order[start : start + config.batch_size]
            error = softmax(x[rows] @ w.T + b) - np.eye(3)[labels[rows]]
            vw = config.momentum * vw + error.T @ x[rows] / len(rows)
            vb = config.momentum * vb + error.mean(axis=0)
            w, b = w - rate * vw, b - rate * vb
    return softmax(z @ w.T + b)


@pytest.mark.parametrize(
    "changed",
    [{}, {"batch_size": 512}, {"batch_size": 1, "learning_rate": 0.002}, {"seed": 8}, {"standardise": True}],
    ids=str,
)
def test_it_is_softmax_regression_by_sgd(changed: dict[str, Any]) -> None:
    config = replace(CONFIG, **changed)
    scores = run(config)[-1].scores.numpy()
    np.testing.assert_allclose(scores, oracle(config), atol=2e-5)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first = run()[-1].scores
    torch.randn(5)
    assert torch.equal(first, run()[-1].scores)
    assert not torch.equal(first, run(replace(CONFIG, seed=4))[-1].scores)


def test_the_defaults_are_the_papers() -> None:
    config = ProbeConfig()
    assert (config.epochs, config.batch_size, config.learning_rate, config.momentum) == (150, 512, 0.03, 0.9)
    assert not config.standardise
    rates = [rate_in(epoch, 150, 0.03, config.drops_at) for epoch in range(1, 151)]
    assert rates == pytest.approx([0.03] * 120 + [0.003] * 20 + [0.0003] * 10)


def test_every_clip_is_in_one_batch_of_an_epoch_the_last_as_small_as_it_is() -> None:
    generator = torch.Generator().manual_seed(0)
    epochs = [shuffle(30, 8, generator, CPU) for _ in range(3)]
    assert [len(batch) for batch in epochs[0]] == [8, 8, 8, 6]
    assert all(sorted(torch.cat(batches).tolist()) == list(range(30)) for batches in epochs)
    assert len({tuple(torch.cat(batches).tolist()) for batches in epochs}) == 3


@pytest.mark.parametrize(("epochs", "tested"), [(15, [5, 10, 15]), (12, [5, 10, 12]), (3, [3])])
def test_the_last_epoch_is_tested_whatever_their_number(epochs: int, tested: list[int]) -> None:
    told: list[int] = []
    assert [s.epoch for s in run(replace(CONFIG, epochs=epochs), on_epoch=told.append)] == tested
    assert told == list(range(1, epochs + 1))


def test_separable_classes_are_all_told_apart() -> None:
    x, labels, z, wanted = blobs(spread=0.5)
    run = probe(x, labels, z, n_classes=3, config=ProbeConfig(epochs=30), device=CPU)
    assert probe_result(run, wanted).accuracy == 1.0


def test_with_shuffled_labels_it_is_at_chance() -> None:
    rng = np.random.default_rng(0)
    x, z = (torch.from_numpy(rng.normal(size=(n, 6)).astype(np.float32)) for n in (300, 3000))
    labels, wanted = rng.integers(0, 4, 300), rng.integers(0, 4, 3000)
    run = probe(
        x, torch.from_numpy(labels), z, n_classes=4, config=ProbeConfig(epochs=10, batch_size=64), device=CPU
    )
    result = probe_result(run, wanted)
    assert abs(result.accuracy - 0.25) < 4 * (0.25 * 0.75 / 3000) ** 0.5


def test_standardising_heeds_the_training_clips_alone_and_dimensions_that_stand_still() -> None:
    x, labels, z, _ = blobs()
    x[:, 4] = 7.0
    config = replace(CONFIG, standardise=True)
    (*_, last) = probe(x, labels, z, n_classes=3, config=config, device=CPU)
    (*_, first_alone) = probe(x, labels, z[:1], n_classes=3, config=config, device=CPU)
    assert torch.isfinite(last.scores).all()
    np.testing.assert_allclose(last.scores[:1], first_alone.scores, atol=1e-6)


# figures


def make_heads(*predictions: list[int]) -> Iterator[ScoredHead]:
    """Scores of four clips that say these classes, tested every fifth epoch."""
    for i, predicted in enumerate(predictions, start=1):
        yield ScoredHead(epoch=5 * i, scores=torch.eye(3)[predicted])


def test_the_figure_is_the_last_epochs_and_the_best_is_beside_it() -> None:
    wanted = np.array([0, 1, 2, -1])
    result = probe_result(make_heads([0, 0, 0, 0], [0, 1, 2, 0], [0, 1, 2, 2], [0, 1, 1, 1]), wanted)
    assert result.accuracies == {5: 0.25, 10: 0.75, 15: 0.75, 20: 0.5}
    assert result.accuracy == 0.5
    assert result.best == (10, 0.75)
    assert result.predicted.tolist() == [0, 1, 1, 1]


def test_late_fusion_is_the_mean_of_scores_epoch_by_epoch() -> None:
    rng = np.random.default_rng(1)
    wanted = rng.integers(0, 4, 50)
    scores = [[softmax(3 * rng.normal(size=(50, 4))) for _ in range(3)] for _ in range(3)]
    runs = [
        (ScoredHead(epoch=5 * (i + 1), scores=torch.from_numpy(s)) for i, s in enumerate(part))
        for part in scores
    ]
    parts, fused = late_fusion(runs, wanted)
    means = [
        (np.mean([part[i] for part in scores], axis=0).argmax(axis=1) == wanted).mean() for i in range(3)
    ]
    assert list(fused.accuracies.values()) == pytest.approx(means)
    for part, own in zip(parts, scores, strict=True):
        assert part.accuracy == pytest.approx((own[-1].argmax(axis=1) == wanted).mean())
        assert list(part.accuracies) == [5, 10, 15]
    assert len({fused.accuracy, *(part.accuracy for part in parts)}) > 1


def test_classifiers_trained_side_by_side_are_those_trained_alone() -> None:
    x, labels, z, wanted = blobs()
    configs = [CONFIG, replace(CONFIG, seed=9, learning_rate=0.001)]
    parts, _ = late_fusion(
        [probe(x, labels, z, n_classes=3, config=config, device=CPU) for config in configs], wanted
    )
    for part, config in zip(parts, configs, strict=True):
        alone = probe_result(probe(x, labels, z, n_classes=3, config=config, device=CPU), wanted)
        assert part.accuracies == alone.accuracies
        assert part.predicted.tolist() == alone.predicted.tolist()


# what cannot be


def test_a_loss_that_is_no_number() -> None:
    x, labels, z, _ = blobs()
    x[4, 2] = np.nan
    with pytest.raises(UmurlError) as error:
        list(probe(x, labels, z, n_classes=3, config=CONFIG, device=CPU))
    assert error.value.typed == (
        "the classifier's loss became nan in epoch 1; lower the learning rate, or train the encoder again"
    )


@pytest.mark.parametrize(
    "given",
    [{"epochs": 0}, {"batch_size": 0}, {"test_every": 0}, {"learning_rate": 0.0}, {"learning_rate": np.nan}],
)
def test_a_schedule_that_cannot_be(given: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match="epochs, batch_size, test_every >= 1 and a finite learning_rate > 0, got"
    ):
        replace(CONFIG, **given)
