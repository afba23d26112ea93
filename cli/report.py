"""The command `report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.search import IndexOption
from cli.terminal import Terminal, command

Map = Literal["tsne", "umap", "pca"]


def register(app: typer.Typer) -> None:
    command(app, "report")(report)


def report(
    terminal: Terminal,
    index: IndexOption = None,
    protocol: Annotated[str | None, typer.Option(help="[default: the dataset's first]")] = None,
    out: Annotated[Path, typer.Option(help=".html, or .md with its pictures beside it")] = Path(
        "report.html"
    ),
    map: Annotated[Map, typer.Option("--map", help="How the embedding is drawn, besides PCA")] = "tsne",
    linear: Annotated[bool, typer.Option("--linear", help="Train a linear classifier too")] = False,
) -> None:
    """Writes a page about an encoder, its index and their figures.

    Shows figures, mistakes, projections, training curves, and the commands that made them.
    """
    from cli.print_report import print_report
    from umurl_search.report.report import ReportRequest, write_report

    request = ReportRequest(
        out=out, index=index, protocol=protocol, map=map, linear=linear, device=terminal.device
    )
    written = write_report(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {warning}" for warning in written.warnings))
    terminal.show(written, print_report)
