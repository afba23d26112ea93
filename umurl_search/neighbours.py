"""Exact nearest neighbours of rows of length 1: rounded products propose, float64 products decide.

What proposes also bounds the score of everything that it did not propose; where the k-th exact score is not
above that bound, more is fetched. So rounding costs time, never a neighbour. Letters: Q queries, N gallery
clips, K neighbours, P dimensions, R leading axes, F proposals. A gallery's rows are in order of clip id.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.codes import Codes, encode
from umurl_search.maps import Embeddings
from umurl_search.progress import Advance

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Groups = tuple[Rows, Rows] | None
"""Numbers of the gallery's clips (N,) and the queries (Q,): neighbours of one's own number are left out."""
CPU = torch.device("cpu")
SPARE = 8
_GROWTH = 4
_PRODUCT_BYTES = 2**24
_SCORE_BYTES = 2**27
_QUERY_BLOCK = 2048
_WORKERS = 2


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """scores: (Q, K) float64 cosines, falling. rows: (Q, K) gallery positions, -1 where there are fewer."""

    scores: Scores
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """rows: (Q, F) gallery positions, -1 for none. bound: (Q,) above the score of every other row of the gallery."""

    rows: Rows
    bound: Scores


Propose = Callable[[Rows, int], Proposals]
"""(queries asking (q,), F) -> at most F proposals for each of them, the likeliest."""
Exact = Callable[[Rows, Rows], Scores]
"""(queries asking (q,), rows (q, F)) -> (q, F) float64 scores."""


def nearest(
    gallery: Embeddings,
    queries: Embeddings,
    k: int,
    *,
    groups: Groups = None,
    device: torch.device = CPU,
    advance: Advance = lambda n, note="": None,
) -> Neighbours:
    """The k best of the gallery for each query by inner product; exact, ties to the lower position.

    gallery: (N, P), queries: (Q, P), float32 rows of length 1. groups: numbers (N,) and (Q,); a query's neighbours
    are never of its own group (-1: of none). `advance` is told of queries done. Raises UmurlError for vectors that are
    not finite.
    """
    if len(queries) == 0 or len(gallery) == 0:
        return nobody(len(queries), k)
    gallery = np.asarray(gallery)
    codes = encode(gallery, n_queries=len(queries), device=device)
    resident = torch.from_numpy(gallery).to(device) if device.type == "cuda" else None
    step = int(np.clip(_SCORE_BYTES // (codes.item_bytes * len(gallery)), 16, _QUERY_BLOCK))
    found = []
    for start in range(0, len(queries), step):
        block = np.ascontiguousarray(queries[start : start + step])
        own = None if groups is None else (groups[0], groups[1][start : start + step])
        exact = _on_device(resident, block) if resident is not None else products_with(gallery, block)
        found.append(
            decide(_proposer(codes, block, own), exact, k, n_queries=len(block), n_rows=len(gallery))
        )
        advance(len(block))
    return Neighbours(
        scores=np.concatenate([one.scores for one in found]), rows=np.concatenate([one.rows for one in found])
    )


def nobody(n_queries: int, k: int) -> Neighbours:
    return Neighbours(
        scores=np.full((n_queries, k), -np.inf), rows=np.full((n_queries, k), -1, dtype=np.int64)
    )


def decide(propose: Propose, exact: Exact, k: int, *, n_queries: int, n_rows: int) -> Neighbours:
    """The k best of `n_rows` by exact score, ties to the lower row; asks for more proposals until that is certain."""
    out = nobody(n_queries, k)
    asking, fetch = np.arange(n_queries), min(n_rows, k + SPARE)
    while len(asking):
        proposed = propose(asking, fetch)
        scores = np.where(proposed.rows >= 0, exact(asking, proposed.rows), -np.inf)
        best = ranked(scores, proposed.rows, k)
        out.scores[asking], out.rows[asking] = best.scores, best.rows
        open_still = (best.scores[:, -1] <= proposed.bound) & (fetch < n_rows)
        asking, fetch = asking[open_still], min(n_rows, fetch * _GROWTH)
    return out


def ranked(scores: Scores, rows: Rows, k: int) -> Neighbours:
    """The k best of (Q, F) scored rows, ties to the lower row; -1 where there are fewer, or their score is -inf."""
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    rows = np.where(np.isneginf(scores), -1, rows)
    missing = k - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    return Neighbours(scores=scores, rows=rows)


def products_with(gallery: Embeddings, queries: Embeddings) -> Exact:
    """Float64 products; equal vectors give equal products, wherever they stand."""

    def part(asking: Rows, rows: Rows) -> Scores:
        chosen = gallery[np.maximum(rows, 0)].astype(np.float64)
        return np.asarray(np.einsum("qp,qkp->qk", queries[asking].astype(np.float64), chosen))

    def exact(asking: Rows, rows: Rows) -> Scores:
        step = max(1, _PRODUCT_BYTES // (rows.shape[1] * gallery.shape[1] * 8))
        starts = range(0, len(rows), step)
        blocks = [(asking[i : i + step], rows[i : i + step]) for i in starts]
        if len(blocks) == 1:
            return part(*blocks[0])
        with ThreadPoolExecutor(_WORKERS) as pool:
            return np.concatenate(list(pool.map(part, *zip(*blocks, strict=True))))

    return exact


def _on_device(gallery: torch.Tensor, queries: Embeddings) -> Exact:
    asked = torch.from_numpy(queries).to(gallery.device)

    def exact(asking: Rows, rows: Rows) -> Scores:
        step = max(1, 2**30 // (rows.shape[1] * gallery.shape[1] * 8))
        out = []
        for i in range(0, len(rows), step):
            chosen = gallery[torch.from_numpy(np.maximum(rows[i : i + step], 0)).to(gallery.device)].double()
            mine = asked[torch.from_numpy(asking[i : i + step]).to(gallery.device)].double()
            out.append((chosen * mine[:, None]).sum(dim=2).cpu().numpy())
        return np.concatenate(out)

    return exact


def _proposer(codes: Codes, queries: Embeddings, groups: Groups) -> Propose:
    scores, offset, slack = codes.scores(queries)
    if groups is not None:
        held, asking = (torch.from_numpy(numbers).to(scores.device) for numbers in groups)
        scores.masked_fill_((held[None] == asking[:, None]) & (asking >= 0)[:, None], -torch.inf)

    def propose(asking: Rows, fetch: int) -> Proposals:
        everyone = len(asking) == len(scores)
        mine = scores if everyone else scores[torch.from_numpy(asking).to(scores.device)]
        top = mine.topk(fetch, dim=1, sorted=True)
        last = top.values[:, -1].double().cpu().numpy()
        if np.isnan(top.values[:, 0].float().cpu().numpy()).any():
            raise UmurlError("vectors of the index or the query are not finite: run umurl-search verify")
        rows = torch.where(top.values == -torch.inf, -1, top.indices).cpu().numpy()
        none_left = np.isneginf(last)
        last = np.where(none_left, 0, last)
        bound = last + codes.output_rounding * np.abs(last) + slack[asking] + offset[asking]
        return Proposals(rows=rows, bound=np.where(none_left, -np.inf, bound))

    return propose
