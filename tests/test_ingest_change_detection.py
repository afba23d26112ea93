"""Which recordings of several sources are wanted: new, changed, moved, gone bad, mended."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from changes import change
from conftest import NEW, add_files
from refusals import raises_typed

from umurl_search import Library
from umurl_search.files import sealed_folder
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update
from umurl_search.maintenance.verify import verify
from umurl_search.synthetic.demo_corpus import make_clip


def test_an_update_takes_changed_recordings_and_no_others(changing: Library, kept: Path) -> None:
    with changing.read() as catalog:
        before = catalog.sources("mine")
    changed = "S001C002P002R001A010"
    np.save(kept / f"{changed}.npy", make_clip("S001C002P002R002A010"))
    (kept / "S001C003P004R001A005.npy").unlink()
    add_files(kept, NEW[:1])
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.replaced, report.added, report.unchanged, report.new, report.gone) == (1, 0, 58, 1, 1)
    with changing.read() as catalog:
        after = catalog.sources("mine")
        row = catalog.clip("mine", changed)
        assert row is not None
        assert row["source_hash"] == sealed_folder.sha256_of(kept / f"{changed}.npy")
        assert len(catalog.split("mine", "xsub")["test"]) == 30
    assert {name for name in before if before[name] != after[name]} == {changed}
    assert after[changed][0] == 61
    assert verify(changing) == []
    again = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (again.replaced, again.unchanged) == (0, 59)


def test_each_source_is_gone_through_for_its_own_clips(
    changing: Library, kept: Path, elsewhere: Path
) -> None:
    assert add_or_update(changing, ChangeRequest(dataset="mine", source=elsewhere, device="cpu")).added == 6
    (elsewhere / f"{NEW[0]}.npy").unlink()
    (kept / "S001C003P004R001A005.npy").unlink()
    np.save(elsewhere / f"{NEW[1]}.npy", make_clip("S001C002P005R002A010"))
    np.save(elsewhere / "S001C001P001R001A005.npy", make_clip(NEW[0]))  # a name of the first source
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.replaced, report.unchanged, report.gone, report.new) == (1, 59 + 4, 2, 0)
    add_files(elsewhere, ["S001C003P005R001A004"])
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 1
    shutil.rmtree(elsewhere)
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.gone, report.notes) == (1, [f"{elsewhere} is not there: it was passed over"])
    with changing.read() as catalog:
        assert [one["roots"] for one in catalog.origins("mine")] == [[str(kept)], [str(elsewhere)]]


def test_an_update_from_a_moved_source_takes_its_clips(changing: Library, kept: Path, tmp_path: Path) -> None:
    moved = kept.rename(tmp_path / "moved")
    with raises_typed("no such file or folder; give --source"):
        add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    changed = "S001C002P002R001A010"
    np.save(moved / f"{changed}.npy", make_clip("S001C002P002R002A010"))
    report = add_or_update(changing, ChangeRequest(dataset="mine", source=moved, changed=True, device="cpu"))
    assert (report.replaced, report.unchanged) == (1, 59)
    with changing.read() as catalog:
        assert catalog.sources("mine")[changed].source == 2


def test_a_recording_that_was_left_out_is_taken_once_it_is_mended(changing: Library, kept: Path) -> None:
    add_files(kept, NEW[:2])
    bad = kept / f"{NEW[0]}.npy"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (report.added, report.left_out) == (1, {"truncated": 1})
    again = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (again.added, again.left_out) == (0, {})
    bad.write_bytes(whole[:900])
    add_files(kept, NEW[2:3])
    other = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (other.added, other.left_out) == (1, {"truncated": 1})
    with changing.read() as catalog:
        (noted,) = catalog.left_out("mine")
    assert noted["source_hash"] == sealed_folder.sha256_of(bad)
    bad.write_bytes(whole)
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 1
    with changing.read() as catalog:
        assert catalog.left_out("mine") == []


def test_a_clip_whose_recording_became_bad_stays_and_is_told(changing: Library, kept: Path) -> None:
    bad = kept / "S001C001P001R001A005.npy"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.replaced, report.left_out, report.clips) == (0, {"truncated": 1}, 60)
    with changing.read() as catalog:
        assert catalog.left_out("mine") == []


def test_an_ended_run_does_not_say_what_it_did_not_count(
    changing: Library, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_files(kept)

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("umurl_search.ingest.add_update_remove.catalog_rows", kill)
        with pytest.raises(KeyboardInterrupt):
            change(changing)
    report = change(changing)
    assert (report.added, report.unchanged) == (6, 0)
    assert report.notes[0] == "an interrupted run was ended: what is unchanged or gone was not counted"
