"""Embedding the rows of an index: an interrupted run goes on."""

from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX, WINDOW
from interruptions import interrupting_progress

from encoder.embed import Embedder
from umurl_search.index import build, embed_rows
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import embeddings_file
from umurl_search.index.open_index import open_index
from umurl_search.library.library import Library
from umurl_search.maintenance import verify


def test_an_interrupted_build_goes_on(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(dataset="mine", device="cpu", name="i")
    monkeypatch.setattr(embed_rows, "CHUNK", 16)
    with pytest.raises(KeyboardInterrupt):
        build_index(library, request, progress=interrupting_progress(3))
    embedded: list[int] = []

    call = Embedder.__call__

    def count(self: Embedder, clips: Any, modalities: Any) -> Any:
        embedded.append(len(clips))
        return call(self, clips, modalities)

    with library.read() as catalog:
        assert catalog.indexes() == []
    monkeypatch.setattr(Embedder, "__call__", count)
    assert build_index(library, request).already_there is False
    assert sum(embedded) == 60 - 48
    assert build_index(library, request).already_there is True
    assert len(embedded) == 1
    build_index(library, BuildRequest(dataset="mine", device="cpu", name="whole"))
    for modality in ("joint", "bone", "motion", "fused"):
        one, two = (library.index_folder(name) / embeddings_file(modality) for name in ("i", "whole"))
        assert one.read_bytes() == two.read_bytes()
    assert verify.verify(library) == []


def test_a_stopped_build_of_windows_goes_on(long: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    request = BuildRequest(dataset="long", encoder="e", window=WINDOW, device="cpu", name="again")
    finish = embed_rows.write_units
    monkeypatch.setattr(embed_rows, "CHUNK", 32)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "write_units", stop)
    with pytest.raises(KeyboardInterrupt):
        build_index(long, request)
    monkeypatch.setattr(build, "write_units", finish)
    report = build_index(long, request)
    assert (report.clips, report.already_there) == (4, False)
    one, other = (open_index(long, name)[0] for name in (LONG_INDEX, "again"))
    assert report.windows == len(one.ids) == 4 * 25
    np.testing.assert_array_equal(one.spans, other.spans)
    np.testing.assert_allclose(one.embeddings("fused"), other.embeddings("fused"), rtol=0, atol=1e-5)
