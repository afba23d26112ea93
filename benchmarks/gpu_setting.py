"""What the rows of `gpu_all.py` are: a name, what it needs, about how long it takes, and its work."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

Clip = NDArray[np.float32]
INDEX = ("faiss", "duckdb", "platformdirs")
"""Packages that an index needs."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where, and whether with small sizes."""

    device: torch.device
    tiny: bool

    def size(self, full: int, tiny: int) -> int:
        return tiny if self.tiny else full

    @property
    def width(self) -> int:
        """Of the network: the paper's."""
        return self.size(1024, 32)

    @property
    def projection(self) -> int:
        return self.size(4096, 64)

    def wait(self) -> None:
        """Until the device has done its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds_of(self, work: Callable[[], object], *, times: int = 3) -> float:
        """The median of several."""
        taken = []
        for _ in range(1 if self.tiny else times):
            self.wait()
            begun = time.perf_counter()
            work()
            self.wait()
            taken.append(time.perf_counter() - begun)
        return statistics.median(taken)

    def forget_peak(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    @property
    def peak(self) -> str:
        """The most memory since `forget_peak`, in words."""
        if self.device.type != "cuda":
            return "peak not counted"
        return f"peak {torch.cuda.max_memory_allocated(self.device) / 2**30:.1f} GiB"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table. needs: packages beside torch, numpy and safetensors; takes_s: about, on a GPU."""

    name: str
    work: Callable[[Setting], str]
    needs: tuple[str, ...] = ()
    takes_s: float = 10


def made_clip(i: int) -> Clip:
    """A random one of NTU-60's shape: 40 to 125 frames, a fifth with two people."""
    rng = np.random.default_rng(i)
    shape = (int(rng.integers(40, 125)), 2 if i % 5 == 0 else 1, 25, 3)
    return 0.3 * rng.standard_normal(shape, dtype=np.float32)


@cache
def made_clips(n: int) -> list[Clip]:
    return [made_clip(i) for i in range(n)]


def require(same: bool, said: str) -> None:
    """Fails a check."""
    if not same:
        raise AssertionError(said)
