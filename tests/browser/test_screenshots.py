"""Pictures of every view, of the made-up corpus: made on request into $UMURL_SCREENSHOTS, looked at by eye.

    UMURL_SCREENSHOTS=docs/screenshots python -m pytest tests/browser/test_screenshots.py

$UMURL_SCREENSHOTS_LIBRARY: where the demo's library is made and kept, so that the next time is quick.
"""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from browser.acting import drop
from browser.opened import Opened, explain_missing, open_page
from detector_files import openpose, points
from rigs import bvh_of
from serving import running
from test_clips_picture_places import to_coco, to_pixels

from cli.main import run
from encoder.joint_layouts import find_layout
from encoder.skeleton import JOINTS
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

if TYPE_CHECKING:
    from PIL import Image
    from playwright.sync_api import Browser

FOLDER = os.environ.get("UMURL_SCREENSHOTS")
KEPT = os.environ.get("UMURL_SCREENSHOTS_LIBRARY")
MOST_BYTES, COLOURS = 150_000, 255
INDEX, WINDOWS = "demo@shipped", "demo-long@shipped+3s"
JUMPING_JACK, KICK, PUSH = (f"demo:S001C002P001R001A{action:03d}" for action in (14, 5, 25))
DRINK = "demo:S002C001P003R001A003"
MOMENT, RECORDING = "demo-long:P002C002T02@20.8-22.6", "demo-long:P005C002T02"
AT_S = {"timeline": 5.0}
"""Where in time the skeletons stand still for their picture, where not at STILL_S: near the recording's best peak."""
STILL_S = 1.3
BRUSH_HAIR_TAKEN_FOR_SALUTE = "18-17"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(explain_missing() is not None, reason=str(explain_missing())),
    pytest.mark.skipif(not FOLDER, reason="UMURL_SCREENSHOTS names no folder"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the demo's library, whole clips and recordings."""
    root = Path(KEPT) if KEPT else tmp_path_factory.mktemp("pictured") / "library"
    for words in (
        ["demo", "--seconds", "0"],
        ["ingest", "demo-long"],
        ["build-index", "demo-long", "--window", "3"],
    ):
        assert run([*words, "--library", str(root), "--quiet"]) == 0
    with running(Library(root)) as server:
        for index in (INDEX, WINDOWS):  # the first question of all also waits for the index to be read
            httpx.post(f"{server.address}api/query", json={"clip": KICK, "index": index}).raise_for_status()
        yield server.address


def picture(it: Opened, name: str, *, at_s: float = STILL_S) -> None:
    """The page as it is, its skeletons all at the same instant."""
    it.page.wait_for_load_state("networkidle")
    it.page.evaluate(
        """async (at) => {
            const {seek, setPlaying} = await import("/assets/player.js");
            setPlaying(false);
            seek(document.querySelector(".stage") ? at : 0);
        }""",
        at_s,
    )
    it.page.wait_for_timeout(300)
    from PIL import Image

    assert FOLDER
    path = Path(FOLDER) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    few_colours(Image.open(io.BytesIO(it.page.screenshot()))).save(path, optimize=True)
    assert path.stat().st_size < MOST_BYTES


def few_colours(shot: "Image.Image") -> "Image.Image":
    """The picture in COLOURS of its own colours: at each step the one that most is lost without, counted in pixels.

    So no surface changes its tint, as it does where the palette is of means.
    """
    from PIL import Image

    pixels = np.asarray(shot.convert("RGB"), dtype=np.int64).reshape(-1, 3)
    colours, places, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    kept, lost = [int(counts.argmax())], np.full(len(colours), np.inf)
    nearest = np.zeros(len(colours), dtype=np.uint8)
    while True:
        apart = ((colours - colours[kept[-1]]) ** 2).sum(axis=1)
        nearest[apart < lost] = len(kept) - 1
        lost = np.minimum(lost, apart)
        if len(kept) == COLOURS:
            break
        kept.append(int((lost * counts).argmax()))
    image = Image.frombytes("P", shot.size, nearest[places].tobytes())
    image.putpalette(colours[kept].ravel().tolist())
    return image


VIEWS: dict[str, tuple[str, dict[str, str], str]] = {
    "begin": ("search", {"index": INDEX}, ".cards .stage:not(.waiting)"),
    "search": (
        "search",
        {"index": INDEX, "clip": JUMPING_JACK, "others": "1"},
        ".cards .stage:not(.waiting)",
    ),
    "search-two-people": ("search", {"index": INDEX, "clip": PUSH}, ".cards .stage:not(.waiting)"),
    "search-filtered": (
        "search",
        {"index": INDEX, "clip": KICK, "modality": "motion", "f.camera": "3"},
        ".cards .stage:not(.waiting)",
    ),
    "moments": ("search", {"index": WINDOWS, "clip": KICK}, ".cards .stage:not(.waiting)"),
    "compare": ("compare", {"index": INDEX, "clip": DRINK}, ".column .stage:not(.waiting)"),
    "evaluate": ("evaluate", {"index": INDEX, "matrix": "1"}, ".heats"),
    "map": ("map", {"index": INDEX}, ".legend .key"),
    "timeline": ("timeline", {"index": WINDOWS, "clip": MOMENT, "recording": RECORDING}, "canvas.track"),
}


@pytest.mark.parametrize(
    ("name", "dark"), [*((name, False) for name in VIEWS), ("search", True), ("map", True)]
)
def test_pictures(browser: "Browser", base: str, name: str, dark: bool) -> None:
    view, parameters, ready = VIEWS[name]
    with open_page(browser, base, dark=dark) as it:
        it.go(view, **parameters)
        it.page.wait_for_selector(ready)
        if view == "map":
            it.page.locator("canvas.map").hover(position={"x": 328, "y": 212})
            it.page.wait_for_selector(".peek:not([hidden]) .stage:not(.waiting)", timeout=3000)
        picture(it, f"{name}-dark" if dark else name, at_s=AT_S.get(name, STILL_S))
        assert it.said == []


@pytest.mark.parametrize("name", ["search", "compare", "timeline", "map"])
def test_pictures_of_a_phone(browser: "Browser", base: str, name: str) -> None:
    view, parameters, ready = VIEWS[name]
    with open_page(browser, base, width=360, height=740) as it:
        it.go(view, **parameters)
        it.page.wait_for_selector(ready)
        picture(it, f"{name}-phone", at_s=AT_S.get(name, STILL_S))


def test_pictures_of_a_cell_and_the_matrix(browser: "Browser", base: str) -> None:
    with open_page(browser, base, height=900) as it:
        it.go("evaluate", index=INDEX, matrix=1, cell=BRUSH_HAIR_TAKEN_FOR_SALUTE)
        it.page.wait_for_selector(".heats")
        it.page.locator(".pairs canvas").first.scroll_into_view_if_needed()
        it.page.wait_for_selector(".pairs .stage:not(.waiting)")
        picture(it, "evaluate-cell")
        it.go("evaluate", index=INDEX, matrix=1)
        it.page.wait_for_selector(".heats")
        it.page.locator(".heats").scroll_into_view_if_needed()
        picture(it, "evaluate-matrix")


def test_pictures_of_a_clip_seen_large_and_of_an_error(browser: "Browser", base: str) -> None:
    with open_page(browser, base) as it:
        it.go("search", index=INDEX, clip=KICK)
        it.page.locator(".cards canvas").nth(2).click()
        it.page.wait_for_selector("dialog .stage:not(.waiting)")
        picture(it, "large")
        it.go("search", index=INDEX, clip=KICK, where="subjects = 3")
        it.page.wait_for_selector("[role=alert]")
        picture(it, "error")


def write_keypoints(folder: Path) -> list[Path]:
    """MoveNet's file of a clip."""
    pixels = to_pixels(to_coco(make_clip(KICK.partition(":")[2])))[:, 0, :, :2]
    path = folder / "phone.json"
    path.write_text(json.dumps([{"keypoints": points(joints)} for joints in pixels]))
    return [path]


def write_openpose_frames(folder: Path) -> list[Path]:
    """OpenPose's files of a clip, one a frame."""
    pixels = to_pixels(make_clip(JUMPING_JACK.partition(":")[2]))[:, 0, :, :2]
    head, others = ("nose", "eye", "ear"), {"neck": "spine shoulder", "pelvis": "spine base"}
    paths = []
    for t, frame in enumerate(pixels):
        joints = []
        for name in find_layout("openpose-25").joints:
            side, part = name.split(" ")[0], name.split(" ")[-1]
            own = (
                "head"
                if part in head
                else f"{side} foot"
                if part in ("toe", "heel")
                else others.get(name, name)
            )
            joints.append(frame[JOINTS.index(own)])
        paths.append(folder / f"jack_{t:012d}_keypoints.json")
        paths[-1].write_text(json.dumps(openpose([np.array(joints)])))
    return paths


def write_capture(folder: Path) -> list[Path]:
    """A file of motion capture."""
    path = folder / "wave.bvh"
    path.write_text(bvh_of(make_clip(DRINK.partition(":")[2])))
    return [path]


DROPPED = {"keypoints": write_keypoints, "openpose": write_openpose_frames, "bvh": write_capture}


@pytest.mark.parametrize("kind", DROPPED)
def test_pictures_of_what_other_tools_write(browser: "Browser", base: str, tmp_path: Path, kind: str) -> None:
    with open_page(browser, base) as it:
        it.go("search", index=INDEX)
        it.page.wait_for_selector(".cards .card")
        drop(it, *DROPPED[kind](tmp_path))
        it.page.wait_for_selector(".query-card .stage:not(.waiting)", timeout=300_000)
        it.page.wait_for_selector(".results > .cards .stage:not(.waiting)")
        picture(it, f"dropped-{kind}")
