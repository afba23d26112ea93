"""Pairs of alike vectors: which score above a threshold, what they hang together as, and what is usual.

Exact: a product that is cheap and an upper bound of the score throws pairs out, float64 products decide on the rest.
Letters: N rows, Q queries, S pairs, P dimensions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index import device_memory
from umurl_search.index.bounded_codes import BoundedCode, encode
from umurl_search.index.exact_knn import CPU, Groups, Scores, nearest
from umurl_search.index.float32_products import whole_float32
from umurl_search.progress import Advance, no_advance

COPY = 1 - 1e-6
"""The score from which two vectors are the same one up to rounding."""
MOST_PAIRS = 1_000_000
_PRODUCT_BYTES = 2**26
_SCORED_BYTES = 2**26
_QUERY_BLOCK = 1024
_SAMPLE = 1024


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """one, other: (S,) rows; score: (S,) float64 cosines. In order of `one`, then `other`."""

    one: Rows
    other: Rows
    score: Scores

    def __len__(self) -> int:
        return len(self.one)


@whole_float32()
def pairs_above(
    gallery: Embeddings,
    above: float,
    *,
    queries: Embeddings | None = None,
    groups: Groups = None,
    device: torch.device = CPU,
    advance: Advance = no_advance,
) -> Pairs:
    """All pairs of a query and a gallery row that score at least `above`; memory grows with their number, not N x Q.

    gallery: (N, P), queries: (Q, P), float32 rows of length 1; without queries each pair of the gallery's rows, once
    (`one` < `other`). groups: numbers (N,) and (Q,); pairs of one number are left out.
    `advance` is told of queries done. An `above` over COPY means copies. Raises UmurlError for more than MOST_PAIRS
    pairs, and for vectors that are not finite.
    """
    above = min(above, COPY)
    asking = gallery if queries is None else queries
    if len(gallery) == 0 or len(asking) == 0:
        return _join([])
    compared = _Comparison(gallery, asking, above, groups, is_own=queries is None)
    fitting, found = device_memory.count_fitting_rows(len(gallery), gallery.shape[1], device), list[Pairs]()
    for base in range(0, len(gallery), fitting):
        tell = advance if base + fitting >= len(gallery) else no_advance
        found.append(compared.find_in(slice(base, base + fitting), device, tell))
        _refuse_too_many(sum(map(len, found)), above)
    pairs = _join(found)
    if len(found) == 1:
        return pairs
    order = np.lexsort((pairs.other, pairs.one))
    return Pairs(one=pairs.one[order], other=pairs.other[order], score=pairs.score[order])


@dataclass(frozen=True)
class _Comparison:
    """Who is compared with whom. is_own: the queries are the gallery's rows."""

    gallery: Embeddings
    asking: Embeddings
    above: float
    groups: Groups
    is_own: bool

    def find_in(self, rows: slice, device: torch.device, advance: Advance) -> Pairs:
        """All pairs with those rows of the gallery, which lie on the device at once."""
        mine = np.asarray(self.gallery[rows])
        codes = encode(mine, n_queries=len(self.asking), device=device)
        step = int(np.clip(_PRODUCT_BYTES // (4 * len(mine)), 1, _QUERY_BLOCK))
        found: list[Pairs] = []
        for start in range(0, len(self.asking), step):
            block = np.asarray(self.asking[start : start + step])
            first = (
                max(0, start - rows.start) if self.is_own else 0
            )  # earlier rows met theirs from their side
            if first < len(mine):
                one, other = _candidates(codes, block, self.above, first=first)
                found.append(self._decide(one + start, other + rows.start))
                _refuse_too_many(sum(map(len, found)), self.above)
            advance(len(block))
        return _join(found)

    def _decide(self, one: Rows, other: Rows) -> Pairs:
        if self.is_own:
            one, other = _choose(one, other, one < other)
        if self.groups is not None:
            one, other = _choose(one, other, self.groups[1][one] != self.groups[0][other])
        return _score(self.gallery, self.asking, one, other, self.above)


def _candidates(codes: BoundedCode, queries: Embeddings, above: float, *, first: int) -> tuple[Rows, Rows]:
    """Queries and rows, from `first` on, of all pairs whose score can be `above`."""
    asked = codes.ask(queries)
    least = above - asked.above
    floor = (least - 1e-6 * least.abs() - 1e-9).float()  # its own rounding throws no pair out
    products = asked.coarse @ codes.coarse[first:].T
    one, other = (products >= floor[:, None]).nonzero(as_tuple=True)
    other = other + first
    if codes.fine is not None and asked.fine is not None:
        step = max(1, _SCORED_BYTES // (8 * codes.fine.shape[1]))
        parts = [slice(i, i + step) for i in range(0, len(one), step)]
        passing = [
            (asked.fine[one[part]] * codes.fine[other[part]]).sum(dim=1) >= floor[one[part]] for part in parts
        ]
        kept = torch.cat([torch.zeros(0, dtype=torch.bool, device=one.device), *passing])
        one, other = one[kept], other[kept]
    return one.cpu().numpy(), other.cpu().numpy()


def _score(gallery: Embeddings, queries: Embeddings, one: Rows, other: Rows, above: float) -> Pairs:
    """Those of the candidates that score at least `above` in float64."""
    step = max(1, _SCORED_BYTES // (16 * gallery.shape[1]))
    found = []
    for start in range(0, len(one), step):
        a, b = one[start : start + step], other[start : start + step]
        score = np.einsum("sp,sp->s", queries[a].astype(np.float64), gallery[b].astype(np.float64))
        passing = score >= above
        found.append(Pairs(one=a[passing], other=b[passing], score=score[passing]))
        _refuse_too_many(sum(map(len, found)), above)
    return _join(found)


def _choose(one: Rows, other: Rows, kept: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    return one[kept], other[kept]


def _refuse_too_many(n_pairs: int, above: float) -> None:
    if n_pairs > MOST_PAIRS:
        raise UmurlError(
            f"over {MOST_PAIRS:,} pairs score {above:g} or more",
            Hint("give a higher {option}", option="above"),
        )


def _join(found: list[Pairs]) -> Pairs:
    none = np.zeros(0, dtype=np.int64)
    return Pairs(
        one=np.concatenate([none, *(pairs.one for pairs in found)]),
        other=np.concatenate([none, *(pairs.other for pairs in found)]),
        score=np.concatenate([np.zeros(0), *(pairs.score for pairs in found)]),
    )


def components(pairs: Pairs, n: int) -> Rows:
    """(n,) the lowest row that each row hangs together with, over any number of pairs."""
    root = np.arange(n, dtype=np.int64)
    while True:
        low = np.minimum(root[pairs.one], root[pairs.other])
        new = root.copy()
        np.minimum.at(new, pairs.one, low)
        np.minimum.at(new, pairs.other, low)
        new = np.minimum(new, new[root])[new]
        if np.array_equal(new, root):
            return root
        root = new


def group_rows(pairs: Pairs, n: int) -> Iterator[tuple[Rows, Pairs]]:
    """The rows (ascending) and the pairs of each group, the biggest first, ties to the lower row."""
    root = components(pairs, n)
    rows = np.unique(np.concatenate([pairs.one, pairs.other]))
    found, size = np.unique(root[rows], return_counts=True)
    members = np.split(rows[np.argsort(root[rows], kind="stable")], np.cumsum(size)[:-1])
    order = np.argsort(root[pairs.one], kind="stable")
    _, n_pairs = np.unique(root[pairs.one], return_counts=True)
    links = np.split(order, np.cumsum(n_pairs)[:-1])
    for i in np.lexsort((found, -size)).tolist():
        mine = links[i]
        yield members[i], Pairs(one=pairs.one[mine], other=pairs.other[mine], score=pairs.score[mine])


def median_nn_distance(
    gallery: Embeddings, *, numbers: Rows, device: torch.device = CPU
) -> tuple[float, int]:
    """The median of 1 - score from a row to its nearest of another number, over evenly spaced rows; and how many.

    Rows whose nearest is a copy say nothing of what is usual and are left out; NaN when all are.
    """
    sample = np.arange(0, len(gallery), max(1, -(-len(gallery) // _SAMPLE)), dtype=np.int64)
    found = nearest(gallery, np.asarray(gallery[sample]), 1, groups=(numbers, numbers[sample]), device=device)
    distance = 1 - found.scores[:, 0][(found.rows[:, 0] >= 0) & (found.scores[:, 0] < COPY)]
    return (float(np.median(distance)) if len(distance) else float("nan")), len(distance)
