"""Draws results on the terminal. Only this and its fellows (`render_x.py` draws for `x.py`) use Rich."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

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
from umurl_search.progress import Advance

if TYPE_CHECKING:
    from umurl_search.training.import_encoder import ImportReport
    from umurl_search.training.run import TrainReport

_WIDE = 140
_WHOLE = ("rank", "score", "name", "clip")
"""Columns that give way to others last."""
Document = dict[str, Any]


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


def percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def size(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:,.1f} MiB" if n_bytes < 2**30 else f"{n_bytes / 2**30:,.1f} GiB"


def ingest(document: Document) -> None:
    ingest_summary(document)
    console, name = new_console(), document["dataset"]
    if document["left_out"]:
        console.print(f"which and why: umurl-search info {name}")
    console.print(f"next: umurl-search train {name}   (an encoder of its own)")
    console.print(f"  or: umurl-search build-index {name}   (with the encoder there is)")


def ingest_summary(document: Document) -> None:
    """What was found, used and left out, without what to do next."""
    console = new_console()
    console.print(ingest_line(document))
    table = new_table("", "clips")
    table.add_row("found", f"{document['found']:,}")
    table.add_row("used", f"{document['used']:,}")
    for reason, count in document["left_out"].items():
        table.add_row(f"left out: {reason}", f"{count:,}")
    if document["cut"]:
        table.add_row("cut to the first frames kept", f"{document['cut']:,}")
    official = dataset_named(document["dataset"]).official
    if official is not None:
        table.add_row("official count", f"{official.found:,} found, {official.used:,} used")
    for protocol, parts in document["splits"].items():
        said = official.splits.get(protocol) if official else None
        there = " / ".join(
            f"{part} {parts[part]:,}" for part in ("train", "gallery", "test") if part in parts
        )
        table.add_row(
            f"protocol {protocol}", there + (f"   (official {said[0]:,} / {said[1]:,})" if said else "")
        )
    console.print(table)
    for note in document["notes"]:
        console.print(f"note: {note}")


def ingest_line(document: Document) -> str:
    already = "already in the library: " if document["already_there"] else ""
    counts = f"{document['used']:,} of {document['found']:,} clips"
    return f"{document['dataset']}: {already}{counts} from {document['source']}"


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


def built_line(document: Document) -> None:
    """What was built, without what to do next."""
    verb = "is there already" if document["already_there"] else "built"
    new_console().print(
        f"index {document['index']} {verb}: {document['clips']:,} clips of {document['dataset']}, encoder "
        f"{document['encoder']}, {', '.join(document['modalities'])}, dimension {document['dimension']}, "
        f"made in {document['precision']}, transform {document['transform']}, {size(document['bytes'])}, "
        f"{document['seconds']['total']:.1f} s"
    )


def built(document: Document) -> None:
    built_line(document)
    new_console().print(
        f"next: umurl-search query CLIP --index {document['index']}   "
        f"and: umurl-search knn-eval --index {document['index']}"
    )


def line(text: str = "") -> None:
    new_console().print(text)
