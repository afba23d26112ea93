"""Commands about datasets: `datasets`, `ingest`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.terminal import Terminal, command


class Format(StrEnum):
    ntu_skeleton = "ntu-skeleton"
    pku_mmd = "pku-mmd"
    agcn = "agcn"
    ctr_gcn = "ctr-gcn"
    pyskl = "pyskl"
    nw_ucla = "nw-ucla"
    npy = "npy"


class Layout(StrEnum):
    ntu25 = "ntu25"
    kinect_v1 = "kinect-v1"
    utd_mhad = "utd-mhad"


class Up(StrEnum):
    y = "y"
    z = "z"
    x = "x"


class Slicing(StrEnum):
    plain = "start:end"
    earlier = "start-1:end"
    longer = "start:end+1"


FormatOption = Annotated[
    Format | None, typer.Option("--format", help="The recordings' format [default: found out]")
]
LayoutOption = Annotated[
    Layout | None, typer.Option("--layout", help="The joint layout [default: the format's or dataset's]")
]


def register(app: typer.Typer) -> None:
    command(app, "datasets")(show_datasets)
    command(app, "ingest")(ingest)


def show_datasets(terminal: Terminal) -> None:
    """Names, protocols, official counts, what is in the library and under the data folder."""
    from cli import render
    from umurl_search import upkeep

    rows = upkeep.known_datasets(terminal.library, terminal.data)
    document = {"datasets": rows, "library": str(terminal.library.root), "data": terminal.data and str(terminal.data)}
    terminal.show(document, render.datasets)


def ingest(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(help="ntu60, ntu120, pku-mmd-1, pku-mmd-2, nw-ucla, utd-mhad, demo, or your own")],
    source: Annotated[Path | None, typer.Option(help="File or folder [default: found under the data folder]")] = None,
    format: FormatOption = None,
    layout: LayoutOption = None,
    splits: Annotated[Path | None, typer.Option(help='JSON: {"protocol": {"train": [names], "test": [names]}}')] = None,
    fps: Annotated[float, typer.Option(min=0.001, max=9999, help="Frames a second of the source")] = 30.0,
    up: Annotated[Up, typer.Option(help="The source's up axis")] = Up.y,
    scale: Annotated[float, typer.Option(min=1e-9, max=1e8, help="Metres a unit of the source")] = 1.0,
    slicing: Annotated[Slicing, typer.Option(help="PKU-MMD: frames of a label that make a clip")] = Slicing.plain,
) -> None:  # fmt: skip
    """Reads recordings into the library and reports what was found, used and left out."""
    from cli import render
    from umurl_search.ingest import Request
    from umurl_search.ingest import ingest as read

    request = Request(
        name=name, source=source, data=terminal.data, format=format and format.value,
        layout=layout and layout.value, splits=splits, fps=fps, up=up.value, scale=scale, slicing=slicing.value,
    )  # fmt: skip
    report = read(terminal.library, request, progress=terminal.progress)
    terminal.show(vars(report), render.ingest)


def ensure_ingested(terminal: Terminal, name: str) -> None:
    """Ingests a dataset that the library does not hold yet."""
    from cli import render
    from umurl_search.ingest import Request, is_ingested
    from umurl_search.ingest import ingest as read

    if is_ingested(terminal.library, name):
        return
    report = read(terminal.library, Request(name=name, data=terminal.data), progress=terminal.progress)
    terminal.note(render.ingest_line(vars(report)))
