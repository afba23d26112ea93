"""Questions to the catalog from several threads at once."""

from umurl_search.library.library import Library


def test_threads_filter_and_read_at_once(indexed: Library) -> None:
    with indexed.read() as one, indexed.read() as other:
        assert len(one.filter("camera = 2")) == 20
        assert len(other.clip_ids("mine")) == 60
