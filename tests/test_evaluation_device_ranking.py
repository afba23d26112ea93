"""Galleries ranked on a device: the host's ranks, ties and clips that are left out included."""

import numpy as np
import pytest
import torch
from gpu_faiss import GpuMachine
from values_on_device import Crossings

from umurl_search.evaluation import device_ranking
from umurl_search.evaluation.device_ranking import rank_on_device, ranks_there
from umurl_search.evaluation.metrics import rank_gallery
from umurl_search.index import device_memory
from umurl_search.index.exact_knn import Groups
from umurl_search.progress import no_advance

CPU = torch.device("cpu")


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_ranks_are_the_hosts(
    device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch, grouped: bool, in_blocks: bool
) -> None:
    """Nothing is left behind on the CPU, and the host waits for a block's figures only."""
    where, crossings = device
    if in_blocks:
        monkeypatch.setattr(device_ranking, "_BLOCK_BYTES", 48 * 70 * 4)
    rng = np.random.default_rng(0)
    gallery = rng.integers(-1, 2, (70, 4)).astype(np.float32)  # small numbers: products have no rounding
    queries = rng.integers(-1, 2, (13, 4)).astype(np.float32)
    labels, wanted = rng.integers(0, 5, 70), rng.integers(0, 6, 13)  # of 5 there is none
    groups: Groups = (rng.integers(-1, 4, 70), rng.integers(-1, 4, 13)) if grouped else None
    allowed = None
    if groups is not None:
        allowed = (groups[1][:, None] < 0) | (groups[1][:, None] != groups[0])
    want = rank_gallery(queries @ gallery.T, wanted[:, None] == labels, allowed)
    got = rank_on_device(gallery, labels, queries, wanted, groups, device=where, advance=no_advance)
    assert np.array_equal(got.first_rank, want.first_rank)
    assert np.array_equal(got.n_relevant, want.n_relevant)
    np.testing.assert_allclose(got.average_precision, want.average_precision, rtol=1e-12, equal_nan=True)
    assert crossings.asked == 0
    assert len(crossings.down) == (4 if in_blocks else 1)


def test_a_gallery_is_ranked_where_it_lies_whole(
    holding: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ranks_there(5000, 64, CPU)
    holding.free = 4 * 5000 * 64
    assert not ranks_there(5000, 64, CPU)
    monkeypatch.setattr(device_memory, "holds_galleries", lambda device: False)
    assert not ranks_there(5, 64, CPU)
