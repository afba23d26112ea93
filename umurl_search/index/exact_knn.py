"""Exact nearest neighbours of rows of length 1: products over few axes propose, float64 products decide.

What proposes also bounds the score of everything that it did not propose; where the k-th exact score is not
above that bound, more is fetched. So what is left out costs time, never a neighbour. On a device the same is done where
the gallery lies; scores that its sums leave in doubt are made again on the host, so that both give the same neighbours.
Letters: Q queries, N gallery clips, K neighbours, P dimensions, F proposals. A gallery's rows are in order of clip id.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index import device_memory
from umurl_search.index.bounded_codes import BoundedCode, encode
from umurl_search.index.faiss_library import is_usable, largest_products
from umurl_search.index.float32_products import whole_float32
from umurl_search.progress import Advance, no_advance

Scores = NDArray[np.float64]
Groups = tuple[Rows, Rows] | None
"""Numbers of the gallery's clips (N,) and the queries (Q,): neighbours of one's own number are left out."""
CPU = torch.device("cpu")
SPARE = 8
"""Proposals beyond k to begin with, where they are bounded closely."""
_GROWTH = 4
_PRODUCT_BYTES = 2**24
_SCORE_BYTES = 2**27
_QUERY_BLOCK = 8192
"""Queries at once: many, since threads of FAISS and of torch wait for work by spinning, in each other's way."""
_MOST_PROPOSED = 2**22
"""Proposals at once for all who ask; coarse codes look at `_WIDE` times as many."""
_WIDE = 8
"""Coarse proposals for each that the fine codes choose."""
_REFINED_BYTES = 2**23
_WORKERS = 2
_DEVICE_BYTES = 2**30
_IN_DOUBT = 1e-11
"""Two sums of float64 products of rows of length 1, in whatever order, differ by less: some 5e-13 of 2,048 numbers."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """scores: (Q, K) float64 cosines, falling. rows: (Q, K) gallery positions, -1 where there are fewer."""

    scores: Scores
    rows: Rows


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """rows: (Q, F) gallery positions, -1 for none. bound: (Q,) above the score of every other row of the gallery.

    scores: (Q, F) of the rows in float64, where a device that proposed has made them.
    """

    rows: Rows
    bound: Scores
    scores: Scores | None = None


CandidateFn = Callable[[Rows, int], Proposals]
"""(queries asking (q,), F) -> at most F proposals for each of them, the likeliest."""
ScoreFn = Callable[[Rows, Rows], Scores]
"""(queries asking (q,), rows (q, F)) -> (q, F) float64 scores."""


@whole_float32()
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
        return empty_neighbours(len(queries), k)
    gallery, n = np.asarray(gallery), len(gallery)
    step, found = device_memory.count_fitting_rows(n, gallery.shape[1], device), []
    for start in range(0, n, step):
        block = gallery[start : start + step]
        own = None if groups is None else (groups[0][start : start + step], groups[1])
        tell = advance if start + step >= n else no_advance
        one = _nearest_in_block(block, queries, k, groups=own, device=device, advance=tell)
        found.append(Neighbours(scores=one.scores, rows=np.where(one.rows >= 0, one.rows + start, -1)))
    return merge_neighbours(found, k, exact=products_with(gallery, queries))


def _nearest_in_block(
    gallery: Embeddings,
    queries: Embeddings,
    k: int,
    *,
    groups: Groups,
    device: torch.device,
    advance: Advance,
) -> Neighbours:
    """`nearest`, of rows that lie on the device at once."""
    held = torch.from_numpy(gallery).to(device) if device_memory.holds_galleries(device) else None
    codes = encode(gallery if held is None else held, n_queries=len(queries), device=device)
    proposer, found = Proposer(codes, held), []
    for start in range(0, len(queries), _QUERY_BLOCK):
        block = np.ascontiguousarray(queries[start : start + _QUERY_BLOCK])
        own = None if groups is None else (groups[0], groups[1][start : start + _QUERY_BLOCK])
        propose, exact = proposer.propose_for(block, own), products_with(gallery, block)
        found.append(rerank_until_exact(propose, exact, k, n_queries=len(block), n_rows=len(gallery)))
        advance(len(block))
    return Neighbours(
        scores=np.concatenate([one.scores for one in found]), rows=np.concatenate([one.rows for one in found])
    )


def empty_neighbours(n_queries: int, k: int) -> Neighbours:
    return Neighbours(
        scores=np.full((n_queries, k), -np.inf), rows=np.full((n_queries, k), -1, dtype=np.int64)
    )


def rerank_until_exact(
    propose: CandidateFn, exact: ScoreFn, k: int, *, n_queries: int, n_rows: int, spare: int = SPARE
) -> Neighbours:
    """The k best of `n_rows` by exact score, ties to the lower row; asks for more proposals until that is certain.

    spare: proposals beyond k to begin with.
    """
    out = empty_neighbours(n_queries, k)
    open_still, fetch = np.ones(n_queries, dtype=bool), min(n_rows, k + spare)
    while open_still.any():
        step = max(1, _MOST_PROPOSED // fetch)
        everyone = np.flatnonzero(open_still)
        for asking in (everyone[i : i + step] for i in range(0, len(everyone), step)):
            proposed = propose(asking, fetch)
            scores = _score(proposed, exact, asking)
            best = rank_proposals(scores, proposed.rows, k)
            out.scores[asking], out.rows[asking] = best.scores, best.rows
            open_still[asking] = (best.scores[:, -1] <= proposed.bound) & (fetch < n_rows)
            open_still[asking] &= proposed.bound > -np.inf  # else nothing is left
        fetch = min(n_rows, fetch * _GROWTH)
    return out


def _score(proposed: Proposals, exact: ScoreFn, asking: Rows) -> Scores:
    """(q, F) exact scores of what is proposed, -inf where nothing is."""
    if proposed.scores is not None:
        return settle(proposed.scores, proposed.rows, exact, asking)
    return np.where(proposed.rows >= 0, exact(asking, proposed.rows), -np.inf)


def settle(scores: Scores, rows: Rows, exact: ScoreFn, asking: Rows) -> Scores:
    """Scores (q, F) of a device; those of a query are the host's where two are too near to say which is higher.

    Equal rows then have equal scores, as on the host, and near ones the host's order.
    """
    ordered = np.sort(scores, axis=1)
    with np.errstate(invalid="ignore"):  # -inf less -inf: two that are not there
        again = (np.diff(ordered, axis=1) < _IN_DOUBT).any(axis=1)
    if again.any():
        made = np.where(rows[again] >= 0, exact(asking[again], rows[again]), -np.inf)
        scores = scores.copy()
        scores[again] = made
    return scores


def merge_neighbours(found: list[Neighbours], k: int, *, exact: ScoreFn | None = None) -> Neighbours:
    """The k best of several parts' neighbours; with `exact`, where a device's scores leave it open, by that."""
    if len(found) == 1:
        return found[0]
    scores, rows = (
        np.concatenate(side, axis=1) for side in zip(*((f.scores, f.rows) for f in found), strict=True)
    )
    if exact is not None:
        scores = settle(scores, rows, exact, np.arange(len(rows)))
    return rank_proposals(scores, rows, k)


def rank_proposals(scores: Scores, rows: Rows, k: int) -> Neighbours:
    """The k best of (Q, F) scored rows, ties to the lower row; -1 where there are fewer, or their score is -inf."""
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    rows = np.where(np.isneginf(scores), -1, rows)
    missing = k - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    return Neighbours(scores=scores, rows=rows)


def products_with(gallery: Embeddings, queries: Embeddings) -> ScoreFn:
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


class Proposer:
    """Proposes by the coarse codes, and of many such the likeliest by the fine ones; where the rows (N, P) lie on the
    device too, it scores them. Of one thread."""

    def __init__(self, codes: BoundedCode, rows: torch.Tensor | None = None) -> None:
        self._codes, self._rows = codes, rows
        self._products = torch.empty(0, device=codes.coarse.device)
        self._asks_faiss = not device_memory.holds_galleries(codes.coarse.device) and is_usable()

    def propose_for(
        self, queries: Embeddings, groups: Groups = None, *, allowed: torch.Tensor | None = None
    ) -> CandidateFn:
        """queries: (Q, P). groups: numbers (N,) and (Q,). allowed: (N,) bool, who may be proposed."""
        asked, n = self._codes.ask(queries), len(self._codes.coarse)

        def propose(asking: Rows, fetch: int) -> Proposals:
            wide = fetch if asked.fine is None else min(n, _WIDE * fetch)
            own = None if groups is None else (groups[0], groups[1][asking])
            mine = torch.from_numpy(asking).to(self._products.device)
            scores, rows = self._find_likeliest(asked.coarse[mine], wide, own, allowed)
            last = scores[:, -1]
            if asked.fine is not None:
                scores = self._refine(asked.fine[mine], rows)
                scores, order = scores.topk(fetch, dim=1)
                rows, last = rows.gather(1, order), torch.maximum(last, scores[:, -1])
            exact = None if self._rows is None else _score_on_device(self._rows, asked.rows[mine], rows)
            bound = last.double() + asked.above[mine]
            return Proposals(
                rows=rows.cpu().numpy(),
                bound=bound.cpu().numpy(),
                scores=None if exact is None else exact.cpu().numpy(),
            )

        return propose

    def _find_likeliest(
        self, queries: torch.Tensor, wide: int, groups: Groups, allowed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores and rows (q, wide) of the largest products, falling; -inf and -1 where there are fewer."""
        gallery = self._codes.coarse
        if groups is None and allowed is None and self._asks_faiss:
            top = largest_products(gallery.numpy(), queries.numpy(), wide)
            return torch.from_numpy(top[0]), torch.from_numpy(top[1])
        step = max(16, _SCORE_BYTES // (4 * len(gallery)))
        parts = [slice(i, i + step) for i in range(0, len(queries), step)]
        tops = [
            self._multiply_and_mask(queries[part], part, groups, allowed).topk(wide, dim=1) for part in parts
        ]
        scores = torch.cat([top.values for top in tops])
        return scores, torch.cat([top.indices for top in tops]).masked_fill(scores == -torch.inf, -1)

    def _multiply_and_mask(
        self, queries: torch.Tensor, part: slice, groups: Groups, allowed: torch.Tensor | None
    ) -> torch.Tensor:
        """(q, N) products, -inf for a query's own group and who is not allowed; in memory that is used again, which
        saves much of the time."""
        shape = len(queries), len(self._codes.coarse)
        if self._products.numel() < shape[0] * shape[1]:
            self._products = torch.empty(shape[0] * shape[1], device=queries.device)
        scores = self._products[: shape[0] * shape[1]].view(shape)
        torch.mm(queries, self._codes.coarse.T, out=scores)
        if groups is not None:
            held, asking = (torch.from_numpy(n).to(scores.device) for n in (groups[0], groups[1][part]))
            scores.masked_fill_((held[None] == asking[:, None]) & (asking >= 0)[:, None], -torch.inf)
        if allowed is not None:
            scores.masked_fill_(~allowed[None], -torch.inf)
        return scores

    def _refine(self, queries: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """(q, F) what the scores of these rows are at most, by the fine codes; -inf where there is none."""
        fine = self._codes.fine
        assert fine is not None
        out = torch.empty(rows.shape, device=fine.device)
        step = max(1, _REFINED_BYTES // (4 * fine.shape[1] * rows.shape[1]))
        for i in range(0, len(rows), step):
            chosen = fine[rows[i : i + step].clamp(min=0)]
            torch.bmm(chosen, queries[i : i + step, :, None], out=out[i : i + step, :, None])
        return out.masked_fill_(rows < 0, -torch.inf)


def _score_on_device(gallery: torch.Tensor, queries: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """(q, F) float64 products of queries (q, P) and rows of the gallery (N, P), -inf where there is none."""
    out = torch.empty(rows.shape, dtype=torch.float64, device=rows.device)
    step = max(1, _DEVICE_BYTES // (8 * rows.shape[1] * gallery.shape[1]))
    for i in range(0, len(rows), step):
        chosen = gallery[rows[i : i + step].clamp(min=0)].double()
        out[i : i + step] = (chosen * queries[i : i + step, None].double()).sum(dim=2)
    return out.masked_fill_(rows < 0, -torch.inf)
