"""A headless Chromium for tests and benchmarks of the page; all that the page asks for is noted."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN_MS = 20_000


def explain_missing() -> str | None:
    """Why there is no browser to test with; None where there is one."""
    if not Path(CHROMIUM).exists():
        return "no /usr/bin/chromium: apt-get install chromium"
    try:
        import playwright  # noqa: F401
    except ModuleNotFoundError:
        return "no playwright: pip install playwright"
    return None


@contextmanager
def chromium() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page, and what it asked for, said on its console and failed at."""

    page: "Page"
    base: str
    said: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def go(self, view: str, **parameters: object) -> None:
        """Opens a view at its address, from nothing."""
        text = urlencode({name.replace("__", "."): value for name, value in parameters.items()})
        self.page.goto("about:blank")
        self.page.goto(f"{self.base}#/{view}?{text}")

    @property
    def hash(self) -> str:
        return str(self.page.evaluate("location.hash"))


@contextmanager
def open_page(
    browser: "Browser",
    base: str,
    *,
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    still: bool = False,
) -> Iterator[Opened]:
    """A page of its own, with nothing stored. `still`: as for those who want no motion."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if still else "no-preference",
    )
    context.set_default_timeout(WITHIN_MS)
    it = Opened(page=context.new_page(), base=base)
    it.page.on("console", lambda message: it.said.append(f"{message.type}: {message.text}"))
    it.page.on("pageerror", lambda error: it.said.append(f"error: {error}"))
    it.page.on("request", lambda request: it.hosts.add(urlsplit(request.url).netloc))
    try:
        yield it
    finally:
        context.close()
