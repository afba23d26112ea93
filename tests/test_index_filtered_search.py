"""Every kind of index against brute force: filters, clips that are gone, further parts, ties."""

from pathlib import Path

import numpy as np
import pytest
from galleries import brute_force, cluster_rows, open_gallery, seal_index
from hypothesis import given, settings
from hypothesis import strategies as st

from umurl_search.index import filtered_search
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.faiss_kinds import EXACT, KINDS
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import Index
from umurl_search.index.kind_names import Kind

N, D = 400, 12


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(0, 2**20))
def test_a_filter_is_exact_with_every_kind(
    every: dict[tuple[str, str], Index], data: st.DataObject, seed: int
) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)), label="kind")
    transform = data.draw(st.sampled_from(["none", "half-whiten:6"]), label="transform")
    modality = data.draw(st.sampled_from(["fused", "joint"]), label="modality")
    share = data.draw(st.sampled_from([0.0, 0.004, 0.03, 0.3, 0.9, 1.0]), label="share that passes")
    k = data.draw(st.integers(1, 40), label="k")
    n_gone = data.draw(st.sampled_from([0, 1, 100]), label="clips that are gone")
    whole = every[kind, transform]
    rng = np.random.default_rng(seed)
    gone = frozenset(rng.choice(whole.every_id, n_gone, replace=False).tolist())
    index = Index(whole.folder, whole.added, gone)
    view, query = open_gallery(index, modality)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    assert len(vectors) == N + 60 - n_gone
    among = np.flatnonzero(rng.random(len(vectors)) < share)
    asked = index.embeddings(modality)[rng.integers(0, len(vectors), 3)]
    points = query(np.concatenate([asked, cluster_rows(2, seed=seed + 1)]))
    found = view.search(points, k, among=among)
    for point, rows in zip(points, found.rows, strict=True):
        want = brute_force(vectors, point, k, among)
        assert rows.tolist() == want + [-1] * (k - len(want))


@pytest.mark.parametrize("kind", EXACT)
def test_exact_kinds_find_all_neighbours(every: dict[tuple[str, str], Index], kind: Kind) -> None:
    index = every[kind, "none"]
    view, query = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points = query(cluster_rows(20, seed=99))
    for block in (points, points[:1], points[:5]):
        found = view.search(block, 30)
        for point, rows in zip(block, found.rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, 30, np.arange(len(vectors)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_approximate_kinds_score_exactly_and_never_come_short(
    every: dict[tuple[str, str], Index], kind: Kind
) -> None:
    index = every[kind, "none"]
    view, query = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points = query(cluster_rows(20, seed=98))
    for k in (1, 10, 300, len(vectors)):
        found = view.search(points, k)
        assert (found.rows >= 0).all()
        assert all(len(set(rows)) == k for rows in found.rows.tolist())
        true = np.einsum("qp,qkp->qk", points.astype(np.float64), vectors[found.rows].astype(np.float64))
        np.testing.assert_allclose(found.scores, true, atol=1e-12)
        assert (np.diff(found.scores, axis=1) <= 0).all()
    best = [brute_force(vectors, point, 10, np.arange(len(vectors))) for point in points]
    found = view.search(points, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows.tolist(), best, strict=True)])
    assert recall >= 0.9


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_approximate_kinds_find_all_that_are_there_and_nobody_who_is_gone(
    every: dict[tuple[str, str], Index], kind: Kind
) -> None:
    whole = every[kind, "none"]
    index = Index(whole.folder, whole.added, frozenset(whole.every_id[1::2].tolist()))
    view, query = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points, n = query(cluster_rows(4, seed=97)), len(vectors)
    for point, rows in zip(points, view.search(points, n).rows, strict=True):
        assert rows.tolist() == brute_force(vectors, point, n, np.arange(n))
    for among in (np.arange(0, n, 2), np.arange(n - 3, n)):
        for point, rows in zip(points, view.search(points, 9, among=among).rows, strict=True):
            want = brute_force(vectors, point, 9, among)
            assert rows.tolist() == want + [-1] * (9 - len(want))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_a_filter_makes_approximate_kinds_exact(every: dict[tuple[str, str], Index], kind: Kind) -> None:
    view, query = open_gallery(every[kind, "none"])
    vectors = view.mapping(np.asarray(view.index.embeddings("fused")))
    points, among = (
        query(cluster_rows(20, seed=96)),
        np.flatnonzero(np.random.default_rng(0).random(N + 60) < 0.3),
    )
    for point, rows in zip(points, view.search(points, 14, among=among).rows, strict=True):
        assert rows.tolist() == brute_force(vectors, point, 14, among)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_clips_that_are_gone_are_passed_over_however_near(
    every: dict[tuple[str, str], Index], kind: Kind
) -> None:
    whole = every[kind, "none"]
    point = open_gallery(whole)[1](cluster_rows(1, seed=95))
    near = np.argsort(-(LinearMap()(np.asarray(whole.embeddings("fused"))) @ point[0]))[:300]
    index = Index(whole.folder, whole.added, frozenset(whole.every_id[near].tolist()))
    view, _ = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    assert view.search(point, 9).rows[0].tolist() == brute_force(vectors, point[0], 9, np.arange(160))


def test_a_gallery_is_compared_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered_search, "_SCANNED_BYTES", 0)
    index = seal_index(tmp_path / "long", "flat16", "none", parts=(2500,))
    view, query = open_gallery(index)
    vectors, points = view.mapping(np.asarray(index.embeddings("fused"))), query(cluster_rows(20, seed=3))
    some = np.flatnonzero(np.random.default_rng(0).random(2500) < 0.6)
    for among in (np.arange(2500), some):
        found = view.search(points, 5, among=None if len(among) == 2500 else among)
        for point, rows in zip(points, found.rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, 5, among)


def test_another_modalitys_gallery_is_filtered_too(every: dict[tuple[str, str], Index]) -> None:
    whole = every["flat", "none"]
    index = Index(whole.folder, whole.added, frozenset(whole.every_id[::3].tolist()))
    view = Gallery(index=index, against="joint", mapping=LinearMap(), centred=False)
    vectors, points = LinearMap()(np.asarray(index.embeddings("joint"))), LinearMap()(cluster_rows(6, seed=5))
    n = len(vectors)
    for among in (None, np.arange(40, n, 7), np.array([n - 1]), np.zeros(0, dtype=np.int64)):
        found = view.search(points, 4, among=among)
        for point, rows in zip(points, found.rows, strict=True):
            want = brute_force(vectors, point, 4, np.arange(n) if among is None else among)
            assert rows.tolist() == want + [-1] * (4 - len(want))
