"""Bridges from other layouts: fitted on a gallery brought down to them, kept beside the index."""

from pathlib import Path

import numpy as np
import pytest

from umurl_search.clips.degrade import Degrading, degrade
from umurl_search.clips.normalization import normalise
from umurl_search.index import layout_bridges
from umurl_search.index.layout_bridges import (
    LayoutBridge,
    asked_modalities,
    bring_down,
    fit_layout_bridge,
    needs_bridge,
    place_of,
    read_bridge,
    spread,
    write_bridge,
)
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher

COCO = Degrading(layout="coco-17", views=20)


def fit(library: Library, how: Degrading = COCO, *, modality: str = "fused") -> tuple[Searcher, LayoutBridge]:
    searcher = Searcher(library, "mine@e", device="cpu")
    rows = np.arange(len(searcher.index.ids))
    bridge = fit_layout_bridge(
        searcher.index,
        open_clips(library, "mine"),
        searcher.model,
        how,
        modality=modality,
        against="fused",
        rows=rows,
        places=rows,
        device="cpu",
    )
    return searcher, bridge


@pytest.mark.parametrize("modality", ["fused", "joint"])
def test_gallery_clips_in_the_layout_find_themselves_across_the_bridge(
    indexed: Library, modality: str
) -> None:
    searcher, bridge = fit(indexed, modality=modality)
    clips = open_clips(indexed, "mine")
    n = len(clips)
    shown = [normalise(degrade(clips.frames(i), COCO)) for i in range(n)]
    y = searcher.embed(shown, modality, layout="coco-17")
    assert y.shape == (n, len(bridge.asked) * searcher.index.manifest["dimension"])
    gallery = searcher.index.embeddings("fused")
    held = searcher.index.maps("fused", "fused").gallery("fused", bridged=True)(np.asarray(gallery))
    found = (bridge.query("fused", whitening=None)(y) @ held.T).argmax(axis=1)
    assert (found == np.arange(n)).mean() > 0.9
    assert (bridge.measure_nearness(y) >= bridge.least).mean() > 0.95
    assert bridge.least < 1


def test_who_crosses_by_a_bridge() -> None:
    crosses = {
        name: (needs_bridge(name, "ntu25", whitened=False), needs_bridge(name, "ntu25", whitened=True))
        for name in ("ntu25", "kinect-v1", "smpl-22", "coco-17", "coco-17-3d")
    }
    assert crosses == {
        "ntu25": (False, False),
        "kinect-v1": (False, False),
        "smpl-22": (False, True),
        "coco-17": (True, True),
        "coco-17-3d": (False, True),
    }
    assert not needs_bridge("coco-17", "coco-17", whitened=True)
    assert not needs_bridge("smpl-22", "coco-17", whitened=True)
    assert asked_modalities("fused", ("fused", "joint", "motion")) == ("joint", "motion", "fused")
    assert asked_modalities("bone", ("fused", "bone")) == ("bone",)


def test_a_bridge_is_kept_whole_and_known_by_what_it_was_fitted_on(indexed: Library, tmp_path: Path) -> None:
    searcher, bridge = fit(indexed)
    said = {"modality": "fused", "against": "fused"}
    path = place_of(tmp_path, searcher.index, COCO, **said)
    assert read_bridge(path, searcher.index, COCO, **said) is None
    write_bridge(path, bridge, searcher.index)
    again = read_bridge(path, searcher.index, COCO, **said)
    assert again is not None
    assert (again.maps.bridges["coco-17", "fused"] == bridge.maps.bridges["coco-17", "fused"]).all()
    assert (again.near == bridge.near).all()
    assert (again.least, again.asked) == (bridge.least, bridge.asked)
    for other in (
        Degrading(layout="coco-17"),
        Degrading(layout="halpe-26", views=20),
        Degrading(layout="coco-17", views=20, noise=0.1),
    ):
        assert place_of(tmp_path, searcher.index, other, **said) != path
    assert place_of(tmp_path, searcher.index, COCO, modality="joint", against="fused") != path
    whole = path.read_bytes()
    for spoiled in (whole[:500], whole[:-1] + b"x", b"", whole[:40] + b"\0" + whole[41:]):
        path.write_bytes(spoiled)
        assert read_bridge(path, searcher.index, COCO, **said) is None


def test_a_large_gallery_gives_a_sample(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert spread(np.arange(5), 9).tolist() == [0, 1, 2, 3, 4]
    assert spread(np.arange(100), 3).tolist() == [0, 50, 99]
    monkeypatch.setattr(layout_bridges, "SAMPLE", 6)
    _, bridge = fit(indexed)
    assert len(bridge.near) == 6


def test_a_gallery_of_pictures_is_asked_with_pictures(indexed: Library) -> None:
    frames = open_clips(indexed, "mine").normalised_frames(0)
    shown = bring_down(frames, "coco-17")
    assert not np.asarray(shown)[..., 2].any() or np.abs(shown[..., 2]).max() < 1e-5
    assert shown.shape == frames.shape
