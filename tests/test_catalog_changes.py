"""Ids of clips that come and go."""

from pathlib import Path

from umurl_search.ingest import ingest
from umurl_search.ingest.ingest import Request
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor


def test_ids_are_never_used_again(made: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / "new")
    for name in ("a", "b"):
        ingest.ingest(library, Request(name=name, source=made / "clips"))
    inspect_and_doctor.delete(library, "b")
    ingest.ingest(library, Request(name="b", source=made / "clips"))
    with library.read() as catalog:
        assert catalog.clips_of("a").id.tolist() == list(range(1, 61))
        assert catalog.clips_of("b").id.tolist() == list(range(121, 181))
