"""A part's unit vectors on a device, as torch and FAISS hold them there, each uploaded once.

torch has the rows, their codes once a batch is large enough, and masks for filters and clips that are gone. FAISS,
where its build drives the device, answers unfiltered queries if that is faster, which the first queries decide.
Letters: Q queries, N gallery clips, P dimensions.
"""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings
from umurl_search.index import device_memory
from umurl_search.index.bounded_codes import BoundedCode, encode, pays
from umurl_search.index.exact_knn import Proposals, Proposer
from umurl_search.index.faiss_gpu import MOST_PROPOSED, GpuVectors, flat_on_gpus
from umurl_search.index.faiss_library import n_gpus
from umurl_search.index.float32_products import whole_float32

FEW = 16
"""Queries up to which FAISS may answer: of more, products over few axes are made."""
_CODES = 2
"""Times the rows' memory, more than their codes take."""
_TIMED = 3
_COMPARED_AT = 2
"""The query at which FAISS is tried: who asks once does not wait for a second copy."""
Mask = NDArray[np.bool_]
Blocks = Callable[[], Iterator[Embeddings]]
"""Gives the vectors (n, P), block after block; may be asked more than once."""


class DeviceVectors:
    """What proposes neighbours among N unit vectors of P dimensions on a device. Safe from several threads.

    rows: (N, P) there, None where only FAISS has room, over several GPUs.
    """

    def __init__(
        self, blocks: Blocks, *, rows: torch.Tensor | None, faiss: GpuVectors | None = None, may_try: bool
    ) -> None:
        self.rows, self._faiss, self._blocks = rows, faiss, blocks
        self._untried, self._lock, self._asked = may_try, threading.Lock(), 0
        self._codes: BoundedCode | None = None
        self._coded = False
        self._mask: tuple[Mask, torch.Tensor] | None = None
        self.seconds: dict[str, float] = {}

    @property
    def searched_by(self) -> str:
        """Which library answers a query of all rows."""
        return "torch" if self._faiss is None else "faiss"

    def serves(self, fetch: int, among: Mask | None) -> bool:
        """Whether so many can be proposed of those: where torch has no room, FAISS leaves some to the CPU."""
        return self.rows is not None or (among is None and fetch <= MOST_PROPOSED)

    def propose(self, points: Embeddings, fetch: int, *, among: Mask | None = None) -> Proposals:
        """points: (Q, P) unit vectors. among: (N,) who may be proposed."""
        if among is None and fetch <= MOST_PROPOSED and (len(points) <= FEW or self.rows is None):
            self._try_faiss(points, fetch)
            if self._faiss is not None:
                return self._faiss.propose(points, fetch)
        return self._propose_by_torch(points, fetch, among)

    @whole_float32()
    def _propose_by_torch(self, points: Embeddings, fetch: int, among: Mask | None) -> Proposals:
        assert self.rows is not None
        allowed = None if among is None else self._upload_mask(among)
        proposer = Proposer(self._codes_for(len(points)))
        return proposer.propose_for(points, allowed=allowed)(np.arange(len(points)), fetch)

    def _codes_for(self, n_queries: int) -> BoundedCode:
        """The rows as they are for few queries; from the first batch on that is worth it, their codes."""
        assert self.rows is not None
        n, p = self.rows.shape
        with self._lock:
            wanted = n_queries if pays(n, p, n_queries) and not self._coded else 0
            if wanted and device_memory.fits(_CODES * 4 * n * p, self.rows.device):
                self._coded = True  # once: where it does not pay, it does not the next time
                self._codes = encode(self.rows, n_queries=wanted, device=self.rows.device)
            if self._codes is None:
                self._codes = encode(self.rows, n_queries=0, device=self.rows.device)
            return self._codes

    def _upload_mask(self, among: Mask) -> torch.Tensor:
        """(N,) on the device; the last one is kept: clips that are gone stay so."""
        assert self.rows is not None
        last = self._mask
        if last is None or not np.array_equal(last[0], among):
            kept = among.copy()
            self._mask = last = (kept, torch.from_numpy(kept).to(self.rows.device))
        return last[1]

    def _try_faiss(self, points: Embeddings, fetch: int) -> None:
        """Whether FAISS is the faster of the two, measured by a query as they come."""
        if not self._untried:
            return
        with self._lock:
            self._asked += 1
            if self._asked < _COMPARED_AT or not self._untried or self.rows is None:
                return
            self._untried = False
            (n, p), device = self.rows.shape, self.rows.device
            there = flat_on_gpus(self._blocks(), n=n, p=p, device=device)
        if there is None:
            return
        ways = {
            "torch": lambda: self._propose_by_torch(points, fetch, None),
            "faiss": lambda: there.propose(points, fetch),
        }
        try:
            self.seconds = {name: _least_seconds(ways[name]) for name in ways}
        except RuntimeError:  # no memory to search with: torch goes on
            return
        self._faiss = there if self.seconds["faiss"] < self.seconds["torch"] else None


def _least_seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMED):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def hold(
    blocks: Blocks, *, n: int, p: int, device: torch.device, by_faiss: bool = True
) -> DeviceVectors | None:
    """Unit vectors (N, P) on the device; None on a CPU, and where memory does not suffice for torch nor FAISS."""
    if not device_memory.holds_galleries(device):
        return None
    may_try = by_faiss and n_gpus() > 0
    rows = device_memory.upload(blocks(), n=n, p=p, device=device)
    if rows is not None:
        return DeviceVectors(blocks, rows=rows, may_try=may_try)
    faiss = flat_on_gpus(blocks(), n=n, p=p, device=device) if may_try else None
    return None if faiss is None else DeviceVectors(blocks, rows=None, faiss=faiss, may_try=False)
