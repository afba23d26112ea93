"""Building an index: a sealed one is entered by the next run, another one is built again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from interruptions import content, raise_interrupt

from encoder.embed import Embedder
from umurl_search.files import sealed_folder
from umurl_search.index import build
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import Index
from umurl_search.ingest import ingest
from umurl_search.ingest.ingest import Request
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor, verify
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query

Command = Callable[..., Result]


# build-index


def test_a_sealed_index_is_entered_by_the_next_run(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(dataset="mine", device="cpu")
    with monkeypatch.context() as patched:
        patched.setattr(build, "_enter", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, request)
    before = content(library.index_folder("mine@e"))
    with monkeypatch.context() as patched:
        patched.setattr(Embedder, "__call__", raise_interrupt)
        assert build_index(library, request).clips == 60
    assert content(library.index_folder("mine@e")) == before
    assert verify.verify(library) == []
    assert [path.name for path in (library.root / "indexes").iterdir()] == ["mine@e"]


@pytest.mark.parametrize("what", ["clips", "recipe"])
def test_a_sealed_index_of_something_else_is_built_again(
    what: str, library: Library, request_of_mine: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left by a build that was stopped, before the dataset was ingested anew (its clips have new ids now)."""
    with monkeypatch.context() as patched:
        patched.setattr(build, "_enter", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_index(library, BuildRequest(dataset="mine", device="cpu", name="i"))
    if what == "clips":
        inspect_and_doctor.delete(library, "mine")
        ingest.ingest(library, request_of_mine)
    encoder = "shipped" if what == "recipe" else "e"
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="i", encoder=encoder))
    with library.read() as catalog:
        np.testing.assert_array_equal(Index(library.index_folder("i")).ids, catalog.clips_of("mine").id)
    answer = query(library, QueryRequest(clip="mine:S001C001P001R001A001", k=1, device="cpu"))
    assert answer["hits"][0]["name"] == "S001C001P001R001A001"
    assert answer["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert verify.verify(library) == []


# several processes


@pytest.mark.parametrize(
    ("words", "target"),
    [
        ("ingest x --source CLIPS", "clips/x"),
        ("build-index mine --as x", "indexes/x"),
        ("train mine --preset tiny --epochs 1 --as x", "encoders/x"),
        ("import-encoder GOLDEN --as x", "encoders/x"),
    ],
)
def test_a_second_builder_is_told(
    words: str, target: str, library: Library, command: Command, made: Path, golden: Path
) -> None:
    words = words.replace("CLIPS", str(made / "clips"))
    words = words.replace("GOLDEN", str(golden / "checkpoint_0450.pth.tar"))
    with sealed_folder.building(library.root / target, resume_token="the first"):
        told = command(*words.split())
        assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
        assert f"{target}: another process is building it" in told.err
    assert command(*words.split()).code == 0
