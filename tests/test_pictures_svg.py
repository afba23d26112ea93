"""Sheets as SVG: every picture at its time, without script."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from drawings import ONE, PAIR, SVG, moving_grid

from umurl_search.pictures.svg import to_svg
from umurl_search.pictures.timing import timing


def test_an_svg_plays_every_picture_at_its_time_without_script() -> None:
    when = timing(37, 15)
    root = ET.fromstring(to_svg(moving_grid(ONE, PAIR), when))
    assert {element.tag for element in root.iter()} == {
        SVG + tag for tag in ("svg", "rect", "g", "text", "path", "animate")
    }
    long, short = root.findall(f".//{SVG}svg")
    for panel, people, n in ((long, 1, 19), (short, 2, 11)):
        played = panel.findall(f".//{SVG}animate")
        assert len(played) == 3 * people
        for one in played:
            assert one.get("dur") == "1.2333s"
            times = [float(text) for text in str(one.get("keyTimes")).split(";")]
            assert len(str(one.get("values")).split(";")) == len(times) == n
            assert times == pytest.approx([k / 15 / (37 / 30) for k in range(n)], abs=1e-4)


def test_an_svg_draws_the_bones_of_each_frame() -> None:
    sheet, when = moving_grid(ONE), timing(37, 10)
    root = ET.fromstring(to_svg(sheet, when))
    values = [str(one.get("values")).split(";") for one in root.iter(f"{SVG}animate")]
    (panel,) = sheet.panels
    for k, frame in enumerate(when.frames):
        drawn = "".join(side[k] for side in values[:2])
        ends = np.array(re.findall(r"M(\S+) (\S+)L(\S+) ([\d.]+)", drawn), dtype=float).reshape(-1, 2, 2)
        wanted = panel.poses.lines[frame, 0][panel.poses.drawn[frame, 0]]
        assert len(ends) == len(wanted) == 24
        order = np.concatenate([np.flatnonzero(panel.poses.right), np.flatnonzero(~panel.poses.right)])
        np.testing.assert_allclose(ends, panel.poses.lines[frame, 0][order], atol=0.051)


def test_a_person_who_is_there_for_part_of_a_clip() -> None:
    frames = PAIR.frames.copy()
    frames[:10, 1] = 0
    root = ET.fromstring(to_svg(moving_grid(replace(PAIR, frames=frames)), timing(21, 30)))
    shown = [str(one.get("values")).split(";") for one in root.iter(f"{SVG}animate")]
    assert [[path != "M0 0" for path in values] for values in shown[3:]] == [[False] * 10 + [True] * 11] * 3
