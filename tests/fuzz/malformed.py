"""HTTP requests as no honest client sends them, and what a server says to them."""

import contextlib
import json
import socket
from collections.abc import Callable
from urllib.parse import quote

import numpy as np

INDEX = "mine@e"
_PATHS = (
    "/",
    "/api/health",
    "/metrics",
    "/openapi.json",
    "/api/library",
    "/api/indexes/{}",
    "/api/indexes/{}/columns",
    "/api/indexes/{}/clips",
    "/api/clips/{}",
    "/api/clips/{}/frames",
    "/api/uploads/{}/frames",
    "/api/evaluations/{}",
    "/api/evaluations/{}/cell",
    "/api/matrices/{}",
    "/api/maps/{}/points",
    "/api/maps/{}/column/{}",
    "/api/skeleton",
    "/assets/{}",
    "/api/nothing/{}",
)
_POSTS = ("/api/query", "/api/evaluations", "/api/matrices", "/api/maps", "/api/timelines")
_KEYS = (
    "clip",
    "index",
    "modality",
    "against",
    "k",
    "where",
    "exclude_same_performance",
    "bridge",
    "overlap",
    "protocol",
    "query_modality",
    "gallery_modality",
    "method",
    "recording",
    "id",
    "__proto__",
)
_WORDS = (
    "",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/etc/passwd",
    "..\\..\\windows",
    "a\0b",
    "\ud800",
    "mine:",
    ":",
    "upload:",
    "upload:../x",
    "mine:nobody",
    "x" * 5000,
    "'; drop table clips; --",
    "1=1",
    "id = 1 or",
    "subject = ",
    "read_csv('/etc/passwd')",
    "☃",
    "ﷺ" * 50,
    "-1",
    "0",
    "1",
    "9" * 400,
    "1e999",
    "NaN",
    "null",
    "true",
    "joint+joint",
    "bone",
    "fused",
    "smell",
    "pca",
    "umap ",
    INDEX,
    "mine",
    "mine:S001C001P001R001A001@2-1",
    "mine:S001C001P001R001A001@0-99999999999999",
    "mine:S001C001P001R001A001",
    "/tmp/x.npy",
    "mine:../x.npy",
    "\r\nX: y",
)
_METHODS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "BREW",
    "get",
    "",
)
_TYPES = (
    "application/json",
    "application/json",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "",
    "é",
    "application/json;;;",
)
_SUFFIXES = (".npy", ".skeleton", ".txt", ".json", ".exe", "", ".npy/../x", ".NPY")


def request(rng: np.random.Generator) -> bytes:
    """One request, wrong in some way more likely than not."""
    made = _MADE[int(rng.integers(len(_MADE)))](rng)
    if rng.random() < 0.3:
        made = _mutate(made, rng)
    return made


def status(address: tuple[str, int], sent: bytes, *, patience_s: float = 60.0) -> int | None:
    """The status that a server answers with; None where it just ends the connection."""
    received = b""
    with socket.create_connection(address, timeout=patience_s) as connection, contextlib.suppress(OSError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while b"\r\n" not in received:
            chunk = connection.recv(4096)
            if not chunk:
                break
            received += chunk
    parts = received.split(b" ", 2)
    return int(parts[1]) if len(parts) > 1 and parts[0].startswith(b"HTTP/") else None


def _one(rng: np.random.Generator, of: tuple[str, ...]) -> str:
    return of[int(rng.integers(len(of)))]


def _quote(word: str) -> str:
    return quote(word.encode("utf-8", "surrogatepass"), safe="")


def _get(rng: np.random.Generator) -> bytes:
    path = _one(rng, _PATHS)
    while "{}" in path:
        word = _one(rng, _WORDS)
        path = path.replace("{}", _quote(word) if rng.random() < 0.7 else _make_bare(word), 1)
    names = ("where", "text", "offset", "limit", "start", "stop", "true", "found", "layout", "token", "name")
    asked = "&".join(f"{_one(rng, names)}={_quote(_one(rng, _WORDS))}" for _ in range(int(rng.integers(4))))
    return _head(_one(rng, _METHODS), f"{path}?{asked}", rng)


def _make_bare(word: str) -> str:
    """As it is, but for what would end the line."""
    return "".join(letter for letter in word if letter.isprintable() and letter not in " ?#")


def _post(rng: np.random.Generator) -> bytes:
    body = _json(rng)
    if rng.random() < 0.3:
        body = (
            b"[" * 30_000,
            b'{"a":' * 8_000,
            b"\xff\xfe{}",
            b"nul",
            b'"',
            b"{" * 3,
            b"\x00" * 50,
            b"9" * 60_000,
        )[int(rng.integers(8))]
    return _with_body(_one(rng, _POSTS), body, rng)


def _json(rng: np.random.Generator) -> bytes:
    document = {_one(rng, _KEYS): _value(rng, 0) for _ in range(int(rng.integers(1, 6)))}
    if rng.random() < 0.6:
        document |= {"clip": {"id": 1}, "index": INDEX} | document
    return json.dumps(document).encode()


def _value(rng: np.random.Generator, depth: int) -> object:
    kind = int(rng.integers(8 if depth < 4 else 6))
    if kind < 3:
        return _one(rng, _WORDS)
    if kind < 6:
        return (None, True, -1, 0, 7, 10**30, 0.5, float("nan"), float("inf"))[int(rng.integers(9))]
    inner = [_value(rng, depth + 1) for _ in range(int(rng.integers(4)))]
    return inner if kind == 6 else {_one(rng, _KEYS): one for one in inner}


def _upload(rng: np.random.Generator) -> bytes:
    name = _quote(_one(rng, _WORDS)[:300] + _one(rng, _SUFFIXES))
    path = _one(rng, ("uploads", "query-file"))
    names = ("index", "layout", "fps", "up", "scale", "name", "k", "modality", "where", "overlap")
    asked = "".join(f"&{_one(rng, names)}={_quote(_one(rng, _WORDS))}" for _ in range(int(rng.integers(3))))
    body = bytes(rng.integers(0, 256, int(rng.integers(2000)), dtype=np.uint8))
    if rng.random() < 0.5:
        body = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (9, 25, 3), }" + body
    return _with_body(f"/api/{path}?name={name}{asked}", body, rng)


def _with_body(path: str, body: bytes, rng: np.random.Generator) -> bytes:
    stated = str(len(body))
    if rng.random() < 0.2:
        stated = _one(rng, ("-1", "0", "5", "99999999999999999999", "abc", "1e3", "+5", str(len(body) + 7)))
    length = f"Content-Length: {stated}\r\n"
    if rng.random() < 0.15:
        length = "Transfer-Encoding: chunked\r\n"
        body = (b"5\r\nabcde\r\n0\r\n\r\n", b"ffffffffff\r\nx", b"-1\r\n\r\n", b"zz\r\n", body)[
            int(rng.integers(5))
        ]
    kind = _one(rng, _TYPES) if rng.random() < 0.4 else "application/json"
    return _head("POST", path, rng, f"{length}Content-Type: {kind}\r\n") + body


def _head(method: str, target: str, rng: np.random.Generator, more: str = "") -> bytes:
    host = (
        "127.0.0.1"
        if rng.random() < 0.9
        else _one(rng, ("evil.example", "", "127.0.0.1:x", "[::1", "localhost"))
    )
    strange = ""
    if rng.random() < 0.2:
        strange = _one(
            rng,
            (
                "Origin: http://evil.example\r\n",
                "Cookie: " + "=;," * 50 + "\r\n",
                "X: " + "y" * 20_000 + "\r\n",
                "Authorization: Bearer \x01\r\n",
                "Expect: 100-continue\r\n",
                "Host: other\r\n",
                ": nothing\r\n",
                "Upgrade: websocket\r\nConnection: upgrade\r\n",
                "No colon\r\n",
                "Range: bytes=9-1\r\n",
                "If-None-Match: " + "," * 500 + "\r\n",
            ),
        )
    text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}{strange}\r\n"
    return text.encode("utf-8", "replace")


def _noise(rng: np.random.Generator) -> bytes:
    return bytes(rng.integers(0, 256, int(rng.integers(1, 400)), dtype=np.uint8)) + b"\r\n\r\n"


def _mutate(sent: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, taken out, or the end cut off."""
    changed = bytearray(sent[: int(rng.integers(1, len(sent) + 1))] if rng.random() < 0.3 else sent)
    for at in rng.integers(0, len(changed), int(rng.integers(1, 6))).tolist():
        changed[at] = int(rng.integers(256))
    return bytes(changed)


_MADE: tuple[Callable[[np.random.Generator], bytes], ...] = (_get, _get, _post, _post, _post, _upload, _noise)
