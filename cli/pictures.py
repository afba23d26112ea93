"""The command that draws clips into files: `render`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.terminal import Terminal, command
from umurl_search.search.options import MatchRequest


def register(app: typer.Typer) -> None:
    command(app, "render")(render)


def _says_how(asked: MatchRequest) -> bool:
    """Whether anything is said of the hits that are wanted."""
    usual = MatchRequest()
    names = ("index", "modality", "against", "where", "exclude_same_performance", "bridge")
    return any(getattr(asked, name) != getattr(usual, name) for name in names)


def render(
    terminal: Terminal,
    clip: Annotated[
        str, typer.Argument(help="A file or the folder of its frames, or DATASET:CLIPNAME[@FROM-TO]")
    ],
    out: Annotated[Path, typer.Option("--out", help="A .gif, .mp4, .png, .svg or .html file")],
    asked: MatchRequest,
    hits: Annotated[
        int | None, typer.Option("--hits", min=1, max=50, help="Draw so many hits of the clip beside it")
    ] = None,
    poses: Annotated[
        int | None,
        typer.Option(min=1, max=60, help="Still poses in a row [default: 8 in a .png, an .svg moves]"),
    ] = None,
    picture_fps: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=30,
            help="Pictures a second; the speed is the clip's [default: 30 in an .mp4 or .html, else 15]",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=300, help="Of a longer clip, the first are drawn")
    ] = 20.0,
    azimuth: Annotated[
        float | None,
        typer.Option(
            min=-360,
            max=360,
            help="Degrees round the person, 0 in front, then to their left [default: 25, of a picture's joints 0]",
        ),
    ] = None,
    elevation: Annotated[
        float | None,
        typer.Option(
            min=-89, max=89, help="Degrees above the horizon [default: 10, of a picture's joints 0]"
        ),
    ] = None,
    orthographic: Annotated[bool, typer.Option("--orthographic", help="Without perspective")] = False,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="The colours")] = "light",
    pixels: Annotated[
        int | None,
        typer.Option("--pixels", min=40, max=2000, help="Pixels of a clip [default: by their number]"),
    ] = None,
) -> None:
    """Draws a clip, or a query with its hits, to a file.

    Draws them at their own speed and as they were recorded.
    """
    if poses is not None and out.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(
            "a .gif, .mp4 or .html moves: --poses goes with a .png or .svg", param_hint="--poses"
        )
    if hits is None and _says_how(asked):
        raise typer.BadParameter("how to look for hits goes with --hits K", param_hint="--hits")
    from cli import print_pictures
    from umurl_search.pictures.geometry import Camera
    from umurl_search.pictures.render import PictureRequest
    from umurl_search.pictures.render import render as draw

    camera = Camera(azimuth_deg=azimuth, elevation_deg=elevation, perspective=not orthographic)
    request = PictureRequest(
        out=out,
        ask=asked.of(clip, k=hits or 1),
        hits=hits is not None,
        camera=camera,
        theme=theme,
        poses=poses,
        pixels=pixels,
        fps=picture_fps,
        seconds=seconds,
    )
    result = draw(terminal.library, request)
    terminal.note(*(f"note: {note}" for note in result.notes))
    terminal.show(result, print_pictures.print_rendered)
