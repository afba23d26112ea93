"""Embedding the rows of an index: an interrupted run goes on."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from conftest import LONG_INDEX, WINDOW
from interruptions import interrupting_progress

from encoder import embedding_stream
from encoder.embed import Embedder
from umurl_search.index import build, embed_rows
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import embeddings_file
from umurl_search.index.open_index import open_index
from umurl_search.index.windows import IndexRows
from umurl_search.library.clip_store import open_clips
from umurl_search.library.encoder_registry import open_encoder
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


@pytest.fixture
def as_a_device_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedders are given raw clips in chunks, as those of a device are."""
    monkeypatch.setattr(Embedder, "normalises", True)
    monkeypatch.setattr(embed_rows, "DEVICE_CHUNK", 16)


@pytest.mark.usefixtures("as_a_device_would")
def test_a_device_is_given_raw_clips_and_a_stopped_build_goes_on(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = BuildRequest(dataset="mine", device="cpu", name="i")
    with pytest.raises(KeyboardInterrupt):
        build_index(indexed, request, progress=interrupting_progress(3))
    seen: list[Any] = []
    make = embed_rows._raw_chunk

    def note(*given: Any) -> Any:
        seen.append(make(*given))
        return seen[-1]

    monkeypatch.setattr(embed_rows, "_raw_chunk", note)
    build_index(indexed, request)
    assert [len(chunk.frames) for chunk in seen] == [12]
    assert all(all(chunk.is_raw) for chunk in seen)
    one, other = (open_index(indexed, name)[0] for name in ("mine@e", "i"))
    for modality in ("joint", "bone", "motion", "fused"):
        np.testing.assert_allclose(one.embeddings(modality), other.embeddings(modality), rtol=0, atol=1e-4)


@pytest.mark.usefixtures("as_a_device_would")
def test_a_device_is_given_raw_windows(long: Library) -> None:
    build_index(long, BuildRequest(dataset="long", encoder="e", window=WINDOW, device="cpu", name="again"))
    one, other = (open_index(long, name)[0] for name in (LONG_INDEX, "again"))
    np.testing.assert_array_equal(one.spans, other.spans)
    np.testing.assert_allclose(one.embeddings("fused"), other.embeddings("fused"), rtol=0, atol=1e-4)


def test_chunks_for_a_device_end_where_they_have_enough_numbers(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_clips(indexed, "mine")
    units = IndexRows(row=np.arange(60))
    n_values = units.n_values(store)
    assert n_values.tolist() == [store.frames(i).size for i in range(60)]
    assert embed_rows.cut_chunks(store, units, 3, on_device=True) == [3, 60]
    monkeypatch.setattr(embed_rows, "MOST_VALUES", int(n_values[3:8].sum()))
    cuts = embed_rows.cut_chunks(store, units, 3, on_device=True)
    assert cuts[:2] == [3, 8]
    assert cuts[-1] == 60
    assert all(n_values[a:b].sum() <= embed_rows.MOST_VALUES for a, b in pairwise(cuts))
    monkeypatch.setattr(embed_rows, "MOST_VALUES", 1)
    assert embed_rows.cut_chunks(store, units, 57, on_device=True) == [57, 58, 59, 60]
    assert embed_rows.cut_chunks(store, units, 60, on_device=True) == [60]


def test_clips_of_a_store_are_embedded_as_on_a_cpu(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    store, model = open_clips(indexed, "mine"), open_encoder(indexed, "e").load()
    rows, cpu = [5, 59, 0, 31], torch.device("cpu")
    want = embed_rows.embed_clips(model, store, rows, modality="fused", device=cpu)
    monkeypatch.setattr(Embedder, "normalises", True)
    monkeypatch.setattr(embed_rows, "DEVICE_CHUNK", 3)
    got = embed_rows.embed_clips(model, store, rows, modality="fused", device=cpu)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("as_a_device_would")
def test_a_build_goes_on_with_less_memory_and_says_so(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = Embedder._embed

    def fill_memory(self: Embedder, batch: torch.Tensor, modalities: tuple[str, ...]) -> Any:
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return embed(self, batch, modalities)

    monkeypatch.setattr(Embedder, "_embed", fill_memory)
    monkeypatch.setattr(embedding_stream, "FEWEST", 1)
    told: list[str] = []
    build_index(indexed, BuildRequest(dataset="mine", device="cpu", name="i"), tell=told.append)
    assert [line.partition(" for ")[0] for line in told] == ["the memory of cpu does not suffice"]
    one, other = (open_index(indexed, name)[0] for name in ("mine@e", "i"))
    np.testing.assert_allclose(one.embeddings("fused"), other.embeddings("fused"), rtol=0, atol=1e-4)
