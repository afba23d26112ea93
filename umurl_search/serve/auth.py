"""Who may ask: host, origin and token of a request, against rebound names, other sites and strangers."""

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from umurl_search.serve.errors import HttpError

COOKIE = "umurl-search"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class Access:
    """host: the address that the server is bound to. token: what a client must know; None on loopback alone."""

    host: str = "127.0.0.1"
    token: str | None = None

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(f"{self.host} can be reached by others: a token is needed")

    def check(self, method: str, headers: Mapping[str, str], query: str) -> None:
        """Raises HttpError: 400 without a host, 401 without the token, 403 for another site."""
        host = headers.get("host")
        if not host:
            raise HttpError(400, "the request names no host")
        if is_loopback(self.host) and _name(host) not in (*_LOCAL_NAMES, self.host):
            raise HttpError(403, "this server answers to localhost and 127.0.0.1 only")
        if self.token is not None and not self._knows(headers, query):
            raise HttpError(401, "a token is needed: open /?token=TOKEN, or send Authorization: Bearer TOKEN")
        if method not in ("GET", "HEAD"):
            _require_own_site(headers, host)

    def _knows(self, headers: Mapping[str, str], query: str) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(bearer.strip()):
            return True
        known = any(self._is_token(value) for value in _cookies(headers.get("cookie", "")))
        return known or self.brings_token(query)

    def _is_token(self, text: str) -> bool:
        expected = (self.token or "").encode()
        return bool(expected) and hmac.compare_digest(text.encode("utf-8", "replace"), expected)

    def brings_token(self, query: str) -> bool:
        """Whether an address carries the token, in order to be given it as a cookie."""
        return any(key == "token" and self._is_token(value) for key, value in _pairs(query))


def remove_token(query: str) -> str:
    """An address's query, the token taken out."""
    return urlencode([(key, value) for key, value in _pairs(query) if key != "token"])


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, max_num_fields=100) if query.count("&") < 100 else []


def _name(host: str) -> str:
    """A Host header without its port, empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _cookies(header: str) -> list[str]:
    """Values of the cookie, whatever stands beside it: others set cookies for this host too."""
    pairs = (one.strip().partition("=") for one in header.split(";"))
    return [value.strip('"') for name, _, value in pairs if name == COOKIE]


def _require_own_site(headers: Mapping[str, str], host: str) -> None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    own = origin is None or origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())
    if not own or site not in ("same-origin", "none"):
        raise HttpError(403, "another site may not post here")
