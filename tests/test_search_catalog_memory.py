"""What a searcher keeps of the catalog is bounded."""

from umurl_search.search.catalog_memory import CatalogMemory


def test_it_is_full_of_many_rows_or_filters() -> None:
    assert not CatalogMemory().is_full
    assert not CatalogMemory(rows={i: {} for i in range(20_000)}).is_full
    assert CatalogMemory(rows={i: {} for i in range(20_001)}).is_full
