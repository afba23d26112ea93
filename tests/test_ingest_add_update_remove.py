"""Clips come and go: the answers are those of a library made at once, whatever the way to it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from changes import change, hits, make_at_once
from conftest import LONG, NEW, add_files
from made_recordings import pku_motion, write_pku
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.kind_names import Kind
from umurl_search.index.windows import Window
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.ingest.ingest import Request
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.verify import verify


@pytest.mark.parametrize(("index", "kind"), [("i", "flat"), ("h", "hnsw")])
def test_what_was_added_and_removed_is_found_as_in_a_library_made_at_once(
    changing: Library, kept: Path, index: str, kind: Kind
) -> None:
    add_files(kept)
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (report.added, report.unchanged, report.clips) == (6, 60, 66)
    assert sorted(report.indexes) == ["h", "half", "i"]
    gone = ["S001C001P001R001A001", NEW[0]]
    assert remove(changing, "mine", names=gone).removed == 2
    for name in gone:
        (kept / f"{name}.npy").unlink()
    fresh = make_at_once(changing, kept, index, kind)
    ours, theirs = dict(hits(changing, index)), dict(hits(fresh, index))
    assert ours.keys() == theirs.keys()
    assert len(ours) == 64
    np.testing.assert_allclose([ours[n] for n in theirs], list(theirs.values()), atol=2e-5)
    assert hits(changing, index, where="subject = 5") == [
        one for one in hits(changing, index) if "P005" in one[0]
    ]
    assert verify(changing) == []


def test_what_was_removed_stays_away_until_it_is_asked_for(changing: Library) -> None:
    remove(changing, "mine", where="subject = 2")
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 0
    with changing.read() as catalog:
        assert {(one["reason"], one["name"][9:12]) for one in catalog.left_out("mine")} == {
            ("removed", "002")
        }
    back = add_or_update(changing, ChangeRequest(dataset="mine", removed=True, device="cpu"))
    assert (back.added, back.clips) == (15, 60)
    with changing.read() as catalog:
        assert catalog.left_out("mine") == []
        assert len(catalog.split("mine", "xsub")["test"]) == 30
    assert verify(changing) == []


def test_what_cannot_be_changed_is_said(changing: Library, kept: Path, tmp_path: Path) -> None:
    for call, text in (
        (
            lambda: add_or_update(changing, ChangeRequest(dataset="none")),
            "no dataset 'none' in the library (it has mine)",
        ),
        (
            lambda: add_or_update(changing, ChangeRequest(dataset="mine", source=tmp_path / "no")),
            "no such file or folder",
        ),
        (lambda: remove(changing, "mine", names=["x"]), "no clip 'x' in mine: nothing was removed"),
        (
            lambda: remove(changing, "mine", where="subject = 99"),
            'no clip of mine passes the filter "subject = 99"',
        ),
        (lambda: remove(changing, "mine", where="true"), "that is all of mine: umurl-search delete mine"),
        (lambda: compact(changing, "none"), "no dataset 'none'"),
    ):
        with pytest.raises(UmurlError) as error:
            call()
        assert text in error.value.typed
    with (
        changing.write_lock(),
        raises_typed(r"changing the library \(process \d+, .*\); wait"),
    ):
        remove(changing, "mine", where="subject = 1")


def test_a_shortened_recording_keeps_no_segments_beyond_its_end(recorded: tuple[Library, Request]) -> None:
    library, request = recorded
    assert request.source is not None
    path = request.source / f"{LONG[0]}.npy"
    np.save(path, np.load(path)[:200])
    assert change(library, dataset="long", changed=True).replaced == 1
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
    change(library, dataset="long", changed=True)
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


def test_what_was_removed_stays_away_whatever_else_its_name_does(changing: Library, kept: Path) -> None:
    name = "S001C001P001R001A010"
    remove(changing, "mine", names=[name])
    (kept / "zz").mkdir()
    shutil.copyfile(kept / f"{name}.npy", kept / "zz" / f"{name}.npy")
    whole = (kept / f"{name}.npy").read_bytes()
    for n, content in enumerate((whole, whole[:1000], whole)):
        (kept / f"{name}.npy").write_bytes(content)
        add_files(kept, NEW[n : n + 1])
        assert change(changing).added == 1
    with changing.read() as catalog:
        assert name not in catalog.sources("mine")
    assert change(changing, removed=True).added == 1


def test_bad_recordings_are_noted_without_good_ones(changing: Library, kept: Path) -> None:
    (kept / f"{NEW[0]}.npy").write_bytes(b"nothing")
    assert change(changing).left_out == {"malformed": 1}
    with changing.read() as catalog:
        (noted,) = catalog.left_out("mine")
    assert (noted["name"], noted["reason"]) == (NEW[0], "malformed")
    assert change(changing).left_out == {}
    assert verify(changing) == []


def test_a_source_in_another_format_is_read_as_what_it_is(changing: Library, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "notes.txt").write_text("hello")
    with pytest.raises(UmurlError, match="holds no recordings that are recognised"):
        change(changing, source=empty)
    write_pku(tmp_path / "pku", pku_motion(100), "1,10,40,2\n2,50,90,1\n")
    assert change(changing, source=tmp_path / "pku").added == 2
    with changing.read() as catalog:
        assert [one["format"] for one in catalog.origins("mine")] == ["npy", "pku-mmd"]


@pytest.mark.parametrize(
    ("given", "content", "text"),
    [
        ("labels", "name,label\nnobody,1\n", "the labels name no clip of the data"),
        ("labels", f"name,label\n{NEW[0]},1\n{NEW[0]}.npy,2\n", "two rows of the labels mean clip"),
        ("splits", '{"p": {"train": ["nobody"], "test": ["none"]}}', "protocol p names no clip of the data"),
        (
            "splits",
            f'{{"p": {{"train": ["{NEW[0]}"], "test": ["{NEW[0]}.npy"]}}}}',
            "names clip '" + NEW[0] + "' more than once",
        ),
    ],
)
def test_what_cannot_be_said_comes_before_any_clip(
    changing: Library, kept: Path, tmp_path: Path, given: str, content: str, text: str
) -> None:
    path = tmp_path / f"said.{'csv' if given == 'labels' else 'json'}"
    path.write_text(content)
    add_files(kept)
    with raises_typed(text):
        change(changing, **{given: path})
    assert verify(changing) == []
    with changing.read() as catalog:
        assert len(catalog.clip_ids("mine")) == 60
    assert change(changing).added == 6
