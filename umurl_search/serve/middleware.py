"""Stands before the application: who may ask, how large and how slow a request may be, what every answer carries."""

import asyncio
import contextlib
import json
import sys
import time
import traceback
from collections import Counter
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from umurl_search.serve.auth import COOKIE, Access, remove_token
from umurl_search.serve.errors import HttpError, error_response
from umurl_search.serve.limits import MIB, Limits
from umurl_search.serve.prometheus import Metrics

FILES = ("/api/uploads", "/api/query-file")
"""Where the body is a clip file."""
SEVERAL = ("indexes",)
"""Query parameters that may be given several times."""
_UPLOADED_TYPES = ("application/octet-stream", "text/plain", "application/json")
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
}
_SWALLOWING_S = 10.0


class RequestGuard:
    """An ASGI application around another. The other gets bodies whole, and only what may pass."""

    def __init__(self, app: ASGIApp, *, access: Access, limits: Limits, measures: Metrics) -> None:
        self._app, self._access, self._limits, self._measures = app, access, limits, measures
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = time.monotonic(), 0

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(message)
            await send(message)

        self._measures.under_way += 1
        try:
            async with asyncio.timeout(self._limits.request_s):
                await self._pass(scope, receive, send_secured)
        except HttpError as refused:
            await refused.response()(scope, receive, send_secured)
        except TimeoutError:
            if status == 0:
                late = HttpError(503, "it took too long: ask for less, or later", retry_s=5)
                await late.response()(scope, receive, send_secured)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            if status == 0:
                await error_response("the server failed; its log says how", 500)(scope, receive, send_secured)
        finally:
            self._measures.under_way -= 1
            route = getattr(scope.get("route"), "path", "other")
            self._measures.count(scope["method"], route, status, time.monotonic() - begun)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands the request on, its body read. Raises HttpError."""
        headers, query = Headers(scope=scope), scope["query_string"].decode("latin-1")
        if _head_bytes(scope) > self._limits.header_bytes:
            raise HttpError(431, "the request's headers are too large", close=True)
        self._access.check(scope["method"], headers, query)
        if scope["method"] == "GET" and scope["path"] == "/" and self._access.brings_token(query):
            return await self._admit(query)(scope, receive, send)
        _require_type(scope, headers)
        _require_once(scope, query)
        most = self._limits.body_bytes if scope["path"] in FILES else self._limits.json_bytes
        patience_s = self._limits.body_s if scope["path"] in FILES else self._limits.json_s
        try:
            async with asyncio.timeout(patience_s):
                body = await self._body(receive, headers, most)
        except TimeoutError as error:
            raise HttpError(408, "the request's body came too slowly", close=True) from error
        try:
            if scope["path"] not in FILES:
                _require_keys_once(body)
            await self._app(scope, _replay_body(body, receive), send)
        finally:
            self._held -= len(body)

    def _admit(self, query: str) -> Response:
        """The page's address without its token, which goes into a cookie."""
        rest = remove_token(query)
        response = RedirectResponse(f"/?{rest}" if rest else "/", status_code=303)
        response.set_cookie(COOKIE, self._access.token or "", httponly=True, samesite="strict", path="/")
        return response

    async def _body(self, receive: Receive, headers: Headers, most: int) -> bytes:
        """A body of `most` bytes or fewer, which counts as held. Raises HttpError: 413 for a larger one, 503 where
        others hold too much."""
        stated = headers.get("content-length", "0")
        if not stated.isdecimal() or int(stated[:20]) > most:
            await self._swallow(receive, int(stated[:20]) if stated.isdecimal() else 0)
            raise _too_large_error(most)
        chunks: list[bytes] = []
        size, more = 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "the request's body broke off", close=True)
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size, self._held = size + len(chunk), self._held + len(chunk)
                chunks.append(chunk)
                if size > most:
                    if more:
                        await self._swallow(receive, size)
                    raise _too_large_error(most)
                if self._held > self._limits.held_bytes:
                    raise HttpError(503, "too many uploads at once: try again", retry_s=2, close=True)
        except BaseException:
            self._held -= size
            raise
        return b"".join(chunks)

    async def _swallow(self, receive: Receive, size: int) -> None:
        """Reads on a little, so that the client, which is still sending, gets to read why it is refused."""
        swallowed = 0
        if size > self._limits.swallowed_bytes:
            return
        try:
            async with asyncio.timeout(_SWALLOWING_S):
                while swallowed <= self._limits.swallowed_bytes:
                    message = await receive()
                    swallowed += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return
        except TimeoutError:
            return


def _head_bytes(scope: Scope) -> int:
    fields = sum(len(name) + len(value) for name, value in scope["headers"])
    return len(scope["raw_path"]) + len(scope["query_string"]) + fields


def _too_large_error(most: int) -> HttpError:
    said = f"{most // MIB} MiB" if most >= MIB else f"{most // 1024} KiB"
    return HttpError(413, f"the request's body is larger than {said}", close=True)


def _require_type(scope: Scope, headers: Headers) -> None:
    """Raises HttpError (415) where a body is not said to be what it has to be."""
    if scope["method"] != "POST":
        return
    stated, _, parameters = headers.get("content-type", "").lower().partition(";")
    allowed = _UPLOADED_TYPES if scope["path"] in FILES else ("application/json",)
    charset = parameters.replace(" ", "").replace('"', "")
    if stated.strip() not in allowed or charset not in ("", "charset=utf-8"):
        raise HttpError(415, f"the body's Content-Type has to be {' or '.join(allowed)}")


def _require_once(scope: Scope, query: str) -> None:
    """Raises HttpError (422) where a parameter is given several times: what it would mean is not known."""
    if not scope["path"].startswith("/api/"):
        return
    counts = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True, max_num_fields=None))
    twice = next((name for name, n in counts.items() if n > 1 and name not in SEVERAL), None)
    if twice is not None:
        raise HttpError(422, f"{twice[:80]}: takes one value, got {counts[twice]}")


def _require_keys_once(body: bytes) -> None:
    """Raises HttpError (422) where an object of a JSON body has a key twice; what is no JSON is left to the routes."""

    def look(pairs: list[tuple[str, object]]) -> None:
        counts = Counter(name for name, _ in pairs)
        twice = next((name for name, n in counts.items() if n > 1), None)
        if twice is not None:
            raise HttpError(422, f"{twice[:80]}: takes one value, got {counts[twice]}")

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(body, object_pairs_hook=look)


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body read, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _secure(message: Message) -> None:
    headers = MutableHeaders(raw=list(message.get("headers", ())))
    for name, value in _SECURITY.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
    message["headers"] = headers.raw
