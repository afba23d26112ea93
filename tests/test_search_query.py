"""Queries of an index kept open: what was built again, changed or deleted meanwhile is seen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from documents import QUERY

from encoder.errors import UmurlError
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.library import Library
from umurl_search.search.options import QueryRequest, SearchOptions
from umurl_search.search.query import query
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
CLIP = f"mine:{QUERY}"


def best_scores(searcher: Searcher) -> list[float]:
    (answer,) = searcher.search([CLIP], k=5)
    return [hit.score for hit in answer.hits]


def rebuild(library: Library, command: Command, encoder: str) -> None:
    assert command("delete", "index:mine@e").code == 0
    build_index(library, BuildRequest(dataset="mine", encoder=encoder, name="mine@e", device="cpu"))


@pytest.mark.parametrize("encoder", ["e", "shipped"])
def test_an_index_built_again_is_opened_anew(indexed: Library, command: Command, encoder: str) -> None:
    searcher = Searcher(indexed, "mine@e", device="cpu")
    before = best_scores(searcher)
    assert searcher.is_current
    rebuild(indexed, command, encoder)
    assert not searcher.is_current
    fresh = best_scores(Searcher(indexed, "mine@e", device="cpu"))
    assert best_scores(searcher) == fresh
    assert (fresh == before) == (encoder == "e")
    assert searcher.is_current


def test_embeddings_of_another_encoder_are_refused(indexed: Library, command: Command) -> None:
    searcher = Searcher(indexed, "mine@e", device="cpu")
    y = searcher.embed([np.ones((4, 1, 25, 3), np.float32)], "fused")
    rebuild(indexed, command, "shipped")
    with pytest.raises(UmurlError, match="built again with another encoder"):
        searcher.answer(QueryBatch(names=["x"], y=y, rows=[None]), SearchOptions())


def test_an_index_that_is_gone_is_said(indexed: Library, command: Command) -> None:
    searcher = Searcher(indexed, "mine@e", device="cpu")
    assert best_scores(searcher)
    assert command("delete", "index:mine@e").code == 0
    assert not searcher.is_current
    with pytest.raises(UmurlError, match="holds no index yet"):
        searcher.search([CLIP])


def test_another_index_changes_nothing(indexed: Library) -> None:
    searcher = Searcher(indexed, "mine@e", device="cpu")
    opened = searcher.index
    build_index(indexed, BuildRequest(dataset="mine", encoder="shipped", device="cpu"))
    assert best_scores(searcher)
    assert searcher.index is opened
    assert searcher.is_current


def test_a_nested_list_is_told_in_a_line(indexed: Library) -> None:
    clip = np.zeros((30, 25, 3)).tolist()
    searcher = Searcher(indexed, "mine@e", device="cpu")
    for given in ([clip], clip, [tuple(clip)]):
        with pytest.raises(ValueError, match=r"^a list: give an array$"):
            searcher.search(given)  # type: ignore[arg-type] # as callers without types do


def test_one_index_or_a_list_of_one_is_the_same(indexed: Library) -> None:
    one, listed = (
        query(indexed, QueryRequest(clip=CLIP, index=index, device="cpu"))
        for index in ("mine@e", ("mine@e",))
    )
    assert one["hits"] == listed["hits"]
    assert one.indexes[0]["name"] == "mine@e"
    assert one.hits[0].is_query


@pytest.mark.parametrize(
    ("where", "columns"),
    [
        ("camera <> 2", ["camera"]),
        ("not (camera = 2)", ["camera"]),
        ("camera not in (1, 2)", ["camera"]),
        ("camera <> 2 and setup <> 1", ["camera", "setup"]),
        ("camera <> 2 or subject = 1", ["camera"]),
        ("action <> 'wave'", ["action"]),
        ("camera = 2", []),
        ("camera < 2", []),
        ("camera is distinct from 2", []),
        ("camera is null", []),
        ("frames > 1", []),
        ("name <> 'camera'", []),
    ],
)
def test_a_negative_filter_on_what_is_not_known_is_said(
    where: str, columns: list[str], tmp_path: Path, command: Command
) -> None:
    (tmp_path / "clips").mkdir()
    for i, name in enumerate((QUERY, "S001C002P001R001A001")):
        np.save(tmp_path / "clips" / f"plain{i}.npy", make_clip(name))
    assert command("ingest", "plain", "--source", tmp_path / "clips", "--quiet").code == 0
    assert command("build-index", "plain", "--quiet").code == 0
    told = command("query", "plain:plain0", "--where", where, "--json")
    notes = [note for note in told.json["query"]["notes"] if "is not known" in note]
    assert notes == [f"{name} is not known of 2 clips; `is distinct from` keeps them" for name in columns]
    assert all(f"note: {note}" in told.err.splitlines() for note in notes)


def test_a_negative_filter_on_what_is_known_says_nothing(indexed: Library, command: Command) -> None:
    assert command("query", CLIP, "--where", "camera <> 2 and subject <> 9").err == ""
