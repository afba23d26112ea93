"""The server as tests ask it: the application without sockets, or a whole server in a thread."""

import asyncio
import contextlib
import io
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import TypeAdapter

from encoder.errors import error_codes
from umurl_search.library.library import Library
from umurl_search.result import OpenResult
from umurl_search.serve.app import make_app
from umurl_search.serve.auth import Access
from umurl_search.serve.errors import CODES
from umurl_search.serve.limits import Limits
from umurl_search.serve.server import Server, ServeRequest
from umurl_search.serve.state import Service

PATIENCE_S = 120.0  # what never comes is a failure; when it comes is not looked at


class Client:
    """Asks the application of a library, without sockets."""

    def __init__(self, library: Library, *, access: Access | None = None, **limits: Any) -> None:
        self.service = Service(library, device="cpu", limits=Limits(**limits))
        self._app, self._asked = make_app(self.service, access or Access()), dict[str, Any]()
        transport = httpx.ASGITransport(self._remember)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        self.service.close()

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer, which is as its route describes it."""
        return self._check_described(self._runner.run(self._http.get(path, **options)))

    def post(self, path: str, **options: Any) -> httpx.Response:
        """The answer, which is as its route describes it."""
        return self._check_described(self._runner.run(self._http.post(path, **options)))

    def _check_described(self, answer: httpx.Response) -> httpx.Response:
        response = getattr(self._asked.get("route"), "response_model", None)
        if answer.status_code == 200 and answer.headers["content-type"] == "application/json":
            assert response is not None or answer.url.path == "/openapi.json", answer.url.path
        if answer.status_code == 200 and response is not None:
            document = answer.json()
            assert_described(TypeAdapter(response).validate_python(document), document)
        return answer

    async def _remember(self, scope: Any, receive: Any, send: Any) -> None:
        self._asked = scope
        await self._app(scope, receive, send)

    def forget_cookies(self) -> None:
        self._http.cookies.clear()

    def request_together(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Answers of requests (method, path, options) that are made at once."""

        async def all_of_them() -> list[httpx.Response]:
            made = [self._http.request(method, path, **options) for method, path, options in requests]
            return list(await asyncio.gather(*made))

        return self._runner.run(all_of_them())

    def send(self, name: str, body: bytes, **asked: object) -> httpx.Response:
        """A clip file as an upload."""
        return self._file("/api/uploads", body, {"name": name, **asked})

    def ask_with(self, name: str, body: bytes, **asked: object) -> httpx.Response:
        """A query by a clip file."""
        return self._file("/api/query-file", body, {"name": name, **asked})

    def _file(self, path: str, body: bytes, params: dict[str, Any]) -> httpx.Response:
        return self.post(
            path, params=params, content=body, headers={"Content-Type": "application/octet-stream"}
        )


def assert_described(told: Any, document: Any) -> None:
    """Whether a document has the keys of the result that its route names, and these alone, at every depth."""
    if isinstance(told, Mapping):
        extra = set(document) - set(told)
        assert set(told) <= set(document), (type(told), set(told) - set(document))
        assert not extra or isinstance(told, OpenResult), (type(told), extra)
        for key in told:
            assert_described(told[key], document[key])
    elif isinstance(told, list | tuple):
        for one, other in zip(told, document, strict=True):
            assert_described(one, other)
    else:
        assert told == document


@contextlib.contextmanager
def running(library: Library, *, limits: Limits | None = None, **request: Any) -> Iterator[Server]:
    """A server on a free port, in a thread."""
    server, started = (
        Server(library, ServeRequest(port=0, device="cpu", **request), limits=limits),
        threading.Event(),
    )
    thread = threading.Thread(target=lambda: server.run(started=started.set))
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def problem(answer: httpx.Response, status: int) -> str:
    """The one line of a refusal, as the page shows it: what is wrong, and the hint's text."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert {"error", "code"} <= set(told) <= {"error", "code", "hint"}
    assert told["code"] in (*error_codes(), *CODES)
    line = f"{told['error']}; {told['hint']['text']}" if "hint" in told else str(told["error"])
    assert line
    assert "\n" not in line
    return line


@pytest.fixture
def client(indexed: Library) -> Iterator[Client]:
    with Client(indexed) as client:
        yield client


@pytest.fixture
def long_client(long: Library) -> Iterator[Client]:
    with Client(long) as client:
        yield client


def npy(clip: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, clip)
    return file.getvalue()


def without_seconds(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "seconds"}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """But for how long it took, and the last digits of scores, since rows of an index are embedded many at a time."""
    first, second = ([hit.pop("score") for hit in document["hits"]] for document in (one, other))
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert without_seconds(one) == without_seconds(other)


@pytest.fixture(scope="module")
def read_client(indexed_root: Path) -> Iterator[Client]:
    with Client(Library(indexed_root)) as read_client:
        yield read_client


@pytest.fixture(scope="module")
def read_long_client(long_root: Path) -> Iterator[Client]:
    with Client(Library(long_root / "library")) as read_client:
        yield read_client


def finish_job(read_client: Client, kind: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A job's number, and what it says once it is over."""
    job = read_client.post(f"/api/{kind}", json=body).json()
    deadline = time.monotonic() + PATIENCE_S
    while job["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.01)
        job = read_client.get(f"/api/{kind}/{job['id']}").json()
    return job["id"], job
