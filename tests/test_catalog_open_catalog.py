"""Opening the catalog: damaged ones are named, and its copy is never taken for newer than it is."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Result
from parted_libraries import damage, kill_before_copy, raise_killed, run_until_killed, score_by_name
from refusals import Refused, has

from encoder.errors import UmurlError
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.catalog import open_catalog
from umurl_search.library.catalog.schema_and_migrations import SCHEMA_VERSION
from umurl_search.library.library import Library
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify

Command = Callable[..., Result]
QUERY = "mine:S001C001P001R001A001"
ROOT = Path(__file__).parents[1]
KILLED = """
import os, sys
from pathlib import Path
from umurl_search.library.library import Library
with Library(Path(sys.argv[1])).write() as catalog:
    catalog.delete("encoder", "e")
    os.kill(os.getpid(), 9)
"""


def test_a_damaged_catalog(indexed: Library, refused: Refused, command: Command) -> None:
    whole = indexed.catalog_path.read_bytes()
    for damaged in (
        b"",
        b"hello",
        whole[:5000],
        whole[: len(whole) // 2],
        whole[:12288] + bytes(len(whole) - 12288),
    ):
        indexed.catalog_path.write_bytes(damaged)
        for words in (("list",), ("query", QUERY), ("knn-eval",), ("delete", "mine@e")):
            has(refused(*words), indexed.catalog_path, "umurl-search repair")
        checked = command("verify", "--json")
        assert checked.code == 1
        assert checked.json["ok"] is False
        assert str(indexed.catalog_path) in checked.json["problems"][0]


def test_a_catalog_of_another_version(indexed: Library, refused: Refused) -> None:
    for version, remedy in ((9, "upgrade umurl-search"), (0, "too old")):
        with indexed.write() as catalog:
            catalog._con.execute("update meta set schema_version = ?", [version])
        has(refused("list"), indexed.catalog_path, f"schema {version}", remedy)
        has(refused("delete", "mine@e"), f"schema {version}", remedy)
        import duckdb

        with duckdb.connect(str(indexed.catalog_path)) as connection:
            connection.execute("update meta set schema_version = ?", [SCHEMA_VERSION])


@pytest.mark.parametrize("tables", ["", "create table other (x int)", "create table meta (x int)"])
def test_a_database_that_is_no_catalog(
    tmp_path: Path, refused: Refused, command: Command, made: Path, tables: str
) -> None:
    import duckdb

    path = tmp_path / "library" / "catalog.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute(tables)
    has(refused("list"), "not a catalog", "--library")
    if tables:
        before = path.read_bytes()
        line = command("ingest", "mine", "--source", made / "clips").err
        assert "not a catalog of this program; give another --library" in line
        assert path.read_bytes() == before


# kills, at moments that chance seldom finds


def test_a_copy_of_the_catalog_that_a_kill_left_old_is_made_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_before_copy(indexed, monkeypatch, lambda: remove(indexed, "mine", where="camera = 2"))
    with pytest.raises(UmurlError, match="nothing was removed"):
        remove(indexed, "mine", where="camera = 2")
    assert not open_catalog.copy_may_be_old(indexed.catalog_path)
    damage(indexed)
    told = repair(indexed, device="cpu").mended
    assert told == [f"{indexed.catalog_path}: put back from the copy of its last change"]
    assert len(score_by_name(indexed, where="true")) == 40


def test_what_an_old_copy_does_not_know_is_kept_for_the_same_command(
    indexed: Library, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = ChangeRequest(dataset="mine", source=new, device="cpu")
    calls: Iterator[Callable[[Path], str]] = iter([open_catalog._quote, raise_killed])
    second: Callable[[Path], str] = lambda path: next(calls)(path)  # noqa: E731 - the first copy is of reserved ids
    run_until_killed(monkeypatch, open_catalog, "_quote", second, lambda: add_or_update(indexed, change))
    damage(indexed)
    report = repair(indexed, device="cpu")
    assert report.mended == [
        f"{indexed.catalog_path}: put back from the copy of its last change but for one that was killed: "
        "run that command again"
    ]
    assert indexed.clips("mine~2").is_dir()
    sealed = (indexed.clips("mine~2") / "manifest.json").read_bytes()
    assert add_or_update(indexed, change).added == 4
    assert (indexed.clips("mine~2") / "manifest.json").read_bytes() == sealed
    assert verify(indexed) == []


# verify beside others


@pytest.mark.parametrize("again", ["ingest", "build-index"])
def test_a_command_with_nothing_to_do_copies_what_a_killed_one_did_not(
    indexed: Library, made: Path, command: Command, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    change = lambda: remove(indexed, "mine", where="camera = 9 or subject = 4")  # noqa: E731
    words = {
        "ingest": ("mine", "--source", made / "clips", "--splits", made / "splits.json"),
        "build-index": ("mine", "--encoder", "e"),
    }
    run_until_killed(monkeypatch, open_catalog, "_quote", raise_killed, change)
    assert open_catalog.copy_may_be_old(indexed.catalog_path)
    assert command(again, *words[again], "--library", indexed.root, "--json").json["already_there"]
    assert not open_catalog.copy_may_be_old(indexed.catalog_path)


# several in one process


def test_a_writer_beside_a_reader_in_one_process_waits_for_it(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_catalog, "LOCK_WAIT_S", 0.2)
    with indexed.read(), pytest.raises(UmurlError, match="another process is using the library") as error:
        remove(indexed, "mine", where="camera = 2")
    assert not isinstance(error.value, open_catalog.DamagedCatalogError)
    with indexed.write(), pytest.raises(UmurlError, match="another process is writing to the library"):
        score_by_name(indexed)
    assert len(score_by_name(indexed)) == 60


def test_a_writer_that_is_killed_leaves_a_whole_catalog(library: Library, command: Command) -> None:
    run = subprocess.run([sys.executable, "-c", KILLED, str(library.root)], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert command("list", "--json").json["encoders"] == []
    assert command("info", "mine").code == 0
    assert command("doctor").code == 0
    assert not (library.root / "catalog.duckdb.wal").exists()
