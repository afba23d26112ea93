"""The command that draws clips into files: `render`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.datasets import Layout, Up
from cli.search import (
    AgainstOption,
    Axes,
    ExcludeOption,
    IndexOption,
    ModalityOption,
    NoBridgeOption,
    OverlapOption,
)
from cli.terminal import Terminal, command


def register(app: typer.Typer) -> None:
    command(app, "render")(render)


def render(
    terminal: Terminal,
    clip: Annotated[str, typer.Argument(help="As query takes it: a file, or DATASET:CLIPNAME[@FROM-TO]")],
    out: Annotated[Path, typer.Option("--out", help="A .gif, .mp4, .png, .svg or .html file")],
    hits: Annotated[
        int | None, typer.Option("--hits", min=1, max=50, help="Draw so many hits of the clip beside it")
    ] = None,
    index: IndexOption = None,
    modality: ModalityOption = "fused",
    against: AgainstOption = "fused",
    where: Annotated[str | None, typer.Option(help="SQL over the clips that may be hits")] = None,
    exclude_same_performance: ExcludeOption = False,
    no_bridge: NoBridgeOption = False,
    overlap: OverlapOption = 0.2,
    poses: Annotated[
        int | None,
        typer.Option(min=1, max=60, help="Still poses in a row [default: 8 in a .png, an .svg moves]"),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            "--picture-fps",
            min=1,
            max=30,
            help="Pictures a second; the speed is the clip's [default: 30 in an .mp4 or .html, else 15]",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=300, help="Of a longer clip, the first are drawn")
    ] = 20.0,
    azimuth: Annotated[
        float,
        typer.Option(min=-360, max=360, help="Degrees round the person, 0 in front, then to their left"),
    ] = 25.0,
    elevation: Annotated[float, typer.Option(min=-89, max=89, help="Degrees above the horizon")] = 10.0,
    orthographic: Annotated[bool, typer.Option("--orthographic", help="Without perspective")] = False,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="The colours")] = "light",
    size: Annotated[
        int | None, typer.Option(min=40, max=2000, help="Pixels of a clip [default: by their number]")
    ] = None,
    axes: Annotated[Axes | None, typer.Option(help="The axes of a .npy clip [default: found out]")] = None,
    layout: Annotated[
        Layout | None, typer.Option(help="Its joint layout [default: as query reads it]")
    ] = None,
    source_fps: Annotated[
        float | None,
        typer.Option("--fps", min=1, max=9999, help="Its frames a second [default: as query reads it]"),
    ] = None,
    up: Annotated[Up | None, typer.Option(help="Its up axis [default: as query reads it]")] = None,
    scale: Annotated[
        float | None, typer.Option(min=1e-9, max=1e8, help="Metres a unit of it [default: as query reads it]")
    ] = None,
) -> None:
    """Draws a clip, or a query with its hits, to a file.

    Draws them at their own speed and as they were recorded.
    """
    if poses is not None and out.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(
            "a .gif, .mp4 or .html moves: --poses goes with a .png or .svg", param_hint="--poses"
        )
    asked = (index, where, modality, against, exclude_same_performance, no_bridge)
    if hits is None and asked != (None, None, "fused", "fused", False, False):
        raise typer.BadParameter("how to look for hits goes with --hits K", param_hint="--hits")
    from cli import print_pictures
    from umurl_search.pictures.geometry import Camera
    from umurl_search.pictures.render import PictureRequest
    from umurl_search.pictures.render import render as draw
    from umurl_search.search.searcher import QueryRequest

    ask = QueryRequest(
        clip=clip,
        modality=modality,
        index=index,
        against=against,
        k=hits or 1,
        where=where,
        exclude_same_performance=exclude_same_performance,
        bridge=not no_bridge,
        axes=axes,
        layout=layout,
        fps=source_fps,
        up=up,
        scale=scale,
        overlap=overlap,
        device=terminal.device,
    )
    camera = Camera(azimuth_deg=azimuth, elevation_deg=elevation, perspective=not orthographic)
    request = PictureRequest(
        out=out,
        ask=ask,
        hits=hits is not None,
        camera=camera,
        theme=theme,
        poses=poses,
        size=size,
        fps=fps,
        seconds=seconds,
    )
    document = draw(terminal.library, request)
    terminal.note(*(f"note: {note}" for note in document["notes"]))
    terminal.show(document, print_pictures.drawn)
