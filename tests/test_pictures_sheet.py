"""What a picture shows and where: strips of poses, text that is cut, colours for the colour-blind."""

import io

import numpy as np
import pytest
from drawings import LIGHT, ONE, PAIR
from PIL import Image

from umurl_search.pictures.geometry import Camera
from umurl_search.pictures.raster import draw_still
from umurl_search.pictures.sheet import PALETTES, Palette, fit_text, pose_frames, strip

# timing


def test_moments_are_the_middles_of_equal_parts() -> None:
    assert pose_frames(80, 8) == [5, 15, 25, 35, 45, 55, 65, 75]
    assert pose_frames(1, 3) == [0, 0, 0]
    assert pose_frames(2, 4) == [0, 0, 1, 1]


# files, read back


def test_a_strip_has_a_row_a_clip_and_a_pose_a_cell() -> None:
    sheet = strip([ONE, PAIR], camera=Camera(), palette=LIGHT, size=80, poses=5)
    assert [panel.still for panel in sheet.panels] == [*pose_frames(37, 5), *pose_frames(21, 5)]
    assert len({panel.y for panel in sheet.panels}) == 2
    assert [label.text for label in sheet.labels if label.text.endswith(" s")][:5] == [
        "0.10 s",
        "0.37 s",
        "0.60 s",
        "0.83 s",
        "1.10 s",
    ]
    with Image.open(io.BytesIO(draw_still(sheet))) as image:
        assert (image.width, image.height) == (sheet.width, sheet.height)


def test_what_is_too_long_for_its_place_is_cut() -> None:
    assert fit_text("short", 200, 13) == "short"
    cut = fit_text("a very long name of a clip", 70, 13)
    assert (len(cut), cut[-1]) == (9, "…")


# colours


def luminance(colour: tuple[int, int, int]) -> float:
    """WCAG's."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


BLIND = {
    "deuteranopia": [[0.292, 0.708, 0.0], [0.292, 0.708, 0.0], [-0.022, 0.022, 1.0]],
    "protanopia": [[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]],
}
"""What linear red, green and blue become (Vienot, Brettel and Mollon 1999)."""


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_colours_are_read_by_the_colour_blind(palette: Palette) -> None:
    figures = (*palette.people, palette.right, palette.wrong, palette.quiet)
    assert min(contrast(colour, palette.paper) for colour in figures) > 3
    assert contrast(palette.ink, palette.paper) > 7
    for matrix in BLIND.values():
        for one, other in (palette.people, (palette.right, palette.wrong)):
            seen_as = [np.array(matrix) @ (np.array(c) / 255) ** 2.2 for c in (one, other)]
            assert np.abs(seen_as[0].clip(0, 1) ** (1 / 2.2) - seen_as[1].clip(0, 1) ** (1 / 2.2)).max() > 0.2
