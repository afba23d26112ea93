"""Clips as an HTML file: its own script only, the clip to the millimetre, nothing in a name is markup."""

import base64
import hashlib
import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
from drawings import EVIL, LIGHT, ONE, PAIR, SVG, ReadPage, moving_grid

from umurl_search.pictures.geometry import Camera, visible_frames
from umurl_search.pictures.html import to_html
from umurl_search.pictures.svg import to_svg

# svg


def test_nothing_in_a_name_is_markup_in_an_svg_or_a_page() -> None:
    clip = replace(ONE, name=EVIL, title=EVIL, detail=EVIL)
    root = ET.fromstring(to_svg(moving_grid(clip, size=2000)))
    assert [text.text for text in root.iter(f"{SVG}text")] == [EVIL.replace("\0", "�")] * 2
    page = ReadPage(to_html([clip], camera=Camera(), palette=LIGHT, size=90, title=EVIL))
    assert page.tags.count("script") == 2
    assert page.words.count(EVIL.replace("\0", "�")) == 4


# pages


def test_a_page_runs_its_own_script_only_and_asks_nothing_of_others() -> None:
    text = to_html([ONE, replace(PAIR, verdict="wrong")], camera=Camera(), palette=LIGHT, size=90, title="t")
    page = ReadPage(text)
    policy = next(str(v) for k, v in page.attributes if k == "content" and str(v).startswith("default-src"))
    data, script = page.scripts
    for said, kind in ((script, "script-src"), (page.styles[0], "style-src")):
        digest = base64.b64encode(hashlib.sha256(said.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "http" not in text.replace("http-equiv", "")
    assert page.tags.count("canvas") == len(json.loads(data)["clips"]) == 2


def test_a_page_holds_the_clip_to_the_millimetre() -> None:
    frames = PAIR.frames.copy()
    frames[3, 1] = 0
    text = to_html([replace(PAIR, frames=frames)], camera=Camera(), palette=LIGHT, size=90, title="t")
    (clip,) = json.loads(ReadPage(text).scripts[0])["clips"]
    mm = np.frombuffer(base64.b64decode(clip["frames"]), dtype="<i2").reshape(*clip["shape"], 25, 3)
    there = visible_frames(frames)
    assert ((mm != -32768).all(axis=-1) == there).all()
    moved = mm[there] / 1000 - frames[there]
    assert np.ptp(moved, axis=0).max() < 0.0021
    assert [tuple(bone[:2]) for bone in clip["bones"]][:2] == [(0, 1), (1, 20)]
    assert (len(clip["bones"]), clip["floor"], clip["seen"]) == (24, 0, None)


def test_joints_of_a_picture_are_seen_from_straight_ahead_without_a_ground() -> None:
    flat = replace(ONE, frames=ONE.frames * np.array([1, 1, 0], dtype=np.float32))
    for camera, seen in ((Camera(), [0, 0]), (Camera(azimuth_deg=30), [30, 0])):
        page = to_html([flat], camera=camera, palette=LIGHT, size=90, title="t")
        (clip,) = json.loads(ReadPage(page).scripts[0])["clips"]
        assert (clip["front"], clip["floor"], clip["seen"]) == ([0, -1], None, seen)
