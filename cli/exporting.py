"""The command that writes an index for other programs: `export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.duplicates import IndexArgument
from cli.terminal import Terminal, command


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
    """Writes an index's embeddings and clip metadata to files.

    Writes the embeddings in every modality, and what is known of the clips.
    """
    from cli import print_exporting
    from umurl_search.export.export_index import ExportRequest, export_index

    request = ExportRequest(out=out, index=index, format=format)
    report = export_index(terminal.library, request, progress=terminal.progress)
    terminal.show(report, print_exporting.print_exported)
