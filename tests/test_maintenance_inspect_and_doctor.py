"""Which index is meant where none is named, whatever else happens to the library."""

from collections.abc import Callable
from pathlib import Path

import pytest
from changes import build, default_index
from conftest import Result, add_files

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.inspect_and_doctor import contents, delete, prefer
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify

Command = Callable[..., Result]


def test_the_one_preferred_last_is_meant_until_another_is_built(indexed: Library) -> None:
    build(indexed, "second")
    assert default_index(indexed) == "second"
    assert prefer(indexed, "mine@e") == {"default_index": "mine@e", "before": "second"}
    assert default_index(indexed) == "mine@e"
    assert open_index(indexed, None, other_than="mine@e")[1]["name"] == "second"
    build(indexed, "second")  # is there already
    assert default_index(indexed) == "mine@e"
    build(indexed, "third")
    assert default_index(indexed) == "third"
    assert [row["name"] for row in contents(indexed)["indexes"]] == ["third", "second", "mine@e"]


def test_one_that_is_deleted_gives_way_to_the_one_meant_before(indexed: Library) -> None:
    for name in ("second", "third"):
        build(indexed, name)
    prefer(indexed, "second")
    delete(indexed, "index:second")
    assert default_index(indexed) == "third"
    prefer(indexed, "mine@e")
    delete(indexed, "index:third")
    assert default_index(indexed) == "mine@e"
    delete(indexed, "index:mine@e")
    assert contents(indexed)["default_index"] is None
    with pytest.raises(UmurlError, match="the library holds no index yet"):
        open_index(indexed, None)


def test_it_stays_when_clips_come_and_go(changing: Library, kept: Path) -> None:
    prefer(changing, "half")
    add_files(kept)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert default_index(changing) == "half"
    remove(changing, "mine", where="subject = 1")
    assert default_index(changing) == "half"
    assert compact(changing, "mine").done
    assert default_index(changing) == "half"
    assert verify(changing) == []


@pytest.mark.parametrize("damaged", ["indexes/half/vectors.npy", "catalog.duckdb"])
def test_it_stays_when_what_is_damaged_is_repaired(changing: Library, damaged: str) -> None:
    prefer(changing, "half")
    path = changing.root / damaged
    path.write_bytes(path.read_bytes()[:-4096])
    report = repair(changing, device="cpu")
    assert (len(report.mended), report.problems) == (1, [])
    assert default_index(changing) == "half"


def test_every_command_and_python_take_it(indexed: Library, command: Command, tmp_path: Path) -> None:
    build(indexed, "second")
    at = ("--library", indexed.root, "--json")
    assert command("prefer", "index:mine@e", *at).json["default_index"] == "mine@e"
    assert command("query", "mine:S001C001P001R001A001", *at).json["index"]["name"] == "mine@e"
    for words in ("knn-eval", "knn-eval --matrix", "duplicates --above -1", "leaks --above -1"):
        assert command(*words.split(), *at).json["index"] == "mine@e", words
    assert command("linear-eval", "--epochs", 1, *at).json["index"] == "mine@e"
    assert command("export", "--out", tmp_path / "out", *at).json["index"] == "mine@e"
    assert indexed.index(device="cpu").row["name"] == "mine@e"
    assert "mine@e" in command("list", "--library", indexed.root).out.splitlines()[-1]


def test_an_unknown_index_is_not_preferred(indexed: Library, command: Command) -> None:
    for name in ("nosuch", "mine"):
        told = command("prefer", name, "--library", indexed.root)
        assert (told.code, f"the library holds no 'index:{name}'" in told.err) == (1, True)
    assert default_index(indexed) == "mine@e"
    empty = command("prefer", "mine@e", "--library", indexed.root / "none")
    assert (empty.code, "no library here yet" in empty.err) == (1, True)
    assert not (indexed.root / "none").exists()
