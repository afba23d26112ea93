"""Fine-tuning: the whole encoder and a linear classifier, trained with labels.

Letters: N training clips, Q test clips, D embedding, K classes.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder.augment import random_crops
from encoder.model import UmURL
from encoder.probe import ScoredHead, check_finite, is_tested, new_head, rate_in, set_rate, shuffle
from encoder.ragged import RaggedClips

_TESTED_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """The schedule: pre-training's optimiser and rate (Adam, 5e-4, weight decay 1e-5), x0.1 at `drop_at`.

    least_steps: epochs are added until there are so many steps, without which a few labelled clips would be
    seen a few times only. crop: every view is a random crop in time, drawn as in pre-training. Its other
    augmentations (shears, joints zeroed or mixed) are left out: they are there to make agreement between views
    hard, whereas labels already say what to keep, and test clips are neither sheared nor corrupted.
    tests: about how often, evenly over the run, the test clips are classified; always after the last epoch.
    """

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 5e-4
    weight_decay: float = 1e-5
    drop_at: float = 0.8
    least_steps: int = 500
    crop: bool = True
    tests: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.tests) < 1 or not 0 < self.learning_rate < math.inf:
            raise ValueError(f"epochs, batch_size, tests >= 1 and a finite learning_rate > 0, got {self}")

    @classmethod
    def from_epochs(cls, epochs: int | None, **given: Any) -> "FinetuneConfig":
        """The schedule with these epochs and no more; None: as many as it has itself."""
        return cls(**given) if epochs is None else cls(epochs=epochs, least_steps=0, **given)

    def epochs_for(self, n: int) -> int:
        """Epochs over n clips, `least_steps` heeded."""
        return max(self.epochs, math.ceil(self.least_steps / self.steps_for(n)))

    def steps_for(self, n: int) -> int:
        """Steps of an epoch over n clips; the last one may be of fewer than batch_size."""
        return math.ceil(n / self.batch_size)


class Classifier(nn.Module):
    """An encoder of one modality subset with a linear classifier on y."""

    def __init__(self, encoder: nn.Module, head: nn.Linear, modality: str) -> None:
        super().__init__()
        self.encoder, self.head, self.modality = encoder, head, modality

    def forward(self, clips: Tensor) -> Tensor:
        """clips: (N, T, M, V, C). Returns (N, K)."""
        return self.head(self.encoder(clips, self.modality))  # type: ignore[no-any-return]


def finetune(
    model: UmURL,
    train: RaggedClips,
    labels: Tensor,
    test: RaggedClips,
    *,
    modality: str,
    n_classes: int,
    config: FinetuneConfig = FinetuneConfig(),
    device: torch.device,
    on_step: Callable[[int], None] = lambda step: None,
) -> Iterator[ScoredHead]:
    """Trains a copy of the model's encoder with a new classifier and classifies the test clips on the way.

    train, test: normalised clips; labels: (N,) int64 in 0..K-1. The model itself is not changed; the same seed
    gives the same bits on a CPU. Raises UmurlError when the loss is not finite.
    """
    order = torch.Generator().manual_seed(config.seed)
    crops = torch.Generator(device).manual_seed(config.seed)
    head = new_head(model.config.dimension, n_classes, order)
    network = Classifier(copy.deepcopy(model.encoder), head, modality).to(device).train()
    optimiser = torch.optim.Adam(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    people = _fixed_people(train, device), _fixed_people(test, device)
    train, labels, test = train.to(device), labels.to(device), test.to(device)
    epochs, step = config.epochs_for(len(train)), 0
    for epoch in range(1, epochs + 1):
        set_rate(optimiser, rate_in(epoch, epochs, config.learning_rate, (config.drop_at,)))
        for rows in shuffle(len(train), config.batch_size, order, device):
            views = _views(train, rows, config, crops, people=people[0])
            loss = functional.cross_entropy(network(views), labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            step += 1
            on_step(step)
        check_finite(loss, epoch)
        if is_tested(epoch, epochs, max(1, epochs // config.tests)):
            yield ScoredHead(epoch=epoch, scores=_scores(network, test, people=people[1]))


def _fixed_people(clips: RaggedClips, device: torch.device) -> int | None:
    """The most in any clip, which a device need not be asked for then; None on a CPU: the most in each batch."""
    return None if device.type == "cpu" else int(clips.n_people.max())


def _views(
    clips: RaggedClips,
    rows: Tensor,
    config: FinetuneConfig,
    generator: torch.Generator,
    *,
    people: int | None,
) -> Tensor:
    """(B, 64, M, V, C): the clips whole, or a crop of each."""
    if not config.crop:
        return clips.resize(rows, people=people)
    first, length = random_crops(clips.n_frames[rows], generator)
    return clips.resize(rows, first=first, length=length, people=people)


@torch.no_grad()
def _scores(network: Classifier, clips: RaggedClips, *, people: int | None) -> Tensor:
    """(Q, K) of the clips whole."""
    network.eval()
    rows = torch.arange(len(clips), device=clips.start.device)
    parts = [rows[i : i + _TESTED_AT_ONCE] for i in range(0, len(rows), _TESTED_AT_ONCE)]
    scores = [network(clips.resize(part, people=people)).softmax(dim=1) for part in parts]
    network.train()
    return torch.cat(scores)
