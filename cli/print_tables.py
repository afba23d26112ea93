"""Prints results on the terminal. Only this and its fellows (`print_x.py` prints for `x.py`) use Rich."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from umurl_search.datasets.protocols import find as dataset_named
from umurl_search.evaluation.metrics import percent
from umurl_search.files.sealed_folder import write_size
from umurl_search.progress import Advance

if TYPE_CHECKING:
    from umurl_search.files.shards import ShardReport
    from umurl_search.index.build import BuildReport
    from umurl_search.ingest.ingest import IngestReport
    from umurl_search.training.import_encoder import ImportReport
    from umurl_search.training.run import TrainReport

_WIDE = 140
_WHOLE = ("rank", "score", "name", "clip")
"""Columns that give way to others last."""


def new_console() -> Console:
    terminal = sys.stdout is not None and sys.stdout.isatty()
    wide = None if terminal else _WIDE
    return Console(width=wide, highlight=False, markup=False, emoji=False, soft_wrap=not terminal)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rate = "" if speed is None else f"{speed:,.{0 if speed >= 10 else 1}f} {task.fields['unit']}/s"
        return Text(rate, style="cyan")


@contextlib.contextmanager
def progress_bar(title: str, *, total: int, unit: str) -> Iterator[Advance]:
    """A bar on stderr with rate and time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, unit=unit, note="")

        def advance(n: int, note: str = "") -> None:
            bar.update(task, advance=n)
            if note:
                bar.update(task, note=note)

        yield advance


def new_table(*headers: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for header in headers:  # what does not fit goes on in the next line: names are there to be copied
        justify: Literal["left", "right"] = "right" if header in right else "left"
        table.add_column(
            header, justify=justify, header_style="dim", overflow="fold", no_wrap=header in _WHOLE
        )
    return table


def size(n_bytes: int) -> str:
    return write_size(n_bytes)


def ingest(report: "IngestReport") -> None:
    ingest_summary(report)
    console, name = new_console(), report.dataset
    if report.left_out:
        console.print(f"which and why: umurl-search info {name}")
    console.print(f"next: umurl-search train {name}   (an encoder of its own)")
    console.print(f"  or: umurl-search build-index {name}   (with the encoder there is)")


def ingest_summary(report: "IngestReport") -> None:
    """What was found, used and left out, without what to do next."""
    console = new_console()
    console.print(ingest_line(report))
    table = new_table("", "clips")
    table.add_row("found", f"{report.found:,}")
    table.add_row("used", f"{report.used:,}")
    for reason, count in report.left_out.items():
        table.add_row(f"left out: {reason}", f"{count:,}")
    if report.columns or 0 < report.labelled < report.used:
        table.add_row("with a label", f"{report.labelled:,}")
    if report.columns:
        table.add_row("columns", ", ".join(report.columns))
    if report.cut:
        table.add_row("cut to the first frames kept", f"{report.cut:,}")
    official = dataset_named(report.dataset).official
    if official is not None:
        table.add_row("official count", f"{official.found:,} found, {official.used:,} used")
    for protocol, parts in report.splits.items():
        table.add_row(
            f"protocol {protocol}", _sides(parts, official.splits.get(protocol) if official else None)
        )
    console.print(table)
    for note in report.notes:
        console.print(f"note: {note}")


def _sides(parts: dict[str, int], official: tuple[int, int] | None) -> str:
    there = " / ".join(f"{part} {parts[part]:,}" for part in ("train", "gallery", "test") if part in parts)
    return there + (f"   (official {official[0]:,} / {official[1]:,})" if official else "")


def ingest_line(report: "IngestReport") -> str:
    already = "already in the library: " if report.already_there else ""
    counts = f"{report.used:,} of {report.found:,} clips"
    return f"{report.dataset}: {already}{counts} from {report.source}"


def print_trained(report: "TrainReport") -> None:
    console = new_console()
    where = f"{report.dataset} {report.protocol or '(all clips)'}"
    epochs = "1 epoch" if report.epochs == 1 else f"{report.epochs:,} epochs"
    console.print(
        f"encoder {report.encoder}: {report.preset}, {report.precision}, {epochs} on "
        f"{report.clips:,} clips of {where}, {report.seconds:.0f} s, {report.clips_per_s:.0f} clips/s"
    )
    console.print("last losses: " + "  ".join(f"{k} {v:.4g}" for k, v in report.losses.items()))
    seen = report.embedding
    if seen:
        accuracy = (
            "" if seen["accuracy"] is None else f"  1-NN of a held-out slice {percent(seen['accuracy'])}"
        )
        console.print(f"embedding: rank {seen['rank']:.1f}  spread {seen['spread']:.2f}{accuracy}")
    console.print(f"next: umurl-search build-index {report.dataset}")


def print_imported(report: "ImportReport") -> None:
    console, dataset = new_console(), report.dataset
    made_for = f"{dataset} {report.protocol or ''}".strip() if dataset else "no dataset"
    console.print(
        f"encoder {report.encoder}: imported for {made_for}, dimension {report.dimension}, "
        f"{report.parameters / 1e6:.2f} M parameters, projectors {'included' if report.projectors else 'absent'}"
    )
    console.print(f"next: umurl-search build-index {dataset or 'NAME'} --encoder {report.encoder}")


def print_built_line(report: "BuildReport") -> None:
    """What was built, without what to do next."""
    verb = "is there already" if report.already_there else "built"
    new_console().print(
        f"index {report.index} {verb}: {report.clips:,} clips of {report.dataset}, encoder "
        f"{report.encoder}, {', '.join(report.modalities)}, dimension {report.dimension}, "
        f"made in {report.precision}, transform {report.transform}, {size(report.bytes)}, "
        f"{report.seconds['total']:.1f} s"
    )


def print_built(report: "BuildReport") -> None:
    print_built_line(report)
    if report.encoder_why != "as asked":
        new_console().print(f"encoder {report.encoder}: {report.encoder_why}")
    if report.ask_with:
        new_console().print(f"bridges are ready from {', '.join(report.ask_with)}")
    new_console().print(
        f"next: umurl-search query CLIP --index {report.index}   "
        f"and: umurl-search knn-eval --index {report.index}"
    )


def line(text: str = "") -> None:
    new_console().print(text)


def print_share(report: "ShardReport") -> None:
    """What became of a share of bulk work, and what comes after all."""
    verb = "is there already" if report.already_there else "sealed"
    console = new_console()
    console.print(
        f"{report.name}: shard {report.shard} of {report.shards} {verb}: {report.rows:,} of {report.total:,}, "
        f"{report.seconds['total']:.1f} s"
    )
    console.print("once all are there: the same command with --gather puts them together")
