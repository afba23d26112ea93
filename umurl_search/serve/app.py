"""The web application: routes behind a guard, every problem one line of JSON."""

import importlib.metadata
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from encoder.device_errors import device_error_of
from encoder.errors import UmurlError, error_codes
from umurl_search.serve import job_routes, routes, static_files
from umurl_search.serve.auth import Access
from umurl_search.serve.errors import CODES, HttpError, error_response
from umurl_search.serve.middleware import RequestGuard
from umurl_search.serve.state import Service

_PROBLEMS = {
    400: "A mistake of the asker's",
    401: "A token is needed",
    403: "Another site or host",
    404: "Not there",
    408: "The request came too slowly",
    413: "The request is too large",
    415: "The body is of another type",
    431: "The headers are too large",
    422: "A value outside its set",
    503: "Busy: try again",
}
_KEY = re.compile(r"[A-Za-z_]{1,40}")
_HINT = {
    "type": "object",
    "description": "What mends it: words, and the command, the option (a field of a request) and its value, or null",
    "properties": {
        "text": {"type": "string"},
        "command": {"type": ["array", "null"], "items": {"type": "string"}},
        "option": {"type": ["string", "null"]},
        "value": {"type": ["string", "null"]},
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "One line of what is wrong"},
        "code": {
            "type": "string",
            "description": "The kind of problem, a stable word; those of the command line, and failed",
            "enum": [*error_codes(), *(one for one in CODES if one not in error_codes())],
        },
        "hint": _HINT,
    },
    "required": ["error", "code"],
}


def make_app(service: Service, access: Access) -> ASGIApp:
    """The whole application, its guard included."""
    version = importlib.metadata.version("umurl-search")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"application/json": {"schema": _SCHEMA}}}
        for status, text in _PROBLEMS.items()
    }
    app = FastAPI(
        title="umurl-search",
        version=version,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        description="Find human motion by example. Documents are those of the command line with --json.",
        responses=responses,
        redirect_slashes=False,
    )
    app.include_router(routes.health_routes(service, version))
    app.include_router(routes.routes(service))
    app.include_router(job_routes.routes(service))
    app.include_router(static_files.routes())
    for kind, handler in (
        (UmurlError, _answer_mistake),
        (HttpError, _answer_refusal),
        (RequestValidationError, _answer_invalid),
        (HTTPException, _answer_failure),
        (Exception, _answer_crash),
    ):
        app.add_exception_handler(kind, cast(Any, handler))
    return RequestGuard(app, access=access, limits=service.limits, measures=service.measures)


async def _answer_mistake(request: Request, error: UmurlError) -> Response:
    return error_response(str(error), 400, code=error.code, hint=error.hint)


async def _answer_refusal(request: Request, refused: HttpError) -> Response:
    return refused.response()


async def _answer_failure(request: Request, error: HTTPException) -> Response:
    return error_response(str(error.detail), error.status_code, headers=dict(error.headers or {}))


async def _answer_crash(request: Request, error: Exception) -> Response:
    told = device_error_of(error)
    if told is not None:
        return error_response(str(told), 503, code=told.code, hint=told.hint)
    return error_response("the server failed; its log says how", 500)


async def _answer_invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    named = [str(part) for part in first["loc"] if _KEY.fullmatch(str(part))]
    where = ".".join(part for part in named if part not in ("body", "query", "path"))
    said = str(first["msg"]).removeprefix("Value error, ")
    return error_response(f"{where[:80]}: {said}" if where else said, 422)
