"""Kinds of index: rounding that hides no neighbour, split galleries, selectors."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from galleries import brute_force, cluster_rows, open_gallery
from numpy.typing import NDArray

from umurl_search.index import faiss_kinds, filtered_search
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import products_with, rerank_until_exact
from umurl_search.index.faiss_kinds import Vectors
from umurl_search.index.index import Index
from umurl_search.index.kind_names import Kind

Array = NDArray[np.float32]
N, D = 400, 12


@pytest.mark.parametrize("kind", ["flat", "flat16", "sq8"])
def test_one_query_over_a_split_gallery(
    every: dict[tuple[str, str], Index], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(faiss_kinds, "_SPLIT_FROM_BYTES", 0)
    monkeypatch.setattr(filtered_search, "GATHERED_BELOW", 0.0)
    index = every[kind, "none"]
    view, query = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    for seed in range(10):
        point = query(cluster_rows(1, seed=seed))
        among = np.flatnonzero(np.random.default_rng(seed).random(len(vectors)) < 0.2)
        assert view.search(point, 8, among=among).rows[0].tolist() == brute_force(vectors, point[0], 8, among)
        want = brute_force(vectors, point[0], 8, np.arange(len(vectors)))
        assert view.search(point, 8).rows[0].tolist() == want


def test_rows_where_a_split_gallery_is_split_are_found(
    every: dict[tuple[str, str], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_kinds, "_SPLIT_FROM_BYTES", 0)
    index = every["flat16", "none"]
    view, _ = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    for row, vector in enumerate(vectors):
        first = int(np.flatnonzero((vectors == vector).all(axis=1))[0])
        assert view.search(vectors[row : row + 1], 1).rows.tolist() == [[first]]


def fine_cluster() -> tuple[Array, Array]:
    """A gallery and queries from one cluster finer than sq8's step, which a few far rows stretch."""
    rng = np.random.default_rng(0)
    near = rng.normal(size=64) + 0.001 * rng.normal(size=(5976, 64))
    rows = LinearMap()(np.concatenate([near, 3 * rng.normal(size=(40, 64))]).astype(np.float32))
    return rows[16:], rows[:16]


def sample_equally_far() -> tuple[Array, Array]:
    """A hundred rows in all directions around each query, whose scores differ by less than flat16 rounds."""
    rng = np.random.default_rng(0)
    queries = LinearMap()(rng.normal(size=(16, 64)).astype(np.float32))
    centre = np.repeat(queries.astype(np.float64), 100, axis=0)
    aside = rng.normal(size=centre.shape)
    aside -= (aside * centre).sum(axis=1, keepdims=True) * centre
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    score = 0.9 + 2e-5 * rng.random((len(centre), 1))
    return LinearMap()((score * centre + np.sqrt(1 - score**2) * aside).astype(np.float32)), queries


def n_wrong(vectors: Vectors, held: Array, queries: Array) -> int:
    """Queries whose 5 best scores are not those of float64 brute force."""
    found = rerank_until_exact(
        lambda asking, fetch: vectors.propose(queries[asking], fetch),
        products_with(held, queries),
        5,
        n_queries=len(queries),
        n_rows=len(held),
    )
    best = -np.sort(-(queries.astype(np.float64) @ held.astype(np.float64).T), axis=1)[:, :5]
    return int((np.abs(found.scores - best) > 1e-10).any(axis=1).sum())


@pytest.mark.parametrize(
    ("kind", "made"), [("sq8", fine_cluster), ("sq8", sample_equally_far), ("flat16", sample_equally_far)]
)
def test_rounding_hides_no_neighbour(kind: Kind, made: Callable[[], tuple[Array, Array]]) -> None:
    """What a kind holds of these vectors ranks them otherwise than they are: only its bound saves the neighbours."""
    held, queries = made()
    vectors = faiss_kinds.make(kind, lambda: iter([held]), n=len(held), p=64)
    assert n_wrong(vectors, held, queries) == 0
    assert n_wrong(replace(vectors, error=0.0), held, queries) >= 4


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", [name for name, kind in faiss_kinds.KINDS.items() if kind.rounds])
def test_the_bound_is_that_of_the_worst_block(kind: Kind, order: int) -> None:
    far, near = cluster_rows(50, seed=0), np.full((50, D), cluster_rows(50, seed=0).mean(axis=0), np.float32)
    blocks = [LinearMap()(far), LinearMap()(near)][::order]
    vectors = faiss_kinds.make(kind, lambda: iter(blocks), n=100, p=D)
    lost = [
        vectors.index.reconstruct_n(50 * i, 50) + vectors.centre - block for i, block in enumerate(blocks)
    ]
    worst = [float(np.linalg.norm(one.astype(np.float64), axis=1).max()) for one in lost]
    assert max(worst) > 1.2 * min(worst)
    assert vectors.error == pytest.approx(max(worst), rel=1e-3)


def test_a_selector_is_refused_where_it_would_not_be_exact(every: dict[tuple[str, str], Index]) -> None:
    vectors = every["hnsw", "none"].parts[0].vectors(centred=False)
    with pytest.raises(ValueError, match="a selector is for exact kinds, not hnsw"):
        vectors.propose(cluster_rows(1, seed=0), 3, among=np.ones(N, dtype=bool))
