"""Where clips come from: several sources, moved ones, recordings gone bad or mended, and reading them again."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG, NEW, add_files, long_recordings, spoil
from test_search_readers_pku import ID, motion, write

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.files import sealed_folder
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.windows import Window
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.clip_store import open_clips
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording


@pytest.fixture
def source(kept: Path) -> Path:
    """The recordings that `mine` was read from."""
    return kept


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Other recordings of the same kind."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    add_files(folder)
    return folder


def test_each_source_is_gone_through_for_its_own_clips(
    changing: Library, source: Path, elsewhere: Path
) -> None:
    assert add_or_update(changing, ChangeRequest(dataset="mine", source=elsewhere, device="cpu")).added == 6
    (elsewhere / f"{NEW[0]}.npy").unlink()
    (source / "S001C003P004R001A005.npy").unlink()
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
        assert [one["roots"] for one in catalog.origins("mine")] == [[str(source)], [str(elsewhere)]]


def test_an_update_from_a_moved_source_takes_its_clips(
    changing: Library, source: Path, tmp_path: Path
) -> None:
    moved = source.rename(tmp_path / "moved")
    with pytest.raises(UmurlError, match="no such file or folder; give --source"):
        add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    changed = "S001C002P002R001A010"
    np.save(moved / f"{changed}.npy", make_clip("S001C002P002R002A010"))
    report = add_or_update(changing, ChangeRequest(dataset="mine", source=moved, changed=True, device="cpu"))
    assert (report.replaced, report.unchanged) == (1, 59)
    with changing.read() as catalog:
        assert catalog.sources("mine")[changed].source == 2


def test_a_recording_that_was_left_out_is_taken_once_it_is_mended(changing: Library, source: Path) -> None:
    add_files(source, NEW[:2])
    bad = source / f"{NEW[0]}.npy"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (report.added, report.left_out) == (1, {"truncated": 1})
    again = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (again.added, again.left_out) == (0, {})
    bad.write_bytes(whole[:900])
    add_files(source, NEW[2:3])
    other = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (other.added, other.left_out) == (1, {"truncated": 1})
    with changing.read() as catalog:
        (noted,) = catalog.left_out("mine")
    assert noted["source_hash"] == sealed_folder.sha256_of(bad)
    bad.write_bytes(whole)
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 1
    with changing.read() as catalog:
        assert catalog.left_out("mine") == []


def test_a_clip_whose_recording_became_bad_stays_and_is_told(changing: Library, source: Path) -> None:
    bad = source / "S001C001P001R001A005.npy"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.replaced, report.left_out, report.clips) == (0, {"truncated": 1}, 60)
    with changing.read() as catalog:
        assert catalog.left_out("mine") == []


def test_parts_and_segments_of_what_is_added_are_taken_from_files(
    changing: Library, source: Path, tmp_path: Path
) -> None:
    add_files(source, NEW[:2])
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert report.notes == ["2 of the clips added are in no part of protocol xsub: add mine --splits says it"]
    add_files(source, NEW[2:4])
    splits = tmp_path / "more.json"
    splits.write_text(json.dumps({"xsub": {"train": [NEW[2]], "test": [NEW[3], "S001C001P001R001A005"]}}))
    report = add_or_update(changing, ChangeRequest(dataset="mine", splits=splits, device="cpu"))
    assert (report.added, report.notes) == (2, [])
    with changing.read() as catalog:
        sources, parts = catalog.sources("mine"), catalog.split("mine", "xsub")
    assert sources[NEW[2]].id in parts["train"]
    assert sources[NEW[3]].id in parts["test"]
    assert len(parts["test"]) == 32


@pytest.mark.slow
def test_clips_of_every_part_are_read_again_from_where_they_came(
    changing: Library, source: Path, elsewhere: Path
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
    assert f"and {NEW[2]} cannot be read again as it was from {elsewhere}: put it back" in problem


def changed(library: Library, **asked: Any) -> Any:
    return add_or_update(library, ChangeRequest(**{"dataset": "mine", "device": "cpu", **asked}))


def test_a_source_that_was_moved_is_where_clips_are_read_again(
    changing: Library, source: Path, tmp_path: Path
) -> None:
    moved = source.rename(tmp_path / "moved")
    report = changed(changing, source=moved, changed=True)
    assert (report.unchanged, report.replaced) == (60, 0)
    spoil(changing.clips("mine") / "frames.f32")
    assert repair(changing, device="cpu").problems == []
    assert changed(changing, changed=True).gone == 0


def test_parts_of_clips_that_are_there_are_said_afterwards(changing: Library, tmp_path: Path) -> None:
    splits = tmp_path / "more.json"
    train = ["S001C001P002R001A005", "nobody"]
    splits.write_text(
        json.dumps({"xsub": {"train": train, "test": []}, "mime": {"test": ["nobody", "no one"]}})
    )
    report = changed(changing, splits=splits)
    assert report.notes == [
        "protocol xsub names 1 clips that are not in mine",
        "protocol mime names 2 clips that are not in mine",
    ]
    with changing.read() as catalog:
        parts, i = catalog.split("mine", "xsub"), catalog.sources("mine")[train[0]].id
        assert catalog.protocols("mine") == ["xsub"]
    assert (len(parts["train"]), len(parts["test"]), i in parts["train"]) == (31, 29, True)
    splits.write_text(json.dumps({"mime": {"test": [train[0]]}}))
    assert changed(changing, splits=splits).notes == ["protocol mime is new: 1 clips are in it"]


def test_segments_of_clips_that_are_cut_are_refused(changing: Library, tmp_path: Path) -> None:
    (tmp_path / "segments.json").write_text("{}")
    with pytest.raises(UmurlError, match="segments are of whole recordings"):
        changed(changing, segments=tmp_path / "segments.json")


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Library, Request]:
    """A library of four whole recordings, as they were ingested."""
    request = long_recordings(tmp_path / "long")
    library = Library(tmp_path / "own")
    ingest(library, request)
    return library, request


def labels(library: Library) -> dict[str, int]:
    with library.read() as catalog:
        found = catalog.segments("long")
    return dict(zip(found["action"].tolist(), found["label"].tolist(), strict=True))


def test_new_actions_are_labelled_after_those_there(
    recorded: tuple[Library, Request], tmp_path: Path
) -> None:
    library, request = recorded
    before, name = labels(library), "S005T001C001"
    assert request.source is not None
    np.save(request.source / f"{name}.npy", make_recording(LONG[0]).frames[:300])
    report = changed(library, dataset="long")
    assert report.notes[-1] == "1 of the recordings added have no segments: add long --segments says them"
    said = {"action": "a new one", "start": 1, "end": 2}
    (tmp_path / "more.json").write_text(json.dumps({name: [said], "nobody": [{**said, "action": "another"}]}))
    report = changed(library, dataset="long", segments=tmp_path / "more.json")
    assert report.notes[-1] == "the segments file names 1 recordings that are not in long"
    assert labels(library) == {**before, "a new one": max(before.values()) + 1}


def test_a_shortened_recording_keeps_no_segments_beyond_its_end(recorded: tuple[Library, Request]) -> None:
    library, request = recorded
    assert request.source is not None
    path = request.source / f"{LONG[0]}.npy"
    np.save(path, np.load(path)[:200])
    assert changed(library, dataset="long", changed=True).replaced == 1
    with library.read() as catalog:
        found, i = catalog.segments("long"), catalog.sources("long")[LONG[0]].id
    mine = found["clip_id"] == i
    assert mine.any()
    assert found["stop_frame"][mine].max() <= 200


def test_windows_of_what_is_left_are_found_after_a_recording_has_gone(
    recorded: tuple[Library, Request], made: Path
) -> None:
    library, request = recorded
    assert request.source is not None
    for n, name in enumerate(LONG):
        path = request.source / f"{name}.npy"
        np.save(path, np.load(path)[: 300 + 120 * n])
    changed(library, dataset="long", changed=True)
    shutil.copytree(made / "library" / "encoders" / "e", library.encoder("e"))
    with Library(made / "library").read() as catalog:
        row = {k: v for k, v in catalog.encoders()[0].items() if k not in ("created", "made")}
    with library.write() as catalog:
        catalog.add_encoder(row)
    window = Window.parse([2.0], 0.5)
    build_index(library, BuildRequest(dataset="long", encoder="e", name="w", window=window, device="cpu"))
    searcher = library.index("w", device="cpu")
    clip = np.load(request.source / f"{LONG[3]}.npy")[:90]
    searcher.search([clip], k=30)
    remove(library, "long", names=[LONG[0]])
    (again,), (fresh,) = searcher.search([clip], k=30), library.index("w", device="cpu").search([clip], k=30)
    assert [hit.to_dict() for hit in again.hits] == [hit.to_dict() for hit in fresh.hits]


def test_labels_of_pku_are_part_of_what_a_clip_was_read_from(tmp_path: Path) -> None:
    write(tmp_path / "pku", motion(100), "1,10,40,2\n2,50,90,1\n")
    library = Library(tmp_path / "own")
    ingest(library, Request(name="pk", source=tmp_path / "pku"))
    assert changed(library, dataset="pk", changed=True).unchanged == 2
    write(tmp_path / "pku", motion(100), "5,10,30,2\n2,50,90,1\n")
    spoil(library.clips("pk") / "frames.f32")
    (problem, *_) = repair(library).problems
    assert f"{ID}_000 cannot be read again as it was" in problem
    write(tmp_path / "pku", motion(100), "1,10,40,2\n2,50,90,1\n")
    assert repair(library).problems == []
    write(tmp_path / "pku", motion(100), "5,10,30,2\n2,50,90,1\n")
    report = changed(library, dataset="pk", changed=True)
    assert (report.replaced, report.unchanged) == (1, 1)
    with library.read() as catalog:
        row = catalog.clip("pk", f"{ID}_000")
    assert row is not None
    assert (row["label"], row["frames"]) == (4, 20)


def test_a_recording_that_changed_since_is_not_read_again_in_its_place(
    changing: Library, source: Path
) -> None:
    np.save(source / "S001C001P001R001A010.npy", make_clip("S001C001P001R001A011"))
    spoil(changing.clips("mine") / "frames.f32")
    report = repair(changing, device="cpu")
    assert report.mended == []
    assert "S001C001P001R001A010 cannot be read again as it was" in report.problems[0]


def test_what_was_removed_stays_away_whatever_else_its_name_does(changing: Library, source: Path) -> None:
    name = "S001C001P001R001A010"
    remove(changing, "mine", names=[name])
    (source / "zz").mkdir()
    shutil.copyfile(source / f"{name}.npy", source / "zz" / f"{name}.npy")
    whole = (source / f"{name}.npy").read_bytes()
    for n, content in enumerate((whole, whole[:1000], whole)):
        (source / f"{name}.npy").write_bytes(content)
        add_files(source, NEW[n : n + 1])
        assert changed(changing).added == 1
    with changing.read() as catalog:
        assert name not in catalog.sources("mine")
    assert changed(changing, removed=True).added == 1


def test_bad_recordings_are_noted_without_good_ones(changing: Library, source: Path) -> None:
    (source / f"{NEW[0]}.npy").write_bytes(b"nothing")
    assert changed(changing).left_out == {"malformed": 1}
    with changing.read() as catalog:
        (noted,) = catalog.left_out("mine")
    assert (noted["name"], noted["reason"]) == (NEW[0], "malformed")
    assert changed(changing).left_out == {}
    assert verify(changing) == []


def test_a_damaged_part_of_removed_clips_is_dropped(changing: Library, source: Path) -> None:
    for names in (NEW[:2], NEW[2:4]):
        add_files(source, names)
        changed(changing)
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


def test_a_source_in_another_format_is_read_as_what_it_is(changing: Library, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("hello")
    with pytest.raises(UmurlError, match="holds no recordings that are recognised"):
        changed(changing, source=empty)
    write(tmp_path / "pku", motion(100), "1,10,40,2\n2,50,90,1\n")
    assert changed(changing, source=tmp_path / "pku").added == 2
    with changing.read() as catalog:
        assert [one["format"] for one in catalog.origins("mine")] == ["npy", "pku-mmd"]


def test_an_ended_run_does_not_say_what_it_did_not_count(
    changing: Library, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_files(source)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("umurl_search.ingest.add_update_remove.catalog_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            changed(changing)
    report = changed(changing)
    assert (report.added, report.unchanged) == (6, 0)
    assert report.notes[0] == "an interrupted run was ended: what is unchanged or gone was not counted"


def test_verify_compares_the_catalog_with_itself_and_with_the_stores(changing: Library) -> None:
    for sql, said in (
        ("update clips set frames = 7 where id = 3", "has other frames or people than the catalog says"),
        ("update clips set store_row = 0 where id = 2", "several clips of mine lie in row 0"),
        ("update meta set next_clip_id = 3", "the next clip would be number 3, which is in use"),
        ("delete from origins", "60 clips of mine come from a source that is not known"),
        ("insert into splits select * from splits limit 1", "xsub holds clip"),
        ("insert into segments values ('mine', 999, 1, 'x', 0, 9)", "1 segments of mine are of no clip"),
        ("update indexes set dataset = 'x' where name = 'h'", "index h is of dataset x, which is not there"),
    ):
        library = Library(Path(shutil.copytree(changing.root, changing.root.with_name("altered"))))
        with library.write() as catalog:
            catalog._con.execute(sql)
        assert any(said in problem for problem in verify(library)), sql
        shutil.rmtree(library.root)
    assert sealed_folder.check(changing.clips("mine"), full=True) == []
