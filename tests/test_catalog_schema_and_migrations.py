"""Catalogs of older schemas are migrated when they are written, and used."""

import json
import shutil
from collections.abc import Callable

import duckdb
import pytest
from changes import build, default_index, hits
from conftest import Result

from umurl_search import Library
from umurl_search.files import sealed_folder
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.catalog.schema_and_migrations import SCHEMA_VERSION
from umurl_search.maintenance.inspect_and_doctor import prefer
from umurl_search.maintenance.verify import verify

Command = Callable[..., Result]


def make_old(library: Library) -> None:
    """The library as the first schema had it: no parts, no segments, indexes that say less."""
    connection = duckdb.connect(str(library.catalog_path))
    connection.execute(
        "drop table parts; drop table segments; drop table origins; alter table clips drop column part; "
        "alter table clips drop column origin; alter table left_out drop column origin; "
        "alter table left_out drop column source_hash; alter table indexes drop column preference; "
        "alter table meta drop column changes; alter table clips drop column said; drop table own_columns;"
        "drop table source_splits; drop table removed_clips; drop table removed_splits; drop table removed_segments;"
        "update meta set schema_version = 1"
    )
    connection.close()
    for folder in (library.root / "indexes").iterdir():
        text = json.loads((folder / "manifest.json").read_text())
        kept = {
            k: v for k, v in text.items() if k not in ("rounding", "search", "quality", "files", "checksum")
        }
        with sealed_folder.building(folder.with_name("old"), resume_token="") as partial:
            for path in folder.iterdir():
                if path.name != "manifest.json":
                    shutil.copyfile(path, partial / path.name)
            shutil.rmtree(folder)
            sealed_folder.seal(partial, folder, {**kept, "version": 1})


def test_a_library_of_the_first_schema_is_migrated_and_used(indexed: Library, command: Command) -> None:
    before = hits(indexed, "mine@e")
    make_old(indexed)
    assert command("list").code == 0
    assert hits(indexed, "mine@e") == before
    assert verify(indexed) == []
    assert build_index(indexed, BuildRequest(dataset="mine", device="cpu")).already_there
    with indexed.read() as catalog:
        (origin,) = catalog.origins("mine")
        row = catalog.dataset("mine")
    assert row is not None
    assert (origin["roots"], origin["format"], origin["untrimmed"]) == ([row["source"]], "npy", False)
    assert add_or_update(indexed, ChangeRequest(dataset="mine", device="cpu")).unchanged == 60
    remove(indexed, "mine", where="subject = 1 and camera = 2")
    assert hits(indexed, "mine@e") == [one for one in before if not ("P001" in one[0] and "C002" in one[0])]


def test_a_catalog_of_schema_3_means_the_index_built_last(indexed: Library, command: Command) -> None:
    build(indexed, "second")
    prefer(indexed, "mine@e")
    with duckdb.connect(str(indexed.catalog_path)) as connection:
        connection.execute(
            "alter table indexes drop column preference; alter table clips drop column said; drop table own_columns;"
            "drop table source_splits; drop table removed_clips; drop table removed_splits;"
            "drop table removed_segments;"
            "update meta set schema_version = 3"
        )
    assert command("list").code == 0
    with indexed.read() as catalog:
        assert catalog._rows("select max(schema_version) as version from meta") == [
            {"version": SCHEMA_VERSION}
        ]
    assert default_index(indexed) == "second"
    build(indexed, "third")
    assert default_index(indexed) == "third"
    prefer(indexed, "mine@e")
    assert default_index(indexed) == "mine@e"
    assert verify(indexed) == []


def test_an_old_catalog_is_migrated_when_it_is_written(
    library: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.SCHEMA_VERSION", 8)
    steps = {6: "alter table clips add column mirrored boolean;", 7: "create table nosuch.table (x integer);"}
    monkeypatch.setattr("umurl_search.library.catalog.open_catalog.MIGRATIONS", steps)
    assert command("list").code == 1
    assert command("doctor").code == 1
    steps[7] = "create table marks (x integer);"
    assert command("list").code == 0
    with library.read() as catalog:
        assert catalog.filter("mirrored is null").size == 60
