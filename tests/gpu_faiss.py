"""FAISS as its GPU build is, without a GPU: the same attributes, limits and refusals, answers of the CPU's indexes.

What the GPU build has not, the stand-ins have not either: an index on a GPU has no `code_size`, finds 2,048 rows at
most, and is in the hands of one thread at a time. A selector is refused, though the plain wheel ignores it: nobody may
pass one.
"""

import sys
import threading
import time
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
import pytest

from umurl_search.index import device_memory, faiss_gpu

CLONABLE = (faiss.IndexFlat, faiss.IndexIVFFlat, faiss.IndexIVFScalarQuantizer, faiss.IndexIVFPQ)
MOST = 2048


@dataclass
class GpuMachine:
    """Devices that are not there.

    free: bytes of each; alloc_fails: whether FAISS finds no memory though some is free, search_fails: or
    not when it searches; cuvs: whether the build takes
    cuVS unless told otherwise, which has no lists of bytes. opened: resources made; cloned: types of indexes that were
    brought there; searched: how often they were asked.
    """

    n_gpus: int = 1
    free: int = 2**40
    alloc_fails: bool = False
    search_fails: bool = False
    cuvs: bool = False
    opened: list[int] = field(default_factory=list)
    cloned: list[str] = field(default_factory=list)
    searched: int = 0


class GpuIndex:
    """What FAISS gives for an index on a GPU: few attributes, `code_size` none of them. half: it holds half precision,
    and rounds the queries too."""

    __slots__ = ("_cpu", "_half", "_in", "_machine", "d", "is_trained", "metric_type", "ntotal")

    def __init__(self, machine: GpuMachine, cpu: Any, *, half: bool) -> None:
        self._machine, self._cpu, self._half, self._in = machine, cpu, half, threading.Lock()
        self.d, self.ntotal, self.metric_type, self.is_trained = cpu.d, cpu.ntotal, cpu.metric_type, True

    def search(self, x: Any, k: int, *, params: Any = None, D: Any = None, I: Any = None) -> Any:  # noqa: E741
        if self._machine.search_fails:
            raise RuntimeError(
                "StandardGpuResources: alloc fail type TemporaryMemoryOverflow (out of memory [2])"
            )
        if not self._in.acquire(blocking=False):
            raise RuntimeError("two threads use one device's resources")
        try:
            self._machine.searched += 1
            time.sleep(0.001)  # a second thread would be met
            if k > MOST:
                raise RuntimeError(
                    f"GPU index only supports min/max-K selection up to {MOST} (requested {k})"
                )
            if params is not None and getattr(params, "sel", None) is not None:
                raise RuntimeError("a selector: the plain wheel would ignore it")
            if params is not None and not isinstance(params, faiss.SearchParametersIVF):
                raise RuntimeError("GPU index does not support passed SearchParameters type")
            x = x.astype(np.float16).astype(np.float32) if self._half else x
            return self._cpu.search(x, k, params=params)
        finally:
            self._in.release()


class ShardedIndex:
    """Rows one after the other on several devices."""

    def __init__(self, shards: Sequence[GpuIndex]) -> None:
        self._shards, self.ntotal = shards, sum(shard.ntotal for shard in shards)

    def search(self, x: Any, k: int, *, params: Any = None, D: Any = None, I: Any = None) -> Any:  # noqa: E741
        if params is not None:
            raise RuntimeError("search params not supported for this index")
        first, found = 0, []
        for shard in self._shards:
            scores, rows = shard.search(x, k)
            found.append((scores, np.where(rows >= 0, rows + first, -1)))
            first += shard.ntotal
        scores, rows = (np.concatenate(side, axis=1) for side in zip(*found, strict=True))
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


class GpuBuild(types.ModuleType):
    """The faiss module of a GPU build."""

    def __init__(self, machine: GpuMachine) -> None:
        super().__init__("faiss")
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(faiss, name)

    @property
    def use_cuvs(self) -> bool:
        return self._machine.cuvs

    def get_num_gpus(self) -> int:
        return self._machine.n_gpus

    def StandardGpuResources(self) -> Any:
        self._machine.opened.append(len(self._machine.opened))
        return types.SimpleNamespace(setTempMemory=lambda n_bytes: None)

    def GpuMultipleClonerOptions(self) -> Any:
        return types.SimpleNamespace(shard=False, use_cuvs=self._machine.cuvs)

    def index_cpu_to_gpu(self, resources: Any, device: int, index: Any, options: Any = None) -> GpuIndex:
        half = (
            isinstance(index, faiss.IndexScalarQuantizer) and index.sq.qtype == faiss.ScalarQuantizer.QT_fp16
        )
        if not isinstance(index, CLONABLE) and not half:
            raise RuntimeError(
                "Error in clone_Index at GpuCloner.cpp: This index type is not implemented on GPU."
            )
        if isinstance(index, faiss.IndexIVFScalarQuantizer) and (options or self).use_cuvs:
            raise RuntimeError("this type of index is not implemented for cuVS")
        if self._machine.alloc_fails:
            raise RuntimeError("StandardGpuResources: alloc fail (cudaMalloc error out of memory [2])")
        assert 0 <= device < self._machine.n_gpus
        self._machine.cloned.append(type(index).__name__)
        return GpuIndex(self._machine, faiss.clone_index(index), half=half)

    def index_cpu_to_gpu_multiple_py(
        self, resources: Sequence[Any], index: Any, co: Any = None, gpus: Sequence[int] | None = None
    ) -> ShardedIndex:
        assert co.shard, "each device would have a copy of all"
        assert len(resources) == len(gpus or ())
        ends = np.linspace(0, index.ntotal, len(resources) + 1).astype(int).tolist()
        shards = []
        for number, first, end in zip(gpus or (), ends, ends[1:], strict=False):
            part = faiss.IndexFlatIP(index.d)
            part.add(index.reconstruct_n(first, end - first))
            shards.append(self.index_cpu_to_gpu(resources[0], number, part, co))
        return ShardedIndex(shards)


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> GpuMachine:
    """A machine whose CPU is treated as a device that holds galleries; FAISS is the CPU's."""
    machine = GpuMachine()
    monkeypatch.setattr(device_memory, "holds_galleries", lambda device: True)
    monkeypatch.setattr(device_memory, "free_bytes", lambda device: machine.free)
    return machine


@pytest.fixture
def gpu_machine(holding: GpuMachine, monkeypatch: pytest.MonkeyPatch) -> GpuMachine:
    """The same, with a GPU build of FAISS."""
    monkeypatch.setitem(sys.modules, "faiss", GpuBuild(holding))
    monkeypatch.setattr(faiss_gpu, "_opened", {})
    return holding
