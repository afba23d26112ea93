"""Results read as attributes, by key, and as the documents that they become."""

import json
from dataclasses import dataclass, field

import pytest

from umurl_search.result import Result


@dataclass(frozen=True, eq=False)
class Row(Result):
    name: str
    score: float


@dataclass(frozen=True, eq=False)
class Found(Result):
    rows: tuple[Row, ...]
    best: Row | None
    hidden: int = field(default=0, metadata={"shown": False})


FOUND = Found(rows=(Row("a", 1.0), Row("b", 0.5)), best=Row("a", 1.0), hidden=3)


def test_a_document_holds_what_json_holds_and_nothing_hidden() -> None:
    document = FOUND.to_dict()
    rows = [{"name": "a", "score": 1.0}, {"name": "b", "score": 0.5}]
    assert document == {"rows": rows, "best": rows[0]}
    assert json.loads(json.dumps(document)) == document
    assert FOUND.hidden == 3


def test_a_result_reads_by_key_as_by_attribute() -> None:
    assert FOUND["rows"] is FOUND.rows
    assert list(FOUND) == ["rows", "best"]
    assert len(FOUND) == 2
    assert {**FOUND.rows[0]} == {"name": "a", "score": 1.0} == FOUND.rows[0]
    for key in ("hidden", "other"):
        with pytest.raises(KeyError):
            FOUND[key]


def test_results_of_other_values_differ() -> None:
    assert Row("a", 1.0) == Row("a", 1.0)
    assert Row("a", 1.0) != Row("a", 2.0)
