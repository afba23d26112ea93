"""Parts and segments of clips that are there, said afterwards."""

import json
from pathlib import Path

import numpy as np
import pytest
from changes import change, labels
from conftest import LONG, NEW, add_files

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update
from umurl_search.ingest.ingest import Request
from umurl_search.synthetic.long_recordings import make_recording


def test_parts_and_segments_of_what_is_added_are_taken_from_files(
    changing: Library, kept: Path, tmp_path: Path
) -> None:
    add_files(kept, NEW[:2])
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert report.notes == ["2 of the clips added are in no part of protocol xsub: add mine --splits says it"]
    add_files(kept, NEW[2:4])
    splits = tmp_path / "more.json"
    splits.write_text(json.dumps({"xsub": {"train": [NEW[2]], "test": [NEW[3], "S001C001P001R001A005"]}}))
    report = add_or_update(changing, ChangeRequest(dataset="mine", splits=splits, device="cpu"))
    assert (report.added, report.notes) == (2, [])
    with changing.read() as catalog:
        sources, parts = catalog.sources("mine"), catalog.split("mine", "xsub")
    assert sources[NEW[2]].id in parts["train"]
    assert sources[NEW[3]].id in parts["test"]
    assert len(parts["test"]) == 32


def test_parts_of_clips_that_are_there_are_said_afterwards(changing: Library, tmp_path: Path) -> None:
    splits = tmp_path / "more.json"
    train = ["S001C001P002R001A005", "nobody"]
    splits.write_text(json.dumps({"xsub": {"train": train, "test": []}}))
    report = change(changing, splits=splits)
    assert report.notes == ["protocol xsub names 1 clips that are not in mine"]
    assert report.reassigned == 1
    with changing.read() as catalog:
        parts, i = catalog.split("mine", "xsub"), catalog.sources("mine")[train[0]].id
        assert catalog.protocols("mine") == ["xsub"]
    assert (len(parts["train"]), len(parts["test"]), i in parts["train"]) == (31, 29, True)
    splits.write_text(json.dumps({"mime": {"test": ["nobody", "no one"]}}))
    with pytest.raises(UmurlError, match="protocol mime names no clip"):
        change(changing, splits=splits)
    splits.write_text(json.dumps({"mime": {"test": [train[0]]}}))
    assert change(changing, splits=splits).notes == ["protocol mime is new: 1 clips are in it"]


def test_segments_of_clips_that_are_cut_are_refused(changing: Library, tmp_path: Path) -> None:
    (tmp_path / "segments.json").write_text("{}")
    with pytest.raises(UmurlError, match="segments are of whole recordings"):
        change(changing, segments=tmp_path / "segments.json")


def test_new_actions_are_labelled_after_those_there(
    recorded: tuple[Library, Request], tmp_path: Path
) -> None:
    library, request = recorded
    before, name = labels(library), "S005T001C001"
    assert request.source is not None
    np.save(request.source / f"{name}.npy", make_recording(LONG[0]).frames[:300])
    report = change(library, dataset="long")
    assert report.notes[-1] == "1 of the recordings added have no segments: add long --segments says them"
    said = {"action": "a new one", "start": 1, "end": 2}
    (tmp_path / "more.json").write_text(json.dumps({name: [said], "nobody": [{**said, "action": "another"}]}))
    report = change(library, dataset="long", segments=tmp_path / "more.json")
    assert report.notes[-1] == "the segments file names 1 recordings that are not in long"
    assert labels(library) == {**before, "a new one": max(before.values()) + 1}
