"""FAISS on GPUs: what is cloned there, what is not, and what is never asked of it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from galleries import cluster_rows
from gpu_faiss import GpuMachine

from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.faiss_gpu import MOST_PROPOSED, flat_on_gpus, lists_on_gpu
from umurl_search.index.faiss_kinds import EXACT, KINDS, make
from umurl_search.index.faiss_library import faiss_module
from umurl_search.index.index import Index
from umurl_search.index.kind_names import Kind

CPU = torch.device("cpu")
ROWS = LinearMap()(cluster_rows(300, seed=1))


def test_what_lies_there_has_the_attributes_of_a_gpu_index(gpu_machine: GpuMachine) -> None:
    held = flat_on_gpus([ROWS[:100], ROWS[100:]], n=300, p=12, device=CPU)
    assert held is not None
    assert not hasattr(held.index, "code_size")
    found = held.propose(ROWS[:4], 9)
    true = ROWS[:4].astype(np.float64) @ ROWS.T.astype(np.float64)
    np.put_along_axis(true, found.rows, -2, axis=1)
    assert (true.max(axis=1) <= found.bound).all()


def test_more_than_2048_are_refused_before_faiss_is_asked(gpu_machine: GpuMachine) -> None:
    held = flat_on_gpus([ROWS], n=300, p=12, device=CPU)
    assert held is not None
    with pytest.raises(ValueError, match="FAISS proposes 2048 rows on a GPU, not 2049"):
        held.propose(ROWS[:1], MOST_PROPOSED + 1)
    assert gpu_machine.searched == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in EXACT])
def test_kinds_that_faiss_does_not_have_there_stay_on_the_cpu(
    every: dict[tuple[str, str], Index], gpu_machine: GpuMachine, kind: Kind
) -> None:
    part = Index(every[kind, "none"].folder).parts[0]
    assert (part.lists_on_device(CPU, centred=False) is not None) == KINDS[kind].on_gpu == (kind == "ivf-sq8")
    clones = faiss_module().index_cpu_to_gpu
    if not KINDS[kind].on_gpu:
        with pytest.raises(RuntimeError, match="not implemented on GPU"):
            clones(None, 0, part.vectors(centred=False).index)


def test_a_build_with_cuvs_searches_as_one_without(
    every: dict[tuple[str, str], Index], gpu_machine: GpuMachine
) -> None:
    gpu_machine.cuvs = True
    part = Index(every["ivf-sq8", "none"].folder).parts[0]
    assert part.lists_on_device(CPU, centred=False) is not None


@pytest.mark.parametrize("free", [0, 2**28 + 4 * 300 * 12])
def test_memory_is_asked_before_anything_is_cloned(gpu_machine: GpuMachine, free: int) -> None:
    gpu_machine.free = free
    assert flat_on_gpus([ROWS], n=300, p=12, device=CPU) is None
    lists = make("ivf-sq8", lambda: iter([ROWS]), n=300, p=12)
    gpu_machine.free = min(free, 2**28)
    assert lists_on_gpu(lists.index, CPU) is None
    assert (gpu_machine.opened, gpu_machine.cloned) == ([], [])


def test_without_memory_after_all_it_stays(gpu_machine: GpuMachine) -> None:
    gpu_machine.alloc_fails = True
    assert flat_on_gpus([ROWS], n=300, p=12, device=CPU) is None


def test_a_numbered_device_is_the_only_one_used(gpu_machine: GpuMachine) -> None:
    gpu_machine.n_gpus = 3
    shared = flat_on_gpus([ROWS], n=300, p=12, device=CPU)
    alone = flat_on_gpus([ROWS], n=300, p=12, device=torch.device("cuda", 2))
    assert shared is not None
    assert alone is not None
    assert [len(shared.gpus), [gpu.number for gpu in alone.gpus]] == [3, [2]]
    assert flat_on_gpus([ROWS], n=300, p=12, device=torch.device("cuda", 7)) is None
    for one in (shared, alone):
        assert sorted(one.propose(ROWS[:1], 300).rows[0].tolist()) == list(range(300))


def test_one_thread_at_a_time_is_in_faiss(gpu_machine: GpuMachine) -> None:
    held = flat_on_gpus([ROWS], n=300, p=12, device=CPU)
    assert held is not None
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: held.propose(ROWS[i : i + 1], 3).rows.shape, range(60)))
    assert found == [(1, 3)] * 60


def test_a_cpu_build_has_none() -> None:
    assert flat_on_gpus([ROWS], n=300, p=12, device=torch.device("cuda")) is None
