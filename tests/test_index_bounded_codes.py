"""Codes along the leading axes: their bounds hold for every clip, however the gallery lies."""

import numpy as np
import pytest
import torch

from umurl_search.index import bounded_codes
from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.exact_knn import CPU


def test_a_steep_spectrum_is_searched_exactly() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 256)) * np.exp(-np.arange(256) / 8) + 1
    gallery = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    coded = bounded_codes.encode(gallery, n_queries=10**6, device=torch.device("cpu"))
    assert coded.mean is not None
    points = gallery[:50]
    asked = coded.ask(points)
    assert asked.fine is not None
    assert coded.fine is not None
    for queries, held in ((asked.coarse, coded.coarse), (asked.fine, coded.fine)):
        bound = (queries @ held.T).double().numpy() + asked.above.numpy()[:, None]
        assert (bound + 1e-9 >= points.astype(np.float64) @ gallery.T.astype(np.float64)).all()


def test_queries_in_blocks_are_coded_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    rng = np.random.default_rng(0)
    rows = LinearMap()((rng.normal(size=(300, 64)) * np.exp(-np.arange(64) / 4) + 0.3).astype(np.float32))
    coded = bounded_codes.encode(rows, n_queries=1, device=CPU)
    whole = coded.ask(rows[:40])
    monkeypatch.setattr(bounded_codes, "_ASKED_BLOCK", 16)
    in_blocks = coded.ask(rows[:40])
    assert whole.fine is not None
    assert in_blocks.fine is not None
    torch.testing.assert_close(in_blocks.coarse, whole.coarse)
    torch.testing.assert_close(in_blocks.fine, whole.fine)
    np.testing.assert_allclose(in_blocks.above, whole.above, rtol=1e-6)


@pytest.mark.parametrize("p", [64, 512, 1024])
def test_the_length_outside_the_axes_is_never_too_short(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    """Rows nearly within the axes, most of them along one of equal numbers, so that sums are rounded to one side."""
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    rng = np.random.default_rng(p)
    axes = np.linalg.qr(np.c_[np.ones(p), rng.normal(size=(p, 7))])[0].T
    rows = np.c_[rng.choice([-3.0, 3.0], 4000), 0.3 * rng.normal(size=(4000, 7))] @ axes
    noise = 10 ** rng.uniform(-6, -3, (4000, 1)) * rng.normal(size=rows.shape)
    coded = bounded_codes.encode(LinearMap()((rows + noise).astype(np.float32)), n_queries=1, device=CPU)
    assert coded.axes is not None
    assert coded.mean is not None
    centred = torch.from_numpy(LinearMap()((rows + noise).astype(np.float32))) - coded.mean
    exact = centred.double()
    basis = torch.linalg.qr(coded.axes.double())[0]
    outside = (exact - exact @ basis @ basis.T).norm(dim=1)
    assert bool((bounded_codes._bound_outside(centred, centred @ coded.axes) >= outside).all())


@pytest.mark.parametrize("seed", range(1, 20, 2))
def test_a_bound_holds_where_the_query_lies_outside_the_axes_and_the_gallery_within(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Rows along one axis, four of five a little along the query's own, which no row shows that the axes are made from:
    an error of 1e-6 in a squared length is one of 1e-3 in the length."""
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    rng = np.random.default_rng(seed)
    n, p = 5 * bounded_codes._SAMPLE, 128
    axis, query = np.linalg.qr(rng.normal(size=(p, 2)))[0].T
    rows = rng.choice([-1.0, 1.0], (n, 1)) * axis + 7e-6 * rng.normal(size=(n, p))
    seen = np.arange(n) % 5 == 0
    rows[~seen] += (
        1e-3 * rng.choice([-1, 1], ((~seen).sum(), 1)) * rng.uniform(1, 1.8, ((~seen).sum(), 1))
    ) * query
    gallery, asking = LinearMap()(rows.astype(np.float32)), LinearMap()(query[None].astype(np.float32))
    coded = bounded_codes.encode(gallery, n_queries=1, device=CPU)
    assert coded.fine is not None
    asked = coded.ask(asking)
    assert asked.fine is not None
    true = asking.astype(np.float64) @ gallery.astype(np.float64).T
    for one, held in ((asked.coarse, coded.coarse), (asked.fine, coded.fine)):
        assert ((one @ held.T).double().numpy() + asked.above.numpy()[:, None] >= true).all()
