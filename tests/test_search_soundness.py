"""What `verify` compares: every byte of every file, however large, and every clip's size."""

import pytest
from conftest import spoil

from encoder.errors import UmurlError
from umurl_search.files import sealed_folder
from umurl_search.index.open_index import open_index
from umurl_search.library.library import Library
from umurl_search.maintenance.verify import verify


@pytest.mark.parametrize("room", ["clips/mine/frames.f32", "encoders/e/weights.safetensors"])
def test_large_files_are_hashed(indexed: Library, monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setattr(sealed_folder, "HASHED_AT_OPENING", 0)
    assert verify(indexed) == []
    spoil(indexed.root / room)
    assert verify(indexed) == [f"{indexed.root / room} was altered (its sha256 differs from the manifest's)"]


@pytest.mark.parametrize("column", ["frames", "people"])
def test_a_clip_of_another_size_than_the_catalog_says_is_named(indexed: Library, column: str) -> None:
    with indexed.write() as catalog:
        name = catalog.clips_of("mine").name[7]
        catalog._con.execute(f"update clips set {column} = {column} + 1 where name = ?", [name])
    assert verify(indexed) == [
        f"{indexed.clips('mine')}: clip {name} has other frames or people than the catalog says: "
        "umurl-search delete mine, then ingest it"
    ]


def test_a_clip_that_the_store_does_not_hold_is_named(indexed: Library) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set store_row = 60 where store_row = 59")
    assert verify(indexed) == [f"{indexed.clips('mine')}: the catalog names clips that it does not hold"]


def test_an_index_of_other_clips_than_the_catalogs_is_not_opened(indexed: Library) -> None:
    with indexed.write() as catalog:
        catalog._con.execute("update clips set id = 1000 where id = (select max(id) from clips)")
    with pytest.raises(UmurlError, match=r"^index mine@e and the catalog disagree: umurl-search verify$"):
        open_index(indexed, "mine@e")
    said = f"{indexed.index_folder('mine@e')}: its clip ids are not those of the catalog"
    assert any(problem.startswith(said) for problem in verify(indexed))
