"""A dataset of shares is the one that a process reads alone: every byte of its store, every row, every note."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import long_recordings
from interruptions import content, interrupting_progress, many, raise_interrupt, rows

from encoder.errors import NotFoundError, UmurlError
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard
from umurl_search.ingest import ingest as ingesting
from umurl_search.ingest import parallel_read, recording_shards
from umurl_search.ingest.ingest import IngestReport, Request, ingest, ingest_shard
from umurl_search.library.clip_store import journal_of
from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.synthetic.demo_corpus import make_clip


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (parallel_read, recording_shards):
        monkeypatch.setattr(module, "CHUNK", 8)


@pytest.fixture
def empty(tmp_path: Path) -> Library:
    return Library(tmp_path / "shared")


def ingest_in_shards(library: Library, request: Request, n: int) -> IngestReport:
    for i in reversed(range(n)):
        ingest_shard(library, request, Shard(number=i, of=n), workers=1)
    return ingest(library, request, gathers=True, workers=1)


def alone(tmp_path: Path, request: Request) -> tuple[Library, IngestReport]:
    library = Library(tmp_path / "alone")
    return library, ingest(library, request, workers=1)


def require_equal(one: Library, other: Library, name: str) -> None:
    assert content(one.clips(name)) == content(other.clips(name))
    with one.read() as a, other.read() as b:
        assert a.left_out(name) == b.left_out(name)
        assert a.clips_of(name).id.tolist() == b.clips_of(name).id.tolist()
        assert a.segments(name).keys() == b.segments(name).keys()
        for key, column in a.segments(name).items():
            np.testing.assert_array_equal(column, b.segments(name)[key])
    assert verify.verify(one) == []
    assert [path.name for path in (one.root / "clips").iterdir()] == [name]


@pytest.mark.parametrize("n", [1, 3, 11])
def test_shards_make_the_dataset_of_one_process(
    empty: Library, tmp_path: Path, request_of_mine: Request, n: int
) -> None:
    other, expected = alone(tmp_path, request_of_mine)
    report = ingest_in_shards(empty, request_of_mine, n)
    assert {**report, "seconds": 0} == {**expected, "seconds": 0}
    require_equal(empty, other, "mine")
    assert rows(empty, "mine") == rows(other, "mine")


def mixed_source(folder: Path) -> Path:
    """25 files: clips in space and of pictures, two that cannot be read, names that come twice, one that is no text."""
    folder.mkdir()
    clip = make_clip("S001C001P001R001A001")
    flat = clip.copy()
    flat[..., 2] = 0
    for i in range(20):
        there = folder / ("b" if i % 5 == 4 else "a")
        there.mkdir(exist_ok=True)
        number = i - 1 if i % 5 == 4 else i
        np.save(
            there / f"S001C001P001R001A{number + 1:03d}.npy", flat if i % 7 == 3 else clip + np.float32(i)
        )
    for name in ("a/x1", "b/x2"):
        (folder / f"{name}.npy").write_bytes(b"no array")
    np.save(folder / "a" / "x3.npy", np.full_like(clip, np.nan))
    with open(bytes(folder) + b"/a/x\xff.npy", "wb") as file:
        np.save(file, clip)
    return folder


def test_what_is_left_out_is_the_same(empty: Library, tmp_path: Path) -> None:
    """Which of two clips of a name stays, and whether clips are of pictures, is decided by those before them."""
    request = Request(name="mixed", source=mixed_source(tmp_path / "mixed"))
    other, expected = alone(tmp_path, request)
    assert set(expected.left_out) >= {"malformed", "non-finite", "duplicate name"}
    report = ingest_in_shards(empty, request, 4)
    assert {**report, "seconds": 0} == {**expected, "seconds": 0}
    require_equal(empty, other, "mixed")


def test_pictures_that_come_first_decide_for_all_shards(empty: Library, tmp_path: Path) -> None:
    folder = many(tmp_path / "many", 20, n_frames=30)
    flat = np.load(folder / "S001C001P001R001A001.npy")
    flat[..., 2] = 0
    np.save(folder / "S001C001P001R001A001.npy", flat)
    request = Request(name="many", source=folder)
    other, expected = alone(tmp_path, request)
    assert (expected.used, expected.left_out) == (1, {"malformed": 19})
    assert ingest_in_shards(empty, request, 3).used == 1
    require_equal(empty, other, "many")


def test_recordings_with_segments(empty: Library, tmp_path: Path) -> None:
    request = long_recordings(tmp_path / "long")
    other, _ = alone(tmp_path, request)
    ingest_in_shards(empty, request, 2)
    require_equal(empty, other, "long")


def test_a_shard_makes_no_catalog(empty: Library, request_of_mine: Request) -> None:
    report = ingest_shard(empty, request_of_mine, Shard(number=1, of=3), workers=1)
    assert (report.name, report.shard, report.shards) == ("mine", 1, 3)
    assert (report.rows, report.total, report.already_there) == (24, 60, False)
    assert not empty.exists()
    assert ingest_shard(empty, request_of_mine, Shard(number=1, of=3), workers=1).already_there


def test_a_stopped_shard_goes_on_from_its_last_chunk(
    empty: Library, tmp_path: Path, request_of_mine: Request
) -> None:
    with pytest.raises(KeyboardInterrupt):
        ingest_shard(
            empty, request_of_mine, Shard(number=0, of=2), progress=interrupting_progress(2), workers=1
        )
    partial = shards.folder_of(empty.clips("mine")) / ".0-of-2.partial"
    assert [entry["items"] for entry in journal_of(partial)] == [8, 8]
    before = (partial / "frames.f32").read_bytes()
    ingest_in_shards(empty, request_of_mine, 2)
    other, _ = alone(tmp_path, request_of_mine)
    require_equal(empty, other, "mine")
    assert (empty.clips("mine") / "frames.f32").read_bytes().startswith(before)


@pytest.mark.parametrize("where", ["fill", "chunk", "seal", "register", "sweep"])
def test_a_gathering_that_was_stopped_is_done_again(
    empty: Library, tmp_path: Path, request_of_mine: Request, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for i in range(3):
        ingest_shard(empty, request_of_mine, Shard(number=i, of=3), workers=1)
    with monkeypatch.context() as patched:
        how: dict[str, Any] = {}
        if where == "chunk":
            how = {"progress": interrupting_progress(3)}
        elif where in ("seal", "sweep"):
            patched.setattr(sealed_folder if where == "seal" else shards, where, raise_interrupt)
        else:
            patched.setattr(ingesting, where, raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            ingest(empty, request_of_mine, gathers=True, **how)
    report = ingest(empty, request_of_mine, gathers=True)
    assert report.already_there == (where == "sweep")
    other, _ = alone(tmp_path, request_of_mine)
    require_equal(empty, other, "mine")


def test_the_missing_one_is_named(empty: Library, request_of_mine: Request) -> None:
    for i in (0, 1, 3):
        ingest_shard(empty, request_of_mine, Shard(number=i, of=4), workers=1)
    with pytest.raises(NotFoundError) as told:
        ingest(empty, request_of_mine, gathers=True)
    command = f"umurl-search ingest mine --source {request_of_mine.source} --shard 2/4"
    assert told.value.typed == f"shard 2 of 4 is missing: {command}"
    assert [path.name for path in (empty.root / "clips").iterdir()] == [".mine.shards"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"fps": 25.0}, "fps 30.0, not 25.0"),
        ({"up": "z"}, "up y, not z"),
        ({"scale": 0.5}, "scale 1.0, not 0.5"),
    ],
)
def test_other_options_are_refused(
    empty: Library, request_of_mine: Request, how: dict[str, Any], said: str
) -> None:
    ingest_shard(empty, request_of_mine, Shard(number=0, of=2), workers=1)
    with pytest.raises(UmurlError, match="made from something else") as told:
        ingest_shard(empty, replace(request_of_mine, **how), Shard(number=1, of=2))
    assert said in told.value.message


def test_a_source_that_changed_is_refused(empty: Library, tmp_path: Path, request_of_mine: Request) -> None:
    folder = shutil.copytree(request_of_mine.source or "", tmp_path / "copy")
    request = replace(request_of_mine, source=folder)
    ingest_shard(empty, request, Shard(number=0, of=1), workers=1)
    next(folder.iterdir()).unlink()
    for work in (
        lambda: ingest_shard(empty, request, Shard(number=0, of=1)),
        lambda: ingest(empty, request, gathers=True),
    ):
        with pytest.raises(UmurlError, match="not the same state of the source"):
            work()


def test_what_is_said_of_clips_is_said_to_the_one_that_gathers(
    empty: Library, tmp_path: Path, request_of_mine: Request
) -> None:
    bare = replace(request_of_mine, splits=None)
    for i in range(2):
        ingest_shard(empty, bare, Shard(number=i, of=2), workers=1)
    assert ingest(empty, request_of_mine, gathers=True).splits == {"xsub": {"train": 30, "test": 30}}


def test_no_usable_clip_at_all_is_told_when_gathered(empty: Library, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for i in range(10):
        np.save(folder / f"S001C001P001R001A{i + 1:03d}.npy", np.full((30, 25, 3), np.nan, dtype=np.float32))
    request = Request(name="bad", source=folder)
    with pytest.raises(UmurlError, match=r"no usable clip: .* and 9 others left out"):
        ingest_in_shards(empty, request, 2)
    assert [path.name for path in (empty.root / "clips").iterdir()] == [".bad.shards"]


def test_shards_left_beside_what_is_there_go(empty: Library, request_of_mine: Request) -> None:
    ingest_shard(empty, request_of_mine, Shard(number=0, of=2), workers=1)
    ingest(empty, request_of_mine, workers=1)
    assert ingest_shard(empty, request_of_mine, Shard(number=0, of=2)).already_there
    assert [path.name for path in (empty.root / "clips").iterdir()] == ["mine"]


def test_a_dataset_that_is_there_is_left_alone(library: Library, request_of_mine: Request) -> None:
    assert ingest_shard(library, request_of_mine, Shard(number=0, of=2)).already_there
    assert [path.name for path in (library.root / "clips").iterdir()] == ["mine"]
    assert ingest(library, request_of_mine, gathers=True).already_there
    json.dumps(ingest_shard(library, request_of_mine, Shard(number=0, of=2)).to_dict())
