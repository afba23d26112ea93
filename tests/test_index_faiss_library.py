"""The FAISS module: what it runs on, its largest products, and what is said where it is missing."""

import sys

import numpy as np
import pytest
from refusals import raises_typed

from umurl_search.index import faiss_library
from umurl_search.index.faiss_library import converts_half, cpu_level, faiss_module, largest_products


@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 7), (50, 50)])
def test_largest_products_are_those_of_all(n: int, k: int) -> None:
    rng = np.random.default_rng(n)
    gallery, queries = (rng.normal(size=(size, 16)).astype(np.float32) for size in (n, 9))
    products = queries.astype(np.float64) @ gallery.astype(np.float64).T
    order = np.argsort(-products, axis=1)[:, :k]
    scores, rows = largest_products(gallery, queries, k)
    assert rows.tolist() == order.tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(products, order, axis=1), rtol=1e-5, atol=1e-5)


def test_without_faiss_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with raises_typed(r"^FAISS is not installed .*pip install 'umurl-search\[cpu\]'"):
        faiss_module()


@pytest.mark.parametrize(("level", "converts"), [(None, True), ("AVX2", True), ("NONE", False)])
def test_half_precision_is_converted_where_there_are_vector_instructions(
    monkeypatch: pytest.MonkeyPatch, level: str | None, converts: bool
) -> None:
    assert cpu_level() is None or cpu_level()
    monkeypatch.setattr(faiss_library, "cpu_level", lambda: level)
    assert converts_half() is converts
