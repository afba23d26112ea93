"""A library served, and the page opened on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from browser.opened import Opened
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def base(long_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of whole clips and of recordings."""
    from browser.acting import serve_library  # by those who look at the page alone

    with serve_library(long_root / "library", tmp_path_factory.mktemp("served") / "library") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from browser.opened import chromium

    with chromium() as made:
        yield made


@pytest.fixture
def it(browser: "Browser", base: str) -> Iterator["Opened"]:
    """A page that must say nothing on its console and ask nobody but the server."""
    from browser.opened import open_page

    with open_page(browser, base) as page:
        yield page
        assert page.said == []
        assert page.hosts <= {base.split("/")[2], ""}


@pytest.fixture
def phone(browser: "Browser", base: str) -> Iterator["Opened"]:
    from browser.opened import open_page

    with open_page(browser, base, width=360, height=740) as page:
        yield page
