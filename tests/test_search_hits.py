"""Which hit is the query itself, whole or as a stretch of a recording."""

from collections.abc import Callable

import pytest
from conftest import LONG_INDEX, Result
from documents import QUERY, read_document

from umurl_search.library.library import Library
from umurl_search.search.hits import make_hit, mark_query
from umurl_search.search.results import SHOWN, Hit

Command = Callable[..., Result]
ROW = {**dict.fromkeys(SHOWN), "id": 7, "name": "a", "dataset": "d", "frames": 300}


def hit(span: tuple[int, int] | None = None, clip_id: int = 7) -> Hit:
    return make_hit({**ROW, "id": clip_id}, rank=1, score=1.0, span=span, index="d@e")


@pytest.mark.parametrize(
    ("name", "span", "is_query"),
    [
        ("d:a", None, True),
        ("d:a@0-5", None, False),
        ("d:a", (0, 300), True),
        ("d:a", (0, 100), False),
        ("d:a@1-3", (30, 90), True),
        ("d:a@1-3", (40, 100), True),
        ("d:a@1-3", (75, 150), False),
        ("d:a@1-3", (0, 300), False),
        ("d:a@9-99", (280, 300), True),
    ],
)
def test_the_clip_that_asked_is_marked(name: str, span: tuple[int, int] | None, is_query: bool) -> None:
    (mine, other) = mark_query([hit(span), hit(span, clip_id=8)], name, ROW)
    assert mine.is_query is is_query
    assert other.is_query is False
    assert not any(one.is_query for one in mark_query([hit(span)], name, None))


def test_it_is_marked_in_documents_and_tables(indexed: Library, command: Command) -> None:
    document = read_document(command("query", f"mine:{QUERY}", "--k", 5, "--json"))
    assert [one["is_query"] for one in document["hits"]] == [True, False, False, False, False]
    lines = command("query", f"mine:{QUERY}", "--k", 5).out.splitlines()
    assert lines[1] == "* the query itself"
    assert [line.split()[0] for line in lines[3:]] == ["1*", "2", "3", "4", "5"]
    other = command("query", f"mine:{QUERY}", "--where", "camera = 2").out
    assert "*" not in other
    many = command("query", f"mine:{QUERY}", "mine:S001C002P001R001A001").out
    assert f" {QUERY}* " in many
    assert " S001C002P001R001A001* " in many
    assert "\n* the query itself\n" in many


def test_a_moment_that_asked_is_marked(long: Library, command: Command) -> None:
    document = read_document(
        command("query", "long:P001C003T01@2-4.5", "--index", LONG_INDEX, "--k", 20, "--json")
    )
    marked = [one for one in document["hits"] if one["is_query"]]
    assert len(marked) >= 1
    assert {one["name"] for one in marked} == {"P001C003T01"}
    assert all(1 <= one["start_s"] <= 3 for one in marked)
    shown = command("query", "long:P001C003T01@2-4.5", "--index", LONG_INDEX, "--k", 20).out
    assert shown.count("*") == len(marked) + 1
