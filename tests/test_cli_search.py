"""The commands `query` and `knn-eval`: the keys of their documents, and what the screen shows."""

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
HEAD_KEYS = {"dataset", "protocol", "encoder", "index"}
EVAL_KEYS = HEAD_KEYS | {
    "query_modality",
    "gallery_modality",
    "bridge",
    "transform",
    "k",
    "gallery",
    "queries",
    "accuracy",
    "recall_at",
    "map",
    "mrr",
    "per_class",
    "seconds",
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


def test_the_keys_of_knn_eval(indexed: Library, command: Command) -> None:
    document = read_document(command("knn-eval", "--query-modality", "bone", "--json"))
    assert set(document) >= EVAL_KEYS
    assert set(document["recall_at"]) == {"1", "5", "10"}
    assert document["index"] == "mine@e"
    named = [document[key] for key in ("query_modality", "gallery_modality", "bridge")]
    assert named == ["bone", "fused", True]
    assert (document["gallery"], document["queries"], document["k"]) == (30, 30, 1)
    assert all(set(row) >= {"label", "action", "queries", "accuracy"} for row in document["per_class"])
    assert sum(row["queries"] for row in document["per_class"]) == 30
    fractions = [document[key] for key in ("accuracy", "map", "mrr")]
    assert all(0 <= x <= 1 for x in [*fractions, *document["recall_at"].values()])


def test_the_keys_of_the_matrix(indexed: Library, command: Command) -> None:
    document = read_document(command("knn-eval", "--matrix", "--json"))
    base = ["joint", "bone", "motion", "fused"]
    assert set(document) >= HEAD_KEYS
    assert list(document["matrix"]) == base
    assert all(list(row) == base for row in document["matrix"].values())
    alone = read_document(
        command("knn-eval", "--query-modality", "motion", "--gallery-modality", "joint", "--json")
    )
    assert document["matrix"]["motion"]["joint"] == alone["accuracy"]


# query


def test_brackets_in_where_do_not_disturb_the_screen(indexed: Library, command: Command) -> None:
    shown = command("query", f"mine:{QUERY}", "--where", "name like '[/b]:smile:%'")
    assert (shown.code, shown.err) == (
        0,
        "note: no clip passes\n",
    )
    assert "[/b]:smile:%" in shown.out
