"""What the server answers in place of a result."""

import json

from umurl_search.serve.errors import Document, HttpError, error_response


def test_a_refusal_is_one_line_of_json_with_its_headers() -> None:
    answer = HttpError(503, "no free\n  thread", retry_s=2, close=True).response()
    assert answer.status_code == 503
    assert json.loads(bytes(answer.body)) == {"error": "no free thread"}
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("2", "close")
    assert "www-authenticate" not in answer.headers


def test_who_is_not_known_is_asked_for_a_token() -> None:
    assert HttpError(401, "a token is needed").response().headers["www-authenticate"] == "Bearer"
    assert "retry-after" not in error_response("x", 404).headers


def test_a_document_holds_names_as_they_are() -> None:
    assert Document({"name": "é", "n": 1}).body == '{"name":"é","n":1}'.encode()
    assert json.loads(bytes(Document({"name": "half \ud800"}).body)) == {"name": "half \ud800"}
