"""Requests that are too large, too slow or of another type, over real sockets: refused while others are served."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from fuzz import malformed
from serving import Client, problem
from sockets import QUERY, address, assert_serves, get, post, status, talk

from umurl_search.serve.limits import MIB
from umurl_search.serve.server import Server

# slow and large


def test_a_body_that_does_not_end_is_refused(server: Server) -> None:
    assert status(talk(address(server), post("/api/query", QUERY[:5], length=500))) == 408
    kind = "application/octet-stream"
    slow = talk(address(server), post("/api/uploads?name=x.npy", b"ab", kind=kind, length=500))
    assert status(slow) == 408
    assert_serves(address(server))


def test_headers_that_are_too_large_are_refused(server: Server) -> None:
    assert status(talk(address(server), get("/", "Host: localhost\r\nX: " + "y" * 20_000 + "\r\n"))) == 431
    assert status(talk(address(server), get("/" + "y" * 20_000))) == 431
    endless = [b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", *[b"y" * 1000] * 40]
    assert status(talk(address(server), *endless, pause_s=0.001)) in (400, None)


@pytest.mark.parametrize("chunked", [False, True], ids=["stated", "chunked"])
@pytest.mark.parametrize(
    ("path", "kind", "n_bytes"),
    [
        ("/api/query", "application/json", 2**16 + 1),
        ("/api/uploads?name=x.npy", "application/octet-stream", 32 * MIB + 1),
        ("/api/query-file?name=x.npy", "application/octet-stream", 32 * MIB + 1),
    ],
)
def test_bodies_that_are_too_large_are_refused(
    patient: Server, chunked: bool, path: str, kind: str, n_bytes: int
) -> None:
    body = b"x" * n_bytes
    sent = post(path, body, kind=kind)
    if chunked:
        sent = sent.replace(f"Content-Length: {n_bytes}\r\n".encode(), b"Transfer-Encoding: chunked\r\n")
        sent = sent.replace(b"\r\n\r\n" + body, f"\r\n\r\n{n_bytes:x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    answer = talk(address(patient), sent)
    assert status(answer) == 413
    assert b"is larger than" in answer


def test_a_body_said_to_be_enormous_is_refused_at_once(patient: Server) -> None:
    assert status(talk(address(patient), post("/api/query", b"{", length=10**15))) == 413


# malformed


def test_hundreds_of_malformed_requests_and_no_500(patient: Server) -> None:
    rng = np.random.default_rng(5)
    found = Counter(malformed.status(address(patient), malformed.request(rng)) for _ in range(400))
    assert_serves(address(patient))
    assert found[500] == 0
    assert sum(n for code, n in found.items() if code and 400 <= code < 500) > 200
    assert {400, 403, 404, 405, 413, 415, 422} <= set(found)


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b"{", 422, "JSON"),
        (b"\xff\xfe\x00{}", 400, "body"),
        (b"[" * 60_000, 400, "body"),
        (b'{"clip": {"id": ' + b"9" * 5000 + b"}}", 400, "body"),
        (b'{"clip": {"id": 1}, "overlap": NaN}', 422, "overlap"),
        (b"", 422, "required"),
        (b"null", 422, "valid|required"),
    ],
)
def test_json_that_is_none(patient: Server, body: bytes, code: int, text: str) -> None:
    answer = talk(address(patient), post("/api/query", body))
    assert status(answer) == code
    assert re.search(text, json.loads(answer.partition(b"\r\n\r\n")[2])["error"])


# types, hosts, origins, tokens


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
def test_a_body_of_another_type_is_refused(client: Client, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert "Content-Type" in problem(client.post("/api/query", content=QUERY, headers=headers), 415)
    utf8 = {"Content-Type": 'Application/JSON; Charset="UTF-8"'}
    assert client.post("/api/query", content=QUERY, headers=utf8).status_code == 200


# one value, given once


@pytest.mark.parametrize(
    "path",
    [
        "/api/indexes/mine@e/clips?where=subject%3D1&where=label%3D2",
        "/api/indexes/mine@e/clips?limit=1&limit=2",
        "/api/skeleton?layout=ntu25&layout=ntu25",
    ],
)
def test_a_parameter_given_twice_is_refused(path: str, read_client: Client) -> None:
    name = path.partition("?")[2].partition("=")[0]
    assert f"{name}: takes one value, got 2" in problem(read_client.get(path), 422)


@pytest.mark.parametrize(
    "body",
    [
        b'{"clip": {"id": 1}, "where": "subject = 1", "where": "label = 2"}',
        b'{"clip": {"id": 1, "id": 2}}',
        b'{"clip": {"id": 1}, "k": 1, "k": 1}',
    ],
)
def test_a_key_given_twice_is_refused(body: bytes, read_client: Client) -> None:
    told = read_client.post("/api/query", content=body, headers={"Content-Type": "application/json"})
    assert "takes one value, got 2" in problem(told, 422)


def test_other_bodies_are_left_to_their_routes(read_client: Client) -> None:
    for body in (b"{", b"[" * 5000, b"", b'{"clip": {"id": 1}}'):
        told = read_client.post("/api/query", content=body, headers={"Content-Type": "application/json"})
        assert "takes one value" not in told.text
