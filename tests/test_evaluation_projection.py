"""Embeddings in two dimensions: PCA against the singular value decomposition, t-SNE, UMAP, samples."""

import sys
import types
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from refusals import raises_typed
from reported import unit_rows

from umurl_search.evaluation.projection import (
    flatten,
    lay_out,
    leading_axes,
    principal_axes,
    require,
    sample_rows,
)
from umurl_search.index.bridges_and_whitening import LinearMap

RNG = np.random.default_rng(7)


# maps of the embedding


def test_pca_keeps_what_svd_keeps() -> None:
    y = unit_rows(30, 9)
    points = principal_axes(y, 4)
    centred = y - y.mean(axis=0)
    _, values, _ = np.linalg.svd(centred.astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(points, axis=0), values[:4], rtol=1e-5)
    np.testing.assert_allclose(points.T @ points, np.diag(values[:4] ** 2), atol=1e-5)
    largest = np.abs(points).argmax(axis=0)
    assert (points[largest, range(4)] > 0).all()


def test_pca_of_a_single_dimension_has_a_flat_second() -> None:
    points = flatten(np.array([[1], [-1], [1]], dtype=np.float32), "pca")
    assert points.shape == (3, 2)
    assert not points[:, 1].any()


def test_tsne_keeps_groups_apart_and_comes_out_the_same_twice() -> None:
    centres = 8 * np.eye(3, 12)
    y = LinearMap()((np.repeat(centres, 20, axis=0) + RNG.standard_normal((60, 12))).astype(np.float32))
    points = flatten(y, "tsne")
    np.testing.assert_array_equal(points, flatten(y, "tsne"))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (distances.argmin(axis=1) // 20 == np.arange(60) // 20).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_very_few_clips_are_drawn_too(n: int) -> None:
    points = flatten(unit_rows(n), "tsne")
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()


def test_umap_is_asked_with_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
            return points[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    require("umap")
    assert flatten(unit_rows(10), "umap").shape == (10, 2)
    assert asked == {"n_neighbors": 9, "random_state": 0, "n_jobs": 1}


@pytest.mark.parametrize(
    ("method", "module", "package"),
    [("tsne", "sklearn.manifold", r'"umurl-search\[report\]"'), ("umap", "umap", '"umap-learn"')],
)
def test_a_missing_package_is_named(
    method: Any, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with raises_typed(rf"^the map by {method} needs .*; pip install {package}, or --map pca"):
        require(method)
    require("pca")


def test_a_sample_is_drawn_without_repeats_and_by_its_seed() -> None:
    assert sample_rows(5, 5, generator=np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]
    drawn = [sample_rows(50, 10, generator=np.random.default_rng(s)).tolist() for s in (0, 0, 1)]
    assert len(set(drawn[0])) == 10
    assert drawn[0] == sorted(drawn[0]) == drawn[1] != drawn[2]


# the report


def test_a_map_of_embeddings_that_coincide() -> None:
    for method in ("tsne", "pca"):
        np.testing.assert_array_equal(
            flatten(np.full((50, 6), 6**-0.5, np.float32), method), np.zeros((50, 2))
        )


def test_axes_do_not_depend_on_the_blocks() -> None:
    y = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    blocks = leading_axes(lambda: iter([y[:7], y[7:40], y[40:]]), "pca")
    np.testing.assert_allclose(lay_out(blocks, "pca"), flatten(y, "pca"), atol=1e-9)
