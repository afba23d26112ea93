"""Bridges and half-whitening against scikit-learn and the singular value decomposition."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from values_on_device import Crossings

from encoder.errors import UmurlError
from umurl_search.index import bridges_and_whitening
from umurl_search.index.bridges_and_whitening import NO_TRANSFORM, LinearMap, Maps, Transform, fit_maps

Array = NDArray[np.float32]
HALF = Transform(kind="half-whiten", dimensions=5)


def gallery(n: int, *, d: int = 12, seed: int = 0) -> dict[str, Array]:
    """Modalities that depend on one hidden state, off centre and with unequal axes."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, d)) * np.linspace(2, 0.3, d)
    made = {m: hidden @ rng.normal(size=(d, d)) + rng.normal(size=d) * 4 for m in ("joint", "bone")}
    made["fused"] = (made["joint"] + made["bone"]) / 2 + 0.05 * rng.normal(size=(n, d))
    return {m: y.astype(np.float32) for m, y in made.items()}


def unit(x: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float64)


def test_a_bridge_is_ridge_regression_of_centred_rows() -> None:
    embeddings = gallery(80)
    fitted = fit_maps(embeddings, NO_TRANSFORM)
    x, z = (embeddings[m].astype(np.float64) for m in ("joint", "fused"))
    spread = ((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()
    oracle = Ridge(alpha=0.1 * spread, solver="svd").fit(x, z)
    np.testing.assert_allclose(fitted.bridges["joint", "fused"], oracle.coef_.T, atol=1e-5)
    queries = gallery(9, seed=3)["joint"]
    got = fitted.query("joint", "fused", bridged=True)(queries)
    np.testing.assert_allclose(got, unit(oracle.predict(queries) - z.mean(axis=0)), atol=1e-5)
    across = fitted.gallery("fused", bridged=True)(embeddings["fused"])
    np.testing.assert_allclose(across, unit(z - z.mean(axis=0)), atol=1e-5)


@pytest.mark.parametrize("transform", [NO_TRANSFORM, HALF])
def test_maps_fitted_on_a_device_are_the_same_to_rounding(
    device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch, transform: Transform
) -> None:
    """Within 1e-5 of a unit vector's numbers; each modality goes up once, and nothing is left behind on the CPU."""
    where, crossings = device
    monkeypatch.setattr(bridges_and_whitening, "BLOCK", 32)
    embeddings, rows = gallery(90), np.arange(5, 85)
    here = fit_maps(embeddings, transform, rows=rows)
    crossings.clear()
    there = fit_maps(embeddings, transform, rows=rows, device=where)
    assert sum(crossings.up) == 3 * 80 * 12 * 4 + 6 * 12 * 12 * 8  # rows, and sums that begin with zeros
    for one, other, bridged in (("joint", "fused", True), ("bone", "bone", False)):
        queries, held = gallery(9, seed=3)[one], embeddings[other]
        want, got = (
            maps.query(one, other, bridged=bridged)(queries) @ maps.gallery(other, bridged=bridged)(held).T
            for maps in (here, there)
        )
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)


def test_all_pairs_unless_some_are_asked_for() -> None:
    embeddings = gallery(20)
    every = fit_maps(embeddings, NO_TRANSFORM)
    assert set(every.bridges) == {(q, g) for q in embeddings for g in embeddings if q != g}
    few = fit_maps(embeddings, HALF, pairs=[("bone", "fused")])
    assert set(few.bridges) == {("bone", "fused")}
    assert set(few.whitenings) == set(embeddings)
    np.testing.assert_array_equal(few.bridges["bone", "fused"], every.bridges["bone", "fused"])


def test_half_whitening_divides_by_the_root_of_the_singular_values() -> None:
    y = gallery(60)["fused"]
    fitted = fit_maps({"fused": y}, HALF)
    centred = y.astype(np.float64) - y.mean(axis=0, dtype=np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    want = unit(centred @ axes[:5].T / np.sqrt(singular[:5]))
    got = fitted.gallery("fused", bridged=False)(y)
    assert got.shape == (60, 5)
    np.testing.assert_allclose(got @ got.T, want @ want.T, atol=1e-5)  # signs of axes are free
    np.testing.assert_allclose(np.abs(got), np.abs(want), atol=1e-4)


def test_a_bridge_leads_into_the_whitened_gallery() -> None:
    embeddings = gallery(60)
    fitted = fit_maps(embeddings, HALF)
    queries = gallery(7, seed=2)["bone"]
    predicted = (queries - fitted.means["bone"]) @ fitted.bridges["bone", "fused"]
    want = unit(predicted @ fitted.whitenings["fused"])
    np.testing.assert_allclose(fitted.query("bone", "fused", bridged=True)(queries), want, atol=1e-5)
    assert fitted.query("bone", "fused", bridged=False).matrix is fitted.whitenings["fused"]


def test_axes_are_no_more_than_the_rank() -> None:
    few = gallery(6, d=12)["fused"]
    assert fit_maps({"fused": few}, HALF).whitenings["fused"].shape == (12, 5)
    wide = Transform(kind="half-whiten", dimensions=256)
    assert fit_maps({"fused": few}, wide).whitenings["fused"].shape == (12, 5)
    far_off = (30 + np.random.default_rng(0).normal(size=(40, 200)) / 1000).astype(np.float32)
    assert fit_maps({"fused": far_off}, wide).whitenings["fused"].shape == (200, 39)
    flat = gallery(200)["fused"]
    flat[:, 8:] = 0
    whitening = fit_maps({"fused": flat}, wide).whitenings["fused"]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    turned = fit_maps({"fused": (flat @ turn).astype(np.float32)}, wide).whitenings["fused"]
    assert whitening.shape == turned.shape == (12, 8)
    weights = np.linalg.norm(whitening, axis=0)
    assert weights.max() < 20 * weights.min()


@pytest.mark.parametrize("transform", [NO_TRANSFORM, HALF])
def test_rows_chosen_are_the_same_as_a_gallery_of_them(
    monkeypatch: pytest.MonkeyPatch, transform: Transform
) -> None:
    monkeypatch.setattr(bridges_and_whitening, "BLOCK", 7)
    embeddings = gallery(50)
    rows = np.flatnonzero(np.random.default_rng(0).random(50) < 0.6)
    chosen = fit_maps(embeddings, transform, rows=rows)
    alone = fit_maps({m: y[rows] for m, y in embeddings.items()}, transform)
    assert chosen.bridges.keys() == alone.bridges.keys()
    for have, want in ((chosen.means, alone.means), (chosen.whitenings, alone.whitenings)):
        assert have.keys() == want.keys()
        for name in have:
            np.testing.assert_array_equal(have[name], want[name])
    for pair, bridge in chosen.bridges.items():
        np.testing.assert_array_equal(bridge, alone.bridges[pair])


def test_blocks_do_not_change_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = gallery(50)
    whole = fit_maps(embeddings, NO_TRANSFORM)
    monkeypatch.setattr(bridges_and_whitening, "BLOCK", 8)
    for pair, bridge in fit_maps(embeddings, NO_TRANSFORM).bridges.items():
        np.testing.assert_allclose(bridge, whole.bridges[pair], atol=1e-5)


def test_a_fit_leaves_the_embeddings_alone() -> None:
    embeddings = gallery(20)
    before = {m: y.copy() for m, y in embeddings.items()}
    fitted = fit_maps(embeddings, HALF)
    fitted.query("joint", "fused", bridged=True)(embeddings["joint"])
    for modality, y in embeddings.items():
        np.testing.assert_array_equal(y, before[modality])


def test_a_bridge_finds_the_same_clip_in_another_modality() -> None:
    everything = gallery(300, d=24)
    train = {m: y[:240] for m, y in everything.items()}
    fitted = fit_maps(train, NO_TRANSFORM)
    queries = fitted.query("joint", "bone", bridged=True)(everything["joint"][240:])
    there = fitted.gallery("bone", bridged=True)(everything["bone"])
    found = (queries @ there.T).argmax(axis=1)
    assert float((found == np.arange(240, 300)).mean()) > 0.9
    raw = unit(everything["joint"][240:]) @ unit(everything["bone"]).T
    assert float((raw.argmax(axis=1) == np.arange(240, 300)).mean()) < 0.3


def test_without_a_bridge_or_transform_nothing_is_done_but_the_length() -> None:
    embeddings = gallery(10)
    fitted = fit_maps(embeddings, NO_TRANSFORM)
    for mapping in (
        fitted.gallery("fused", bridged=False),
        fitted.query("joint", "fused", bridged=False),
    ):
        np.testing.assert_allclose(mapping(embeddings["fused"]), unit(embeddings["fused"]), atol=1e-6)


def test_a_bridge_that_was_not_built() -> None:
    with pytest.raises(UmurlError) as error:
        Maps(transform=NO_TRANSFORM).query("joint+bone", "fused", bridged=True)
    assert error.value.typed == (
        "no bridge from joint+bone to fused in this index; build it with all modalities, or query with --no-bridge"
    )


def test_a_map_gives_rows_of_length_one_and_leaves_zero() -> None:
    y = gallery(5)["fused"]
    mean, matrix = y[0].copy(), np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    out = LinearMap(mean=mean, matrix=matrix)(y)
    assert out.dtype == np.float32
    assert out.shape == (5, 3)
    np.testing.assert_array_equal(out[0], 0)
    np.testing.assert_allclose(np.linalg.norm(out[1:], axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("transform", [NO_TRANSFORM, HALF])
@pytest.mark.parametrize("kind", ["one clip", "two clips", "all equal", "all zero"])
def test_a_poor_gallery_gives_finite_vectors(transform: Transform, kind: str) -> None:
    n = {"one clip": 1, "two clips": 2}.get(kind, 6)
    embeddings = gallery(n)
    if kind == "all equal":
        embeddings = {m: np.repeat(y[:1], n, axis=0) for m, y in embeddings.items()}
    if kind == "all zero":
        embeddings = {m: np.zeros_like(y) for m, y in embeddings.items()}
    fitted = fit_maps(embeddings, transform)
    queries = gallery(4, seed=5)["joint"]
    for bridged in (False, True):
        there = fitted.gallery("fused", bridged=bridged)(embeddings["fused"])
        asked = fitted.query("joint", "fused", bridged=bridged)(queries)
        assert there.shape[1] == asked.shape[1] >= 1
        assert np.isfinite(there).all()
        assert np.isfinite(asked).all()
        assert np.isfinite(asked @ there.T).all()


@pytest.mark.parametrize(
    ("text", "transform"),
    [
        ("none", Transform()),
        ("half-whiten", Transform(kind="half-whiten", dimensions=256)),
        ("half-whiten:128", Transform(kind="half-whiten", dimensions=128)),
    ],
)
def test_transforms(text: str, transform: Transform) -> None:
    assert Transform.parse(text) == transform
    assert Transform.parse(str(transform)) == transform


@pytest.mark.parametrize(
    "text", ["", "whiten", "none:3", "half-whiten:", "half-whiten:0", "half-whiten:-2", "half-whiten:²"]
)
def test_texts_that_are_no_transform(text: str) -> None:
    with pytest.raises(ValueError, match=r"transform is none or half-whiten\[:D\] with D a positive number"):
        Transform.parse(text)
