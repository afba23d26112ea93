"""The application: every route described, no failure or malformed request beyond one line of JSON."""

import json
from pathlib import Path

import pytest
from serving import Client, problem

from umurl_search.library.library import Library
from umurl_search.result import meanings
from umurl_search.search.results import Hit


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


def test_the_description_says_what_every_route_answers(client: Client) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            (kind, content), *more = route["responses"]["200"]["content"].items()
            schema = content["schema"]
            assert not more
            assert kind != "application/json" or {"$ref", "anyOf"} & set(schema), (method, path)
    schemas = document["components"]["schemas"]
    assert schemas["Hit"]["properties"]["score"]["description"] == meanings(Hit)["score"]
    assert "more" not in schemas["ServedIndex"]["properties"]
    assert set(schemas["ClipAnswer"]["required"]) == {"query", "index", "indexes", "hits", "seconds"}


def test_the_page_of_the_server_names_every_route(client: Client) -> None:
    page = (Path(__file__).parents[1] / "docs/serve.md").read_text()
    for path in client.get("/openapi.json").json()["paths"]:
        last = [part for part in path.split("/") if part and not part.startswith("{")][-1]
        assert f"/{last}" in page, path


def test_a_failure_of_the_server_is_one_line_and_logged(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(indexed) as client:
        monkeypatch.setattr(client.service.asker, "query", lambda body: 1 / 0)
        assert "its log" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 500)
    assert "ZeroDivisionError" in capsys.readouterr().err
