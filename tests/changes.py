"""Libraries of which clips come and go, and what is found in them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import add_files, long_recordings

from umurl_search import Library
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.kind_names import Kind
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.maintenance.inspect_and_doctor import contents, info
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

ASKED = "mine:S001C001P001R001A005"


def hits(library: Library, index: str, **how: Any) -> list[tuple[str, float]]:
    found = query(library, QueryRequest(clip=ASKED, index=index, k=100, device="cpu", **how))
    return [(hit["name"], round(hit["score"], 5)) for hit in found["hits"]]


def make_at_once(library: Library, kept: Path, name: str, kind: Kind, transform: str = "none") -> Library:
    """Another library of the source as it is now, with one index of the kind."""
    fresh = Library(library.root.with_name("fresh"))
    ingest(fresh, Request(name="mine", source=kept))
    shutil.copytree(library.encoder("e"), fresh.encoder("e"))
    with library.read() as catalog:
        row = {k: v for k, v in catalog.encoders()[0].items() if k not in ("created", "made")}
    with fresh.write() as catalog:
        catalog.add_encoder(row)
    request = BuildRequest(
        dataset="mine", encoder="e", name=name, kind=kind, transform=Transform.parse(transform), device="cpu"
    )
    build_index(fresh, request)
    return fresh


def default_index(library: Library) -> str:
    """What is opened where none is named; everything else that says it agrees."""
    name = open_index(library, None)[1]["name"]
    shown = contents(library)
    assert shown["default_index"] == name
    assert [row["name"] for row in shown["indexes"] if info(library, row["name"])["default"]] == [name]
    return str(name)


def build(library: Library, name: str) -> None:
    build_index(library, BuildRequest(dataset="mine", encoder="e", name=name, device="cpu"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Other recordings of the same kind."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    add_files(folder)
    return folder


def change(library: Library, **asked: Any) -> Any:
    return add_or_update(library, ChangeRequest(**{"dataset": "mine", "device": "cpu", **asked}))


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Library, Request]:
    """A library of four whole recordings, as they were ingested."""
    request = long_recordings(tmp_path / "long")
    library = Library(tmp_path / "own")
    ingest(library, request)
    return library, request


def labels(library: Library) -> dict[str, int]:
    with library.read() as catalog:
        found = catalog.segments("long")
    return dict(zip(found["action"].tolist(), found["label"].tolist(), strict=True))
