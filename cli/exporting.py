"""The command that writes an index for other programs: `export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.terminal import Terminal, command
from cli.twins import IndexArgument


def register(app: typer.Typer) -> None:
    command(app, "export")(export)


def export(
    terminal: Terminal,
    out: Annotated[Path, typer.Option("--out", help="The folder to make")],
    index: IndexArgument = None,
    format: Annotated[
        Literal["parquet", "npy"], typer.Option(help="One Parquet table, or an array a modality and a CSV")
    ] = "parquet",
) -> None:
    """Writes an index's embeddings in every modality, and what is known of its clips, for other programs."""
    from cli import render_exporting
    from umurl_search.exporting import ExportRequest, export_index

    request = ExportRequest(out=out, index=index, format=format)
    document = export_index(terminal.library, request, progress=terminal.progress)
    terminal.show(document, render_exporting.exported)
