"""The command `knn-eval`: the keys of its documents."""

from collections.abc import Callable

from conftest import Result
from documents import read_document

from umurl_search.library.library import Library

Command = Callable[..., Result]
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
