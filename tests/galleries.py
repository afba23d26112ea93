"""Sealed indexes of made-up vectors, and brute force over them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import LinearMap, Transform, fit_maps
from umurl_search.index.faiss_kinds import EXACT, KINDS
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.index import IDS, Index, embeddings_file, write_maps
from umurl_search.index.kind_names import Kind
from umurl_search.index.kind_selection import write_vectors

Array = NDArray[np.float32]
N, D = 400, 12


def cluster_rows(n: int, *, seed: int) -> Array:
    """Rows around 7 centres, some of them equal."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(7, D))[rng.integers(0, 7, n)] + 0.4 * rng.normal(size=(n, D)) + 1.5
    rows[n // 2 : n // 2 + n // 8] = rows[: n // 8]
    return rows.astype(np.float32)


def seal_index(
    target: Path, kind: Kind, transform: str, *, parts: tuple[int, ...] = (N,), first: int = 10
) -> Index:
    """An index of as many parts, its ids from `first` on."""
    places, maps = [], None
    for number, n in enumerate(parts, start=1):
        place = target if number == 1 else target.with_name(f"{target.name}~{number}")
        y = {m: cluster_rows(n, seed=number * 10 + i) for i, m in enumerate(("joint", "fused"))}
        maps = fit_maps(y, Transform.parse(transform)) if maps is None else maps
        mine = kind if number == 1 or kind in EXACT else "flat16"
        with sealed_folder.building(place, resume_token="") as partial:
            for modality, rows in y.items():
                np.save(partial / embeddings_file(modality), rows)
            np.save(partial / IDS, np.arange(first, first + n))
            first += n + 5
            if number == 1:
                write_maps(partial, maps)
            measured = write_vectors(partial, y["fused"], maps, kind=mine)
            about = {"modalities": list(y), "transform": transform, "index_kind": mine, **measured}
            sealed_folder.seal(partial, place, about)
        places.append(place)
    return Index(places[0], tuple(places[1:]))


def open_gallery(index: Index, modality: str = "fused") -> tuple[Gallery, LinearMap]:
    bridged = modality != "fused"
    maps = index.maps(modality, "fused")
    view = Gallery(
        index=index,
        against="fused",
        mapping=maps.gallery("fused", bridged=bridged),
        centred=bridged and index.transform.kind == "none",
    )
    return view, maps.query(modality, "fused", bridged=bridged)


def brute_force(vectors: Array, point: Array, k: int, among: NDArray[np.int64]) -> list[int]:
    """Float64 products, equal vectors scored once, ties to the lower row."""
    distinct, which = np.unique(vectors, axis=0, return_inverse=True)
    scores = np.array([float(np.sum(point.astype(np.float64) * one)) for one in distinct.astype(np.float64)])
    return sorted(among.tolist(), key=lambda row: (-scores[which[row]], row))[:k]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Index]:
    root = tmp_path_factory.mktemp("kinds")
    return {
        (kind, transform): seal_index(root / f"{kind}-{transform[:4]}", kind, transform, parts=(N, 60))
        for kind in KINDS
        for transform in ("none", "half-whiten:6")
    }
