"""What a library does not hold is said with what it holds and what makes it."""

import pytest

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.library.missing import no_dataset, no_index_yet, no_such_index, require_dataset


def test_a_dataset_that_is_not_there(library: Library) -> None:
    with library.read() as catalog:
        assert require_dataset(catalog, "mine")["name"] == "mine"
        with pytest.raises(
            UmurlError, match=r"^no dataset 'yours' in the library \(it has mine\)$"
        ) as raised:
            require_dataset(catalog, "yours")
    assert raised.value.typed.endswith("(it has mine): umurl-search ingest yours")


@pytest.mark.parametrize("name", ["a/b.npy", "", "dataset"])
def test_what_cannot_name_a_dataset_is_not_to_be_ingested(name: str) -> None:
    assert no_dataset(name, known=["a", "b"]).typed == (
        f"no dataset '{name}' in the library (it has a, b); give the name of one that it has"
    )
    assert no_dataset(name, known=[]).typed == (
        f"no dataset '{name}' in the library (it has none): umurl-search demo makes one"
    )


def test_an_index_that_is_not_there() -> None:
    assert no_index_yet(datasets=[]).typed == "the library holds no index yet: umurl-search demo"
    assert no_index_yet(datasets=["a"]).typed == "the library holds no index yet: umurl-search build-index a"
    rows = [{"name": "i", "dataset": "a"}, {"name": "j", "dataset": "b"}]
    assert no_such_index("no index 'k'", rows).typed == (
        "no index 'k'; there are i, j: umurl-search build-index a makes one"
    )
