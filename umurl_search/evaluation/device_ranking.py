"""Whole galleries ranked on a device, as `metrics.rank_gallery` ranks them on the host.

Letters: Q queries, N gallery clips, P dimensions.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Labels
from umurl_search.evaluation.metrics import Ranking
from umurl_search.index import device_memory
from umurl_search.index.exact_knn import Groups
from umurl_search.index.float32_products import whole_float32
from umurl_search.progress import Advance

_BYTES_A_SCORE = 48
"""What a score takes with its place, label, rank and precision."""
_BLOCK_BYTES = 2**30


def ranks_there(n: int, p: int, device: torch.device) -> bool:
    """Whether a gallery (N, P) is ranked on the device: it lies there whole."""
    return device_memory.holds_galleries(device) and device_memory.count_fitting_rows(n, p, device) >= n > 0


@whole_float32()
def rank_on_device(
    gallery: Embeddings,
    gallery_labels: Labels,
    queries: Embeddings,
    query_labels: Labels,
    groups: Groups,
    *,
    device: torch.device,
    advance: Advance,
) -> Ranking:
    """The whole gallery (N, P) ranked for every query (Q, P), a block of them at a time; ties to the lower position."""
    rows, labels = (_upload(array, device) for array in (gallery, gallery_labels))
    held = None if groups is None else _upload(groups[0], device)
    step = max(1, _BLOCK_BYTES // (_BYTES_A_SCORE * len(gallery)))
    blocks = []
    for start in range(0, len(queries), step):
        block = slice(start, start + step)
        scores = _upload(queries[block], device) @ rows.T
        relevant = _upload(query_labels[block], device)[:, None] == labels
        if held is not None and groups is not None:
            own = _upload(groups[1][block], device)[:, None]
            barred = (own >= 0) & (own == held)
            scores.masked_fill_(barred, -torch.inf)
            relevant &= ~barred
        blocks.append(_rank(scores, relevant).cpu().numpy())
        advance(scores.shape[0])
    average_precision, first_rank, n_relevant = np.concatenate(blocks, axis=1)
    return Ranking(
        average_precision=average_precision,
        first_rank=first_rank.astype(np.int64),
        n_relevant=n_relevant.astype(np.int64),
    )


def _upload(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)


def _rank(scores: torch.Tensor, relevant: torch.Tensor) -> torch.Tensor:
    """(3, q) float64: average precision, rank of the first relevant clip, number of relevant clips."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    relevant = relevant.gather(1, order)
    ranks = torch.arange(1, scores.shape[1] + 1, device=scores.device, dtype=torch.float64)
    precision = relevant.cumsum(dim=1) / ranks
    n_relevant = relevant.sum(dim=1).double()
    average = (precision * relevant).sum(dim=1) / n_relevant
    first = torch.where(n_relevant > 0, relevant.int().argmax(dim=1) + 1, 0)
    return torch.stack([average, first.double(), n_relevant])
