"""The command `query`: the keys of its document, and what the screen shows."""

from collections.abc import Callable

import pytest
from conftest import Result
from documents import QUERY, read_document

from umurl_search.library.library import Library

Command = Callable[..., Result]
HIT_KEYS = {
    "rank",
    "score",
    "clip_id",
    "name",
    "dataset",
    "label",
    "action",
    "subject",
    "camera",
    "setup",
    "frames",
}
# documents


@pytest.mark.parametrize("modality", ["joint", "fused", "motion+bone+joint"])
def test_the_keys_of_query(indexed: Library, command: Command, modality: str) -> None:
    document = read_document(command("query", f"mine:{QUERY}", "--modality", modality, "--k", 4, "--json"))
    assert set(document) >= {"query", "index", "hits", "seconds"}
    assert all(set(hit) >= HIT_KEYS for hit in document["hits"])
    assert [hit["rank"] for hit in document["hits"]] == [1, 2, 3, 4]
    assert all(isinstance(seconds, float) for seconds in document["seconds"].values())
    first = document["hits"][0]
    facts = ("dataset", "name", "label", "subject", "camera", "setup")
    assert [first[key] for key in facts] == ["mine", QUERY, 0, 1, 1, 1]
    assert first["score"] == pytest.approx(1, abs=1e-5) or modality == "joint"


def test_brackets_in_where_do_not_disturb_the_screen(indexed: Library, command: Command) -> None:
    shown = command("query", f"mine:{QUERY}", "--where", "name like '[/b]:smile:%'")
    assert (shown.code, shown.err) == (
        0,
        "note: no clip passes\n",
    )
    assert "[/b]:smile:%" in shown.out
