"""What lies on a device: never more than its memory takes, and nothing on a CPU."""

import numpy as np
import pytest
import torch
from gpu_faiss import GpuMachine

from umurl_search.index import device_memory
from umurl_search.index.device_memory import count_fitting_rows, free_bytes, holds_galleries, upload

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


def test_a_cpu_holds_no_galleries() -> None:
    assert not holds_galleries(CPU)
    assert holds_galleries(GPU)
    assert count_fitting_rows(10**9, 2048, CPU) == 10**9


def test_memory_that_torch_keeps_unused_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 300)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    assert free_bytes(GPU) == 1200


def test_rows_are_uploaded_where_there_is_room(holding: GpuMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(60, dtype=np.float32).reshape(20, 3)
    rows.flags.writeable = False
    blocks = [rows[:7], rows[7:]]
    held = upload(blocks, n=20, p=3, device=CPU)
    assert held is not None
    assert held.tolist() == rows.tolist()
    holding.free = 299
    assert upload(blocks, n=20, p=3, device=CPU) is None
    holding.free = 300
    assert upload(blocks, n=20, p=3, device=CPU) is not None

    def refuse(*given: object, **how: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "empty", refuse)
    assert upload(blocks, n=20, p=3, device=CPU) is None


def test_blocks_are_as_large_as_fits_with_their_codes(holding: GpuMachine) -> None:
    holding.free = 4 * 64 * 10_000
    fitting = count_fitting_rows(10**6, 64, CPU)
    assert fitting == int(0.8 * 10_000 / device_memory._WITH_CODES)
    assert count_fitting_rows(1500, 64, CPU) == 1500
