"""What is damaged is rebuilt from what is sound, or from recordings that are still the same."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from changes import change, hits
from conftest import NEW, add_files, spoil
from made_recordings import PKU_ID, pku_motion, write_pku
from parted_libraries import kill_before_copy

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.clip_store import open_clips
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify
from umurl_search.synthetic.demo_corpus import make_clip


@pytest.mark.parametrize(
    "damaged",
    [
        "indexes/i/vectors.faiss",
        "indexes/i/embeddings-bone.npy",
        "indexes/half/vectors.npy",
        "indexes/h/ids.npy",
        "clips/mine/frames.f32",
        "clips/mine/journal.jsonl",
        "catalog.duckdb",
        "catalog-copy/catalog.duckdb",
    ],
)
def test_what_is_damaged_is_rebuilt_from_what_is_sound(changing: Library, damaged: str) -> None:
    before = {name: hits(changing, name) for name in ("i", "half", "h")}
    path = changing.root / damaged
    spoil(path)
    if damaged == "catalog.duckdb":
        path.write_bytes(path.read_bytes()[:9000])
    assert len(verify(changing)) >= 1
    report = repair(changing, device="cpu")
    assert report.problems == []
    assert len(report.mended) == 1
    assert verify(changing) == []
    assert {name: hits(changing, name) for name in before} == before


def test_an_encoder_is_not_rebuilt_and_recordings_that_are_gone_are_asked_for(
    changing: Library, kept: Path
) -> None:
    spoil(changing.encoder("e") / "weights.safetensors")
    spoil(changing.clips("mine") / "frames.f32")
    shutil.rmtree(kept)
    report = repair(changing, device="cpu")
    assert report.mended == []
    assert any("weights.safetensors was altered" in problem for problem in report.problems)
    assert any(
        f"{kept}: mine was read from there, and it is not there now" in problem for problem in report.problems
    )


def test_an_index_that_cannot_be_built_again_is_still_there(
    changing: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up, or a kill, while `repair` builds: the index is as damaged as before, not gone."""
    before = hits(changing, "i", against="joint", modality="joint")
    spoil(changing.index_folder("i") / "vectors.faiss")

    def raise_full(*_: object, **__: object) -> None:
        raise UmurlError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("umurl_search.index.build.write_vectors", raise_full)
        report = repair(changing, device="cpu")
    assert "the disk is full" in report.problems
    assert (changing.index_folder("i") / "embeddings-joint.npy").exists()
    assert any("vectors.faiss was altered" in problem for problem in verify(changing))
    assert len(repair(changing, device="cpu").mended) == 1
    assert hits(changing, "i", against="joint", modality="joint") == before
    assert verify(changing) == []


def test_repair_makes_an_old_copy_of_the_catalog_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_before_copy(indexed, monkeypatch, lambda: remove(indexed, "mine", where="camera = 1"))
    told = repair(indexed, device="cpu").mended
    assert told == [
        f"{indexed.root / 'catalog-copy'} may be older than the catalog: copied again from the catalog"
    ]
    assert repair(indexed, device="cpu").mended == []


@pytest.mark.slow
def test_clips_of_every_part_are_read_again_from_where_they_came(
    changing: Library, kept: Path, elsewhere: Path
) -> None:
    add_or_update(changing, ChangeRequest(dataset="mine", source=elsewhere, device="cpu"))
    remove(changing, "mine", names=["S001C001P001R001A010", NEW[1]])
    frames = [np.array(open_clips(changing, "mine").frames(row)) for row in range(64)]
    for folder in ("mine", "mine~2"):
        spoil(changing.clips(folder) / "frames.f32")
    report = repair(changing, device="cpu")
    read = [f"{changing.clips(folder)}: {n} clips read again" for folder, n in (("mine~2", 5), ("mine", 59))]
    assert (report.mended, report.problems) == (read, [])
    again = open_clips(changing, "mine")
    for row, one in enumerate(frames):
        np.testing.assert_array_equal(again.frames(row), one)
    compact(changing, "mine")
    (store,) = changing.clips("").iterdir()
    spoil(store / "frames.f32")
    assert len(repair(changing, device="cpu").mended) == 1
    again = open_clips(changing, "mine")
    for row, one in enumerate(frames):
        np.testing.assert_array_equal(again.frames(row), one)
    assert verify(changing) == []
    spoil(next(changing.clips("").iterdir()) / "extents.npy")
    np.save(elsewhere / f"{NEW[2]}.npy", make_clip(NEW[3]))
    (problem, *_) = repair(changing, device="cpu").problems
    assert f"and {NEW[2]} cannot be read again as it was from {elsewhere}; put it back" in problem


def test_a_source_that_was_moved_is_where_clips_are_read_again(
    changing: Library, kept: Path, tmp_path: Path
) -> None:
    moved = kept.rename(tmp_path / "moved")
    report = change(changing, source=moved, changed=True)
    assert (report.unchanged, report.replaced) == (60, 0)
    spoil(changing.clips("mine") / "frames.f32")
    assert repair(changing, device="cpu").problems == []
    assert change(changing, changed=True).gone == 0


def test_labels_of_pku_are_part_of_what_a_clip_was_read_from(tmp_path: Path) -> None:
    write_pku(tmp_path / "pku", pku_motion(100), "1,10,40,2\n2,50,90,1\n")
    library = Library(tmp_path / "own")
    ingest(library, Request(name="pk", source=tmp_path / "pku"))
    assert change(library, dataset="pk", changed=True).unchanged == 2
    write_pku(tmp_path / "pku", pku_motion(100), "5,10,30,2\n2,50,90,1\n")
    spoil(library.clips("pk") / "frames.f32")
    (problem, *_) = repair(library).problems
    assert f"{PKU_ID}_000 cannot be read again as it was" in problem
    write_pku(tmp_path / "pku", pku_motion(100), "1,10,40,2\n2,50,90,1\n")
    assert repair(library).problems == []
    write_pku(tmp_path / "pku", pku_motion(100), "5,10,30,2\n2,50,90,1\n")
    report = change(library, dataset="pk", changed=True)
    assert (report.replaced, report.unchanged) == (1, 1)
    with library.read() as catalog:
        row = catalog.clip("pk", f"{PKU_ID}_000")
    assert row is not None
    assert (row["label"], row["frames"]) == (4, 20)


def test_a_recording_that_changed_since_is_not_read_again_in_its_place(changing: Library, kept: Path) -> None:
    np.save(kept / "S001C001P001R001A010.npy", make_clip("S001C001P001R001A011"))
    spoil(changing.clips("mine") / "frames.f32")
    report = repair(changing, device="cpu")
    assert report.mended == []
    assert "S001C001P001R001A010 cannot be read again as it was" in report.problems[0]


def test_a_damaged_part_of_removed_clips_is_dropped(changing: Library, kept: Path) -> None:
    for names in (NEW[:2], NEW[2:4]):
        add_files(kept, names)
        change(changing)
    remove(changing, "mine", names=NEW[:2])
    frames = np.array(open_clips(changing, "mine").frames(61))
    spoil(changing.clips("mine~2") / "frames.f32")
    report = repair(changing, device="cpu")
    assert (report.mended, report.problems) == (
        [f"{changing.clips('mine~2')}: dropped, none of its clips is there any more"],
        [],
    )
    np.testing.assert_array_equal(open_clips(changing, "mine").frames(61), frames)
    assert verify(changing) == []
