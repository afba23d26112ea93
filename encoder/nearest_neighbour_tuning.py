"""Nearest-neighbour contrastive tuning after pre-training (not in the UmURL paper).

After Dwibedi et al., "With a little help from my friends" (ICCV 2021), as STARS uses it on skeletons: a view of a clip
is to find, among the clips of the batch, the nearest neighbour of another view of it. The neighbour comes from a queue
of earlier fused views; what has to find it is each modality alone and all fused, so that they are drawn together.

Letters: B clips of a batch, D embedding, Q size of the queue.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder.modality_sets import FUSED
from encoder.model import UmURL, View

TEMPERATURE = 0.1
QUEUE = 4096
HEAD_RATE = 1e-3
SOUGHT, SEEKING = "sought", "seeking"
_SIZE = 256


class Tuner(nn.Module):
    """An encoder with a head and a predictor, which are discarded afterwards, and the queue."""

    def __init__(self, model: UmURL, *, queue: int) -> None:
        super().__init__()
        dimension = model.config.dimension
        self.model = model
        self.head = nn.Sequential(
            nn.Linear(dimension, dimension), nn.BatchNorm1d(dimension), nn.ReLU(), nn.Linear(dimension, _SIZE)
        )
        self.predictor = nn.Sequential(
            nn.Linear(_SIZE, 2 * _SIZE), nn.BatchNorm1d(2 * _SIZE), nn.ReLU(), nn.Linear(2 * _SIZE, _SIZE)
        )
        self.queue: Tensor
        self.register_buffer("queue", functional.normalize(torch.randn(queue, _SIZE), dim=1))

    def forward(self, views: list[View]) -> tuple[Tensor, dict[str, Tensor]]:
        """views: groups of two views of the same clips. Returns what is sought (B, 256), without gradient, and
        for each modality and all fused what seeks it (B, 256); rows of length 1, float32."""
        encoder, subsets = self.model.encoder, self.model.config.subsets
        many = [encoder.embed_many(view[SEEKING], subsets) for view in views]
        seeking = {m: self.predictor(self.head(torch.cat([y[m] for y in many]))) for m in subsets}
        with torch.no_grad():  # last: older torch keeps the casts made here, which have no gradient
            sought = self.head(torch.cat([encoder(view[SOUGHT], FUSED) for view in views]))
        return _normalise(sought), {m: _normalise(p) for m, p in seeking.items()}

    def loss(self, sought: Tensor, seeking: dict[str, Tensor], *, step: int) -> Tensor:
        """Mean over subsets of the cross-entropy of finding the neighbour of one's own clip in the batch.

        step: of the tuning, from 0. Until the queue is full of views, a clip's other view is itself what is sought.
        """
        b, size = len(sought), len(self.queue)
        full = step * b >= size
        goal = self.queue[(sought @ self.queue.T).argmax(dim=1)] if full else sought
        own = torch.arange(b, device=sought.device)
        found = [functional.cross_entropy(p @ goal.T / TEMPERATURE, own) for p in seeking.values()]
        self.queue[(torch.arange(b, device=sought.device) + step * b) % size] = sought
        return torch.stack(found).mean()


def _normalise(x: Tensor) -> Tensor:
    return functional.normalize(x.float(), dim=1)
