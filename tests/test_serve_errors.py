"""What the server answers in place of a result."""

import json
from typing import Any

from documents import QUERY
from serving import Client

from encoder.errors import error_codes
from umurl_search.serve.errors import Document, HttpError, code_of, error_response


def test_a_refusal_is_one_line_of_json_with_its_headers() -> None:
    answer = HttpError(503, "no free\n  thread", retry_s=2, close=True).response()
    assert answer.status_code == 503
    assert json.loads(bytes(answer.body)) == {"error": "no free thread", "code": "busy"}
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("2", "close")
    assert "www-authenticate" not in answer.headers


def test_who_is_not_known_is_asked_for_a_token() -> None:
    assert HttpError(401, "a token is needed").response().headers["www-authenticate"] == "Bearer"
    assert "retry-after" not in error_response("x", 404).headers


def test_a_document_holds_names_as_they_are() -> None:
    assert Document({"name": "é", "n": 1}).body == '{"name":"é","n":1}'.encode()
    assert json.loads(bytes(Document({"name": "half \ud800"}).body)) == {"name": "half \ud800"}


def test_the_code_of_an_error_is_that_of_its_kind(client: Client) -> None:
    asked: dict[str, Any] = {"clip": "mine:nobody"}
    for change, status, code in (
        ({}, 400, "not-found"),
        ({"clip": "what"}, 400, "bad-input"),
        ({"clip": f"mine:{QUERY}", "where": "nothing = 1"}, 400, "bad-input"),
        ({"clip": f"mine:{QUERY}", "index": "none"}, 400, "not-found"),
        ({"clip": {"id": 123456}}, 404, "not-found"),
        ({"k": 0}, 422, "usage"),
    ):
        answer = client.post("/api/query", json=asked | change)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert client.get("/api/nothing").json()["code"] == "not-found"
    assert client.get("/api/query").json()["code"] == "usage"
    schema = client.get("/openapi.json").json()["paths"]["/api/query"]["post"]["responses"]["404"]
    code = schema["content"]["application/json"]["schema"]["properties"]["code"]
    assert {"failed", "usage", *error_codes()} == set(code["enum"])


def test_every_status_has_a_code() -> None:
    assert [code_of(status) for status in (418, 429, 502)] == ["bad-input", "bad-input", "failed"]
    assert code_of(503) == HttpError(503, "x").code == "busy"
