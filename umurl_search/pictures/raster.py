"""Sheets as pixels: the only `import PIL`. Drawn at twice the size and halved, so that lines have no steps."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from encoder.errors import MissingPackageError, reason_of
from umurl_search.pictures.sheet import (
    BONE_M,
    THINNEST,
    Box,
    Colour,
    Palette,
    Panel,
    Sheet,
    mark,
    mix_colours,
)
from umurl_search.pictures.timing import Timing

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Pixels = NDArray[np.uint8]
_FINE = 2
_DASH = 7


def require_pillow() -> None:
    """Raises UmurlError, saying how to install it, when there is no Pillow."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"pictures need Pillow, which is not installed ({reason_of(error)})",
            'pip install "umurl-search[pictures]"',
        ) from error


def draw_still(sheet: Sheet) -> bytes:
    """The sheet as a PNG, its moving panels at their first frame."""
    out = io.BytesIO()
    _halve(_draw_frame(sheet, _backdrop(sheet), 0)).save(out, format="PNG", optimize=True)
    return out.getvalue()


def draw_frames(sheet: Sheet, timing: Timing) -> Iterator[Pixels]:
    """(height, width, 3) uint8 of every picture."""
    backdrop = _backdrop(sheet)
    for frame in timing.frames:
        yield np.asarray(_halve(_draw_frame(sheet, backdrop.copy(), frame)))


def to_gif(sheet: Sheet, timing: Timing) -> bytes:
    """An endless GIF; it lasts as long as the longest clip, to a hundredth of a second."""
    from PIL import Image

    colours = _gif_colours(sheet.palette)
    table = _nearest_colours(colours)
    pictures = [
        Image.fromarray(_index_colours(pixels, table), mode=None) for pixels in draw_frames(sheet, timing)
    ]
    for picture in pictures:
        picture.putpalette(colours.tobytes())
    out = io.BytesIO()
    pictures[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        optimize=False,
        disposal=1,
        duration=[10 * delay for delay in timing.delays_cs()],
    )
    return out.getvalue()


# colours of a GIF


def _gif_colours(palette: Palette) -> Pixels:
    """(256, 3): the palette's colours on their way to paper and ground, and halfway to each other."""
    own = list(dict.fromkeys(palette.colours))
    steps = [
        mix_colours(colour, under, share / 8)
        for under in (palette.paper, palette.ground)
        for colour in own
        for share in range(8)
    ]
    between = [mix_colours(one, other, 0.5) for i, one in enumerate(own) for other in own[:i]]
    listed = list(dict.fromkeys([*own, *steps, *between]))[:256]
    return np.array(listed + [palette.ink] * (256 - len(listed)), dtype=np.uint8)


def _nearest_colours(colours: Pixels) -> Pixels:
    """(32768,) which of the colours is nearest to each of 5 bits a channel."""
    levels = np.arange(32) * 8.0 + 3.5
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    wanted = colours.astype(np.float64)
    distances = (wanted**2).sum(axis=1) - 2 * cube @ wanted.T
    table = np.asarray(distances.argmin(axis=1), dtype=np.uint8)
    for i in range(len(colours) - 1, -1, -1):  # backwards: of several colours in a cell the first stays
        red, green, blue = (colours[i].astype(np.int64) >> 3).tolist()
        table[(red << 10) | (green << 5) | blue] = i
    return table


def _index_colours(pixels: Pixels, table: Pixels) -> Pixels:
    red, green, blue = np.moveaxis(pixels.astype(np.int32) >> 3, -1, 0)
    return np.asarray(table[(red << 10) | (green << 5) | blue])


# drawing


def _halve(image: "Image.Image") -> "Image.Image":
    return image.reduce(_FINE)


def _backdrop(sheet: Sheet) -> "Image.Image":
    """All that does not move."""
    from PIL import Image, ImageDraw, ImageFont

    palette = sheet.palette
    image = Image.new("RGB", (_FINE * sheet.width, _FINE * sheet.height), palette.paper)
    pen = ImageDraw.Draw(image)
    for panel in sheet.panels:
        _draw_ground(image, panel, palette)
    for box in sheet.boxes:
        _draw_box(pen, box, palette)
    for label in sheet.labels:
        font = ImageFont.load_default(_FINE * label.size)
        at = (_FINE * label.x, _FINE * label.y)
        pen.text(at, label.text, font=font, fill=palette.quiet if label.quiet else palette.ink, anchor="ls")
    return image


def _draw_ground(image: "Image.Image", panel: Panel, palette: Palette) -> None:
    """The ground's lines, cut at the panel's edge."""
    from PIL import Image, ImageDraw

    left, top = round(_FINE * panel.x), round(_FINE * panel.y)
    inside = Image.new("RGB", (round(_FINE * panel.width), round(_FINE * panel.height)), palette.paper)
    pen = ImageDraw.Draw(inside)
    for line in (_FINE * panel.poses.ground).tolist():
        pen.line([tuple(point) for point in line], fill=palette.ground, width=_FINE)
    image.paste(inside, (left, top))


def _draw_box(pen: "ImageDraw.ImageDraw", box: Box, palette: Palette) -> None:
    """A frame: whole and ticked where right, dashed and crossed where wrong."""
    x, y, right, low = (_FINE * v for v in (box.x, box.y, box.x + box.width, box.y + box.height))
    if box.verdict is None:
        pen.rectangle((x, y, right, low), outline=palette.ground, width=_FINE)
        return
    colour = palette.right if box.verdict == "right" else palette.wrong
    if box.verdict == "right":
        pen.rectangle((x, y, right, low), outline=colour, width=2 * _FINE)
    else:
        _draw_dashes(pen, (x, y, right, low), colour)
    for stroke in mark(box):
        pen.line([(_FINE * a, _FINE * b) for a, b in stroke], fill=colour, width=2 * _FINE + 1, joint="curve")


def _draw_dashes(pen: "ImageDraw.ImageDraw", box: tuple[float, float, float, float], colour: Colour) -> None:
    x, y, right, low = box
    dash = _DASH * _FINE
    for start in np.arange(x, right, 2 * dash).tolist():
        for level in (y, low):
            pen.line((start, level, min(start + dash, right), level), fill=colour, width=2 * _FINE)
    for start in np.arange(y, low, 2 * dash).tolist():
        for level in (x, right):
            pen.line((level, start, level, min(start + dash, low)), fill=colour, width=2 * _FINE)


def _draw_frame(sheet: Sheet, image: "Image.Image", frame: int) -> "Image.Image":
    """The figures of a frame, on the backdrop."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    for panel in sheet.panels:
        _draw_people(pen, panel, sheet.palette, panel.frame_at(frame))
        if panel.still is None and sheet.n_frames > 1:
            _draw_elapsed(pen, panel, sheet.palette, frame)
    return image


def _draw_elapsed(pen: "ImageDraw.ImageDraw", panel: Panel, palette: Palette, frame: int) -> None:
    """A line under the clip: how much of it has passed."""
    share = (panel.frame_at(frame) + 1) / panel.n_frames
    x, y = _FINE * panel.x, _FINE * (panel.y + panel.height) - _FINE
    for width, colour in ((1.0, palette.ground), (share, palette.quiet)):
        pen.rectangle((x, y, x + _FINE * panel.width * width, y + _FINE), fill=colour)


def _draw_people(pen: "ImageDraw.ImageDraw", panel: Panel, palette: Palette, frame: int) -> None:
    """All people of a frame, what is farther away first."""
    poses = panel.poses
    people, kinds = np.nonzero(poses.drawn[frame])
    nearness = poses.nearness[frame, people, kinds]
    origin = np.array([panel.x, panel.y])
    lines = _FINE * (poses.lines[frame, people, kinds] + origin)
    widths = np.maximum(_FINE * THINNEST, _FINE * BONE_M * poses.scale * nearness)
    for i in np.argsort(nearness, kind="stable").tolist():
        colour = palette.limb(int(people[i]), right=bool(poses.right[kinds[i]]))
        _draw_bone(pen, lines[i].tolist(), float(widths[i]), colour)
    for person in range(poses.n_people):
        x, y, radius = (_FINE * (poses.heads[frame, person] + [*origin, 0.0])).tolist()
        if radius > 0:
            colour = palette.limb(person, right=False)
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _draw_bone(pen: "ImageDraw.ImageDraw", line: list[list[float]], width: float, colour: Colour) -> None:
    """A line with round ends."""
    pen.line([tuple(point) for point in line], fill=colour, width=max(1, round(width)))
    half = width / 2
    for x, y in line:
        pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)
