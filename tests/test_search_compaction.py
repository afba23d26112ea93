"""A compacted index is as if it had been built of the clips that are there."""

import numpy as np

from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.library import Library
from umurl_search.maintenance.compact import compact


def test_a_compacted_index_has_the_maps_of_the_clips_that_are_there(changing: Library) -> None:
    remove(changing, "mine", where="subject < 3")
    assert compact(changing, "mine").done
    for name in ("i", "half"):
        index, _ = open_index(changing, name)
        assert (len(index.ids), len(index.every_id)) == (30, 30)
        wanted = fit_maps({m: index.embeddings(m) for m in index.modalities}, index.transform)
        found = index.all_maps()
        for modality in index.modalities:
            np.testing.assert_allclose(found.means[modality], wanted.means[modality], atol=1e-6)
        assert found.bridges.keys() == wanted.bridges.keys()
        for pair, bridge in wanted.bridges.items():
            np.testing.assert_allclose(found.bridges[pair], bridge, atol=1e-5)
