"""What the server answers in place of a result, and the JSON that it answers with."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from encoder.errors import Hint
from umurl_search.result import plain

CODES = {
    "usage": (405, 422),
    "not-found": (404,),
    "bad-input": (400, 413, 415, 431),
    "busy": (408, 503),
    "refused": (401, 403),
    "failed": (500,),
}
"""Code of an error -> the statuses that have it, where no error of the library's says its own. The words are those of
the command line; `failed` is the server's own."""
_CODE_OF = {status: code for code, statuses in CODES.items() for status in statuses}


def code_of(status: int) -> str:
    """The stable word for a status."""
    return _CODE_OF.get(status, "failed" if status >= 500 else "bad-input")


class HttpError(Exception):
    """A request that is not answered: its status, one line of why, what mends it where that is known, and whether
    the connection is of no more use."""

    def __init__(
        self,
        status: int,
        text: str,
        *,
        hint: Hint | None = None,
        retry_s: int | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(text)
        self.status, self.hint, self.retry_s, self.close = status, hint, retry_s, close

    def response(self) -> "Document":
        headers = {"Connection": "close"} if self.close else {}
        headers |= {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        headers |= {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return error_response(str(self), self.status, hint=self.hint, headers=headers)

    @property
    def code(self) -> str:
        """The kind of problem, for programs."""
        return code_of(self.status)


class Document(JSONResponse):
    """JSON as the commands print it."""

    def render(self, content: Any) -> bytes:
        document = plain(content) if isinstance(content, Mapping) else content
        text = json.dumps(document, ensure_ascii=False, default=str, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def error_response(
    text: str,
    status: int,
    *,
    code: str | None = None,
    hint: Hint | None = None,
    headers: dict[str, str] | None = None,
) -> Document:
    """What is wrong, in one line, the kind of problem (None: of the status), and what mends it, if known."""
    told: dict[str, Any] = {"error": " ".join(text.split()), "code": code or code_of(status)}
    if hint is not None:
        told["hint"] = hint.to_dict()
    return Document(told, status_code=status, headers=headers)
