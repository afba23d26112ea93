"""Files of pose estimators and of motion capture, dropped on the page: ranked, named by their joints, drawn as such."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser.acting import INDEX, drop, names
from browser.opened import Opened, explain_missing, open_page
from detector_files import points, walk, write_openpose
from rigs import bvh, person

from umurl_search.pictures.geometry import bones

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing())),
]


def movenet(folder: Path) -> list[Path]:
    path = folder / "squat.json"
    path.write_text(json.dumps([{"keypoints": points(joints)} for joints in walk("coco-17", 30)]))
    return [path]


def openpose_frames(folder: Path) -> list[Path]:
    return sorted(write_openpose(folder / "out", 30).iterdir(), reverse=True)


def capture(folder: Path) -> list[Path]:
    path = folder / "walk.bvh"
    path.write_text(bvh(person()))
    return [path]


DROPPED = {"coco-17": movenet, "openpose-25": openpose_frames, "rig": capture}
FILES = {"coco-17": "squat.json", "openpose-25": "walk.json", "rig": "walk.bvh"}


def drop_as(it: Opened, layout: str, folder: Path) -> str:
    """Drops files of a layout; what the card of the query says then."""
    it.go("search", index=INDEX)
    it.page.wait_for_selector(".cards .card")
    drop(it, *DROPPED[layout](folder))
    it.page.wait_for_selector(".query-card .stage:not(.waiting)", timeout=60_000)
    return it.page.locator(".query-card").inner_text()


@pytest.mark.parametrize("layout", DROPPED)
def test_what_other_tools_write_is_ranked_and_drawn(it: Opened, tmp_path: Path, layout: str) -> None:
    with it.page.expect_response(f"**/api/skeleton?layout={layout}") as drawn:
        said = drop_as(it, layout, tmp_path)
    assert FILES[layout] in said
    assert layout in said
    assert len(names(it)) == 20
    assert {tuple(pair) for pair in drawn.value.json()["bones"]} == set(bones(layout))
    inked = it.page.evaluate(
        """() => {
            const canvas = document.querySelector(".query-card canvas");
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    assert inked > 20


_DRAWN_AND_TURNED = """async (selector) => {
    const from = (name) => import(`/assets/${name}.js`);
    const [{drawFrame}, {turn}] = [await from("draw"), await from("orbit")];
    const {motion} = document.querySelector(selector).figure;
    const canvas = Object.assign(document.createElement("canvas"), {width: 600, height: 200});
    const pen = canvas.getContext("2d", {willReadFrequently: true});
    const drawn = () => {
        drawFrame(pen, motion, 0, 600, 200, 1);
        return [...new Uint32Array(pen.getImageData(0, 0, 600, 200).data.buffer)];
    };
    const one = drawn();
    turn(0.7, 0.2);
    const other = drawn();
    const inked = one.flatMap((colour, i) => (colour === one[0] ? [] : [i % 600]));
    return [one.every((colour, i) => colour === other[i]), Math.max(...inked) - Math.min(...inked)];
}"""


def test_joints_of_a_picture_are_not_turned_and_have_no_ground(it: Opened, tmp_path: Path) -> None:
    drop_as(it, "coco-17", tmp_path)
    it.page.wait_for_selector(".results .card .stage:not(.waiting)")
    stays, wide = it.page.evaluate(_DRAWN_AND_TURNED, ".query-card canvas")
    assert stays
    assert wide < 150
    stays, wide = it.page.evaluate(_DRAWN_AND_TURNED, ".results .card .stage:not(.waiting) canvas")
    assert not stays
    assert wide > 200


def test_frames_are_put_together_by_their_numbers(it: Opened, tmp_path: Path) -> None:
    it.go("search", index=INDEX)
    it.page.wait_for_selector(".cards .card")
    paths = openpose_frames(tmp_path)
    with it.page.expect_response("**/api/uploads*") as sent:
        drop(it, *paths[:20], *paths[22:])
    told = sent.value.json()
    assert (told["name"], told["frames"], told["layout"]) == ("walk.json", 30, "openpose-25")
    assert any("2 frames" in note for note in told["notes"]), told["notes"]


@pytest.mark.parametrize("kind", ["arrays", "no JSON", "no frames"])
def test_files_that_are_no_frames_of_one_clip_are_refused(
    browser: "Browser", base: str, tmp_path: Path, kind: str
) -> None:
    paths = [tmp_path / f"{name}{'.npy' if kind == 'arrays' else '.json'}" for name in ("a1", "a2")]
    for path in paths:
        if kind == "arrays":
            np.save(path, np.zeros((4, 1, 25, 3)))
        else:
            path.write_text("{" if kind == "no JSON" else "[]")
    with open_page(browser, base) as it:
        it.go("search", index=INDEX)
        it.page.wait_for_selector(".cards .card")
        drop(it, *paths)
        told = it.page.locator("[role=alert]").inner_text()
        assert ("a1.json: no JSON" if kind == "no JSON" else "one file at a time") in told
