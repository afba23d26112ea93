"""The only `import faiss`: the module, what it runs on, and neighbours of rows that lie in memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import MissingPackageError, reason_of


def is_usable() -> bool:
    """Whether there is a faiss module, and it loads."""
    try:
        faiss_module()
    except MissingPackageError:
        return False
    return True


def faiss_module() -> Any:
    """The faiss module. Raises UmurlError, saying how to install it, when there is none or it does not load."""
    try:
        import faiss
    except (
        ImportError,
        RuntimeError,
        OSError,
    ) as error:  # of a GPU build: a CUDA library that it names is not there
        if isinstance(error, ModuleNotFoundError) and error.name == "faiss":
            raise MissingPackageError(
                f"FAISS is not installed ({reason_of(error)})", "pip install 'umurl-search[cpu]' (or [gpu])"
            ) from error
        raise MissingPackageError(
            f"FAISS is installed and does not load ({reason_of(error)})",
            "install what it misses, or pip uninstall it and pip install 'umurl-search[cpu]'",
        ) from error
    return faiss


def is_gpu_build() -> bool:
    return hasattr(faiss_module(), "StandardGpuResources")


def n_gpus() -> int:
    """How many GPUs this build of FAISS drives here; 0 of a CPU build, and where there is none."""
    return int(faiss_module().get_num_gpus()) if is_gpu_build() else 0


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
