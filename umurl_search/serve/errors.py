"""What the server answers in place of a result, and the JSON that it answers with."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from encoder.errors import Hint
from umurl_search.result import plain


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


class Document(JSONResponse):
    """JSON as the commands print it."""

    def render(self, content: Any) -> bytes:
        document = plain(content) if isinstance(content, Mapping) else content
        text = json.dumps(document, ensure_ascii=False, default=str, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")  # half a surrogate pair becomes its JSON escape


def error_response(
    text: str, status: int, *, hint: Hint | None = None, headers: dict[str, str] | None = None
) -> Document:
    """One line of what is wrong, and what mends it where that is known."""
    told: dict[str, Any] = {"error": " ".join(text.split())}
    if hint is not None:
        told["hint"] = hint.to_dict()
    return Document(told, status_code=status, headers=headers)
