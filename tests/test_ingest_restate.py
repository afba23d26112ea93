"""A source that says something else of clips whose coordinates are as they were: the catalog follows."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import hashes

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.add_update_remove import ChangeReport, ChangeRequest, add_or_update
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.ingest.relabel import relabel
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

NAMES = tuple(f"clip_{i:02}" for i in range(8))


def write(
    path: Path, labels: list[int], train: int, *, names: tuple[str, ...] = NAMES, also: tuple[str, ...] = ()
) -> None:
    """also: further protocols of the same parts."""
    clips = [np.swapaxes(make_clip(f"S001C001P00{i + 1}R001A004"), 0, 1) for i in range(len(names))]
    annotations = [
        {
            "frame_dir": name,
            "label": label,
            "keypoint": clip.astype(np.float16),
            "total_frames": clip.shape[1],
        }
        for name, label, clip in zip(names, labels, clips, strict=True)
    ]
    parts = {"train": list(names[:train]), "val": list(names[train:])}
    split = {f"{p}_{part}": said for p in ("xsub", *also) for part, said in parts.items()}
    path.write_bytes(pickle.dumps({"split": split, "annotations": annotations}))


@pytest.fixture
def own(made: Path, library: Library, tmp_path: Path) -> Library:
    write(tmp_path / "own.pkl", [0, 1] * 4, 6)
    ingest(library, Request(name="own", source=tmp_path / "own.pkl"))
    build_index(library, BuildRequest(dataset="own", encoder="e", device="cpu"))
    return library


def change(library: Library, **asked: Any) -> ChangeReport:
    return add_or_update(library, ChangeRequest(dataset="own", device="cpu", **asked))


def labels(library: Library) -> list[int]:
    with library.read() as catalog:
        return [int(label) for label in catalog.clips_of("own").label]


@pytest.mark.parametrize("changed", [True, False], ids=["update", "add"])
def test_labels_and_parts_corrected_in_the_source_are_taken(
    own: Library, tmp_path: Path, changed: bool
) -> None:
    stored = hashes(own.root / "clips") | hashes(own.root / "indexes")
    write(tmp_path / "own.pkl", [5, 1] * 4, 4)
    report = change(own, changed=changed)
    assert (report.relabelled, report.reassigned, report.unchanged) == (4, 2, 4)
    assert (report.added, report.replaced) == (0, 0)
    assert labels(own) == [5, 1] * 4
    with own.read() as catalog:
        assert {part: len(ids) for part, ids in catalog.split("own", "xsub").items()} == {
            "test": 4,
            "train": 4,
        }
    assert hashes(own.root / "clips") | hashes(own.root / "indexes") == stored
    again = change(own, changed=changed)
    assert (again.relabelled, again.reassigned, again.unchanged) == (0, 0, 8)


def test_what_a_user_said_stays_until_the_source_says_something_else(own: Library, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"name,label\n{NAMES[0]},7\n{NAMES[1]},7\n")
    relabel(own, "own", tmp_path / "l.csv")
    assert change(own, changed=True).relabelled == 0
    assert labels(own)[:2] == [7, 7]
    write(tmp_path / "own.pkl", [0, 3, *[0, 1] * 3], 6)
    assert change(own, changed=True).relabelled == 1
    assert labels(own)[:2] == [7, 3]


def test_a_library_of_the_version_before_sees_them_too(own: Library, tmp_path: Path) -> None:
    with own.write() as catalog:
        catalog._con.execute("update clips set said = null")
        catalog._con.execute("delete from source_splits")
    assert change(own, changed=True).relabelled == 0
    with own.write() as catalog:
        catalog._con.execute("update clips set said = null")
    write(tmp_path / "own.pkl", [5, 1] * 4, 6)
    assert change(own, changed=True).relabelled == 4


def test_what_a_user_said_in_a_library_of_the_version_before_stays(own: Library, tmp_path: Path) -> None:
    with own.write() as catalog:
        catalog._con.execute("update clips set said = null")
    (tmp_path / "l.csv").write_text(f"name,label\n{NAMES[0]},7\n")
    relabel(own, "own", tmp_path / "l.csv")
    assert change(own, changed=True).relabelled == 0
    assert labels(own) == [7, *([0, 1] * 4)[1:]]
    write(tmp_path / "own.pkl", [3, 3, *[0, 1] * 3], 6)
    assert change(own, changed=True).relabelled == 2
    assert labels(own)[:2] == [3, 3]


def test_a_recording_that_is_replaced_keeps_what_was_said_of_it(
    changing: Library, kept: Path, tmp_path: Path
) -> None:
    name = "S001C001P001R001A001"
    (tmp_path / "l.csv").write_text(f"name,label,mood\n{name},9,good\n")
    relabel(changing, "mine", tmp_path / "l.csv")
    np.save(kept / f"{name}.npy", make_clip("S001C001P009R002A014"))
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert report.replaced == 1
    with changing.read() as catalog:
        clip = catalog.clip("mine", name)
    assert clip is not None
    assert (clip["label"], clip["mood"]) == (9, "good")


def test_parts_that_move_while_clips_come_are_taken(own: Library, tmp_path: Path) -> None:
    write(tmp_path / "own.pkl", [0, 1] * 4 + [0], 4, names=(*NAMES, "clip_08"))
    report = change(own)
    assert (report.added, report.reassigned) == (1, 2)
    with own.read() as catalog:
        assert {part: len(ids) for part, ids in catalog.split("own", "xsub").items()} == {
            "test": 5,
            "train": 4,
        }


@pytest.mark.parametrize("changed", [True, False], ids=["update", "add"])
def test_a_protocol_that_the_source_drops_is_said(own: Library, tmp_path: Path, changed: bool) -> None:
    write(tmp_path / "own.pkl", [0, 1] * 4, 6, also=("xview",))
    assert change(own, changed=changed).reassigned == 8
    (tmp_path / "s.json").write_text(f'{{"mine": {{"train": ["{NAMES[0]}"], "test": ["{NAMES[1]}"]}}}}')
    change(own, splits=tmp_path / "s.json")
    write(tmp_path / "own.pkl", [0, 1] * 4, 6)
    report = change(own, changed=changed)
    assert report.reassigned == 8
    assert report.notes == ["protocol xview is not in the source any more: 8 clips are out of it now"]
    with own.read() as catalog:
        assert catalog.protocols("own") == ["mine", "xsub"]
    again = change(own, changed=changed)
    assert (again.reassigned, again.notes) == (0, [])
