"""The command `serve`."""

import re
from typing import Annotated

import typer

from cli.search import IndexOption
from cli.terminal import Terminal, command, parse_option

_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{6,200}")


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("a token is 6 to 200 letters, digits and _ . ~ -")
    return text


def register(app: typer.Typer) -> None:
    command(app, "serve")(serve)


def serve(
    terminal: Terminal,
    host: Annotated[
        str, typer.Option(help="The address to serve on; any but loopback needs a token")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            callback=parse_option("--token", _token),
            help="What clients must know [default: on loopback none, else one is made]",
        ),
    ] = None,
    index: IndexOption = None,
) -> None:
    """Serves a page for the browser, and an HTTP API.

    Runs until it is interrupted.
    """
    from cli import print_serving
    from encoder.errors import MissingPackageError

    try:
        from umurl_search.serve.documents import Served
        from umurl_search.serve.server import Server, ServeRequest, own_address
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("umurl_search", "encoder", "cli"):
            raise
        raise MissingPackageError(
            f"serve needs a package that is not installed ({error.name})", "pip install 'umurl-search[serve]'"
        ) from error
    request = ServeRequest(host=host, port=port, token=token, index=index, device=terminal.device)
    server = Server(terminal.library, request)
    served = Served(
        url=server.address,
        host=host,
        port=server.port,
        token=server.access.token,
        library=str(terminal.library.root),
        index=server.service.shelf.contents().default_index,
    )
    if own_address(host) != host:
        terminal.note("from other machines: this machine's name, or address, in place of the one below")
    try:
        server.run(started=lambda: terminal.show(served, print_serving.print_address))
    except KeyboardInterrupt:  # how it is stopped
        terminal.note("stopped")
