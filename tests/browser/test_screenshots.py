"""Pictures of every view, of the made-up corpus: made on request into $UMURL_SCREENSHOTS, looked at by eye.

    UMURL_SCREENSHOTS=docs/screenshots python -m pytest tests/browser/test_screenshots.py

$UMURL_SCREENSHOTS_LIBRARY: where the demo's library is made and kept, so that the next time is quick.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser.opened import Opened, missing, opened
from serving import running

from cli.main import run
from umurl_search.library.library import Library

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = os.environ.get("UMURL_SCREENSHOTS")
KEPT = os.environ.get("UMURL_SCREENSHOTS_LIBRARY")
MOST_BYTES, COLOURS = 150_000, 255
AT_S = 1.3
"""Where in time the skeletons stand still for their picture."""
INDEX, WINDOWS = "demo@shipped", "demo-long@shipped+3s"
KICK, HUG = "demo:S001C002P001R001A005", "demo:S001C002P001R001A025"
MOMENT, RECORDING = "demo-long:P002C002T02@20.8-22.6", "demo-long:P005C002T02"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
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
        yield server.address


def picture(it: Opened, name: str) -> None:
    """The page as it is, its skeletons all at the same instant."""
    it.page.wait_for_load_state("networkidle")
    it.page.evaluate(
        """async (at) => {
            const {clock, seek, setPlaying} = await import("/assets/player.js");
            setPlaying(false);
            if (clock.time_s < at || clock.period_s < 20) seek(at);
        }""",
        AT_S,
    )
    it.page.wait_for_timeout(300)
    from PIL import Image

    assert FOLDER
    path = Path(FOLDER) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    shot = Image.open(io.BytesIO(it.page.screenshot()))
    shot.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    assert path.stat().st_size < MOST_BYTES


VIEWS: dict[str, tuple[str, dict[str, str], str]] = {
    "begin": ("search", {"index": INDEX}, ".cards .stage:not(.waiting)"),
    "search": ("search", {"index": INDEX, "clip": KICK}, ".cards .stage:not(.waiting)"),
    "search-two-people": ("search", {"index": INDEX, "clip": HUG}, ".cards .stage:not(.waiting)"),
    "search-filtered": (
        "search",
        {"index": INDEX, "clip": KICK, "modality": "motion", "f.camera": "3"},
        ".cards .stage:not(.waiting)",
    ),
    "moments": ("search", {"index": WINDOWS, "clip": KICK}, ".cards .stage:not(.waiting)"),
    "compare": ("compare", {"index": INDEX, "clip": KICK}, ".column .stage:not(.waiting)"),
    "evaluate": ("evaluate", {"index": INDEX, "matrix": "1"}, ".heats"),
    "map": ("map", {"index": INDEX}, ".legend .key"),
    "timeline": ("timeline", {"index": WINDOWS, "clip": MOMENT, "recording": RECORDING}, "canvas.track"),
}


@pytest.mark.parametrize(
    ("name", "dark"), [*((name, False) for name in VIEWS), ("search", True), ("map", True)]
)
def test_pictures(browser: "Browser", base: str, name: str, dark: bool) -> None:
    view, parameters, ready = VIEWS[name]
    with opened(browser, base, dark=dark) as it:
        it.go(view, **parameters)
        it.page.wait_for_selector(ready)
        if view == "map":
            it.page.locator("canvas.map").hover(position={"x": 328, "y": 212})
            it.page.wait_for_selector(".peek:not([hidden]) .stage:not(.waiting)", timeout=3000)
        picture(it, f"{name}-dark" if dark else name)
        assert it.said == []


@pytest.mark.parametrize("name", ["search", "compare", "timeline", "map"])
def test_pictures_of_a_phone(browser: "Browser", base: str, name: str) -> None:
    view, parameters, ready = VIEWS[name]
    with opened(browser, base, width=360, height=740) as it:
        it.go(view, **parameters)
        it.page.wait_for_selector(ready)
        picture(it, f"{name}-phone")


def test_pictures_of_a_cell_and_the_matrix(browser: "Browser", base: str) -> None:
    with opened(browser, base, height=900) as it:
        it.go("evaluate", index=INDEX, matrix=1, cell="17-20")
        it.page.wait_for_selector(".heats")
        it.page.locator(".pairs canvas").first.scroll_into_view_if_needed()
        it.page.wait_for_selector(".pairs .stage:not(.waiting)")
        picture(it, "evaluate-cell")
        it.page.locator(".heats").scroll_into_view_if_needed()
        picture(it, "evaluate-matrix")


def test_pictures_of_a_clip_seen_large_and_of_an_error(browser: "Browser", base: str) -> None:
    with opened(browser, base) as it:
        it.go("search", index=INDEX, clip=KICK)
        it.page.locator(".cards canvas").nth(2).click()
        it.page.wait_for_selector("dialog .stage:not(.waiting)")
        picture(it, "large")
        it.go("search", index=INDEX, clip=KICK, where="subjects = 3")
        it.page.wait_for_selector("[role=alert]")
        picture(it, "error")
