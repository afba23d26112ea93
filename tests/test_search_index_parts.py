"""Further parts of an index: made searchable as the first part is."""

from pathlib import Path

import numpy as np
from conftest import NEW, add_files

from umurl_search.index.filtered_search import Gallery
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update
from umurl_search.library.library import Library


def test_a_further_part_is_exact_and_by_the_maps_of_the_first(changing: Library, kept: Path) -> None:
    add_files(kept)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    for name, kind in (("i", "flat"), ("half", "sq8"), ("h", "flat16")):
        index, _ = open_index(changing, name)
        first, second = index.parts
        assert (len(second.ids), second.kind) == (len(NEW), kind)
        mapping = index.maps("fused", "fused").gallery("fused", bridged=False)
        points = mapping(np.asarray(second.embeddings("fused")))
        np.testing.assert_allclose(second.unit(slice(None), mapping, centred=False), points, atol=1e-6)
        found = Gallery(index=index, against="fused", mapping=mapping, centred=False).search(points, 1)
        assert found.rows[:, 0].tolist() == [len(first.ids) + i for i in range(len(NEW))]
        np.testing.assert_allclose(found.scores, 1, atol=1e-6)
