"""An index on disk: what its manifest bounds, and windows of recordings that are gone."""

import numpy as np
from conftest import LONG_INDEX

from umurl_search.index.bridges_and_whitening import LinearMap
from umurl_search.index.index import Index, vectors_file
from umurl_search.index.open_index import open_index
from umurl_search.index.windows import windows_of
from umurl_search.library.library import Library

N, D = 400, 12


def test_rounding_is_bounded_by_what_the_manifest_says(every: dict[tuple[str, str], Index]) -> None:
    for kind in ("flat16", "sq8"):
        part = every[kind, "none"].parts[0]
        vectors = part.vectors(centred=False)
        truth = LinearMap()(np.asarray(part.embeddings("fused")))
        held = vectors.index.reconstruct_n(0, N) + vectors.centre
        furthest = np.linalg.norm(truth.astype(np.float64) - held, axis=1).max()
        assert 0 < furthest <= vectors.error + 1e-7 < 0.05
        said = part.manifest["rounding"][vectors_file(centred=False)]
        assert said == vectors.error


def test_windows_of_recordings_that_are_gone_are_gone(long: Library) -> None:
    whole, _ = open_index(long, LONG_INDEX)
    second = int(np.unique(whole.ids)[1])
    index = Index(whole.folder, whole.added, frozenset({second}))
    left = whole.ids != second
    windows = windows_of(index)
    assert windows is not None
    assert whole.spans is not None
    assert 0 < len(windows) < len(whole.ids)
    np.testing.assert_array_equal(windows.clip, whole.ids[left])
    np.testing.assert_array_equal(np.stack([windows.start, windows.stop], axis=1), whole.spans[left])
