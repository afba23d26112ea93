"""Libraries of several parts, and commands that are killed on the way."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import add_files
from interruptions import Killed

from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.library.catalog import open_catalog
from umurl_search.library.library import Library
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

Hits = dict[str, float]
ASKED = "mine:S001C001P001R001A005"
FOUR_NEW = [f"S001C00{c}P005R001A00{a}" for a in (1, 5) for c in (1, 2)]


def score_by_name(library: Library, index: str = "mine@e", **how: Any) -> Hits:
    found = query(library, QueryRequest(clip=ASKED, index=index, k=100, device="cpu", **how))
    return {hit["name"]: round(hit["score"], 5) for hit in found["hits"]}


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """A folder with four further recordings."""
    folder = tmp_path / "new"
    folder.mkdir()
    add_files(folder, FOUR_NEW)
    return folder


@pytest.fixture(scope="session")
def parted_root(indexed_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The indexed library after an `add` of four clips and a `remove` of five."""
    base = tmp_path_factory.mktemp("parted")
    (base / "new").mkdir()
    add_files(base / "new", FOUR_NEW)
    library = Library(Path(shutil.copytree(indexed_root, base / "library")))
    add_or_update(library, ChangeRequest(dataset="mine", source=base / "new", device="cpu"))
    remove(library, "mine", where="subject = 2 and camera = 3")
    return library.root


@pytest.fixture
def parted(parted_root: Path, tmp_path: Path) -> Library:
    return Library(Path(shutil.copytree(parted_root, tmp_path / "library")))


def raise_killed(*_: object) -> str:
    raise Killed


def run_until_killed(
    patched: pytest.MonkeyPatch, module: Any, name: str, stand_in: Any, work: Callable[[], Any]
) -> None:
    """Runs what is killed in a function of a module."""
    with patched.context() as changed:
        changed.setattr(module, name, stand_in)
        with pytest.raises(Killed):
            work()


def kill_before_copy(library: Library, monkeypatch: pytest.MonkeyPatch, work: Callable[[], Any]) -> None:
    """Runs a change that is killed after its transaction, before the catalog is copied."""
    run_until_killed(monkeypatch, open_catalog, "_quote", raise_killed, work)
    assert open_catalog.copy_may_be_old(library.catalog_path)


def damage(library: Library) -> None:
    library.catalog_path.write_bytes(library.catalog_path.read_bytes()[:9000])
