"""The page's own files, read: nothing of another host, no markup made of texts, nothing that the policy forbids."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "umurl_search" / "serve" / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
LONGEST = 400


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_there_are_files_of_every_kind() -> None:
    assert {path.suffix for path in FILES} == {".html", ".js", ".css", ".svg"}
    assert len(SCRIPTS) > 15


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_asked_of_another_host(path: Path) -> None:
    urls = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", re.sub(r"(?m)^\s*(//|/?\*).*$", "", path.read_text()))
    assert set(urls) <= {"http://www.w3.org"}, "the names of SVG alone"


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_texts_never_become_markup(path: Path) -> None:
    text = path.read_text()
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "srcdoc",
    ):
        assert word not in text


def test_the_page_has_nothing_inline() -> None:
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_what_is_imported_is_there(path: Path) -> None:
    for name in re.findall(r'from "(\.[^"]+)"', path.read_text()):
        assert (path.parent / name).is_file(), name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_the_tools_that_check_the_scripts_are_exact_and_of_npms_own_registry() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("integrity" in one for path, one in locked.items() if path)
    for one in locked.values():
        assert one.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/")
