"""Readers look once more where clips go while they look."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.export.embed_source import EmbedRequest, embed_source
from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_while_changing
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

ASKED = "mine:S001C001P001R001A005"


def test_readers_look_once_more_where_clips_go_while_they_look(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened, calls = open_clips, []

    def open_late(library: Library, dataset: str) -> Any:
        clips = opened(library, dataset)
        calls.append(dataset)
        if len(calls) == 1:
            remove(library, "mine", where="subject = 4")
            raise FileNotFoundError("its folder has gone")
        return clips

    monkeypatch.setattr("umurl_search.export.embed_source.open_clips", open_late)
    request = EmbedRequest(source="mine", out=tmp_path / "y.npy", encoder="e", device="cpu")
    embed_source(indexed, request)
    assert (len(calls), len(np.load(tmp_path / "y.npy"))) == (2, 45)
    monkeypatch.undo()
    with pytest.raises(UmurlError, match="no index 'none'"):
        query(indexed, QueryRequest(clip=ASKED, index="none", device="cpu"))


class Changing:
    """A library whose number of changes is n now, and work that gives each outcome in turn, changing it or not."""

    def __init__(self, *outcomes: tuple[Any, bool]) -> None:
        self.n, self.left, self.refreshed = 0, list(outcomes), 0

    def work(self) -> Any:
        found, changed = self.left.pop(0)
        self.n += changed
        if isinstance(found, Exception):
            raise found
        return found

    def look(self) -> Any:
        def refresh() -> None:
            self.refreshed += 1

        return retry_while_changing(
            self.work, changes=lambda: self.n, refresh=refresh, is_whole=lambda found: found != "half"
        )


GONE, REFUSED = FileNotFoundError("its folder has gone"), UmurlError("no such clip")


@pytest.mark.parametrize(
    ("outcomes", "found", "refreshed"),
    [
        ([("whole", True)], "whole", 0),
        ([("half", True), ("whole", False)], "whole", 1),
        ([("half", False)], "half", 0),
        ([(GONE, True), (REFUSED, True), ("whole", False)], "whole", 2),
        ([("half", True)] * 5 + [("half", True)], "half", 5),
    ],
)
def test_work_is_done_again_while_the_library_changes(
    outcomes: list[tuple[Any, bool]], found: str, refreshed: int
) -> None:
    library = Changing(*outcomes)
    assert (library.look(), library.refreshed, library.left) == (found, refreshed, [])


@pytest.mark.parametrize(
    "outcomes", [[(GONE, False)], [("half", True), (GONE, False)], [(GONE, True)] * 6, [(ValueError(), True)]]
)
def test_what_fails_while_nothing_changes_or_for_ever_is_raised(outcomes: list[tuple[Any, bool]]) -> None:
    library = Changing(*outcomes)
    with pytest.raises((FileNotFoundError, ValueError)):
        library.look()
    assert library.left == []


def test_work_that_rests_on_an_older_state_is_done_again() -> None:
    library = Changing((GONE, False), ("whole", False))
    assert retry_while_changing(library.work, changes=lambda: 7, seen=lambda: 6) == "whole"
