"""Draws the figures of `knn-eval`, and of its `--matrix`."""

from collections.abc import Iterable

from cli.print_tables import new_console, new_table
from umurl_search.evaluation.cross_dataset import AskedAcross
from umurl_search.evaluation.evaluation_results import ClassAccuracy
from umurl_search.evaluation.metrics import RANKING_METRICS, list_metrics, percent
from umurl_search.evaluation.retrieval_results import (
    AskedIndex,
    AskedInLayout,
    KnnFigures,
    KnnFiguresInLayout,
    MatrixFigures,
    MatrixFiguresInLayout,
)

_HARDEST = 5


def print_figures(found: KnnFigures) -> None:
    console = new_console()
    console.print(_describe_queries(found))
    bridge = " across a bridge" if found.bridge else ""
    excluded = ", same performance excluded" if found.exclude_same_performance else ""
    console.print(
        f"{found.query_modality} -> {found.gallery_modality}{bridge}, transform {found.transform}{excluded}"
    )
    if isinstance(found, KnnFiguresInLayout):
        console.print(f"{_describe_layout(found)}; native {percent(found.native_accuracy)}")
    if found.temperature is not None:
        console.print(f"votes weighted with exp(cosine / {found.temperature:g})")
    said = {f"{k}-NN accuracy": percent(share) for k, share in found.accuracy_at.items()}
    said |= {f"R@{k}": percent(found.recall_at[k]) for k in ("1", "5", "10")}
    for name, metric in RANKING_METRICS.items():
        value = found[name]
        said[metric.header] = "-" if value is None else metric.write(value)
    table = new_table(*said)
    table.add_row(*said.values())
    console.print(table)
    if found.ranked is not None and found.ranked < found.queries:
        console.print(
            f"{list_metrics()} over the {found.ranked:,} queries with a relevant clip in the gallery"
        )
    console.print(describe_hardest(found.per_class))


def print_matrix(found: MatrixFigures) -> None:
    console = new_console()
    console.print(_describe_queries(found))
    bridge = "bridges between modalities" if found.bridge else "raw embeddings, no bridges"
    console.print(f"{found.k}-NN accuracy, transform {found.transform}, {bridge}")
    if isinstance(found, MatrixFiguresInLayout):
        console.print(_describe_layout(found))
    rows = found.matrix
    table = new_table("query \\ gallery", *rows)
    for name, row in rows.items():
        table.add_row(name, *(percent(row[gallery]) for gallery in rows))
    console.print(table)


def describe_hardest(classes: Iterable[ClassAccuracy]) -> str:
    """The actions with the lowest accuracy, in a line."""
    first = sorted(classes, key=lambda row: (row.accuracy, row.label))[:_HARDEST]
    return "hardest: " + ", ".join(f"{row.action or row.label} {percent(row.accuracy)}" for row in first)


def _describe_layout(found: AskedInLayout) -> str:
    """What the queries were brought down to."""
    seen = f", seen from within {found.views} degrees" if found.views else ""
    noise = f", joints moved by {100 * found.noise:g} cm" if found.noise else ""
    return f"queries brought down to {found.query_layout}{seen}{noise}"


def _describe_queries(found: AskedIndex) -> str:
    """What was asked by whom."""
    asking = f"\n{_describe_asker(found)}" if isinstance(found, AskedAcross) else ""
    return (
        f"{found.dataset} {found.protocol}, encoder {found.encoder}, index {found.index}: "
        f"{found.queries:,} queries, gallery of {found.gallery:,}{asking}"
    )


def _describe_asker(found: AskedAcross) -> str:
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items())
    return (
        f"asked by {found.query_dataset} {found.query_protocol}, index {found.query_index}; "
        f"actions: {found.actions}"
        + (f"; queries left out: {left_out}" if left_out else "")
        + ("; across a bridge from their joints" if found.layout_bridge else "")
    )
