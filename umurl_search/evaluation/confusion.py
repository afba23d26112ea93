"""What retrieval gets wrong, from arrays: which classes it confuses, which clips mislead it.

Letters: Q queries, N gallery clips, C classes, K neighbours, P dimensions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings, Labels


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """classes: (C,) labels of queries or answers, ascending. counts: (C, C) queries of a class, taken for another."""

    classes: Labels
    counts: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ClassPair:
    """`count` of the `queries` of class `wanted` were taken for `predicted`."""

    wanted: int
    predicted: int
    count: int
    queries: int


@dataclass(frozen=True, kw_only=True)
class WrongNeighbour:
    """A query (row of Q) whose nearest clip (row of N) is of another class, and their cosine."""

    query: int
    neighbour: int
    score: float


def confusion(predicted: Labels, wanted: Labels) -> Confusion:
    """Counts of what queries were taken for. predicted, wanted: (Q,) labels."""
    classes = np.unique(np.concatenate([predicted, wanted]))
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (np.searchsorted(classes, wanted), np.searchsorted(classes, predicted)), 1)
    return Confusion(classes=classes, counts=counts)


def find_most_confused(found: Confusion, most: int) -> list[ClassPair]:
    """The pairs of classes with most mistakes, ties by label; pairs without one are left out."""
    wrong = found.counts.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong)
    order = np.lexsort((columns, rows, -wrong[rows, columns]))[:most]
    return [
        ClassPair(
            wanted=int(found.classes[r]),
            predicted=int(found.classes[c]),
            count=int(wrong[r, c]),
            queries=int(found.counts[r].sum()),
        )
        for r, c in zip(rows[order], columns[order], strict=True)
    ]


def wrong_neighbours(
    queries: Embeddings,
    wanted: Labels,
    gallery: Embeddings,
    gallery_labels: Labels,
    nearest: NDArray[np.int64],
    *,
    most: int,
) -> list[WrongNeighbour]:
    """Queries whose nearest clip has another label, highest score first, ties by the query's row.

    queries: (Q, P), gallery: (N, P), rows of length 1. nearest: (Q,) row of each query's nearest clip.
    """
    wrong = np.flatnonzero(gallery_labels[nearest] != wanted)
    first, second = queries[wrong].astype(np.float64), gallery[nearest[wrong]].astype(np.float64)
    scores = np.einsum("qp,qp->q", first, second)
    order = np.lexsort((wrong, -scores))[:most]
    return [
        WrongNeighbour(query=int(wrong[i]), neighbour=int(nearest[wrong[i]]), score=float(scores[i]))
        for i in order
    ]
