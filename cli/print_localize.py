"""Draws moments of long recordings and the figures of `localize-eval`."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from cli.print_hits import Column, Draw, explain_mark, naming_columns, searched_names, show, text
from cli.print_tables import new_console, new_table, size
from umurl_search.evaluation.localization import LocalizeFigures
from umurl_search.evaluation.metrics import percent
from umurl_search.index.build import BuildReport
from umurl_search.search.results import LabelledSegment, MomentQueryResult


def print_built(report: BuildReport) -> None:
    console = new_console()
    verb = "is there already" if report.already_there else "built"
    console.print(
        f"index {report.index} {verb}: {report.windows:,} {_windows(report)} in {report.clips:,} "
        f"recordings of {report.dataset}, encoder {report.encoder}, {', '.join(report.modalities)}, "
        f"transform {report.transform}, {size(report.bytes)}, {report.seconds['total']:.1f} s"
    )
    name = report.index
    console.print(
        f"next: umurl-search query CLIP --index {name}   and: umurl-search localize-eval --index {name}"
    )


def _windows(document: Mapping[str, Any]) -> str:
    lengths = " and ".join(f"{seconds:g}" for seconds in document["window_s"])
    return f"windows of {lengths} s, one every {document['stride_s']:g} s,"


def print_moments(result: MomentQueryResult, *, draw: Draw | None = None) -> None:
    query, index, console = result.query, result.index, new_console()
    bridge, (names, passing) = " across a bridge" if index.bridge else "", searched_names(result)
    console.print(
        f"{query.clip} ({query.modality}) against {names} ({index.against}{bridge}, transform "
        f"{index.transform}): {len(result.hits)} moments in {passing:,} {_windows(index)} "
        f"{1000 * result.seconds['total']:.0f} ms"
    )
    if query.exclude_same_performance:
        console.print("the query's own performance left out")
    found = result.hits
    said = [_segment(hit.segment, query.label) for hit in found]
    columns = [
        *naming_columns(found),
        Column(header="from s", cells=[text(f"{hit.start_s:.1f}") for hit in found], right=True),
        Column(header="to s", cells=[text(f"{hit.end_s:.1f}") for hit in found], right=True),
        Column(
            header="frames",
            cells=[text(f"{hit.start_frame}-{hit.stop_frame}") for hit in found],
            right=True,
            spare=True,
        ),
        Column(header="action there", cells=[action for action, _ in said], cut=True),
        Column(header="IoU", cells=[text(overlap) for _, overlap in said], right=True, spare=True),
        *(
            Column(header=name, cells=[text(hit[name]) for hit in found], right=True, spare=True)
            for name in ("subject", "camera")
        ),
    ]
    explain_mark(console, found)
    show(console, columns, draw)


def _segment(segment: LabelledSegment | None, wanted: int | None) -> tuple[Text, str]:
    """What is labelled where a moment is, and how much of it that is."""
    if segment is None:
        return Text(""), ""
    style = "" if wanted is None else "green" if segment.label == wanted else "red"
    return Text(segment.action or str(segment.label), style=style), f"{segment.iou:.2f}"


def print_figures(found: LocalizeFigures) -> None:
    console, there = new_console(), found.recordings
    console.print(
        f"{found.dataset} {found.protocol}: {found.queries:,} segments of {there.test:,} test recordings ask for "
        f"{found.segments:,} segments in {there.gallery:,} gallery recordings"
    )
    console.print(
        f"encoder {found.encoder}, index {found.index}, {found.modality}, transform {found.transform}; "
        f"{found.windows:,} {_windows(found)} overlap {found.overlap:g}"
    )
    table = new_table("temporal IoU", *(f"at least {t}" for t in found.map))
    table.add_row("mAP", *map(percent, found.map.values()))
    console.print(table)
    if found.ranked < found.queries:
        console.print(f"over the {found.ranked:,} queries whose action is in the gallery")
    for reason, count in found.left_out.items():
        console.print(f"left out: {count:,} queries, {reason}")
    loosest = next(iter(found.map))
    hardest = sorted(found.per_class, key=lambda row: (row.map[loosest], row.label))[:5]
    named = ", ".join(f"{row.action or row.label} {percent(row.map[loosest])}" for row in hardest)
    console.print(f"hardest, IoU at least {loosest}: {named}")
