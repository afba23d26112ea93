"""From a clip store to the catalog: numbers, protocols, and stores that a killed run had sealed."""

import json
import shutil
from pathlib import Path

import pytest
from interruptions import content, raise_interrupt
from refusals import FOUR_NAMES, four_clips

from encoder.errors import UmurlError
from umurl_search.ingest import ingest
from umurl_search.ingest.ingest import Request
from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.readers.arrays import NpyReader


def test_a_protocol_that_names_no_clip_is_an_error_and_what_was_read_is_kept(tmp_path: Path) -> None:
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"typo": {"train": ["a"], "test": ["b"]}}))
    library = Library(tmp_path / "library")
    request = Request(name="own", source=four_clips(tmp_path / "clips"), splits=splits)
    with pytest.raises(UmurlError, match="protocol typo names no clip of the data"):
        ingest.ingest(library, request)
    splits.write_text(json.dumps({"typo": {"train": [FOUR_NAMES[0]], "test": ["b"]}}))
    report = ingest.ingest(library, request)
    assert report.splits == {"typo": {"train": 1, "test": 0}}
    assert report.notes == ["protocol typo names 1 clips that are not in the data or were left out"]


def test_a_sealed_store_is_entered_by_the_next_run(
    request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path / "new")
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "register", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            ingest.ingest(library, request_of_mine)
    before = content(library.clips("mine"))
    with monkeypatch.context() as patched:
        patched.setattr(NpyReader, "load", raise_interrupt)
        report = ingest.ingest(library, request_of_mine)
    assert (report.used, report.already_there) == (60, False)
    assert content(library.clips("mine")) == before
    assert verify.verify(library) == []


def test_numbers_beyond_32_bits_in_a_name(made: Path, tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    clip = made / "clips" / "S001C001P001R001A001.npy"
    shutil.copy(clip, tmp_path / "late" / "a1_s20240131_t1706700000000.npy")
    library = Library(tmp_path / "new")
    ingest.ingest(library, Request(name="x", source=tmp_path / "late"))
    with library.read() as catalog:
        columns = catalog.clips_of("x").columns
    assert (columns["subject"], columns["replication"]) == ([20240131], [1706700000000])
