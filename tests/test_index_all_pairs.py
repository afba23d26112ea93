"""Pairs of alike vectors against brute force in float64, and groups against a walk."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from refusals import raises_typed
from values_on_device import Crossings

from umurl_search.index import all_pairs, bounded_codes, device_memory
from umurl_search.index.all_pairs import Pairs, components, group_rows, median_nn_distance, pairs_above
from umurl_search.index.exact_knn import CPU

Array = NDArray[np.float32]
Rows = NDArray[np.int64]


def sample_clusters(n: int, p: int, *, seed: int, spread: float = 0.05) -> Array:
    """Unit vectors around a few centres, some of them copies."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, p)) + 1
    x = centres[rng.integers(0, 4, n)] + spread * rng.normal(size=(n, p))
    x[rng.integers(0, n, n // 5)] = x[0]
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def slow_pairs(
    gallery: Array, above: float, queries: Array | None, groups: tuple[Rows, Rows] | None
) -> list[tuple[int, int, float]]:
    found = []
    asking = gallery if queries is None else queries
    for i, query in enumerate(asking.astype(np.float64)):
        for j, one in enumerate(gallery.astype(np.float64)):
            score = float(query @ one)
            apart = groups is None or groups[1][i] != groups[0][j]
            if (queries is not None or i < j) and apart and score >= above:
                found.append((i, j, score))
    return found


def assert_slow_pairs(
    gallery: Array, above: float, queries: Array | None = None, groups: tuple[Rows, Rows] | None = None
) -> int:
    found = pairs_above(gallery, above, queries=queries, groups=groups)
    slow = slow_pairs(gallery, above, queries, groups)
    assert list(zip(found.one.tolist(), found.other.tolist(), strict=True)) == [(i, j) for i, j, _ in slow]
    np.testing.assert_allclose(found.score, [score for _, _, score in slow], rtol=0, atol=1e-12)
    return len(slow)


@pytest.mark.parametrize("coded", [False, True])
def test_pairs_on_a_device_are_the_same(
    device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch, coded: bool
) -> None:
    """Whole and in blocks that the device holds; nothing is left behind on the CPU."""
    where, _ = device
    monkeypatch.setattr(device_memory, "free_bytes", lambda device: 2**30)
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0 if coded else 2**62)
    gallery, numbers = sample_clusters(300, 40, seed=3), np.arange(300) // 2
    for queries, groups in ((None, (numbers, numbers)), (gallery[:90], None)):
        here = pairs_above(gallery, 0.98, queries=queries, groups=groups)
        assert len(here) > 100
        for block in (300, 70):
            monkeypatch.setattr(device_memory, "count_fitting_rows", lambda n, p, device, block=block: block)
            there = pairs_above(gallery, 0.98, queries=queries, groups=groups, device=where)
            for name in ("one", "other", "score"):
                assert getattr(there, name).tolist() == getattr(here, name).tolist()
    distance = median_nn_distance(gallery, numbers=numbers)
    assert median_nn_distance(gallery, numbers=numbers, device=where) == pytest.approx(distance, abs=1e-12)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 60),
    p=st.integers(2, 9),
    above=st.floats(-0.9, 0.9999),
    asked=st.booleans(),
    own=st.booleans(),
)
def test_pairs_are_brute_force(seed: int, n: int, p: int, above: float, asked: bool, own: bool) -> None:
    gallery, rng = sample_clusters(n, p, seed=seed), np.random.default_rng(seed)
    queries = sample_clusters(7, p, seed=seed) if asked else None
    numbers = rng.integers(0, 5, n)
    theirs = rng.integers(0, 5, 7) if asked else numbers
    assert_slow_pairs(gallery, above, queries, (numbers, theirs) if own else None)


@pytest.mark.parametrize("p", [40, 200])
def test_pairs_of_a_coded_gallery_are_brute_force(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    """Products over few axes, and bounds; blocks of a few queries; thresholds in the thick of the scores."""
    gallery, queries = sample_clusters(150, p, seed=p), sample_clusters(40, p, seed=1)
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    monkeypatch.setattr(all_pairs, "_QUERY_BLOCK", 7)
    monkeypatch.setattr(all_pairs, "_SCORED_BYTES", 16 * p * 5)
    assert bounded_codes.encode(gallery, n_queries=150, device=CPU).mean is not None
    scores = np.sort((gallery.astype(np.float64) @ gallery.T.astype(np.float64))[np.triu_indices(150, 1)])
    for rank in (10, 400, 3000, 9000):
        assert assert_slow_pairs(gallery, float(scores[-rank]) - 1e-12) >= rank
        assert_slow_pairs(gallery, float(scores[-rank]) + 1e-12, queries)


def test_a_threshold_of_one_means_copies() -> None:
    gallery = sample_clusters(60, 33, seed=3)
    found = pairs_above(gallery, 1.0)
    same = {(i, j) for i in range(60) for j in range(i + 1, 60) if np.array_equal(gallery[i], gallery[j])}
    assert set(zip(found.one.tolist(), found.other.tolist(), strict=True)) == same
    assert len(same) > 10


def test_nobody_and_a_single_row_have_no_pairs() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    assert (
        len(pairs_above(none, 0.5)) == len(pairs_above(none, 0.5, queries=sample_clusters(3, 4, seed=0))) == 0
    )
    assert len(pairs_above(sample_clusters(1, 4, seed=0), -1)) == 0


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "MOST_PAIRS", 1000)
    gallery = sample_clusters(60, 8, seed=0)
    with raises_typed(r"^over 1,000 pairs score -1 or more; give a higher --above$"):
        pairs_above(gallery, -1)
    assert len(pairs_above(gallery[:45], -1)) == 990


def test_vectors_that_are_no_numbers_are_refused() -> None:
    gallery = sample_clusters(20, 4, seed=0)
    gallery[7, 2] = np.nan
    with raises_typed("run umurl-search verify"):
        pairs_above(gallery, 0.5)


def walk_groups(links: list[tuple[int, int]], n: int) -> set[frozenset[int]]:
    """Groups by walking from row to row."""
    groups = set()
    for start in range(n):
        seen, to_visit = set(), [start]
        while to_visit:
            row = to_visit.pop()
            seen.add(row)
            to_visit += [b for a, b in links + [(b, a) for a, b in links] if a == row and b not in seen]
        groups.add(frozenset(seen))
    return {group for group in groups if len(group) > 1}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(2, 25))
def test_groups_are_what_hangs_together(data: st.DataObject, n: int) -> None:
    drawn = data.draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=n))
    links = sorted((a, b) for a, b in drawn if a < b)
    one, other = np.array(links, dtype=np.int64).reshape(-1, 2).T
    score = np.linspace(0.9, 1, len(links))
    found = list(group_rows(Pairs(one=one, other=other, score=score), n))
    assert {frozenset(rows.tolist()) for rows, _ in found} == walk_groups(links, n)
    sizes = [(-len(rows), int(rows[0])) for rows, _ in found]
    assert sizes == sorted(sizes)
    for rows, mine in found:
        inside = [(a, b, s) for (a, b), s in zip(links, score, strict=True) if a in rows]
        assert list(zip(mine.one, mine.other, mine.score, strict=True)) == inside


def test_a_long_chain_is_one_group() -> None:
    order = np.random.default_rng(0).permutation(5000)
    chain = Pairs(one=order[:-1], other=order[1:], score=np.ones(4999))
    assert (components(chain, 5001) == [0] * 5000 + [5000]).all()


def test_the_usual_distance_is_the_median_to_the_nearest() -> None:
    gallery = sample_clusters(50, 6, seed=5)
    numbers = np.arange(50) // 2
    scores = gallery.astype(np.float64) @ gallery.T.astype(np.float64)
    scores[numbers[:, None] == numbers] = -2
    nearest = scores.max(axis=1)
    distance, n = median_nn_distance(gallery, numbers=numbers)
    assert n == (nearest < 1 - 1e-6).sum() < 50
    assert distance == pytest.approx(np.median(1 - nearest[nearest < 1 - 1e-6]), abs=1e-12)
    nothing, n = median_nn_distance(np.repeat(gallery[:1], 4, axis=0), numbers=np.arange(4))
    assert (np.isnan(nothing), n) == (True, 0)


def test_the_usual_distance_of_a_sample_leaves_out_each_rows_own_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(all_pairs, "_SAMPLE", 20)
    gallery, numbers = sample_clusters(90, 6, seed=6), np.arange(90) // 3
    scores = gallery.astype(np.float64) @ gallery.T.astype(np.float64)
    scores[numbers[:, None] == numbers] = -2
    nearest = scores.max(axis=1)[::5]
    distance, n = median_nn_distance(gallery, numbers=numbers)
    assert n == (nearest < 1 - 1e-6).sum() < 18
    assert distance == pytest.approx(np.median(1 - nearest[nearest < 1 - 1e-6]), abs=1e-12)
