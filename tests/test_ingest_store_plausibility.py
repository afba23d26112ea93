"""Clips of another unit or axis are doubted when they are read into a library."""

from collections.abc import Callable
from pathlib import Path

from conftest import Result
from made_recordings import write_scaled

from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_ingest_add_and_update_tell(library: Library, tmp_path: Path, command: Command) -> None:
    source = tmp_path / "one"
    write_scaled(source, "S001C001P001R001A001", "S001C001P002R001A005", scale=1000)
    (note,) = ingest(library, Request(name="own", source=source)).notes
    assert note.endswith("holds millimetres, umurl-search delete own, then ingest it with --scale 0.001")
    assert command("delete", "own").code == 0
    assert ingest(library, Request(name="own", source=source, scale=0.001)).notes == []
    write_scaled(source, "S001C001P001R001A001", scale=1e6)
    write_scaled(tmp_path / "two", "S001C001P003R001A001", scale=1e6)
    for words, done in (
        (("update", "own"), "replaced"),
        (("add", "own", "--source", tmp_path / "two"), "added"),
    ):
        told = command(*words, "--json")
        assert told.json[done] == 1
        assert told.json["notes"][0].startswith("own: people are ")
        assert (
            told.json["notes"][0].endswith(
                "remove what is new and ingest it as a dataset of its own, with --scale 1e-06"
            )
            or "metres a unit" in told.json["notes"][0]
        )
