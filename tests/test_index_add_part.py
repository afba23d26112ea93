"""Further parts of an index: embedded and made searchable as the first part is."""

from pathlib import Path

import numpy as np
from changes import make_at_once
from conftest import NEW, add_files

from umurl_search import Library
from umurl_search.index.filtered_search import Gallery
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update
from umurl_search.library.clip_store import open_clips


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


def test_added_clips_are_embedded_as_if_they_had_been_there(changing: Library, kept: Path) -> None:
    before = np.array(open_index(changing, "i")[0].embeddings("bone"))
    add_files(kept)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    after = open_index(changing, "i")[0]
    assert len(after.parts) == 2
    np.testing.assert_array_equal(after.embeddings("bone")[:60], before)
    fresh = make_at_once(changing, kept, "i", "flat")
    names = {}
    for library in (changing, fresh):
        with library.read() as catalog:
            names[library] = catalog.clips_of("mine").name
    theirs = open_index(fresh, "i")[0].embeddings("bone")
    place = [names[fresh].index(name) for name in names[changing]]
    np.testing.assert_allclose(after.embeddings("bone"), theirs[place], atol=1e-5)
    assert open_clips(changing, "mine").frames(60).shape == open_clips(fresh, "mine").frames(place[60]).shape
