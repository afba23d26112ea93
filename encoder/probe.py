"""A linear classifier on frozen embeddings, and how a classifier's epochs become figures.

The recipe is the paper's ("action recognition"); what it leaves open is as in the released code: weights from
N(0, 0.01), no weight decay, the last, smaller batch of an epoch used, clips whole.
Letters: N training clips, Q test clips, D embedding, K classes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from encoder.errors import UmurlError

HEAD_SPREAD = 0.01
"""Standard deviation of a classifier's first weights."""


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """The paper's schedule. `drops_at`: epochs, as shares of all, at which the learning rate falls to a tenth.

    standardise: every dimension is centred and brought to standard deviation 1, as measured on the training
    clips; the paper does not. test_every: the test clips are classified after every such epoch, and after the
    last.
    """

    epochs: int = 150
    batch_size: int = 512
    learning_rate: float = 0.03
    momentum: float = 0.9
    drops_at: tuple[float, ...] = (120 / 150, 140 / 150)
    standardise: bool = False
    test_every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.test_every) < 1 or not 0 < self.learning_rate < math.inf:
            raise ValueError(
                f"epochs, batch_size, test_every >= 1 and a finite learning_rate > 0, got {self}"
            )


@dataclass(frozen=True, kw_only=True)
class ScoredHead:
    """The test clips after an epoch, counted from 1. scores: (Q, K) float32, rows sum to 1."""

    epoch: int
    scores: Tensor


@dataclass(kw_only=True)
class ProbeResult:
    """What a training came to: test accuracy by epoch, and what was predicted after the last one, (Q,) int64.

    wanted: (Q,) classes of the test clips, -1 for one that was not trained. The figure is the last epoch's. The
    best epoch is chosen on the test clips themselves, so its accuracy flatters.
    """

    wanted: NDArray[np.int64]
    accuracies: dict[int, float] = field(default_factory=dict)
    predicted: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def add(self, scored: ScoredHead) -> None:
        self.predicted = scored.scores.argmax(dim=1).cpu().numpy()
        self.accuracies[scored.epoch] = float((self.predicted == self.wanted).mean())

    @property
    def accuracy(self) -> float:
        return self.accuracies[max(self.accuracies)]

    @property
    def best(self) -> tuple[int, float]:
        """Epoch and accuracy of the best tested epoch, the earliest of equals."""
        return max(self.accuracies.items(), key=lambda item: (item[1], -item[0]))


def probe_result(run: Iterable[ScoredHead], wanted: NDArray[np.int64]) -> ProbeResult:
    """Runs a training to its end. wanted: (Q,)."""
    result = ProbeResult(wanted=wanted)
    for scored in run:
        result.add(scored)
    return result


def late_fusion(
    runs: Sequence[Iterable[ScoredHead]], wanted: NDArray[np.int64]
) -> tuple[list[ProbeResult], ProbeResult]:
    """Trains classifiers of the same clips side by side: the outcome of each, and that of their mean scores."""
    parts, fused = [ProbeResult(wanted=wanted) for _ in runs], ProbeResult(wanted=wanted)
    for scored in zip(*runs, strict=True):
        for part, own in zip(parts, scored, strict=True):
            part.add(own)
        fused.add(
            ScoredHead(epoch=scored[0].epoch, scores=torch.stack([own.scores for own in scored]).mean(dim=0))
        )
    return parts, fused


def probe(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    *,
    n_classes: int,
    config: ProbeConfig = ProbeConfig(),
    device: torch.device,
    on_epoch: Callable[[int], None] = lambda epoch: None,
) -> Iterator[ScoredHead]:
    """Trains softmax regression by SGD and classifies the test clips on the way.

    train: (N, D) float32, y as the encoder gives it; labels: (N,) int64 in 0..K-1; test: (Q, D).
    Same seed, same bits on a CPU. Raises UmurlError when the loss is not finite.
    """
    generator = torch.Generator().manual_seed(config.seed)
    head = new_head(train.shape[1], n_classes, generator).to(device)
    optimiser = torch.optim.SGD(head.parameters(), lr=config.learning_rate, momentum=config.momentum)
    train, labels, test = train.to(device), labels.to(device), test.to(device)
    if config.standardise:
        mean, spread = train.mean(dim=0), train.std(dim=0, correction=0)
        spread = torch.where(spread > 0, spread, torch.ones_like(spread))
        train, test = (train - mean) / spread, (test - mean) / spread
    for epoch in range(1, config.epochs + 1):
        set_rate(optimiser, rate_in(epoch, config.epochs, config.learning_rate, config.drops_at))
        for rows in shuffle(len(train), config.batch_size, generator, device):
            loss = functional.cross_entropy(head(train[rows]), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        check_finite(loss, epoch)
        on_epoch(epoch)
        if is_tested(epoch, config.epochs, config.test_every):
            with torch.no_grad():  # closed before the yield: it would reach whoever takes the scores
                scores = head(test).softmax(dim=1)
            yield ScoredHead(epoch=epoch, scores=scores)


def new_head(dimension: int, n_classes: int, generator: torch.Generator) -> nn.Linear:
    """A linear classifier as the released code starts it."""
    head = nn.Linear(dimension, n_classes)
    with torch.no_grad():
        head.weight.normal_(std=HEAD_SPREAD, generator=generator)
        head.bias.zero_()
    return head


def shuffle(n: int, batch_size: int, generator: torch.Generator, device: torch.device) -> list[Tensor]:
    """An epoch's batches: all of 0..n-1 in a random order, the last batch as small as it comes out."""
    order = torch.randperm(n, generator=generator).to(device)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def rate_in(epoch: int, epochs: int, rate: float, drops_at: tuple[float, ...]) -> float:
    """The learning rate in an epoch counted from 1: a tenth for each share of the epochs that is over."""
    return rate * 0.1 ** sum(epoch > round(epochs * share) for share in drops_at)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def is_tested(epoch: int, epochs: int, every: int) -> bool:
    return epoch % every == 0 or epoch == epochs


def check_finite(loss: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(loss)):
        raise UmurlError(
            f"the classifier's loss became {float(loss.detach())} in epoch {epoch}",
            "lower the learning rate, or train the encoder again",
        )
