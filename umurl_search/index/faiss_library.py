"""The only `import faiss`: the module, what it runs on, and neighbours of rows that lie in memory."""

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import MissingPackageError, reason_of


def is_installed() -> bool:
    return importlib.util.find_spec("faiss") is not None


def faiss_module() -> Any:
    """The faiss module. Raises UmurlError, saying how to install it, when there is none."""
    try:
        import faiss
    except ImportError as error:
        raise MissingPackageError(
            f"FAISS is not installed ({reason_of(error)})", "pip install 'umurl-search[cpu]' (or [gpu])"
        ) from error
    return faiss


def gpu_search_available() -> bool:
    """Whether this build of FAISS drives a GPU that is here."""
    faiss = faiss_module()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def cpu_level() -> str | None:
    """The instructions that FAISS uses on this CPU, where its build says so: FAISS_SIMD_LEVEL limits them."""
    known = getattr(faiss_module(), "SIMDConfig", None)
    return None if known is None else str(known.get_level_name())


def converts_half() -> bool:
    """Whether FAISS turns half precision and bytes into float32 by vector instructions (AVX2 or newer) on this CPU."""
    return cpu_level() != "NONE"


def largest_products(
    gallery: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows (Q, k), falling, of the k <= N largest inner products of finite rows (N, P) and (Q, P)."""
    faiss = faiss_module()
    scores, rows = faiss.knn(queries, gallery, k, metric=faiss.METRIC_INNER_PRODUCT)
    return scores, rows
