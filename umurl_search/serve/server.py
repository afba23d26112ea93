"""Binds an address and serves there until it is stopped."""

import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from encoder.errors import Hint, UmurlError, reason_of
from umurl_search.library.library import Library
from umurl_search.serve.app import make_app
from umurl_search.serve.auth import Access, is_loopback, new_token
from umurl_search.serve.connection_limits import bound_protocol
from umurl_search.serve.limits import Limits
from umurl_search.serve.state import Service

_BACKLOG = 1024


@dataclass(frozen=True, kw_only=True)
class ServeRequest:
    """Where to serve. port: 0 for any free one. token: made where others can reach the address and none is given.

    index: the one meant where none is named; None: the library's default.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    index: str | None = None
    device: str = "auto"


class Server:
    """Bound, and ready to run; `stop` may be called from another thread."""

    def __init__(self, library: Library, request: ServeRequest, *, limits: Limits | None = None) -> None:
        """Raises UmurlError where there is no library, no such index, or the address cannot be had."""
        with library.read():
            pass
        open_to_others = not is_loopback(request.host)
        token = request.token or (new_token() if open_to_others else None)
        self.access = Access(host=request.host, token=token)
        self.service = Service(library, index=request.index, device=request.device, limits=limits)
        self.service.warm()
        self._socket = _bind(request.host, request.port)
        self.port = int(self._socket.getsockname()[1])
        bounds = self.service.limits
        config = uvicorn.Config(
            make_app(self.service, self.access),
            http=bound_protocol(bounds),
            ws="none",
            loop="asyncio",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=bounds.header_bytes,
            timeout_keep_alive=bounds.idle_s,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
            lifespan="on",
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """To open in a browser of this machine: it carries the token where one is needed."""
        host = own_address(self.access.host)
        host = f"[{host}]" if ":" in host else host
        token = f"?token={self.access.token}" if self.access.token else ""
        return f"http://{host}:{self.port}/{token}"

    def run(self, *, started: Callable[[], None] = lambda: None) -> None:
        """Serves until it is stopped or interrupted. `started` is called once connections are taken."""
        self._socket.listen(_BACKLOG)
        started()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self.service.close()

    def stop(self) -> None:
        self._server.should_exit = True


def own_address(host: str) -> str:
    """Where this machine itself reaches an address that it serves on, which may stand for all of its addresses."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host) if ":" in host else socket.inet_aton(host)
    except OSError:  # a name
        return host
    if any(packed):
        return host
    return "::1" if ":" in host else "127.0.0.1"


def _bind(host: str, port: int) -> socket.socket:
    """Raises UmurlError where the address is taken, or is none of this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UmurlError(f"host {host}: {reason_of(error)}", "give an address of this machine") from error
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
    except OSError as error:
        found.close()
        raise UmurlError(
            f"port {port} on {host}: {reason_of(error)}",
            Hint("give another {option}, or 0 for any free one", option="port"),
        ) from error
    return found
