"""The page's own files, and no others."""

import hashlib
import re
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from umurl_search.serve.errors import HttpError

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def routes(folder: Path | None = None) -> APIRouter:
    """folder: of the page; None: the package's."""
    root = (folder or Path(str(resources.files("umurl_search.serve") / "static"))).resolve()
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return _file(root, "index.html", request)

    @router.api_route("/assets/{path:path}", methods=["GET", "HEAD"])
    async def asset(path: str, request: Request) -> Response:
        return _file(root, path, request)

    return router


def _file(root: Path, path: str, request: Request) -> Response:
    """A file below the root, asked for again only when it changed. Raises HttpError (404)."""
    parts = path.split("/")
    found = root.joinpath(*parts) if all(map(_PART.fullmatch, parts)) else root
    kind = _TYPES.get(found.suffix)
    if kind is None or not found.is_file() or not found.resolve().is_relative_to(root):
        raise HttpError(404, "there is no such page")
    body = found.read_bytes()
    return tag_version(body, request, {"Content-Type": kind})


def tag_version(
    body: bytes, request: Request, headers: dict[str, str], *, tag: str | None = None
) -> Response:
    """An answer that may be kept, and is checked each time it is used again."""
    etag = f'"{tag or hashlib.sha256(body).hexdigest()[:32]}"'
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    told = {**headers, "ETag": etag, "Cache-Control": "private, no-cache"}
    return Response(status_code=304, headers=told) if etag in known else Response(body, headers=told)
