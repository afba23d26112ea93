"""A dataset as a change finds it, and indexes that came or went since."""

import pytest
from refusals import raises_typed

from umurl_search.ingest.dataset_before import read_dataset, require_same_indexes
from umurl_search.library.library import Library


def test_what_a_change_finds(changing: Library) -> None:
    before = read_dataset(changing, "mine")
    assert (len(before.ids), len(before.sources), before.folder) == (60, 60, "mine~2")
    assert {row["name"] for row in before.indexes} == {"i", "half", "h"}
    with raises_typed("no dataset 'other'"):
        read_dataset(changing, "other")


@pytest.mark.parametrize("gone", [0, 1])
def test_an_index_that_went_meanwhile_is_noticed(changing: Library, gone: int) -> None:
    before = read_dataset(changing, "mine")
    with changing.read() as catalog:
        now = catalog.indexes()[gone:]
    if not gone:
        require_same_indexes(now, before)
        return
    with raises_typed("an index of mine was made or deleted meanwhile"):
        require_same_indexes(now, before)
