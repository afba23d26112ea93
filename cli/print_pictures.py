"""Says what `render` drew."""

from cli.print_tables import new_console
from umurl_search.pictures.render import RenderResult


def print_rendered(result: RenderResult) -> None:
    console = new_console()
    clips = result.clips
    pixels = "" if result.width is None else f", {result.width} x {result.height} pixels"
    lasts = "still" if result.seconds is None else f"{result.seconds:.2f} s"
    lasts += "" if result.fps is None else f", {result.fps:g} pictures a second"
    console.print(f"{result.out}: {result.kind}, {lasts}{pixels}, {result.bytes / 1024:,.0f} KiB")
    hits = f" and {len(clips) - 1} hits in {result.index.name}" if result.index else ""
    console.print(f"{clips[0].name}{hits}")
