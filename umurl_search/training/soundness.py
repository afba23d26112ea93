"""Whether a run of training went well, judged on training clips alone: what is wrong with an encoder, a line each.

Letters: N clips, D embedding.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.model import UmURL
from umurl_search.clips.types import Embeddings, Labels
from umurl_search.evaluation.metrics import effective_rank, percent, spread
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.embed_rows import embed_clips
from umurl_search.index.exact_knn import nearest
from umurl_search.library.clip_store import Clips
from umurl_search.training.history import History

DIVERGED = 10.0
"""Times its first value that a loss may end at."""
LEAST_SPREAD, LEAST_RANK = 0.02, 1.5
"""Of embeddings that have not collapsed: the spread of their directions, and the rank that they fill."""
_SURE = 1.96
"""Standard deviations by which two encoders' looks differ for sure, clip by clip."""


@dataclass(frozen=True, kw_only=True)
class TrainingLook:
    """An encoder's embedding of some training clips. right: (N,) whether the nearest other clip has the same label,
    for the clips whose label another one has, too; None where there are none."""

    rank: float
    spread: float
    right: NDArray[np.bool_] | None

    @property
    def accuracy(self) -> float | None:
        """The share of these, a fraction."""
        return None if self.right is None else float(self.right.mean())


def look_at_training(
    model: UmURL, store: Clips, *, rows: list[int], labels: list[int], device: torch.device
) -> TrainingLook:
    """What a model makes of these rows of the clip store; labels: -1 for none."""
    y = embed_clips(model, store, rows, modality="fused", device=device)
    return describe_embedding(y, np.array(labels, dtype=np.int64))


def describe_embedding(y: Embeddings, labels: Labels) -> TrainingLook:
    """y: (N, D); labels: (N,), -1 for none."""
    if not np.isfinite(y).all():
        return TrainingLook(rank=0.0, spread=0.0, right=None)
    known = labels >= 0
    numbers, counts = np.unique(labels[known], return_counts=True)
    asked = np.flatnonzero(np.isin(labels[known], numbers[counts > 1]))
    right = None
    if len(asked) and len(numbers) > 1:
        unit, mine = LinearMap()(y[known]), labels[known]
        two = nearest(unit, unit[asked], 2).rows
        other = np.where(two[:, 0] == asked, two[:, 1], two[:, 0])
        right = mine[other] == mine[asked]
    return TrainingLook(rank=effective_rank(y), spread=spread(y), right=right)


def doubt_run(history: History, own: TrainingLook, shipped: TrainingLook | None) -> list[str]:
    """What is wrong with a run. own: the encoder's look; shipped: that of the one in the package, at the same clips."""
    return [*_doubt_loss(history), *_doubt_spread(own), *(_doubt_look(own, shipped) if shipped else ())]


def _doubt_loss(history: History) -> list[str]:
    loss = history.losses.values["loss"]
    loss = loss[~np.isnan(loss)]
    if len(loss) < 2 or loss[-1] <= DIVERGED * loss[0]:
        return []
    return [f"it diverged: its loss began at {loss[0]:.4g} and ended at {loss[-1]:.4g}"]


def _doubt_spread(own: TrainingLook) -> list[str]:
    if own.spread >= LEAST_SPREAD and own.rank >= LEAST_RANK:
        return []
    return [f"it collapsed: embeddings of all clips are alike (rank {own.rank:.2g}, spread {own.spread:.2g})"]


def _doubt_look(own: TrainingLook, shipped: TrainingLook) -> list[str]:
    if own.right is None or shipped.right is None:
        return []
    lost, won = int((shipped.right & ~own.right).sum()), int((own.right & ~shipped.right).sum())
    if lost - won <= _SURE * (lost + won) ** 0.5:
        return []
    mine, theirs = (percent(float(one.right.mean())) for one in (own, shipped) if one.right is not None)
    return [f"its look is worse than the shipped encoder's: 1-NN among training clips {mine}, there {theirs}"]
