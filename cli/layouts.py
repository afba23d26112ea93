"""The command that lists joint layouts: `layouts`."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import read_layout
from cli.terminal import Terminal, command, parse_option

if TYPE_CHECKING:
    from umurl_search.pictures.layout_list import LayoutList

_WIDTH, _HEIGHT = 24, 12


def register(app: typer.Typer) -> None:
    command(app, "layouts")(show_layouts)


def show_layouts(
    terminal: Terminal,
    name: Annotated[
        str | None,
        typer.Argument(
            help="One of them, or a FILE.json of your own [default: all]",
            callback=parse_option("NAME", read_layout),
        ),
    ] = None,
) -> None:
    """Lists the joint layouts that are read, or draws one.

    Shows its joints in the order of files, and what each of NTU-25's 25 joints is made of.
    """
    from umurl_search.pictures.layout_list import list_layouts

    found = list_layouts(name)
    terminal.show(found, print_layouts if name is None else lambda one: print_layout(one, name))


def print_layouts(found: "LayoutList") -> None:
    from cli.print_tables import new_console, new_table

    table = new_table(
        "name", "joints", "dimensions", "people face", "NTU-25 joints it lacks", right=("joints",)
    )
    for row in found.layouts:
        lacking = ", ".join(row.invented)
        table.add_row(row.name, str(len(row.joints)), str(row.dims), row.faces, lacking)
    console = new_console()
    console.print(table)
    console.print("\na name with -2d or -3d behind it is the same in a picture or in space")
    console.print("next: umurl-search layouts NAME, or --layout FILE.json for one of your own")


def print_layout(found: "LayoutList", text: str) -> None:
    """text: the name, or the text of the layout file."""
    from cli import braille
    from cli.print_tables import new_console, new_table
    from umurl_search.pictures.layout_list import standing_person
    from umurl_search.pictures.sheet import PictureClip

    (row,) = found.layouts
    console = new_console()
    where = "in a picture" if row.dims == 2 else "in space"
    console.print(f"{row.name}: {len(row.joints)} joints {where}; people face {row.faces}; axes: {row.axes}")
    console.print(", ".join(f"{number} {joint}" for number, joint in enumerate(row.joints)))
    table = new_table("NTU-25", "made of", title="")
    for joint, made_of in row.ntu25.items():
        table.add_row(joint, made_of)
    console.print(table)
    if braille.can_draw(plain=False):
        clip = PictureClip(name=row.name, frames=standing_person(), layout=text, title=row.name)
        for line in braille.strip(clip, width=_WIDTH, height=_HEIGHT).lines:
            console.print(line)
