"""The application: every route described, no failure or malformed request beyond one line of JSON."""

import json

import pytest
from serving import Client, problem

from umurl_search.library.library import Library


def test_the_description_names_every_route_and_no_other_host(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert {
        "/api/query",
        "/api/query-file",
        "/api/uploads",
        "/api/clips/{clip_id}/frames",
        "/api/maps/{job}/points",
        "/metrics",
    } <= set(document["paths"])
    assert "http" not in json.dumps(document)
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    body = document["components"]["schemas"]["QueryBody"]
    assert body["additionalProperties"] is False


def test_a_failure_of_the_server_is_one_line_and_logged(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(indexed) as client:
        monkeypatch.setattr(client.service.asker, "query", lambda body: 1 / 0)
        assert "its log" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 500)
    assert "ZeroDivisionError" in capsys.readouterr().err
