"""Commands about datasets: `datasets`, `ingest`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from cli.arguments import read_layout
from cli.shares import (
    ALONE,
    GatherOption,
    ShardOption,
    Work,
    find_work,
    make_share,
    own_cores,
    wait_until,
)
from cli.terminal import Terminal, command, parse_option
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import SourceAxes, Up
from umurl_search.readers.formats import FORMATS

if TYPE_CHECKING:
    from umurl_search.ingest.ingest import IngestReport, Request

    Format: TypeAlias = str
else:
    Format = Literal[tuple(FORMATS)]
Slicing = Literal["start:end", "start-1:end", "start:end+1"]

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="The recordings' format [default: found out]")
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout",
        help="The joint layout: a name (see: layouts), or a FILE.json [default: the format's or dataset's]",
        callback=parse_option("--layout", read_layout),
    ),
]

SplitsOption = Annotated[
    Path | None,
    typer.Option(help='JSON: {"protocol": {"train": [names], "test": [names]}}, a table, or the word folder'),
]
AxesOption = Annotated[
    SourceAxes | None, typer.Option(help="What the axes of its arrays are [default: found out]")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(help="A table with the columns name, label or action, and any others; or the word folder"),
]


def register(app: typer.Typer) -> None:
    command(app, "datasets")(show_datasets)
    command(app, "ingest")(ingest)


def show_datasets(terminal: Terminal) -> None:
    """Lists known datasets, those in the library and under --data.

    Shows protocols, official counts, the clips in the library, and what lies under the data folder.
    """
    from cli import print_maintenance
    from umurl_search.maintenance import inspect_and_doctor

    found = inspect_and_doctor.known_datasets(terminal.library, terminal.data)
    terminal.show(found, print_maintenance.print_known_datasets)


def ingest(
    terminal: Terminal,
    name: Annotated[
        str, typer.Argument(help="A dataset known by name (see: datasets), or a name of your own")
    ],
    source: Annotated[
        Path | None, typer.Option(help="File or folder [default: found under the data folder]")
    ] = None,
    format: FormatOption = None,
    layout: LayoutOption = None,
    splits: SplitsOption = None,
    labels: LabelsOption = None,
    missing_samples: Annotated[
        Path | None,
        typer.Option(help="NTU: the list of samples with missing skeletons [default: found beside them]"),
    ] = None,
    fps: Annotated[float, typer.Option(min=1, max=9999, help="Frames a second of the source")] = 30.0,
    up: Annotated[Up, typer.Option(help="The source's up axis")] = "y",
    scale: Annotated[float, typer.Option(min=1e-9, max=1e8, help="Metres a unit of the source")] = 1.0,
    slicing: Annotated[
        Slicing, typer.Option(help="PKU-MMD: frames of a label that make a clip")
    ] = "start:end",
    untrimmed: Annotated[
        bool, typer.Option("--untrimmed", help="Keep recordings whole, with segments")
    ] = False,
    axes: AxesOption = None,
    segments: Annotated[
        Path | None,
        typer.Option(help='JSON: {"recording": [{"action", "start", "end"}]}, in seconds; or a table'),
    ] = None,
    shard: ShardOption = None,
    gather: GatherOption = False,
    *,
    reading: ReadingOptions,
) -> None:
    """Reads recordings into the library as a dataset.

    Reports what was found, what was used, and what was left out and why. Several processes share the work with
    --shard, and one puts it together with --gather.
    """
    from cli import print_tables
    from umurl_search.ingest.ingest import Request

    work = find_work(shard, gather)
    if work.is_idle:
        return
    request = Request(
        name=name,
        source=source,
        data=terminal.data,
        format=format,
        layout=layout,
        splits=splits,
        fps=fps,
        up=up,
        scale=scale,
        slicing=slicing,
        untrimmed=untrimmed,
        segments=segments,
        labels=labels,
        missing_samples=missing_samples,
        axes=axes,
        **vars(reading),
    )
    report = _ingest(terminal, request, work)
    if report is not None:
        terminal.show(report, print_tables.ingest)


def _ingest(terminal: Terminal, request: "Request", work: Work) -> "IngestReport | None":
    """Reads all, or this process's share and, where that falls to it, gathers; None where another process does."""
    from umurl_search.files.shards import wait_for_all
    from umurl_search.ingest.ingest import ingest as read
    from umurl_search.ingest.ingest import ingest_shard

    library, cores = terminal.library, own_cores()
    if work.shard is not None:
        make = partial(ingest_shard, library, request, work.shard, workers=cores)
        made = make_share(terminal, work, make)
        if not work.gathers:
            return None
        wait_for_all(library.clips(request.name), made)
    return read(library, request, gathers=work.gathers, progress=terminal.progress, workers=cores)


def ensure_ingested(terminal: Terminal, name: str, work: Work = ALONE) -> list[str]:
    """Ingests a dataset that the library does not hold yet; a line about it, to be noted once all is done.

    Processes that torchrun started share that, and all go on once the dataset is there.
    """
    from cli import print_tables
    from umurl_search.ingest.ingest import Request, is_ingested

    if is_ingested(terminal.library, name):
        return []
    report = _ingest(terminal, Request(name=name, data=terminal.data), work)
    if report is None:
        wait_until(lambda: is_ingested(terminal.library, name))
        return []
    return [print_tables.ingest_line(report)]
