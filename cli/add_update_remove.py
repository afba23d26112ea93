"""Commands that change what a library holds: `add`, `update`, `remove`, `compact`, `repair`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.datasets import AxesOption, FormatOption, LabelsOption, LayoutOption
from cli.terminal import Terminal, command
from umurl_search.clips.reading_options import ReadingOptions
from umurl_search.clips.types import Up

SourceOption = Annotated[
    Path | None, typer.Option(help="Where the recordings are [default: all that the dataset was read from]")
]
SlicingOption = Annotated[str | None, typer.Option(help="Of PKU-MMD's label files [default: as ingested]")]
DatasetArgument = Annotated[str, typer.Argument(help="The dataset")]


def register(app: typer.Typer) -> None:
    command(app, "add")(add)
    command(app, "update")(update)
    command(app, "remove")(remove)
    command(app, "relabel")(relabel)
    command(app, "compact")(compact)
    command(app, "repair")(repair)


def add(
    terminal: Terminal,
    name: DatasetArgument,
    source: SourceOption = None,
    format: FormatOption = None,
    slicing: SlicingOption = None,
    splits: Annotated[
        Path | None, typer.Option(help="Parts of clips in protocols, as `ingest` takes them")
    ] = None,
    labels: LabelsOption = None,
    segments: Annotated[Path | None, typer.Option(help="What happens in recordings, likewise")] = None,
    layout: LayoutOption = None,
    axes: AxesOption = None,
    fps: Annotated[
        float | None,
        typer.Option(min=1, max=9999, help="Frames a second of the source [default: as ingested]"),
    ] = None,
    up: Annotated[Up | None, typer.Option(help="The source's up axis [default: as ingested]")] = None,
    scale: Annotated[
        float | None,
        typer.Option(min=1e-9, max=1e8, help="Metres a unit of the source [default: as ingested]"),
    ] = None,
    removed: Annotated[bool, typer.Option("--removed", help="Also those that were removed before")] = False,
    *,
    reading: ReadingOptions,
) -> None:
    """Adds new recordings to a dataset and all its indexes.

    Recordings that are there by name stay as they are. A new source may be in other units or axes than the first.
    """
    _take_in(
        terminal,
        dataset=name,
        source=source,
        format=format,
        slicing=slicing,
        splits=splits,
        segments=segments,
        labels=labels,
        layout=layout,
        axes=axes,
        fps=fps,
        up=up,
        scale=scale,
        removed=removed,
        **vars(reading),
    )


def update(
    terminal: Terminal,
    name: DatasetArgument,
    source: SourceOption = None,
    format: FormatOption = None,
    slicing: SlicingOption = None,
) -> None:
    """Reads changed recordings of a dataset again.

    Replaces clips whose files have other content now. Names what is new or gone, and leaves that alone.
    """
    _take_in(terminal, dataset=name, source=source, format=format, slicing=slicing, changed=True)


def _take_in(terminal: Terminal, **asked: Any) -> None:
    from cli import print_add_update_remove
    from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update

    request = ChangeRequest(**asked, device=terminal.device)
    report = add_or_update(terminal.library, request, progress=terminal.progress)
    terminal.note(*(f"note: {note}" for note in report.notes))
    terminal.show(report, print_add_update_remove.print_changes)


def remove(
    terminal: Terminal,
    name: DatasetArgument,
    clips: Annotated[list[str] | None, typer.Argument(help="Names of clips")] = None,
    where: Annotated[str | None, typer.Option(help='SQL over the clips, e.g. "subject = 3"')] = None,
) -> None:
    """Removes clips from a dataset and all its indexes.

    Takes names of clips, or all that pass a filter.
    """
    if bool(clips) == (where is not None):
        raise typer.BadParameter("give names of clips, or --where")
    from cli import print_add_update_remove
    from umurl_search.ingest.add_update_remove import remove as take_out

    report = take_out(terminal.library, name, names=clips or (), where=where)
    terminal.show(report, print_add_update_remove.print_changes)


def relabel(
    terminal: Terminal,
    name: DatasetArgument,
    labels: Annotated[
        Path,
        typer.Option(
            help="A table with the columns name, label or action, and any others; or the word folder"
        ),
    ],
) -> None:
    """Says labels and columns of clips anew.

    Changes the catalog only: nothing is read or embedded again. An empty cell leaves what is there.
    """
    from cli import print_add_update_remove
    from umurl_search.ingest.relabel import relabel as say_anew

    report = say_anew(terminal.library, name, labels)
    terminal.note(*(f"note: {note}" for note in report.notes))
    terminal.show(report, print_add_update_remove.print_relabelled)


def compact(
    terminal: Terminal,
    name: DatasetArgument,
    force: Annotated[bool, typer.Option("--force", help="Also where little is gained")] = False,
) -> None:
    """Merges the parts of a dataset and of its indexes.

    Deletes removed clips from disk and fits the bridges again.
    """
    from cli import print_add_update_remove
    from umurl_search.maintenance.compact import compact as make_one

    report = make_one(terminal.library, name, force=force, progress=terminal.progress)
    terminal.show(report, print_add_update_remove.print_compacted)


def repair(terminal: Terminal) -> int:
    """Rebuilds what is damaged from what is sound.

    Clears away what interrupted runs left, too.
    """
    from cli import print_add_update_remove
    from umurl_search.maintenance.repair import repair as mend

    report = mend(terminal.library, device=terminal.device, progress=terminal.progress)
    terminal.show(report, print_add_update_remove.print_repaired)
    return 0 if not report.problems else 1
