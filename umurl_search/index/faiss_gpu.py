"""FAISS's indexes on GPUs: float32 vectors for exact kinds, and lists for kinds that FAISS has there.

A GPU build of FAISS asks for care. One thread at a time may use a device's resources; no more than 2,048 rows are
proposed; the plain wheel ignores a selector without a word; half-precision indexes round the queries too. So each
device has one lock and one set of resources, a selector is never passed, and exact kinds are float32 there, whatever
they are on disk.
Letters: Q queries, N gallery clips, P dimensions, F proposals.
"""

import contextlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings
from umurl_search.index import device_memory
from umurl_search.index.bounded_codes import require_finite
from umurl_search.index.exact_knn import Proposals
from umurl_search.index.faiss_library import faiss_module, n_gpus

MOST_PROPOSED = 2048
"""Rows for a query that FAISS finds on a GPU."""
_SCRATCH_BYTES = 2**28


@dataclass(frozen=True, kw_only=True)
class _Gpu:
    """A device as FAISS uses it. resources: its own, which live as long as the process."""

    number: int
    resources: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


_opened: dict[int, _Gpu] = {}
_opening = threading.Lock()


def _open(number: int) -> _Gpu:
    with _opening:
        if number not in _opened:
            resources = faiss_module().StandardGpuResources()
            resources.setTempMemory(_SCRATCH_BYTES)
            _opened[number] = _Gpu(number=number, resources=resources)
        return _opened[number]


@contextlib.contextmanager
def _alone_on(gpus: tuple[_Gpu, ...]) -> Any:
    """No other thread is in FAISS on these devices; in their order, so that no two wait for each other."""
    with contextlib.ExitStack() as held:
        for gpu in sorted(gpus, key=lambda one: one.number):
            held.enter_context(gpu.lock)
        yield


@dataclass(frozen=True, kw_only=True)
class GpuVectors:
    """A FAISS index (N, P) on one device, or shared out to several. error: what its scores may lack, infinite where it
    promises nothing of what it does not propose."""

    index: Any
    gpus: tuple[_Gpu, ...]
    error: float

    def propose(self, points: Embeddings, fetch: int, *, parameters: Any = None) -> Proposals:
        """points: (Q, P) unit vectors. fetch: MOST_PROPOSED at most. parameters: of lists, FAISS's."""
        if fetch > MOST_PROPOSED:
            raise ValueError(f"FAISS proposes {MOST_PROPOSED} rows on a GPU, not {fetch}")
        asked = np.ascontiguousarray(points)
        require_finite(torch.from_numpy(asked).sum())
        with _alone_on(self.gpus):
            scores, rows = self.index.search(asked, fetch, params=parameters)
        rows = np.asarray(rows, dtype=np.int64)
        bound: NDArray[np.float64] = scores[:, -1].astype(np.float64) + self.error
        return Proposals(rows=rows, bound=np.where(rows[:, -1] >= 0, bound, -np.inf))


def flat_on_gpus(blocks: Iterable[Embeddings], *, n: int, p: int, device: torch.device) -> GpuVectors | None:
    """Unit vectors (N, P) in float32, shared out to all GPUs where the device has no number; None where FAISS drives
    none or their memory does not suffice."""
    numbers = _numbers(device)
    if not _all_fit(4 * n * p, numbers, device):
        return None
    flat = faiss_module().IndexFlatIP(p)
    for block in blocks:
        flat.add(np.ascontiguousarray(block, dtype=np.float32))
    return _clone(flat, numbers, error=p * 2.0**-24 + 1e-7)


def lists_on_gpu(index: Any, device: torch.device) -> GpuVectors | None:
    """An index of lists as it is, on one device: FAISS takes no effort for one that is shared out. None as above, and
    for a kind that FAISS does not have on a GPU."""
    numbers = _numbers(device)[:1]
    if not _all_fit(int(index.ntotal) * (int(index.code_size) + 8), numbers, device):
        return None
    return _clone(index, numbers, error=np.inf)


def _numbers(device: torch.device) -> list[int]:
    """The devices that FAISS may use, as it numbers them."""
    there = n_gpus()
    return [i for i in range(there) if device.index in (None, i)]


def _all_fit(n_bytes: int, numbers: list[int], device: torch.device) -> bool:
    share = -(-n_bytes // max(1, len(numbers))) + _SCRATCH_BYTES
    return bool(numbers) and all(device_memory.fits(share, torch.device(device.type, i)) for i in numbers)


def _clone(index: Any, numbers: list[int], *, error: float) -> GpuVectors | None:
    faiss = faiss_module()
    gpus = tuple(_open(number) for number in numbers)
    try:
        with _alone_on(gpus):
            how = faiss.GpuMultipleClonerOptions()
            how.use_cuvs = (
                False  # FAISS's own products are those that bounds count on; and cuVS has no ivf-sq8
            )
            how.shard = len(gpus) > 1
            if len(gpus) == 1:
                moved = faiss.index_cpu_to_gpu(gpus[0].resources, gpus[0].number, index, how)
            else:
                moved = faiss.index_cpu_to_gpu_multiple_py(
                    [gpu.resources for gpu in gpus], index, how, numbers
                )
    except RuntimeError:  # no memory after all, or not implemented there: it stays where it is
        return None
    return GpuVectors(index=moved, gpus=gpus, error=error)
