"""Exact neighbours against brute force in float64, however the gallery is coded."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from refusals import raises_typed
from sklearn.neighbors import KNeighborsClassifier
from values_on_device import Crossings

from umurl_search.index import bounded_codes, device_memory, exact_knn
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import CPU, nearest

Array = NDArray[np.float32]
Groups = tuple[NDArray[np.int64], NDArray[np.int64]]


def unit(n: int, p: int, *, seed: int = 0) -> Array:
    rows = np.random.default_rng((seed, n, p)).normal(size=(n, p))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def brute_force(
    gallery: Array, queries: Array, k: int, groups: Groups | None = None
) -> tuple[list[list[int]], list[list[float]]]:
    """Every product in float64, equal vectors scored once; sorted by falling score, then position."""
    distinct, which = np.unique(gallery, axis=0, return_inverse=True)
    rows, scores = [], []
    for i, query in enumerate(queries.astype(np.float64)):
        product = [float(np.sum(query * one)) for one in distinct.astype(np.float64)]
        mine = -1 if groups is None else groups[1][i]
        there = [j for j in range(len(gallery)) if mine < 0 or groups is None or groups[0][j] != mine]
        best = sorted(there, key=lambda j: (-product[which[j]], j))[:k]
        missing = k - len(best)
        rows.append(best + [-1] * missing)
        scores.append([product[which[j]] for j in best] + [-np.inf] * missing)
    return rows, scores


def assert_brute_force(gallery: Array, queries: Array, k: int, groups: Groups | None = None) -> None:
    """On the CPU, and as on a device: whole, and in blocks because it does not hold all."""
    rows, scores = brute_force(gallery, queries, k, groups)
    for place in (contextlib.nullcontext(), on_a_device(), on_a_device(blocks_of=7)):
        with place:
            found = nearest(gallery, queries, k, groups=groups)
        assert found.rows.shape == found.scores.shape == (len(queries), k)
        assert found.rows.tolist() == rows
        np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)
        assert found.scores.dtype == np.float64


@contextlib.contextmanager
def on_a_device(*, blocks_of: int = 10**9) -> Iterator[None]:
    """The CPU in the place of a device; its sums of float64 come out a little otherwise than the host's."""
    score = exact_knn._score_on_device

    def otherwise(*given: torch.Tensor) -> torch.Tensor:
        scores = score(*given)
        return scores + 1e-13 * torch.sin(torch.arange(scores.numel()).double()).view(scores.shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_memory, "holds_galleries", lambda device: True)
        patch.setattr(device_memory, "count_fitting_rows", lambda n, p, device: blocks_of)
        patch.setattr(exact_knn, "_score_on_device", otherwise)
        yield


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(1, 90), p=st.integers(2, 9), grouped=st.booleans())
def test_nearest_is_brute_force(data: st.DataObject, n: int, p: int, grouped: bool) -> None:
    n_distinct = data.draw(st.integers(1, n), label="distinct vectors")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    distinct = unit(n_distinct, p, seed=int(rng.integers(2**32)))
    gallery = distinct[rng.integers(0, n_distinct, n)]
    queries = np.concatenate([distinct[rng.integers(0, n_distinct, 3)], unit(2, p, seed=n)])
    k = data.draw(st.integers(1, n + 5), label="k")
    groups = (rng.integers(-1, 3, n), rng.integers(-1, 3, 5)) if grouped else None
    assert_brute_force(gallery, queries, k, groups)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_a_tie_longer_than_what_is_proposed_goes_by_position(k: int) -> None:
    gallery = np.repeat(unit(2, 6), 300, axis=0)
    gallery[::2] = gallery[0]
    assert_brute_force(gallery, gallery[[0, 599]], k)


def test_a_tie_goes_on_behind_clips_of_the_querys_own_group() -> None:
    """Also where the last clip that is proposed is of the query's group, so that its score says nothing."""
    distinct = unit(3, 3)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        gallery, own = distinct[rng.integers(0, 3, 100)], rng.integers(-1, 3, 100)
        query, group = distinct[rng.integers(0, 3, 1)], rng.integers(0, 3, 1)
        assert_brute_force(gallery, query, 30, (own, group))


def test_nearly_equal_vectors_are_told_apart_in_float64() -> None:
    rng = np.random.default_rng(0)
    base = unit(1, 64)[0].astype(np.float64)
    gallery = base + 3e-8 * rng.normal(size=(200, 64))
    assert_brute_force(gallery.astype(np.float32), unit(1, 64), 20)


def test_more_neighbours_than_clips() -> None:
    found = nearest(unit(3, 5), unit(2, 5, seed=1), 6)
    assert (found.rows[:, 3:] == -1).all()
    assert np.isneginf(found.scores[:, 3:]).all()
    assert sorted(found.rows[0, :3].tolist()) == [0, 1, 2]


def test_a_query_whose_group_is_everybody_finds_nobody() -> None:
    found = nearest(unit(5, 4), unit(1, 4), 3, groups=(np.full(5, 7), np.array([7])))
    assert found.rows.tolist() == [[-1, -1, -1]]


def test_no_queries() -> None:
    assert nearest(unit(5, 4), unit(0, 4), 3).rows.shape == (0, 3)


@pytest.mark.parametrize("p", [7, 32])
def test_a_neighbour_does_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    gallery, queries = unit(500, p), unit(33, p, seed=1)
    gallery[100:200] = gallery[:100]
    queries[:5] = gallery[[150, 3, 99, 0, 499]]
    groups = (np.arange(500) // 3, np.arange(33))
    whole = nearest(gallery, queries, 12, groups=groups)
    monkeypatch.setattr(exact_knn, "_QUERY_BLOCK", 4)
    monkeypatch.setattr(exact_knn, "_PRODUCT_BYTES", 4000)
    in_blocks = nearest(gallery, queries, 12, groups=groups)
    assert np.array_equal(in_blocks.rows, whole.rows)
    assert np.array_equal(in_blocks.scores, whole.scores)
    for i in range(33):
        alone = nearest(gallery, queries[i : i + 1], 12, groups=(groups[0], groups[1][i : i + 1]))
        assert np.array_equal(alone.rows[0], whole.rows[i])
        assert np.array_equal(alone.scores[0], whole.scores[i])


# a gallery along its leading axes


def sample_clusters(n: int, p: int, *, seed: int) -> Array:
    """Unit vectors around a few centres, a fifth of them copies of one."""
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(4, p)) + 1)[rng.integers(0, 4, n)] + 0.05 * rng.normal(size=(n, p))
    rows[rng.integers(0, n, n // 5)] = rows[0]
    return LinearMap()(rows.astype(np.float32))


def with_rare_axes() -> tuple[Array, Array]:
    """4,000 rows in four strong axes, a hundred of them a little into an axis of their own; queries near those."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(128, 128)))[0]
    rows = LinearMap()((rng.normal(size=(4000, 4)) @ axes[:4]).astype(np.float32))
    rows[:100] += (0.4 * axes[4:104]).astype(np.float32)
    gallery = LinearMap()(rows)
    return gallery, LinearMap()(gallery[:100] + (0.002 * rng.normal(size=(100, 128))).astype(np.float32))


def with_weak_axes() -> tuple[Array, Array]:
    """Rows in three strong axes, each a little into one of a hundred weak ones: the weak one tells the neighbours."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(128, 128)))[0]
    strong = np.asarray(LinearMap()(rng.normal(size=(4100, 3)).astype(np.float32)), dtype=np.float64)
    rows = LinearMap()((strong @ axes[:3] + 0.3 * axes[3 + np.arange(4100) % 100]).astype(np.float32))
    return rows[100:], rows[:100]


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(("n", "p"), [(150, 40), (150, 200), (700, 64)])
def test_nearest_in_a_coded_gallery_is_brute_force(
    monkeypatch: pytest.MonkeyPatch, n: int, p: int, grouped: bool
) -> None:
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    gallery = sample_clusters(n, p, seed=p)
    assert bounded_codes.encode(gallery, n_queries=25, device=CPU).mean is not None
    rng = np.random.default_rng(p)
    queries = np.concatenate([gallery[rng.integers(0, n, 5)], sample_clusters(15, p, seed=p + 1), unit(5, p)])
    groups = (rng.integers(-1, 4, n), rng.integers(-1, 4, 25)) if grouped else None
    for k in (1, 5, n // 2, n + 3):
        assert_brute_force(gallery, queries, k, groups)


@pytest.mark.parametrize("grouped", [False, True])
def test_blocks_of_a_coded_gallery_change_nothing(monkeypatch: pytest.MonkeyPatch, grouped: bool) -> None:
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    for name, size in (("_ASKED_BLOCK", 7), ("_BLOCK", 50)):
        monkeypatch.setattr(bounded_codes, name, size)
    for name, size in (("_MOST_PROPOSED", 1000), ("_SCORE_BYTES", 0), ("_REFINED_BYTES", 0)):
        monkeypatch.setattr(exact_knn, name, size)
    gallery = sample_clusters(170, 64, seed=2)
    assert bounded_codes.encode(gallery, n_queries=40, device=CPU).mean is not None
    rng = np.random.default_rng(3)
    queries = np.concatenate([sample_clusters(35, 64, seed=4), gallery[rng.integers(0, 170, 5)]])
    groups = (rng.integers(-1, 4, 170), rng.integers(-1, 4, 40)) if grouped else None
    for k in (1, 6, 90):
        assert_brute_force(gallery, queries, k, groups)


@pytest.mark.parametrize("made", [with_rare_axes, with_weak_axes])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("k", [1, 5])
def test_what_lies_outside_the_leading_axes_hides_no_neighbour(
    monkeypatch: pytest.MonkeyPatch, k: int, grouped: bool, made: Callable[[], tuple[Array, Array]]
) -> None:
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    monkeypatch.setattr(exact_knn, "_SCORE_BYTES", 0)  # blocks of 16 queries, where there are groups
    gallery, queries = made()
    assert bounded_codes.encode(gallery, n_queries=100, device=CPU).mean is not None
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    groups = (np.arange(4000) % 7, np.arange(100) % 3 - 1) if grouped else None
    if groups is not None:
        scores[(groups[1][:, None] == groups[0]) & (groups[1] >= 0)[:, None]] = -np.inf
    found = nearest(gallery, queries, k, groups=groups)
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :k], rtol=0, atol=1e-12)


def test_a_query_of_few_neighbours_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its group leaves fewer than it wants, all of them are proposed at once."""
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    gallery, asked = sample_clusters(700, 64, seed=1), list[int]()
    refined = exact_knn.Proposer._find_likeliest

    def count(
        self: exact_knn.Proposer,
        queries: torch.Tensor,
        wide: int,
        groups: Groups | None,
        allowed: torch.Tensor | None,
    ) -> object:
        asked.append(wide)
        return refined(self, queries, wide, groups, allowed)

    monkeypatch.setattr(exact_knn.Proposer, "_find_likeliest", count)
    held = np.zeros(700, dtype=np.int64)
    held[:3] = 1
    found = nearest(gallery, gallery[:1], 5, groups=(held, np.zeros(1, dtype=np.int64)))
    assert sorted(found.rows[0, :3].tolist()) == [0, 1, 2]
    assert len(asked) == 1


def test_one_nearest_neighbour_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 40)) + 2
    labels = rng.integers(0, 8, 600)
    y = (centres[labels] + rng.normal(size=(600, 40))).astype(np.float32)
    theirs = KNeighborsClassifier(1, metric="cosine", algorithm="brute").fit(y[:450], labels[:450])
    found = nearest(LinearMap()(y[:450]), LinearMap()(y[450:]), 1)
    assert np.array_equal(labels[found.rows[:, 0]], theirs.predict(y[450:]))
    distance, rows = theirs.kneighbors(y[450:])
    assert np.array_equal(found.rows, rows)
    np.testing.assert_allclose(1 - found.scores, distance, atol=1e-6)


def test_on_a_device_only_queries_go_up_and_only_answers_come_down(
    device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, crossings = device
    monkeypatch.setattr(device_memory, "free_bytes", lambda device: 2**30)
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    spectrum = np.exp(-np.arange(64) / 6)
    gallery = LinearMap()(
        (np.random.default_rng(0).normal(size=(700, 64)) * spectrum + 0.3).astype(np.float32)
    )
    rows, scores = brute_force(gallery, gallery[:20], 5)
    crossings.clear()
    found = nearest(gallery, gallery[:20], 5, device=where)
    assert found.rows.tolist() == rows
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)
    assert sum(size == gallery.nbytes for size in crossings.up) == 1
    assert sorted(crossings.down) == [
        20 * 8,
        20 * 13 * 8,
        20 * 13 * 8,
    ]  # bounds; rows and scores of k and 8 more
    asked = crossings.asked
    nearest(gallery, gallery[:600], 5, device=where)
    assert crossings.asked == 2 * asked < 16  # while the gallery is coded, whoever asks


def test_vectors_that_are_no_numbers_are_not_searched() -> None:
    with raises_typed("run umurl-search verify"):
        nearest(unit(20, 4), np.full((1, 4), np.nan, np.float32), 3)
