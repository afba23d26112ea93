"""Searches an index: each part in the way that suits its kind, those who may be found, and how many ask.

Whatever proposes, exact scores of the stored embeddings decide. A filter is exact with every kind: few clips that
pass are gathered; more are picked out by a selector where the kind is exact, else all that pass are compared. On a
device that holds the vectors, a mask takes the place of all that.
Letters: Q queries, N rows on disk, n rows that live, K neighbours, P dimensions.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index import device_memory
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.device_vectors import FEW, DeviceVectors, hold
from umurl_search.index.exact_knn import (
    CPU,
    SPARE,
    CandidateFn,
    Neighbours,
    Proposals,
    ScoreFn,
    Scores,
    empty_neighbours,
    merge_neighbours,
    nearest,
    products_with,
    rank_proposals,
    rerank_until_exact,
)
from umurl_search.index.faiss_gpu import MOST_PROPOSED
from umurl_search.index.faiss_kinds import APPROXIMATE_SPARE, EXACT, KINDS, Vectors
from umurl_search.index.index import MAIN, Index, Part, mapped_blocks

GATHERED_BELOW = 0.01
"""Share of a part's rows: fewer than that are gathered faster than FAISS passes over the others."""
_MANY = FEW
"""Queries from which products with the whole gallery beat FAISS, query by query."""
_SCANNED_BYTES = 2**28
Mask = NDArray[np.bool_]
UnitFn = Callable[[Rows], Embeddings]
"""The exact unit vectors (n, P) of some rows."""
_Held = tuple[DeviceVectors | None, UnitFn, int]
"""What lies on the device, or that it has no room; the same rows on the host, and how many."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """One index as the queries of one modality see it. device: where to multiply, and keep what is uploaded once."""

    index: Index
    against: str
    mapping: LinearMap
    centred: bool
    device: torch.device = CPU
    _held: list[_Held] = field(default_factory=list, init=False, repr=False, compare=False)
    _holding: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

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

    @property
    def searched_by(self) -> str:
        """The library that answers queries of all clips, and where: "faiss on cpu", "torch on cuda"."""
        part = self.index.parts[0]
        if self.against == MAIN and part.kind not in EXACT:
            is_there = part.lists_on_device(self.device, centred=self.centred) is not None
            return f"faiss on {self.device if is_there else CPU}"
        if self.against == MAIN:
            there = part.on_device(self.device, self.mapping, centred=self.centred)
            return f"faiss on {CPU}" if there is None else f"{there.searched_by} on {self.device}"
        return f"torch on {self.device}"

    def _search_in_memory(self, points: Embeddings, k: int, among: Rows | None) -> Neighbours:
        if device_memory.holds_galleries(self.device):
            there, unit, n = self._hold()
            if there is not None:
                return _search_on_device(there, unit, points, k, n=n, among=among)
        embeddings = self.index.embeddings(self.against)
        if among is None:
            return nearest(self.mapping(np.asarray(embeddings)), points, k, device=self.device)
        found = nearest(self.mapping(np.asarray(embeddings[among])), points, k, device=self.device)
        if len(among) == 0:
            return found
        return Neighbours(scores=found.scores, rows=np.where(found.rows >= 0, among[found.rows], -1))

    def _hold(self) -> _Held:
        """Another modality's vectors on the device, uploaded once."""
        with self._holding:
            if not self._held:
                embeddings, mapping = self.index.embeddings(self.against), self.mapping
                if (
                    mapping.matrix is not None
                ):  # of few dimensions; a product of some rows rounds otherwise than of all
                    embeddings, mapping = mapping(np.asarray(embeddings)), LinearMap()
                n, p = len(embeddings), mapping(np.asarray(embeddings[:1])).shape[1]
                blocks = lambda: mapped_blocks(embeddings, mapping)  # noqa: E731
                there = hold(blocks, n=n, p=p, device=self.device, by_faiss=False)
                self._held.append((there, lambda rows: mapping(np.asarray(embeddings[rows])), n))
            return self._held[0]

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
        if approximate and not filtered:
            return self._search_approximately(points, k, allowed)
        there = self.part.on_device(self.device, self.mapping, centred=self.centred)
        if there is None or there.rows is None:
            few = allowed is not None and n_passing < GATHERED_BELOW * n
            if few or approximate or len(points) > _MANY or n_passing <= k:
                return self.scan(points, k, None if allowed is None else np.flatnonzero(allowed))
        vectors = None if approximate else self.part.vectors(centred=self.centred)
        propose = _make_proposer(there, vectors, points, allowed)
        spare = SPARE if there is not None or vectors is None else vectors.spare
        exact = self._exact_scorer(points)
        return rerank_until_exact(propose, exact, k, n_queries=len(points), n_rows=n_passing, spare=spare)

    def _exact_scorer(self, points: Embeddings) -> ScoreFn:
        """Exact scores: of the embeddings' own vectors, read for the rows that are asked for."""
        if self.part.kind == "flat":
            return products_with(self.part.unit(slice(None), self.mapping, centred=self.centred), points)
        return _make_scorer(lambda rows: self.part.unit(rows, self.mapping, centred=self.centred), points)

    def _search_approximately(self, points: Embeddings, k: int, allowed: Mask | None) -> Neighbours:
        """What an approximate kind finds, exactly scored; visits more where it finds fewer than k, at last all."""
        vectors, n = self.part.vectors(centred=self.centred), len(self.part.ids)
        exact, lists = (
            self._exact_scorer(points),
            self.part.lists_on_device(self.device, centred=self.centred),
        )
        wanted = min(k, n if allowed is None else int(allowed.sum()))
        asking, out = np.arange(len(points)), empty_neighbours(len(points), k)
        kind, least = KINDS[self.part.kind], int(self.part.manifest["search"]["effort"])
        for effort in (e for e in kind.efforts if e >= least):
            fetch = min(n, max(4 * k, k + APPROXIMATE_SPARE))
            effort = max(effort, kind.least_effort(fetch))
            if lists is not None and kind.parameters is not None and fetch <= MOST_PROPOSED:
                found = lists.propose(
                    points[asking], fetch, parameters=kind.parameters(vectors.index, effort)
                )
            else:
                found = vectors.propose(points[asking], fetch, effort=effort)
            rows = self._positions(found.rows)
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


def _search_on_device(
    there: DeviceVectors, unit: UnitFn, points: Embeddings, k: int, *, n: int, among: Rows | None
) -> Neighbours:
    """The k best of N rows on a device, or of those among them."""
    n_passing, allowed = n if among is None else len(among), None
    if n_passing == 0 or len(points) == 0:
        return empty_neighbours(len(points), k)
    if among is not None:
        allowed = np.zeros(n, dtype=bool)
        allowed[among] = True
    propose = _make_proposer(there, None, points, allowed)
    return rerank_until_exact(propose, _make_scorer(unit, points), k, n_queries=len(points), n_rows=n_passing)


def _make_scorer(unit: UnitFn, points: Embeddings) -> ScoreFn:
    """Exact scores of the vectors that `unit` gives for some rows, each read once."""

    def exact(asking: Rows, rows: Rows) -> Scores:
        wanted, which = np.unique(np.maximum(rows, 0), return_inverse=True)
        return products_with(unit(wanted), points)(asking, which.reshape(rows.shape))

    return exact


def _make_proposer(
    there: DeviceVectors | None, vectors: Vectors | None, points: Embeddings, allowed: Mask | None
) -> CandidateFn:
    """What is on the device proposes, and what is on the host where that cannot."""

    def propose(asking: Rows, fetch: int) -> Proposals:
        if there is not None and there.serves(fetch, allowed):
            return there.propose(points[asking], fetch, among=allowed)
        assert vectors is not None
        return vectors.propose(points[asking], fetch, among=allowed)

    return propose
