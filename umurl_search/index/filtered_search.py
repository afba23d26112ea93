"""Searches an index: each part in the way that suits its kind, those who may be found, and how many ask.

Whatever proposes, exact scores of the stored embeddings decide. A filter is exact with every kind: few clips that
pass are gathered; more are picked out by a selector where the kind is exact, else all that pass are compared.
Letters: Q queries, N rows on disk, n rows that live, K neighbours, P dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index import faiss_kinds
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import (
    CPU,
    Neighbours,
    Proposals,
    Scores,
    empty_neighbours,
    nearest,
    products_with,
    rank_proposals,
    rerank_until_exact,
)
from umurl_search.index.faiss_kinds import APPROXIMATE_SPARE, EXACT, KINDS, Vectors
from umurl_search.index.faiss_library import n_gpus
from umurl_search.index.index import MAIN, Index, Part

GATHERED_BELOW = 0.01
"""Share of a part's rows: fewer than that are gathered faster than FAISS passes over the others."""
_MANY = 16
"""Queries from which products with the whole gallery beat FAISS, query by query."""
_SCANNED_BYTES = 2**28
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """One index as the queries of one modality see it. device: where to multiply; FAISS needs a GPU build for cuda."""

    index: Index
    against: str
    mapping: LinearMap
    centred: bool
    device: torch.device = CPU

    def search(self, points: Embeddings, k: int, *, among: Rows | None = None) -> Neighbours:
        """The k best rows of the index for each unit vector (Q, P), exactly scored, ties to the lower row.

        among: rows (ascending) that may be found; all unless given.
        """
        if self.against != MAIN:
            return self._search_in_memory(points, k, among)
        allowed = self._mask_allowed(among)
        found, start = [], 0
        for part in self.index.parts:
            mine = None if allowed is None else allowed[start : start + len(part.ids)]
            one = _PartSearch(part, self.mapping, self.centred, self.device).search(
                points, k, mine, among is not None
            )
            found.append(Neighbours(scores=one.scores, rows=np.where(one.rows >= 0, one.rows + start, -1)))
            start += len(part.ids)
        return self._live_rows(merge_neighbours(found, k))

    def _search_in_memory(self, points: Embeddings, k: int, among: Rows | None) -> Neighbours:
        embeddings = self.index.embeddings(self.against)
        if among is None:
            return nearest(self.mapping(np.asarray(embeddings)), points, k, device=self.device)
        found = nearest(self.mapping(np.asarray(embeddings[among])), points, k, device=self.device)
        if len(among) == 0:
            return found
        return Neighbours(scores=found.scores, rows=np.where(found.rows >= 0, among[found.rows], -1))

    def _mask_allowed(self, among: Rows | None) -> Mask | None:
        """(N,) over all rows on disk; None when all may be found."""
        if among is None:
            return self.index.live
        allowed = np.zeros(len(self.index.every_id), dtype=bool)
        allowed[self.index.slots[among]] = True
        return allowed

    def _live_rows(self, found: Neighbours) -> Neighbours:
        if self.index.live is None:
            return found
        number = np.cumsum(self.index.live) - 1
        return Neighbours(scores=found.scores, rows=np.where(found.rows >= 0, number[found.rows], -1))


def merge_neighbours(found: list[Neighbours], k: int) -> Neighbours:
    """The k best of several parts' neighbours."""
    if len(found) == 1:
        return found[0]
    scores, rows = (
        np.concatenate(side, axis=1) for side in zip(*((f.scores, f.rows) for f in found), strict=True)
    )
    return rank_proposals(scores, rows, k)


@dataclass(frozen=True)
class _PartSearch:
    part: Part
    mapping: LinearMap
    centred: bool
    device: torch.device

    def search(self, points: Embeddings, k: int, allowed: Mask | None, filtered: bool) -> Neighbours:
        """allowed: (N,) over the part's rows, None for all. filtered: whether by more than clips that are gone."""
        n = len(self.part.ids)
        n_passing = n if allowed is None else int(allowed.sum())
        if n_passing == 0 or len(points) == 0:
            return empty_neighbours(len(points), k)
        approximate = self.part.kind not in EXACT
        gpu = self.device.type == "cuda"
        if approximate and not filtered:
            return self._search_approximately(points, k, allowed)
        few = allowed is not None and (n_passing < GATHERED_BELOW * n or gpu)
        if few or approximate or len(points) > _MANY or n_passing <= k:
            return self.scan(points, k, None if allowed is None else np.flatnonzero(allowed))
        vectors = self._vectors()
        exact = self._exact_scorer(points)
        propose = _make_proposer(vectors, points, allowed)
        return rerank_until_exact(
            propose, exact, k, n_queries=len(points), n_rows=n_passing, spare=vectors.spare
        )

    def _vectors(self) -> Vectors:
        vectors = self.part.vectors(centred=self.centred)
        if self.device.type != "cuda" or not n_gpus() > 0:
            return vectors
        key = self.centred, self.device.index or 0
        if key not in self.part.on_gpu:
            free, _ = torch.cuda.mem_get_info(self.device)
            self.part.on_gpu[key] = faiss_kinds.move_to_gpu(vectors, key[1], free_bytes=free)
        return self.part.on_gpu[key]

    def _exact_scorer(self, points: Embeddings) -> Callable[[Rows, Rows], Scores]:
        """Exact scores: of the embeddings' own vectors, read for the rows that are asked for."""
        if self.part.kind == "flat":
            return products_with(self.part.unit(slice(None), self.mapping, centred=self.centred), points)

        def exact(asking: Rows, rows: Rows) -> Scores:
            wanted, which = np.unique(np.maximum(rows, 0), return_inverse=True)
            chosen = self.part.unit(wanted, self.mapping, centred=self.centred)
            return products_with(chosen, points)(asking, which.reshape(rows.shape))

        return exact

    def _search_approximately(self, points: Embeddings, k: int, allowed: Mask | None) -> Neighbours:
        """What an approximate kind finds, exactly scored; visits more where it finds fewer than k, at last all."""
        vectors, exact, n = (
            self.part.vectors(centred=self.centred),
            self._exact_scorer(points),
            len(self.part.ids),
        )
        wanted = min(k, n if allowed is None else int(allowed.sum()))
        asking, out = np.arange(len(points)), empty_neighbours(len(points), k)
        kind, least = KINDS[self.part.kind], int(self.part.manifest["search"]["effort"])
        for effort in (e for e in kind.efforts if e >= least):
            fetch = min(n, max(4 * k, k + APPROXIMATE_SPARE))
            rows = self._positions(
                vectors.propose(points[asking], fetch, effort=max(effort, kind.least_effort(fetch))).rows
            )
            if allowed is not None:
                rows = np.where((rows >= 0) & allowed[np.maximum(rows, 0)], rows, -1)
            scores = np.where(rows >= 0, exact(asking, rows), -np.inf)
            best = rank_proposals(scores, rows, k)
            out.scores[asking], out.rows[asking] = best.scores, best.rows
            asking = asking[(best.rows[:, :wanted] < 0).any(axis=1)]
            if len(asking) == 0:
                return out
        rest = self.scan(points[asking], k, None if allowed is None else np.flatnonzero(allowed))
        out.scores[asking], out.rows[asking] = rest.scores, rest.rows
        return out

    def _positions(self, rows: Rows) -> Rows:
        """Rows of the arrays for rows of the FAISS index."""
        order = self.part.order
        return rows if order is None else np.where(rows >= 0, order[rows], -1)

    def scan(self, points: Embeddings, k: int, rows: Rows | None) -> Neighbours:
        """Exact, by comparing with all the rows given, a bounded number at a time."""
        n = len(self.part.ids) if rows is None else len(rows)
        width = points.shape[1]
        step = max(1024, _SCANNED_BYTES // (4 * width))
        found = []
        for start in range(0, n, step):
            block: Rows | slice = slice(start, start + step) if rows is None else rows[start : start + step]
            one = nearest(
                self.part.unit(block, self.mapping, centred=self.centred), points, k, device=self.device
            )
            placed = one.rows + start if rows is None else rows[start + np.maximum(one.rows, 0)]
            found.append(Neighbours(scores=one.scores, rows=np.where(one.rows >= 0, placed, -1)))
        return merge_neighbours(found, k)


def _make_proposer(
    vectors: Vectors, points: Embeddings, allowed: Mask | None
) -> Callable[[Rows, int], Proposals]:
    return lambda asking, fetch: vectors.propose(points[asking], fetch, among=allowed)
