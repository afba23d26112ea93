"""Vectors on a device: the CPU's neighbours, whoever proposes them there; each gallery uploaded once.

The CPU stands in for the device, or one that is not there (values_on_device.py); FAISS's GPU build is gpu_faiss.py's.
"""

import itertools
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
from galleries import brute_force, cluster_rows, open_gallery
from gpu_faiss import GpuMachine
from numpy.typing import NDArray
from rooms import ROOT
from values_on_device import Crossings

from umurl_search.index import bounded_codes, device_memory, device_vectors
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.device_vectors import DeviceVectors, hold
from umurl_search.index.exact_knn import CPU
from umurl_search.index.faiss_kinds import EXACT, KINDS
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import Index
from umurl_search.index.kind_names import Kind

Array = NDArray[np.float32]
N = 460


@pytest.fixture(params=["torch", "faiss"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, gpu_machine: GpuMachine) -> str:
    """Which of the two was the faster when they were compared, at the first query."""
    times = itertools.cycle([1.0, 2.0] if request.param == "torch" else [2.0, 1.0])
    monkeypatch.setattr(device_vectors, "_least_seconds", lambda work: (work(), next(times))[1])
    monkeypatch.setattr(device_vectors, "_COMPARED_AT", 1)
    return str(request.param)


def anew(whole: Index, gone: frozenset[int] = frozenset()) -> Index:
    """The same index, nothing of it on a device yet."""
    return Index(whole.folder, whole.added, gone)


@pytest.mark.parametrize("transform", ["none", "half-whiten:6"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_filters_and_ties_are_as_by_brute_force(
    every: dict[tuple[str, str], Index], way: str, kind: Kind, transform: str
) -> None:
    whole, rng = every[kind, transform], np.random.default_rng(1)
    gone = frozenset(rng.choice(whole.every_id, 90, replace=False).tolist())
    for index, n_asked in ((anew(whole), 1), (anew(whole, gone), 3), (anew(whole, gone), 20)):
        view, query = open_gallery(index)
        vectors = view.mapping(np.asarray(index.embeddings("fused")))
        points, n = query(cluster_rows(n_asked, seed=n_asked)), len(vectors)
        points[0] = vectors[3]  # of which there are copies
        for k, among in itertools.product(
            (1, 9, n if n_asked == 1 else 30), (None, np.arange(0, n, 3), np.arange(2))
        ):
            found = view.search(points, k, among=among)
            if kind not in EXACT and among is None and k < n:
                continue
            for point, rows in zip(points, found.rows, strict=True):
                want = brute_force(vectors, point, k, np.arange(n) if among is None else among)
                assert rows.tolist() == want + [-1] * (k - len(want))


@pytest.mark.parametrize("kind", EXACT)
def test_scores_are_the_cpus_to_the_bit(
    every: dict[tuple[str, str], Index], way: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, query = open_gallery(anew(every[kind, "none"]))
    points = query(cluster_rows(6, seed=4))
    there = view.search(points, 12)
    monkeypatch.setattr(device_memory, "holds_galleries", lambda device: False)
    here = view.search(points, 12)
    assert np.array_equal(there.rows, here.rows)
    assert np.array_equal(there.scores, here.scores)
    assert view.searched_by == "faiss on cpu"


def test_which_library_answers_is_measured_and_told(
    every: dict[tuple[str, str], Index], way: str, gpu_machine: GpuMachine
) -> None:
    view, query = open_gallery(anew(every["flat16", "none"]))
    points = query(cluster_rows(3, seed=2))
    view.search(points, 5)
    assert view.searched_by == f"{way} on cpu"
    before = gpu_machine.searched
    view.search(points, 5)
    assert (gpu_machine.searched > before) == (way == "faiss")
    assert gpu_machine.cloned == ["IndexFlatIP"] * 2  # the two parts, in float32 though half lies on disk


def test_who_asks_once_does_not_wait_for_faiss(
    every: dict[tuple[str, str], Index], gpu_machine: GpuMachine
) -> None:
    view, query = open_gallery(anew(every["flat", "none"]))
    points = query(cluster_rows(1, seed=2))
    view.search(points, 5)
    assert gpu_machine.cloned == []
    view.search(points, 5)
    assert len(gpu_machine.cloned) == 2


def test_more_than_faiss_finds_there_are_found(gpu_machine: GpuMachine, way: str) -> None:
    rows = LinearMap()(np.random.default_rng(0).normal(size=(5000, 8)).astype(np.float32))
    held = hold(lambda: iter([rows]), n=5000, p=8, device=CPU)
    assert held is not None
    best = np.argsort(-(rows[7].astype(np.float64) @ rows.T.astype(np.float64)))
    for fetch in (2048, 2049, 5000):
        found = held.propose(rows[7:8], fetch)
        assert set(best[: fetch // 2].tolist()) <= set(found.rows[0].tolist())


def test_several_threads_ask_at_once(every: dict[tuple[str, str], Index], way: str) -> None:
    index = anew(every["flat16", "none"])
    view, query = open_gallery(index)
    points = query(cluster_rows(8, seed=3))
    want = [
        brute_force(view.mapping(np.asarray(index.embeddings("fused"))), p, 5, np.arange(N)) for p in points
    ]
    failed: list[object] = []

    def ask() -> None:
        try:
            for point, rows in zip(points, want, strict=True):
                if view.search(point[None], 5).rows[0].tolist() != rows:
                    failed.append(rows)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_device_is_opened_once_whatever_lies_there(
    every: dict[tuple[str, str], Index], way: str, gpu_machine: GpuMachine
) -> None:
    for kind in ("flat", "sq8", "ivf-sq8"):
        view, query = open_gallery(anew(every[kind, "none"]))
        view.search(query(cluster_rows(2, seed=1)), 3)
    assert len(gpu_machine.opened) == 1
    assert "IndexIVFScalarQuantizer" in gpu_machine.cloned


@pytest.mark.parametrize("free", [0, 30_000])
def test_without_room_the_cpu_answers_or_blocks_do(
    every: dict[tuple[str, str], Index], gpu_machine: GpuMachine, free: int
) -> None:
    gpu_machine.free = free
    index = anew(every["flat16", "none"])
    view, query = open_gallery(index)
    vectors = view.mapping(np.asarray(index.embeddings("fused")))
    for n_asked, among in itertools.product((1, 30), (None, np.arange(0, N, 2))):
        points = query(cluster_rows(n_asked, seed=8))
        found = view.search(points, 7, among=among)
        for point, rows in zip(points, found.rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, 7, np.arange(N) if among is None else among)


def test_several_devices_hold_what_one_cannot(
    every: dict[tuple[str, str], Index], gpu_machine: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch has one device; FAISS shares the rows out. Filters are left to the CPU then."""
    gpu_machine.n_gpus = 4
    monkeypatch.setattr(device_memory, "upload", lambda *given, **how: None)
    index = anew(every["flat16", "none"])
    view, query = open_gallery(index)
    vectors, points = view.mapping(np.asarray(index.embeddings("fused"))), query(cluster_rows(5, seed=1))
    for k, among in ((4, None), (4, np.arange(0, N, 2)), (N, None)):
        for point, rows in zip(points, view.search(points, k, among=among).rows, strict=True):
            assert rows.tolist() == brute_force(vectors, point, k, np.arange(N) if among is None else among)
    assert view.searched_by == "faiss on cpu"
    assert len(gpu_machine.opened) == 4
    assert gpu_machine.searched >= 4


def test_faiss_without_memory_leaves_the_rows_to_torch(
    every: dict[tuple[str, str], Index], way: str, gpu_machine: GpuMachine
) -> None:
    for fails in ("alloc_fails", "search_fails"):
        setattr(gpu_machine, fails, True)
        view, query = open_gallery(anew(every["flat", "none"]))
        for _ in range(2):
            assert (view.search(query(cluster_rows(2, seed=1)), 3).rows >= 0).all()
        assert (view.searched_by, gpu_machine.searched) == ("torch on cpu", 0)
        setattr(gpu_machine, fails, False)


def test_another_modalitys_gallery_lies_there_too(
    every: dict[tuple[str, str], Index], holding: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = every["flat", "none"]
    index = anew(whole, frozenset(whole.every_id[::3].tolist()))
    view = Gallery(index=index, against="joint", mapping=LinearMap(), centred=False)
    vectors, points = LinearMap()(np.asarray(index.embeddings("joint"))), LinearMap()(cluster_rows(6, seed=5))
    n, uploaded = len(vectors), list[int]()
    upload = device_memory.upload

    def count(*given: Any, **how: Any) -> object:
        uploaded.append(1)
        return upload(*given, **how)

    monkeypatch.setattr(device_memory, "upload", count)
    for among in (None, np.arange(40, n, 7), np.array([n - 1]), np.zeros(0, dtype=np.int64)):
        found = view.search(points, 4, among=among)
        for point, rows in zip(points, found.rows, strict=True):
            want = brute_force(vectors, point, 4, np.arange(n) if among is None else among)
            assert rows.tolist() == want + [-1] * (4 - len(want))
    assert uploaded == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_search_on_a_device_that_is_not_there(
    every: dict[tuple[str, str], Index],
    device: tuple[torch.device, Crossings],
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
) -> None:
    """torch there and FAISS on the CPU, the commonest of all; the gallery goes up once, and nothing stays behind."""
    monkeypatch.setattr(device_memory, "free_bytes", lambda device: 2**30)
    where, crossings = device
    whole = every[kind, "none"]
    index = anew(whole, frozenset(whole.every_id[::5].tolist()))
    for against in ("fused", "joint"):
        view = Gallery(index=index, against=against, mapping=LinearMap(), centred=False, device=where)
        vectors = LinearMap()(np.asarray(index.embeddings(against)))
        points, n = LinearMap()(cluster_rows(20, seed=7)), len(vectors)
        crossings.clear()
        for n_asked, among in itertools.product((1, 20), (np.arange(0, n, 2), np.arange(n))):
            for _ in range(2):
                found = view.search(points[:n_asked], 6, among=among)
            for point, rows in zip(points, found.rows, strict=False):
                assert rows.tolist() == brute_force(vectors, point, 6, among)
        blocks = [size for size in crossings.up if size % 48 == 0 and size > 20 * 48]
        assert sum(blocks) == 48 * (len(index.every_id) if against == "fused" else n)
        view.search(points[:3], 6)
        assert view.searched_by == (
            "faiss on cpu" if kind not in EXACT and against == "fused" else f"torch on {where}"
        )


@pytest.mark.slow
def test_the_benchmark_runs_with_torch_numpy_and_safetensors_alone() -> None:
    program = (
        "import sys, runpy; sys.modules.update(dict.fromkeys(['faiss', 'duckdb', 'rich', 'sklearn', 'typer']))\n"
        "sys.path.insert(0, 'benchmarks'); sys.argv = ['bench', '--device', 'cpu', '--tiny']\n"
        "runpy.run_path('benchmarks/bench_search_gpu.py', run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("64 of 64 the CPU's ten") == 4
    assert "2048 of 2048 as on the CPU" in ran.stdout


@pytest.fixture
def held(
    holding: GpuMachine, device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch
) -> tuple[DeviceVectors, Array, Crossings]:
    """3,000 rows on a device that is not there, coded from the second query on."""
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 3000 * 64 * 2)
    rng = np.random.default_rng(0)
    rows = LinearMap()((rng.normal(size=(3000, 64)) * np.exp(-np.arange(64) / 6) + 0.3).astype(np.float32))
    where, crossings = device
    there = hold(lambda: iter([rows[:2000], rows[2000:]]), n=3000, p=64, device=where)
    assert there is not None
    return there, rows, crossings


def test_a_query_uploads_itself_and_asks_once(held: tuple[DeviceVectors, Array, Crossings]) -> None:
    """Nothing of the gallery goes up again, the host waits for the answer only, nothing is left on the CPU."""
    there, rows, crossings = held
    passing = np.arange(3000) % 2 == 0
    there.propose(rows[:1], 20, among=passing)
    for among in (None, passing):
        there.propose(rows[:1], 20, among=among)
        crossings.clear()
        found = there.propose(rows[:1], 20, among=among)
        assert found.rows[0, 0] == 0
        assert sorted(crossings.up) == [8, 64 * 4]  # the query, and that it is the one that asks
        assert len(crossings.down) == 2  # rows and bound
        assert crossings.asked == 0


def test_a_batch_uploads_itself_too_once_the_gallery_is_coded(
    held: tuple[DeviceVectors, Array, Crossings],
) -> None:
    there, rows, crossings = held
    there.propose(rows[:30], 20)
    assert there._codes is not None
    assert there._codes.fine is not None
    crossings.clear()
    found = there.propose(rows[:30], 20)
    true = rows[:30].astype(np.float64) @ rows.T.astype(np.float64)
    np.put_along_axis(true, found.rows, -2, axis=1)
    assert (true.max(axis=1) <= found.bound).all()
    assert (sum(crossings.up), crossings.asked) == (30 * (64 * 4 + 8), 0)


def test_measured_seconds_are_kept(gpu_machine: GpuMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_vectors, "_COMPARED_AT", 1)
    rows = LinearMap()(cluster_rows(50, seed=1))
    held = hold(lambda: iter([rows]), n=50, p=12, device=CPU)
    assert held is not None
    held.propose(rows[:1], 5)
    assert set(held.seconds) == {"torch", "faiss"}
    assert held.searched_by == min(held.seconds, key=lambda name: held.seconds[name])
