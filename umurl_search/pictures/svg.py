"""Sheets as SVG: text only, no script; what moves is animated by SMIL, frame by frame."""

import html
import re
from collections.abc import Iterator, Sequence

import numpy as np

from umurl_search.pictures.geometry import Points
from umurl_search.pictures.sheet import BONE_M, THINNEST, Box, Colour, Label, Panel, Sheet, mark
from umurl_search.pictures.timing import Timing

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What XML cannot hold, and marks that turn the direction of what follows."""


def to_svg(sheet: Sheet, timing: Timing | None = None) -> str:
    """The sheet; its panels play where there is a timing and they are not still."""
    palette = sheet.palette
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sheet.width}" height="{sheet.height}" '
        f'viewBox="0 0 {sheet.width} {sheet.height}" font-family="system-ui, sans-serif">',
        f'<rect width="100%" height="100%" fill="{hex_of(palette.paper)}"/>',
        *(_box(box, sheet) for box in sheet.boxes),
        *(_label(label, sheet) for label in sheet.labels),
        *(part for panel in sheet.panels for part in _panel(panel, sheet, timing)),
        "</svg>\n",
    ]
    return "\n".join(part for part in parts if part)


def hex_of(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def escape(text: str) -> str:
    return html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def _label(label: Label, sheet: Sheet) -> str:
    colour = sheet.palette.quiet if label.quiet else sheet.palette.ink
    return (
        f'<text x="{label.x:g}" y="{label.y:g}" font-size="{label.size:g}" fill="{hex_of(colour)}">'
        f"{escape(label.text)}</text>"
    )


def _box(box: Box, sheet: Sheet) -> str:
    palette = sheet.palette
    colour = palette.ground if box.verdict is None else getattr(palette, box.verdict)
    dashed = ' stroke-dasharray="7 7"' if box.verdict == "wrong" else ""
    strokes = "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in stroke) for stroke in mark(box))
    said = "" if box.verdict is None else f"<title>{_SAID[box.verdict]}</title>"
    return (
        f'<g fill="none" stroke="{hex_of(colour)}" stroke-width="{1 if box.verdict is None else 2}">{said}'
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"{dashed}/>'
        + (f'<path d="{strokes}"/>' if strokes else "")
        + "</g>"
    )


_SAID = {"right": "the query's action", "wrong": "another action than the query's"}


def _panel(panel: Panel, sheet: Sheet, timing: Timing | None) -> Iterator[str]:
    """Its ground, then each person: limbs of one side, of the other, the head."""
    poses, palette = panel.poses, sheet.palette
    ground = _path(poses.ground)
    yield (
        f'<svg x="{panel.x:g}" y="{panel.y:g}" width="{panel.width:g}" height="{panel.height:g}" fill="none" '
        f'stroke-linecap="round"><path d="{ground}" stroke="{hex_of(palette.ground)}"/>'
    )
    playing = timing if panel.still is None else None
    frames = [panel.frame_at(0)] if playing is None else [f for f in playing.frames if f < panel.n_frames]
    thick = max(THINNEST, BONE_M * poses.scale)
    for person in range(poses.n_people):
        for side in (True, False):
            colour = hex_of(palette.limb(person, right=side))
            chosen = poses.right == side
            drawn = [_path(poses.lines[f, person][poses.drawn[f, person] & chosen]) for f in frames]
            yield _stroke(drawn, frames, playing, f'stroke="{colour}" stroke-width="{thick:.1f}"')
        colour = hex_of(palette.limb(person, right=False))
        radii = poses.heads[:, person, 2]
        radius = float(np.median(radii[radii > 0])) if radii.any() else 0.0
        drawn = [_dot(poses.heads[f, person]) for f in frames]
        yield _stroke(drawn, frames, playing, f'stroke="{colour}" stroke-width="{2 * radius:.1f}"')
    yield "</svg>"


def _path(lines: Points) -> str:
    """Each line of (N, 2, 2) as a stroke of its own."""
    return "".join(f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for a, b, c, d in lines.reshape(-1, 4).tolist())


def _dot(head: Points) -> str:
    x, y, radius = head.tolist()
    return f"M{x:.1f} {y:.1f}h0" if radius > 0 else ""


def _stroke(drawn: Sequence[str], frames: Sequence[int], timing: Timing | None, style: str) -> str:
    """A path that is drawn so in each frame; nothing where it never is."""
    if not any(drawn):
        return ""
    if timing is None or len(set(drawn)) == 1:
        return f'<path d="{drawn[0]}" {style}/>'
    starts = [0.0, *timing.ends_s[: len(frames) - 1]]
    times = ";".join(f"{start / timing.seconds:.4f}".rstrip("0").rstrip(".") for start in starts)
    shown = ";".join(path or "M0 0" for path in drawn)
    return (
        f'<path d="{drawn[0] or "M0 0"}" {style}><animate attributeName="d" dur="{timing.seconds:.4f}s" '
        f'repeatCount="indefinite" calcMode="discrete" keyTimes="{times}" values="{shown}"/></path>'
    )
