"""Hostile and slow clients, over real sockets: they are refused or cut off, and others are served meanwhile."""

import contextlib
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fuzz import malformed
from serving import PATIENCE_S, Client, problem, running

from umurl_search.library.library import Library
from umurl_search.serve.auth import Access, is_loopback
from umurl_search.serve.limits import MIB, Limits
from umurl_search.serve.server import Server

Address = tuple[str, int]
QUERY = json.dumps({"clip": {"id": 7}, "k": 1}).encode()
IMPATIENT = Limits(headers_s=0.4, json_s=0.4, body_s=0.5, request_s=5.0, idle_s=1, connections=8)


@pytest.fixture(scope="module")
def server(indexed_root: Path) -> Iterator[Server]:
    with running(Library(indexed_root), limits=IMPATIENT) as server:
        talk(address(server), post("/api/query", QUERY))  # reads the model, however long that takes
        yield server


@pytest.fixture(scope="module")
def patient(indexed_root: Path) -> Iterator[Server]:
    with running(Library(indexed_root)) as server:
        yield server


def address(server: Server) -> Address:
    return "127.0.0.1", server.port


def talk(to: Address, *sent: bytes, pause_s: float = 0.0) -> bytes:
    """All that is answered until the server ends the connection."""
    received = b""
    with socket.create_connection(to, timeout=PATIENCE_S) as connection, contextlib.suppress(ConnectionError):
        for part in sent:
            connection.sendall(part)
            time.sleep(pause_s)
        while chunk := connection.recv(65536):
            received += chunk
    return received


def post(
    path: str, body: bytes, *, kind: str = "application/json", length: int | None = None, more: str = ""
) -> bytes:
    n = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {n}\r\n{more}\r\n".encode() + body


def get(path: str, more: str = "Host: localhost\r\n") -> bytes:
    return f"GET {path} HTTP/1.1\r\nConnection: close\r\n{more}\r\n".encode()


def status(received: bytes) -> int | None:
    return int(received.split(b" ", 2)[1]) if received else None


def assert_serves(to: Address) -> None:
    assert status(talk(to, post("/api/query", QUERY))) == 200


# slow and large


def test_headers_that_do_not_end_are_cut_off(server: Server) -> None:
    assert talk(address(server), *[b"GET / HT", *[b"T"] * 12], pause_s=0.1) == b""
    assert_serves(address(server))


def test_a_connection_that_says_nothing_is_cut_off(server: Server) -> None:
    assert talk(address(server)) == b""


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


def test_idle_connections_make_room_for_others(server: Server) -> None:
    idle = [socket.create_connection(address(server)) for _ in range(3 * IMPATIENT.connections)]
    try:
        assert_serves(address(server))
        for one in idle:
            one.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionError):
                assert one.recv(1) == b""
    finally:
        for one in idle:
            one.close()


def test_an_answer_that_nobody_reads_is_dropped(server: Server) -> None:
    with socket.create_connection(address(server)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(40):
            with contextlib.suppress(ConnectionError):
                deaf.sendall(get("/openapi.json").replace(b"Connection: close\r\n", b""))
        assert_serves(address(server))
        deadline = time.monotonic() + PATIENCE_S
        while server._server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not server._server.server_state.connections


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
        (b"null", 422, "valid"),
    ],
)
def test_json_that_is_none(patient: Server, body: bytes, code: int, text: str) -> None:
    answer = talk(address(patient), post("/api/query", body))
    assert status(answer) == code
    assert text in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


# types, hosts, origins, tokens


@pytest.fixture(scope="module")
def client(indexed_root: Path) -> Iterator[Client]:
    with Client(Library(indexed_root)) as client:
        yield client


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
def test_a_body_of_another_type_is_refused(client: Client, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert "Content-Type" in problem(client.post("/api/query", content=QUERY, headers=headers), 415)
    utf8 = {"Content-Type": 'Application/JSON; Charset="UTF-8"'}
    assert client.post("/api/query", content=QUERY, headers=utf8).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "", "[::1", "192.168.0.1"])
def test_a_name_that_was_rebound_is_refused(patient: Server, host: str) -> None:
    assert status(talk(address(patient), get("/api/library", f"Host: {host}\r\n"))) in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_names_of_this_machine_are_not(client: Client, host: str) -> None:
    assert client.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_site_may_not_post(client: Client, headers: dict[str, str]) -> None:
    assert "another site" in problem(
        client.post("/api/query", json={"clip": {"id": 7}}, headers=headers), 403
    )


def test_the_page_itself_may_post(client: Client) -> None:
    headers = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/query", json={"clip": {"id": 7}}, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_where_there_is_a_token_it_is_needed(indexed: Library, host: str) -> None:
    with Client(indexed, access=Access(host=host, token="sesame")) as client:
        for path in (
            "/",
            "/api/library",
            "/api/health",
            "/metrics",
            "/openapi.json",
            "/assets/main.js",
            "/nothing",
        ):
            assert "a token is needed" in problem(client.get(path), 401)
        for wrong in ("sesam", "sesame2", "", "é"):
            refused = client.get("/api/library", headers={"Authorization": f"Bearer {wrong}".encode()})
            assert refused.status_code == 401
        assert client.get("/api/library", headers={"Authorization": "Bearer sesame"}).status_code == 200
        arrived = client.get("/?token=sesame&view=map")
        assert (arrived.status_code, arrived.headers["location"]) == (303, "/?view=map")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(arrived.headers["set-cookie"].split("; "))
        assert client.get("/api/library").status_code == 200  # the cookie
        client.forget_cookies()
        for odd in (
            '{"json":1}; umurl-search=sesame',
            "a b=c; x[y]=1; umurl-search=sesame; z",
            "umurl-search=sesame",
        ):
            assert client.get("/api/library", headers={"Cookie": odd}).status_code == 200, odd
        assert (
            client.get("/api/library", headers={"Cookie": "other=sesame; umurl-search=no"}).status_code == 401
        )


def test_an_address_that_others_reach_has_a_token() -> None:
    with pytest.raises(ValueError, match="a token is needed"):
        Access(host="0.0.0.0")
    reached = {
        "127.0.0.1": True,
        "localhost": True,
        "::1": True,
        "127.8.9.1": True,
        "0.0.0.0": False,
        "": False,
    }
    assert {host: is_loopback(host) for host in reached} == reached


# files


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "..\\app.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "",
        ".",
        "x/../../app.py",
        ".hidden.js",
        "index.html%00.js",
        "main.js/",
        "nothing.js",
        "views",
    ],
)
def test_no_file_but_the_pages_own(patient: Server, path: str) -> None:
    assert status(talk(address(patient), get(f"/assets/{path}"))) == 404


def test_the_page_and_what_every_answer_carries(client: Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for answer in (
        page,
        client.get("/api/health"),
        client.get("/nothing"),
        client.post("/api/query", content=b""),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["content-security-policy"] == policy
    again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# too many at once


def slow(until: Callable[[], bool]) -> dict[str, list[int]]:
    """An answer that takes its time."""
    deadline = time.monotonic() + PATIENCE_S
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"hits": []}


def test_who_finds_no_free_thread_in_time_is_told_to_come_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(indexed, searches=1, wait_s=0.2, waiting=2) as client:
        refused = re.compile(r'requests_total{method="POST",route="[^"]*",status="503"} 4$', re.MULTILINE)
        others_refused = lambda: refused.search(client.service.measures.text()) is not None  # noqa: E731
        monkeypatch.setattr(client.service.asker, "query", lambda body: slow(others_refused))
        answers = client.together(*[("POST", "/api/query", {"json": {"clip": {"id": 7}}})] * 5)
        assert Counter(one.status_code for one in answers) == {200: 1, 503: 4}
        assert all(one.headers["retry-after"] for one in answers if one.status_code == 503)
        assert client.get("/api/health").status_code == 200
        assert client.post("/api/query", json={"clip": {"id": 7}}).status_code == 200


def test_what_takes_too_long_is_given_up(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(indexed, request_s=0.2) as client:
        given_up = threading.Event()
        monkeypatch.setattr(client.service.asker, "query", lambda body: slow(given_up.is_set))
        assert "too long" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 503)
        given_up.set()


def test_a_failure_of_the_server_is_one_line_and_logged(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(indexed) as client:
        monkeypatch.setattr(client.service.asker, "query", lambda body: 1 / 0)
        assert "its log" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 500)
    assert "ZeroDivisionError" in capsys.readouterr().err
