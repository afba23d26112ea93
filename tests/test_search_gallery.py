"""Every kind of index against brute force: filters, clips that are gone, further parts, ties."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.files import sealed_folder
from umurl_search.index import faiss_kinds, filtered_search
from umurl_search.index.bridges_and_whitening import LinearMap, Transform, fit_maps
from umurl_search.index.exact_knn import products_with, rerank_until_exact
from umurl_search.index.faiss_kinds import EXACT, KINDS, Kind, Vectors
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import IDS, Index, embeddings_file, vectors_file, write_maps
from umurl_search.index.kind_selection import choose, write_vectors

Array = NDArray[np.float32]
N, D = 400, 12


def clustered(n: int, *, seed: int) -> Array:
    """Rows around 7 centres, some of them equal."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(7, D))[rng.integers(0, 7, n)] + 0.4 * rng.normal(size=(n, D)) + 1.5
    rows[n // 2 : n // 2 + n // 8] = rows[: n // 8]
    return rows.astype(np.float32)


def sealed(
    target: Path, kind: Kind, transform: str, *, parts: tuple[int, ...] = (N,), first: int = 10
) -> Index:
    """An index of as many parts, its ids from `first` on."""
    places, maps = [], None
    for number, n in enumerate(parts, start=1):
        place = target if number == 1 else target.with_name(f"{target.name}~{number}")
        y = {m: clustered(n, seed=number * 10 + i) for i, m in enumerate(("joint", "fused"))}
        maps = fit_maps(y, Transform.parse(transform)) if maps is None else maps
        mine = kind if number == 1 or kind in EXACT else "flat16"
        with sealed_folder.building(place, resume_token="") as partial:
            for modality, rows in y.items():
                np.save(partial / embeddings_file(modality), rows)
            np.save(partial / IDS, np.arange(first, first + n))
            first += n + 5
            if number == 1:
                write_maps(partial, maps)
            measured = write_vectors(partial, y["fused"], maps, kind=mine)
            about = {"modalities": list(y), "transform": transform, "index_kind": mine, **measured}
            sealed_folder.seal(partial, place, about)
        places.append(place)
    return Index(places[0], tuple(places[1:]))


def opened(index: Index, modality: str = "fused") -> tuple[Gallery, LinearMap]:
    bridged = modality != "fused"
    maps = index.maps(modality, "fused")
    view = Gallery(
        index=index,
        against="fused",
        mapping=maps.gallery("fused", bridged=bridged),
        centred=bridged and index.transform.kind == "none",
    )
    return view, maps.query(modality, "fused", bridged=bridged)


def brute_force(vectors: Array, point: Array, k: int, among: NDArray[np.int64]) -> list[int]:
    """Float64 products, equal vectors scored once, ties to the lower row."""
    distinct, which = np.unique(vectors, axis=0, return_inverse=True)
    scores = np.array([float(np.sum(point.astype(np.float64) * one)) for one in distinct.astype(np.float64)])
    return sorted(among.tolist(), key=lambda row: (-scores[which[row]], row))[:k]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Index]:
    root = tmp_path_factory.mktemp("kinds")
    return {
        (kind, transform): sealed(root / f"{kind}-{transform[:4]}", kind, transform, parts=(N, 60))
        for kind in KINDS
        for transform in ("none", "half-whiten:6")
    }


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), seed=st.integers(0, 2**20))
def test_a_filter_is_exact_with_every_kind(
    every: dict[tuple[str, str], Index], data: st.DataObject, seed: int
) -> None:
    kind = data.draw(st.sampled_from(KINDS), label="kind")
    transform = data.draw(st.sampled_from(["none", "half-whiten:6"]), label="transform")
    modality = data.draw(st.sampled_from(["fused", "joint"]), label="modality")
    share = data.draw(st.sampled_from([0.0, 0.004, 0.03, 0.3, 0.9, 1.0]), label="share that passes")
    k = data.draw(st.integers(1, 40), label="k")
    n_gone = data.draw(st.sampled_from([0, 1, 100]), label="clips that are gone")
    whole = every[kind, transform]
    rng = np.random.default_rng(seed)
    gone = frozenset(rng.choice(whole.every_id, n_gone, replace=False).tolist())
    index = Index(whole.folder, whole.added, gone)
    view, query = opened(index, modality)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    assert len(vectors) == N + 60 - n_gone
    among = np.flatnonzero(rng.random(len(vectors)) < share)
    asked = index.embeddings(modality)[rng.integers(0, len(vectors), 3)]
    points = query(np.concatenate([asked, clustered(2, seed=seed + 1)]))
    found = view.search(points, k, among=among)
    for point, rows in zip(points, found.rows, strict=True):
        want = brute_force(vectors, point, k, among)
        assert rows.tolist() == want + [-1] * (k - len(want))


@pytest.mark.parametrize("kind", EXACT)
def test_exact_kinds_find_all_neighbours(every: dict[tuple[str, str], Index], kind: Kind) -> None:
    index = every[kind, "none"]
    view, query = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points = query(clustered(20, seed=99))
    for block in (points, points[:1], points[:5]):
        found = view.search(block, 30)
        for point, rows in zip(block, found.rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, 30, np.arange(len(vectors)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_approximate_kinds_score_exactly_and_never_come_short(
    every: dict[tuple[str, str], Index], kind: Kind
) -> None:
    index = every[kind, "none"]
    view, query = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points = query(clustered(20, seed=98))
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
    view, query = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    points, n = query(clustered(4, seed=97)), len(vectors)
    for point, rows in zip(points, view.search(points, n).rows, strict=True):
        assert rows.tolist() == brute_force(vectors, point, n, np.arange(n))
    for among in (np.arange(0, n, 2), np.arange(n - 3, n)):
        for point, rows in zip(points, view.search(points, 9, among=among).rows, strict=True):
            want = brute_force(vectors, point, 9, among)
            assert rows.tolist() == want + [-1] * (9 - len(want))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_a_filter_makes_approximate_kinds_exact(every: dict[tuple[str, str], Index], kind: Kind) -> None:
    view, query = opened(every[kind, "none"])
    vectors = view.mapping(np.asarray(view.index.embeddings("fused")))
    points, among = (
        query(clustered(20, seed=96)),
        np.flatnonzero(np.random.default_rng(0).random(N + 60) < 0.3),
    )
    for point, rows in zip(points, view.search(points, 14, among=among).rows, strict=True):
        assert rows.tolist() == brute_force(vectors, point, 14, among)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_clips_that_are_gone_are_passed_over_however_near(
    every: dict[tuple[str, str], Index], kind: Kind
) -> None:
    whole = every[kind, "none"]
    point = opened(whole)[1](clustered(1, seed=95))
    near = np.argsort(-(LinearMap()(np.asarray(whole.embeddings("fused"))) @ point[0]))[:300]
    index = Index(whole.folder, whole.added, frozenset(whole.every_id[near].tolist()))
    view, _ = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    assert view.search(point, 9).rows[0].tolist() == brute_force(vectors, point[0], 9, np.arange(160))


@pytest.mark.parametrize("kind", ["flat", "flat16", "sq8"])
def test_one_query_over_a_split_gallery(
    every: dict[tuple[str, str], Index], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(faiss_kinds, "_SPLIT_FROM_BYTES", 0)
    monkeypatch.setattr(filtered_search, "GATHERED_BELOW", 0.0)
    index = every[kind, "none"]
    view, query = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    for seed in range(10):
        point = query(clustered(1, seed=seed))
        among = np.flatnonzero(np.random.default_rng(seed).random(len(vectors)) < 0.2)
        assert view.search(point, 8, among=among).rows[0].tolist() == brute_force(vectors, point[0], 8, among)
        want = brute_force(vectors, point[0], 8, np.arange(len(vectors)))
        assert view.search(point, 8).rows[0].tolist() == want


def test_rows_where_a_split_gallery_is_split_are_found(
    every: dict[tuple[str, str], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_kinds, "_SPLIT_FROM_BYTES", 0)
    index = every["flat16", "none"]
    view, _ = opened(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    for row, vector in enumerate(vectors):
        first = int(np.flatnonzero((vectors == vector).all(axis=1))[0])
        assert view.search(vectors[row : row + 1], 1).rows.tolist() == [[first]]


def test_a_gallery_is_compared_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtered_search, "_SCANNED_BYTES", 0)
    index = sealed(tmp_path / "long", "flat16", "none", parts=(2500,))
    view, query = opened(index)
    vectors, points = view.mapping(np.asarray(index.embeddings("fused"))), query(clustered(20, seed=3))
    some = np.flatnonzero(np.random.default_rng(0).random(2500) < 0.6)
    for among in (np.arange(2500), some):
        found = view.search(points, 5, among=None if len(among) == 2500 else among)
        for point, rows in zip(points, found.rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, 5, among)


def test_another_modalitys_gallery_is_filtered_too(every: dict[tuple[str, str], Index]) -> None:
    whole = every["flat", "none"]
    index = Index(whole.folder, whole.added, frozenset(whole.every_id[::3].tolist()))
    view = Gallery(index=index, against="joint", mapping=LinearMap(), centred=False)
    vectors, points = LinearMap()(np.asarray(index.embeddings("joint"))), LinearMap()(clustered(6, seed=5))
    n = len(vectors)
    for among in (None, np.arange(40, n, 7), np.array([n - 1]), np.zeros(0, dtype=np.int64)):
        found = view.search(points, 4, among=among)
        for point, rows in zip(points, found.rows, strict=True):
            want = brute_force(vectors, point, 4, np.arange(n) if among is None else among)
            assert rows.tolist() == want + [-1] * (4 - len(want))


def fine_cluster() -> tuple[Array, Array]:
    """A gallery and queries from one cluster finer than sq8's step, which a few far rows stretch."""
    rng = np.random.default_rng(0)
    near = rng.normal(size=64) + 0.001 * rng.normal(size=(5976, 64))
    rows = LinearMap()(np.concatenate([near, 3 * rng.normal(size=(40, 64))]).astype(np.float32))
    return rows[16:], rows[:16]


def equally_far() -> tuple[Array, Array]:
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
    ("kind", "made"), [("sq8", fine_cluster), ("sq8", equally_far), ("flat16", equally_far)]
)
def test_rounding_hides_no_neighbour(kind: Kind, made: Callable[[], tuple[Array, Array]]) -> None:
    """What a kind holds of these vectors ranks them otherwise than they are: only its bound saves the neighbours."""
    held, queries = made()
    vectors = faiss_kinds.make(kind, lambda: iter([held]), n=len(held), p=64)
    assert n_wrong(vectors, held, queries) == 0
    assert n_wrong(replace(vectors, error=0.0), held, queries) >= 4


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", faiss_kinds.ROUNDED)
def test_the_bound_is_that_of_the_worst_block(kind: Kind, order: int) -> None:
    far, near = clustered(50, seed=0), np.full((50, D), clustered(50, seed=0).mean(axis=0), np.float32)
    blocks = [LinearMap()(far), LinearMap()(near)][::order]
    vectors = faiss_kinds.make(kind, lambda: iter(blocks), n=100, p=D)
    lost = [
        vectors.index.reconstruct_n(50 * i, 50) + vectors.centre - block for i, block in enumerate(blocks)
    ]
    worst = [float(np.linalg.norm(one.astype(np.float64), axis=1).max()) for one in lost]
    assert max(worst) > 1.2 * min(worst)
    assert vectors.error == pytest.approx(max(worst), rel=1e-3)


def test_what_is_measured_is_told(every: dict[tuple[str, str], Index]) -> None:
    for kind in KINDS:
        quality = every[kind, "none"].manifest["quality"]
        assert quality["queries"] == N // 10
        assert quality["recall_at"]["10"] == 1.0 if kind in EXACT else quality["recall_at"]["10"] >= 0.9
        assert quality["accuracy_change"] is None
    labels = np.arange(N) % 3
    about = write_vectors_of(every["flat", "none"], labels)
    assert about["quality"]["accuracy_change"] == 0.0


def write_vectors_of(index: Index, labels: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    y = np.asarray(index.parts[0].embeddings("fused"))
    folder = index.folder.with_name("again")
    folder.mkdir()
    return write_vectors(folder, y, index.all_maps(), kind="flat", labels=labels)


def test_rounding_is_bounded_by_what_the_manifest_says(every: dict[tuple[str, str], Index]) -> None:
    for kind in ("flat16", "sq8"):
        part = every[kind, "none"].parts[0]
        vectors = part.vectors(centred=False)
        truth = LinearMap()(np.asarray(part.embeddings("fused")))
        held = vectors.index.reconstruct_n(0, N) + vectors.centre
        furthest = np.linalg.norm(truth.astype(np.float64) - held, axis=1).max()
        assert 0 < furthest <= vectors.error + 1e-7 < 0.05
        said = part.manifest["rounding"][vectors_file(centred=False)]
        assert said == vectors.error


def test_a_selector_is_refused_where_it_would_not_be_exact(every: dict[tuple[str, str], Index]) -> None:
    vectors = every["hnsw", "none"].parts[0].vectors(centred=False)
    with pytest.raises(ValueError, match="a selector is for exact kinds, not hnsw"):
        vectors.propose(clustered(1, seed=0), 3, among=np.ones(N, dtype=bool))


def test_embeddings_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    y = clustered(30, seed=0)
    maps = fit_maps({"fused": y}, Transform())
    y[2, 1] = np.nan
    with pytest.raises(UmurlError, match="the encoder gave NaN or infinite embeddings"):
        write_vectors(tmp_path, y, maps, kind="flat16")


@pytest.mark.parametrize(
    ("n", "recall", "memory", "kind", "without_vectors"),
    [
        (5_000, 1.0, 2**34, "flat", "flat"),
        (114_000, 1.0, 2**34, "flat16", "flat"),
        (114_000, 1.0, 2**28, "flat16", "flat16"),
        (114_000, 1.0, 2**27, "sq8", "sq8"),
        (1_000_000, 0.95, 2**34, "ivf-sq8", "ivf-sq8"),
        (1_000_000, 1.0, 2**36, "flat16", "flat"),
        (100_000, 0.95, 2**34, "flat16", "flat"),
    ],
)
@pytest.mark.parametrize("converts_half", [True, False])
def test_auto_chooses_by_size_memory_recall_and_cpu(
    n: int, recall: float, memory: int, kind: str, without_vectors: str, converts_half: bool
) -> None:
    choice = choose(n=n, p=512, recall=recall, memory_bytes=memory, converts_half=converts_half)
    kind = kind if converts_half else without_vectors
    assert choice.kind == kind
    assert f"{n:,} x 512" in choice.why
