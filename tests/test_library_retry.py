"""Readers look once more where clips go while they look."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.export.embed_source import EmbedRequest, embed_source
from umurl_search.ingest.add_update_remove import remove
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.search.options import QueryRequest
from umurl_search.search.searcher import query

ASKED = "mine:S001C001P001R001A005"


def test_readers_look_once_more_where_clips_go_while_they_look(
    indexed: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened, calls = open_clips, []

    def late(library: Library, dataset: str) -> Any:
        clips = opened(library, dataset)
        calls.append(dataset)
        if len(calls) == 1:
            remove(library, "mine", where="subject = 4")
            raise FileNotFoundError("its folder has gone")
        return clips

    monkeypatch.setattr("umurl_search.export.embed_source.open_clips", late)
    request = EmbedRequest(source="mine", out=tmp_path / "y.npy", encoder="e", device="cpu")
    embed_source(indexed, request)
    assert (len(calls), len(np.load(tmp_path / "y.npy"))) == (2, 45)
    monkeypatch.undo()
    with pytest.raises(UmurlError, match="no index 'none'"):
        query(indexed, QueryRequest(clip=ASKED, index="none", device="cpu"))
