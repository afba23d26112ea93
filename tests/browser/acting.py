"""What tests do in the page: open a view of a made library, drop a file, look at what is there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from browser.opened import Opened
from serving import running

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

INDEX = "mine@e"
WINDOWS = "long@e+2.5s"
CLIP = "mine:S001C001P001R001A005"
RECORDING = "long:P001C003T01"
VIEWS = {
    "search": {"index": INDEX, "clip": CLIP},
    "compare": {"index": INDEX, "clip": CLIP},
    "evaluate": {"index": INDEX},
    "map": {"index": INDEX},
    "timeline": {"index": WINDOWS, "clip": f"{RECORDING}@1-3", "recording": "long:P002C001T01"},
}
SHOWN = {
    "search": ".cards .card",
    "compare": ".column .card",
    "evaluate": "canvas.confusion",
    "map": "canvas.map",
    "timeline": "canvas.track",
}


@contextmanager
def serve_library(made: Path, root: Path) -> Iterator[str]:
    """The address of a server of whole clips and of recordings. made: a library with the recordings' index."""
    shutil.copytree(made, root)
    build_index(Library(root), BuildRequest(dataset="mine", encoder="e", device="cpu"))
    with running(Library(root)) as server:
        yield server.address


def clip_file(folder: Path, name: str = "S001C002P003R001A010") -> Path:
    path = folder / f"{name}.npy"
    np.save(path, make_clip(name))
    return path


def drop(it: Opened, *paths: Path, name: str | None = None) -> None:
    """Files dragged from elsewhere and let go over the page. name: of the first, where not its own."""
    files = [[name or path.name, list(path.read_bytes())] for path in paths]
    it.page.evaluate(
        """(files) => {
            const dataTransfer = new DataTransfer();
            for (const [name, content] of files) dataTransfer.items.add(new File([new Uint8Array(content)], name));
            for (const kind of ["dragenter", "dragover", "drop"]) {
                const event = new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true});
                document.querySelector("main").dispatchEvent(event);
            }
        }""",
        files,
    )


def names(it: Opened, selector: str = ".results > .cards .card") -> list[str]:
    it.page.wait_for_selector(selector)
    found: list[str] = it.page.eval_on_selector_all(selector, "all => all.map(one => one.dataset.clip)")
    return found


def contents(it: Opened) -> list[list[str]]:
    """The clips, headings, figures and choices that a view shows once all of it is there."""
    it.page.wait_for_load_state("networkidle")
    found: list[list[str]] = it.page.evaluate(
        """() => [["main .card", (one) => one.dataset.clip], ["main h2, main .headline strong", (one) => one.innerText],
                  ["main .legend .value, main .facet .value", (one) => one.innerText],
                  ["main select, main input:not([type=range])", (one) => `${one.value} ${one.checked}`]]
            .map(([selector, of]) => [...document.querySelectorAll(selector)].map(of))"""
    )
    return found


def pixels(it: Opened, selector: str) -> str:
    return str(it.page.eval_on_selector(selector, "canvas => canvas.toDataURL()"))


def show_view(it: Opened, view: str) -> None:
    it.go(view, **VIEWS[view])
    it.page.wait_for_selector(SHOWN[view])
