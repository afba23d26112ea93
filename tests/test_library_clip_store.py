"""The clip store: what is written comes back, and an interrupted writing is cut back to whole chunks."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.clip import Frames, LeftOut
from umurl_search.clips.normalization import normalise
from umurl_search.files import sealed_folder
from umurl_search.library.clip_store import FRAMES, JOURNAL, Clips, ClipStore, Record, StoreWriter, journal_of
from umurl_search.library.library import Library

SHAPES = [(3, 1), (1, 2), (5, 2), (2, 1)]


def record(number: int) -> Record:
    shape = (*SHAPES[number % len(SHAPES)], 25, 3)
    frames: Frames = np.random.default_rng(number).normal(size=shape).astype(np.float32)
    return Record(
        name=f"clip {number} ünï",
        frames=frames,
        label=number,
        subject=None,
        camera=None,
        setup=None,
        replication=None,
        source="x",
        source_hash="h",
        cut=0,
    )


def write_chunks(folder: Path, chunks: int, *, start: int = 0) -> StoreWriter:
    """A writer with chunks of two clips and one left out each, still open."""
    folder.mkdir(exist_ok=True)
    writer = StoreWriter(folder)
    for chunk in range(start, chunks):
        left = [LeftOut(name=f"bad {chunk}", reason="no body", detail="line\nbreak")]
        writer.add(3, [record(2 * chunk), record(2 * chunk + 1)], left)
    return writer


def seal_store(partial: Path, target: Path, *, state: str = "raw") -> ClipStore:
    sealed_folder.seal(partial, target, {"state": state})
    return ClipStore(target)


@pytest.mark.parametrize("state", ["raw", "umurl-normalised"])
def test_clips_come_back(tmp_path: Path, state: str) -> None:
    writer = write_chunks(tmp_path / "p", 3)
    writer.finish()
    store = seal_store(tmp_path / "p", tmp_path / "made", state=state)
    assert len(store) == 6
    assert store.is_raw == (state == "raw")
    assert store.n_bytes == (tmp_path / "made" / FRAMES).stat().st_size
    for row in range(6):
        want = record(row).frames
        np.testing.assert_array_equal(store.frames(row), want)
        ready = want if state == "umurl-normalised" else normalise(want)
        np.testing.assert_array_equal(store.normalised_frames(row), ready)
    entries = journal_of(tmp_path / "made")
    assert [clip["name"] for entry in entries for clip in entry["clips"]] == [
        record(i).name for i in range(6)
    ]
    assert [one["reason"] for entry in entries for one in entry["left_out"]] == ["no body"] * 3


def test_a_dataset_says_of_each_clip_whether_it_is_raw(tmp_path: Path) -> None:
    stores = []
    for state in ("raw", "umurl-normalised"):
        write_chunks(tmp_path / "p", 1).finish()
        stores.append(seal_store(tmp_path / "p", tmp_path / state, state=state))
    clips = Clips(stores, part=np.array([1, 2, 2, 1]), row=np.array([0, 0, 1, 1]))
    assert [clips.is_raw(row) for row in range(4)] == [True, False, False, True]


@pytest.mark.parametrize("damage", ["half a line", "frames without a line", "nothing"])
def test_an_interrupted_writing_goes_on_from_its_last_whole_chunk(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "p"
    write_chunks(folder, 2).close()
    if damage == "half a line":
        with open(folder / JOURNAL, "ab") as file:
            file.write(b'{"items": 3, "clips": [')
    if damage != "nothing":
        with open(folder / FRAMES, "ab") as file:
            file.write(b"\1" * 77)
    writer = StoreWriter(folder)
    assert writer.items_done == 6
    assert len(writer.clips) == 4
    assert len(writer.left_out) == 2
    writer.close()
    write_chunks(folder, 3, start=2).finish()
    store = seal_store(folder, tmp_path / "made")
    for row in range(6):
        np.testing.assert_array_equal(store.frames(row), record(row).frames)


def test_chunks_whose_frames_are_lost_are_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    write_chunks(folder, 2).close()
    frames = folder / FRAMES
    frames.write_bytes(frames.read_bytes()[:-4])
    writer = StoreWriter(folder)
    assert writer.items_done == 3
    writer.close()
    write_chunks(folder, 2, start=1).finish()
    store = seal_store(folder, tmp_path / "made")
    np.testing.assert_array_equal(store.frames(3), record(3).frames)


def test_a_stored_clip_is_the_recording(library: Library, made: Path) -> None:
    store = ClipStore(library.clips("mine"))
    for row, path in enumerate(sorted((made / "clips").iterdir())):
        wanted: NDArray[np.float32] = np.load(path)
        np.testing.assert_array_equal(store.frames(row), wanted)
