"""A server as clients without manners see it."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import PATIENCE_S, running

from umurl_search.library.library import Library
from umurl_search.serve.limits import Limits
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


def answer_slowly(until: Callable[[], bool]) -> dict[str, list[int]]:
    """An answer that takes its time."""
    deadline = time.monotonic() + PATIENCE_S
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"hits": []}
