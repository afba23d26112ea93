"""Reading a source into a library: interrupted it goes on, repeated it does nothing, changed it is told."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from interruptions import content, interrupting_progress, rows
from refusals import raises_typed

from umurl_search.clips.clip import Clip
from umurl_search.files import sealed_folder
from umurl_search.ingest import ingest, parallel_read
from umurl_search.ingest.ingest import Request
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.maintenance import inspect_and_doctor, verify
from umurl_search.readers.arrays import NpyReader
from umurl_search.readers.file_per_clip import Place


@pytest.mark.parametrize("left", ["whole chunks", "a torn chunk"])
def test_an_interrupted_ingest_goes_on(
    left: str, made: Path, request_of_mine: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library = Library(tmp_path / "new")
    read: list[str] = []
    partial = sealed_folder.partial_of(library.clips("mine"))
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest(library, request_of_mine, progress=interrupting_progress(3), workers=1)
    assert not library.catalog_path.exists()
    assert (partial / "journal.jsonl").read_bytes().count(b"\n") == 3
    if left == "a torn chunk":
        for name, junk in (("journal.jsonl", b'{"items": 8, "clips": [{"na'), ("frames.f32", b"\1\2\3")):
            with open(partial / name, "ab") as file:
                file.write(junk)
    load = NpyReader.load

    def count(self: NpyReader, place: Place) -> Clip:
        read.append(place.name)
        return load(self, place)

    monkeypatch.setattr(NpyReader, "load", count)
    report = ingest.ingest(library, request_of_mine, workers=1)
    assert (report.used, report.already_there, len(read)) == (60, False, 60 - 3 * 8)
    assert not partial.exists()
    whole = Library(tmp_path / "whole")
    ingest.ingest(whole, request_of_mine, workers=1)
    assert content(library.clips("mine")) == content(whole.clips("mine"))
    assert rows(library, "mine") == rows(whole, "mine") == rows(Library(made / "library"), "mine")
    assert verify.verify(library) == []


def test_another_source_does_not_go_on_from_there(
    request_of_mine: Request, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_read, "CHUNK", 8)
    library = Library(tmp_path / "new")
    with pytest.raises(KeyboardInterrupt):
        ingest.ingest(library, request_of_mine, progress=interrupting_progress(3), workers=1)
    ingest.ingest(library, Request(name="mine", source=made / "clips", scale=0.5))
    store = ClipStore(library.clips("mine"))
    first = np.load(sorted((made / "clips").iterdir())[0])
    np.testing.assert_array_equal(store.frames(0), first * np.float32(0.5))


def test_a_second_ingest_of_the_same_does_nothing(
    library: Library, request_of_mine: Request, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library.catalog_path.read_bytes()
    monkeypatch.chdir(made)
    relative = Request(name="mine", source=Path("clips"), splits=Path("splits.json"))
    for request in (request_of_mine, relative):
        report = ingest.ingest(library, request)
        assert (report.already_there, report.used, report.found) == (True, 60, 60)
    assert library.catalog_path.read_bytes() == before


def test_a_source_that_changed_is_told(made: Path, tmp_path: Path) -> None:
    source = tmp_path / "clips"
    source.mkdir()
    path = source / "a.npy"
    shutil.copy(made / "clips" / "S001C001P001R001A001.npy", path)
    library = Library(tmp_path / "new")
    ingest.ingest(library, Request(name="x", source=source))
    old = (library.clips("x") / "journal.jsonl").read_text()
    np.save(path, np.load(path)[:20])
    with raises_typed(r"files have changed since.*umurl-search delete x"):
        ingest.ingest(library, Request(name="x", source=source))
    inspect_and_doctor.delete(library, "x")
    ingest.ingest(library, Request(name="x", source=source))
    assert sealed_folder.sha256_of(path) in (library.clips("x") / "journal.jsonl").read_text()
    assert sealed_folder.sha256_of(path) not in old


def test_one_name_in_two_folders_is_taken_once(made: Path, tmp_path: Path) -> None:
    clips = sorted((made / "clips").iterdir())
    for folder, path in (("b", clips[0]), ("a", clips[0]), ("c/d", clips[2]), ("a", clips[1])):
        (tmp_path / "two" / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "two" / folder)
    library = Library(tmp_path / "new")
    report = ingest.ingest(library, Request(name="x", source=tmp_path / "two"))
    assert (report.found, report.used, report.left_out) == (4, 3, {"duplicate name": 1})
    with library.read() as catalog:
        assert catalog.clips_of("x").name == [path.stem for path in clips[:3]]
        assert catalog.clips_of("x").id.tolist() == [1, 2, 3]
        (left_out,) = catalog.left_out("x")
    assert (left_out["source"], left_out["name"]) == (f"b/{clips[0].name}", clips[0].stem)
