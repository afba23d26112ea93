"""Draws what `export` and `embed` wrote."""

from cli.print_tables import new_console, size
from umurl_search.export.embed_source import EmbedReport
from umurl_search.export.export_index import ExportReport


def print_exported(report: ExportReport) -> None:
    console = new_console()
    console.print(
        f"{report.out}: {report.rows:,} rows of index {report.index}, {report.dimension} dimensions, "
        f"{', '.join(report.modalities)}, encoder {report.encoder}; {size(report.bytes)}"
    )
    console.print(f"rows in order of clip id: {', '.join(report.files)}")


def print_embedded(report: EmbedReport) -> None:
    console = new_console()
    n, d = report.shape
    console.print(
        f"{report.out}: ({n}, {d}) float32, {report.modality}, encoder {report.encoder}; rows in order of clip name "
        "(--json lists the names)"
    )
    if report.left_out:
        console.print(f"left out: {len(report.left_out)} (--json says which and why)")
