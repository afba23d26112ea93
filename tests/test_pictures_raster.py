"""Sheets as pixels: GIFs read back, colours and lines where they are said to be."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from drawings import LIGHT, ONE, PAIR, count_near, moving_grid
from PIL import Image

from umurl_search.pictures.raster import draw_still, to_gif
from umurl_search.pictures.svg import to_svg
from umurl_search.pictures.timing import timing


def gif_delays(content: bytes) -> list[int]:
    """Of every picture, hundredths of a second, as the file's graphic control extensions say."""
    return [
        int.from_bytes(found[1], "little")
        for found in re.finditer(rb"\x21\xf9\x04.(..).\x00", content, re.DOTALL)
    ]


@pytest.mark.parametrize("fps", [10, 15, 30])
def test_a_gif_lasts_as_long_as_the_clip(fps: float) -> None:
    content = to_gif(moving_grid(ONE), timing(37, fps))
    assert gif_delays(content) == timing(37, fps).delays_cs()
    assert sum(gif_delays(content)) == 123
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["loop"] == 0
        assert (image.width, image.height) == (110, 162)
        played = 0
        for k in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(k)
            played += image.info["duration"]
        assert played == 1230


def test_a_gif_shows_the_poses_of_its_times() -> None:
    sheet, when = moving_grid(ONE), timing(37, 10)
    with Image.open(io.BytesIO(to_gif(sheet, when))) as image:
        for k, frame in enumerate(when.frames):
            image.seek(k)
            shown = np.asarray(image.convert("RGB")).astype(int)
            panel = replace(sheet.panels[0], still=frame)
            alone = np.asarray(Image.open(io.BytesIO(draw_still(replace(sheet, panels=(panel,)))))).astype(
                int
            )
            body = (slice(0, 130), slice(None))  # above the line of the time
            assert np.abs(shown[body] - alone[body]).mean() < 3


def test_two_people_have_two_colours_and_one_has_one() -> None:
    for clip, people in ((ONE, 1), (PAIR, 2)):
        image = Image.open(io.BytesIO(draw_still(moving_grid(clip, size=200)))).convert("RGB")
        pixels = np.asarray(image).astype(np.int64)
        assert [count_near(pixels, colour) > 50 for colour in LIGHT.people] == [True, people == 2]


def test_bones_are_where_they_are_said_to_be() -> None:
    sheet = moving_grid(replace(ONE, frames=ONE.frames[:1]), size=300)
    pixels = np.asarray(Image.open(io.BytesIO(draw_still(sheet))).convert("RGB")).astype(np.int64)
    (panel,) = sheet.panels
    for e in np.flatnonzero(panel.poses.drawn[0, 0]).tolist():
        x, y = panel.poses.lines[0, 0, e].mean(axis=0) + np.array([panel.x, panel.y])
        around = pixels[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
        assert sum(count_near(around, LIGHT.limb(0, right=side)) for side in (True, False)) > 0, e


def test_right_and_wrong_are_marked_besides_their_colours() -> None:
    clips = [replace(ONE, verdict=verdict) for verdict in (None, "right", "wrong")]
    text = to_svg(moving_grid(*clips))
    assert text.count("stroke-dasharray") == 1
    assert (
        text.count("<title>the query&#x27;s action</title>") + text.count("<title>the query's action</title>")
        == 1
    )
    assert "another action than the query" in text
    pixels = np.asarray(Image.open(io.BytesIO(draw_still(moving_grid(*clips)))).convert("RGB")).astype(
        np.int64
    )
    right, wrong = count_near(pixels, LIGHT.right), count_near(pixels, LIGHT.wrong)
    assert right > 1.5 * wrong > 0  # whole and dashed
