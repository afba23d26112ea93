"""Retrieval figures, rank and spread of embeddings, against slow, obvious oracles."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as hypothesis_arrays

from umurl_search.clips.types import Labels
from umurl_search.evaluation import metrics
from umurl_search.evaluation.metrics import (
    RANKING_METRICS,
    Scores,
    effective_rank,
    majority_vote,
    per_class,
    rank_gallery,
    recall_at,
    spread,
)

FEW_LABELS = st.integers(-1, 3)


def tables(rows: int, columns: int) -> st.SearchStrategy[Labels]:
    """Labels (rows, columns): -1, where there is no neighbour, only after the others."""
    drawn = hypothesis_arrays(np.int64, (rows, columns), elements=FEW_LABELS)
    return drawn.map(lambda x: np.stack([np.concatenate([row[row >= 0], row[row < 0]]) for row in x]))


def vote_oracle(row: list[int]) -> int:
    there = [label for label in row if label >= 0]
    if not there:
        return -1
    most = max(Counter(there).values())
    return next(label for label in there if Counter(there)[label] == most)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), q=st.integers(1, 5), k=st.integers(1, 7))
def test_the_vote_is_the_commonest_label_ties_to_the_nearer(data: st.DataObject, q: int, k: int) -> None:
    neighbours = data.draw(tables(q, k))
    assert majority_vote(neighbours).tolist() == [vote_oracle(row) for row in neighbours.tolist()]


@pytest.mark.parametrize(
    ("row", "winner"),
    [([2, 1, 1, 2], 2), ([1, 2, 2, 1, 3], 1), ([3, 2, 2], 2), ([5], 5), ([-1, -1], -1), ([4, -1, -1], 4)],
)
def test_votes(row: list[int], winner: int) -> None:
    assert majority_vote(np.array([row])).tolist() == [winner]


def test_no_queries_no_votes() -> None:
    assert majority_vote(np.zeros((0, 3), np.int64)).tolist() == []


def test_a_vote_among_many_is_counted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours = np.random.default_rng(0).integers(0, 4, (37, 6))
    whole = majority_vote(neighbours)
    monkeypatch.setattr(metrics, "_COMPARED_AT_ONCE", 100)
    assert np.array_equal(majority_vote(neighbours), whole)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data(), q=st.integers(1, 6), k=st.integers(1, 6))
def test_recall_is_the_share_with_their_label_among_the_first(data: st.DataObject, q: int, k: int) -> None:
    neighbours = data.draw(tables(q, 6))
    wanted = data.draw(hypothesis_arrays(np.int64, q, elements=st.integers(0, 3)))
    hits = sum(label in row[:k] for label, row in zip(wanted.tolist(), neighbours.tolist(), strict=True))
    assert recall_at(neighbours, wanted, k) == pytest.approx(hits / q)


# the whole gallery


def rank_oracle(scores: list[float], relevant: list[bool], allowed: list[bool]) -> tuple[float, int, int]:
    """Average precision, first rank, number of relevant clips, by walking down the list."""
    order = sorted((i for i, ok in enumerate(allowed) if ok), key=lambda i: (-scores[i], i))
    hits, precisions, first = 0, [], 0
    for rank, i in enumerate(order, start=1):
        if relevant[i]:
            hits += 1
            first = first or rank
            precisions.append(hits / rank)
    return (sum(precisions) / hits if hits else math.nan), first, hits


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data(), q=st.integers(1, 4), n=st.integers(1, 12), limited=st.booleans())
def test_average_precision_and_first_rank(data: st.DataObject, q: int, n: int, limited: bool) -> None:
    scores = data.draw(hypothesis_arrays(np.float32, (q, n), elements=st.sampled_from([-1, -0.5, 0, 0.5, 1])))
    relevant = data.draw(hypothesis_arrays(np.bool_, (q, n)))
    allowed = data.draw(hypothesis_arrays(np.bool_, (q, n))) if limited else np.ones((q, n), bool)
    got = rank_gallery(scores, relevant, allowed if limited else None)
    for i in range(q):
        ap, first, count = rank_oracle(scores[i].tolist(), relevant[i].tolist(), allowed[i].tolist())
        assert got.average_precision[i] == pytest.approx(ap, nan_ok=True)
        assert (got.first_rank[i], got.n_relevant[i]) == (first, count)


def one(scores: list[float], relevant: list[int], allowed: list[int] | None = None) -> tuple[float, int, int]:
    array: Scores = np.array([scores])
    left = None if allowed is None else np.array([allowed], dtype=bool)
    ranking = rank_gallery(array, np.array([relevant], dtype=bool), left)
    return (
        float(ranking.average_precision[0]),
        int(ranking.first_rank[0]),
        int(ranking.n_relevant[0]),
    )


def test_a_ranking_by_hand() -> None:
    assert one([0.9, 0.1, 0.5, 0.7], [1, 0, 1, 0]) == ((1 + 2 / 3) / 2, 1, 2)


def test_the_reciprocal_rank_is_averaged_not_the_rank() -> None:
    scores: Scores = np.array([[0.9, 0.1, 0.5], [0.9, 0.5, 0.1]])
    ranking = rank_gallery(scores, np.array([[1, 0, 0], [0, 0, 1]], dtype=bool))
    assert ranking.first_rank.tolist() == [1, 3]
    assert RANKING_METRICS["mrr"].of(ranking) == pytest.approx((1 + 1 / 3) / 2)
    assert RANKING_METRICS["map"].of(ranking) == pytest.approx((1 + 1 / 3) / 2)


def test_ties_go_to_the_lower_position() -> None:
    assert one([0.5, 0.5, 0.5], [0, 0, 1]) == (1 / 3, 3, 1)
    assert one([0.5, 0.5, 0.5], [1, 0, 1]) == ((1 + 2 / 3) / 2, 1, 2)


def test_a_clip_that_is_left_out_takes_no_rank_and_is_not_found() -> None:
    assert one([0.9, 0.8, 0.7], [1, 0, 1], [0, 1, 1]) == (1 / 2, 2, 1)
    ap, first, count = one([0.9, 0.8], [1, 0], [0, 1])
    assert math.isnan(ap)
    assert (first, count) == (0, 0)


def test_nothing_relevant_and_no_queries() -> None:
    ap, first, count = one([0.3, 0.2], [0, 0])
    assert math.isnan(ap)
    assert (first, count) == (0, 0)
    assert rank_gallery(np.zeros((0, 3)), np.zeros((0, 3), bool)).first_rank.shape == (0,)


def test_accuracy_by_class() -> None:
    predicted, wanted = np.array([3, 0, 3, -1, 0]), np.array([3, 3, 3, 7, 0])
    figures = [(f.label, f.queries, f.accuracy) for f in per_class(predicted, wanted)]
    assert figures == [(0, 1, 1.0), (3, 3, pytest.approx(2 / 3)), (7, 1, 0.0)]
    assert sum(f.queries * f.accuracy for f in per_class(predicted, wanted)) == (predicted == wanted).sum()


def test_effective_rank() -> None:
    rng = np.random.default_rng(0)
    even = np.linalg.qr(rng.standard_normal((40, 9)))[0].astype(np.float32)
    even -= even.mean(axis=0)
    assert effective_rank(np.linalg.qr(even)[0].astype(np.float32)) == pytest.approx(9, rel=1e-2)
    line = np.outer(np.arange(10), np.ones(6)).astype(np.float32)
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    assert effective_rank(np.ones((5, 3), np.float32)) == 0


def test_spread() -> None:
    rng = np.random.default_rng(0)
    assert spread(rng.standard_normal((4000, 50)).astype(np.float32)) == pytest.approx(1, abs=0.02)
    assert spread(np.ones((5, 3), np.float32) * np.arange(1, 6)[:, None].astype(np.float32)) == pytest.approx(
        0, abs=1e-6
    )
