"""The FAISS module: what it runs on, its largest products, and what is said where it is missing."""

import builtins
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from refusals import raises_typed

from umurl_search.index import faiss_library
from umurl_search.index.exact_knn import nearest
from umurl_search.index.faiss_library import (
    converts_half,
    cpu_level,
    faiss_module,
    is_usable,
    largest_products,
    n_gpus,
)


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


def fail_to_load(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """`import faiss` raises this, as a GPU build does on a machine without the CUDA libraries that it was made for."""
    really = builtins.__import__

    def load(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        if name == "faiss":
            raise error
        return really(name, globals, locals, fromlist, level)

    monkeypatch.delitem(sys.modules, "faiss", raising=False)
    monkeypatch.setattr(builtins, "__import__", load)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("nvidia-cuda-runtime-cu12 is missing. Install it with pip"),
        OSError("libcublas.so.12: cannot open shared object file"),
        ImportError("libcudart.so.12: cannot open shared object file"),
        ModuleNotFoundError("No module named 'packaging'", name="packaging"),
    ],
)
def test_faiss_that_does_not_load_says_what_it_misses(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fail_to_load(monkeypatch, error)
    first = str(error).partition(". ")[0]
    with raises_typed(rf"^FAISS is installed and does not load \({first}\); install what it misses, or "):
        faiss_module()
    assert not is_usable()


def test_evaluation_does_without_a_faiss_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.eye(40, 8, dtype=np.float32) + np.float32(0.1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    want = nearest(rows, rows[:7], 3)
    fail_to_load(monkeypatch, RuntimeError("nvidia-cuda-runtime-cu12 is missing"))
    assert nearest(rows, rows[:7], 3).rows.tolist() == want.rows.tolist()


def test_a_cpu_build_drives_no_gpu() -> None:
    assert n_gpus() == 0 or hasattr(faiss_module(), "StandardGpuResources")


@pytest.mark.parametrize(("level", "converts"), [(None, True), ("AVX2", True), ("NONE", False)])
def test_half_precision_is_converted_where_there_are_vector_instructions(
    monkeypatch: pytest.MonkeyPatch, level: str | None, converts: bool
) -> None:
    assert cpu_level() is None or cpu_level()
    monkeypatch.setattr(faiss_library, "cpu_level", lambda: level)
    assert converts_half() is converts
