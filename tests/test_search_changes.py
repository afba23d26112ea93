"""Clips come and go: the answers are those of a library made at once, whatever the way to it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch
from conftest import NEW, add_files, spoil

from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.files import sealed_folder
from umurl_search.index import bounded_codes
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.clip_store import open_clips
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify
from umurl_search.search.searcher import QueryRequest, query
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Any]
ASKED = "mine:S001C001P001R001A005"


@pytest.fixture
def source(kept: Path) -> Path:
    """The recordings that `mine` was read from."""
    return kept


def hits(library: Library, index: str, **how: Any) -> list[tuple[str, float]]:
    found = query(library, QueryRequest(clip=ASKED, index=index, k=100, device="cpu", **how))
    return [(hit["name"], round(hit["score"], 5)) for hit in found["hits"]]


def made_at_once(library: Library, source: Path, name: str, kind: str, transform: str = "none") -> Library:
    """Another library of the source as it is now, with one index of the kind."""
    fresh = Library(library.root.with_name("fresh"))
    ingest(fresh, Request(name="mine", source=source))
    shutil.copytree(library.encoder("e"), fresh.encoder("e"))
    with library.read() as catalog:
        row = {k: v for k, v in catalog.encoders()[0].items() if k not in ("created", "made")}
    with fresh.write() as catalog:
        catalog.add_encoder(row)
    request = BuildRequest(
        dataset="mine", encoder="e", name=name, kind=kind, transform=Transform.parse(transform), device="cpu"
    )
    build_index(fresh, request)
    return fresh


@pytest.mark.parametrize(("index", "kind"), [("i", "flat"), ("h", "hnsw")])
def test_what_was_added_and_removed_is_found_as_in_a_library_made_at_once(
    changing: Library, source: Path, index: str, kind: str
) -> None:
    add_files(source)
    report = add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    assert (report.added, report.unchanged, report.clips) == (6, 60, 66)
    assert sorted(report.indexes) == ["h", "half", "i"]
    gone = ["S001C001P001R001A001", NEW[0]]
    assert remove(changing, "mine", names=gone).removed == 2
    for name in gone:
        (source / f"{name}.npy").unlink()
    fresh = made_at_once(changing, source, index, kind)
    ours, theirs = dict(hits(changing, index)), dict(hits(fresh, index))
    assert ours.keys() == theirs.keys()
    assert len(ours) == 64
    np.testing.assert_allclose([ours[n] for n in theirs], list(theirs.values()), atol=2e-5)
    assert hits(changing, index, where="subject = 5") == [
        one for one in hits(changing, index) if "P005" in one[0]
    ]
    assert verify(changing) == []


def test_added_clips_are_embedded_as_if_they_had_been_there(changing: Library, source: Path) -> None:
    before = np.array(open_index(changing, "i")[0].embeddings("bone"))
    add_files(source)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    after = open_index(changing, "i")[0]
    assert len(after.parts) == 2
    np.testing.assert_array_equal(after.embeddings("bone")[:60], before)
    fresh = made_at_once(changing, source, "i", "flat")
    names = {}
    for library in (changing, fresh):
        with library.read() as catalog:
            names[library] = catalog.clips_of("mine").name
    theirs = open_index(fresh, "i")[0].embeddings("bone")
    place = [names[fresh].index(name) for name in names[changing]]
    np.testing.assert_allclose(after.embeddings("bone"), theirs[place], atol=1e-5)
    assert open_clips(changing, "mine").frames(60).shape == open_clips(fresh, "mine").frames(place[60]).shape


def test_an_update_takes_changed_recordings_and_no_others(changing: Library, source: Path) -> None:
    with changing.read() as catalog:
        before = catalog.sources("mine")
    changed = "S001C002P002R001A010"
    np.save(source / f"{changed}.npy", make_clip("S001C002P002R002A010"))
    (source / "S001C003P004R001A005.npy").unlink()
    add_files(source, NEW[:1])
    report = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (report.replaced, report.added, report.unchanged, report.new, report.gone) == (1, 0, 58, 1, 1)
    with changing.read() as catalog:
        after = catalog.sources("mine")
        row = catalog.clip("mine", changed)
        assert row is not None
        assert row["source_hash"] == sealed_folder.sha256_of(source / f"{changed}.npy")
        assert len(catalog.split("mine", "xsub")["test"]) == 30
    assert {name for name in before if before[name] != after[name]} == {changed}
    assert after[changed][0] == 61
    assert verify(changing) == []
    again = add_or_update(changing, ChangeRequest(dataset="mine", changed=True, device="cpu"))
    assert (again.replaced, again.unchanged) == (0, 59)


@pytest.mark.slow
def test_compacting_changes_no_answer_and_drops_the_bytes(changing: Library, source: Path) -> None:
    assert not compact(changing, "mine").done
    add_files(source)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    remove(changing, "mine", where="camera = 3 and subject < 3")
    before = {name: hits(changing, name) for name in ("i", "h")}
    ids = open_index(changing, "i")[0].ids
    report = compact(changing, "mine")
    assert (report.done, report.parts, report.gone) == (True, 8, 10)
    assert report.after < report.before
    assert {name: hits(changing, name) for name in ("i", "h")} == before
    np.testing.assert_array_equal(open_index(changing, "i")[0].ids, ids)
    assert verify(changing) == []
    assert {path.name for path in (changing.root / "indexes").iterdir()} == {"h~3", "half~3", "i~3"}
    assert build_index(
        changing, BuildRequest(dataset="mine", encoder="e", name="i", device="cpu")
    ).already_there
    add_files(source, ["S001C003P005R001A004"])
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 1
    assert len(hits(changing, "half")) == 57


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
        assert len(catalog.split("mine", "xsub")["test"]) == 15
    assert verify(changing) == []


def test_what_cannot_be_changed_is_said(changing: Library, source: Path, tmp_path: Path) -> None:
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
            'no clip of mine passes --where "subject = 99"',
        ),
        (lambda: remove(changing, "mine", where="true"), "that is all of mine: umurl-search delete mine"),
        (lambda: compact(changing, "none"), "no dataset 'none'"),
    ):
        with pytest.raises(UmurlError) as error:
            call()
        assert text in str(error.value)
    with (
        changing.write_lock(),
        pytest.raises(UmurlError, match=r"changing the library \(process \d+, .*\); wait"),
    ):
        remove(changing, "mine", where="subject = 1")


def test_the_commands(changing: Library, source: Path, command: Command) -> None:
    at = ("--library", changing.root, "--json")
    add_files(source)
    assert command("add", "mine", *at).json["added"] == 6
    assert command("add", "mine", *at).json["added"] == 0
    assert command("update", "mine", *at).json["replaced"] == 0
    assert command("remove", "mine", NEW[0], *at).json["removed"] == 1
    assert command("remove", "mine", "--where", "subject = 5", *at).json["removed"] == 5
    assert command("remove", "mine", *at).code == 2
    assert command("info", "i", *at).json["parts"] == 2
    assert command("compact", "mine", *at).json["done"] is True
    assert command("repair", *at).json == {"mended": [], "problems": []}
    assert command("delete", "index:half", *at).code == 0
    assert command("verify", *at).json == {"ok": True, "problems": []}
    for words in ("add mine", "remove mine S001C001P001R001A001", "compact mine --force", "repair"):
        assert command(*words.split(), "--library", changing.root).code == 0


# a library of schema 1


def made_old(library: Library) -> None:
    """The library as the first schema had it: no parts, no segments, indexes that say less."""
    connection = duckdb.connect(str(library.catalog_path))
    connection.execute(
        "drop table parts; drop table segments; drop table origins; alter table clips drop column part; "
        "alter table clips drop column origin; alter table left_out drop column origin; "
        "alter table left_out drop column source_hash; alter table indexes drop column preference; "
        "alter table meta drop column changes; update meta set schema_version = 1"
    )
    connection.close()
    for folder in (library.root / "indexes").iterdir():
        text = json.loads((folder / "manifest.json").read_text())
        kept = {
            k: v for k, v in text.items() if k not in ("rounding", "search", "quality", "files", "checksum")
        }
        with sealed_folder.building(folder.with_name("old"), resume_token="") as partial:
            for path in folder.iterdir():
                if path.name != "manifest.json":
                    shutil.copyfile(path, partial / path.name)
            shutil.rmtree(folder)
            sealed_folder.seal(partial, folder, {**kept, "version": 1})


def test_a_library_of_the_first_schema_is_migrated_and_used(indexed: Library, command: Command) -> None:
    before = hits(indexed, "mine@e")
    made_old(indexed)
    told = command("list")
    assert (told.code, "older version (schema 1); run: umurl-search doctor" in told.err) == (1, True)
    assert command("doctor").code == 0
    assert hits(indexed, "mine@e") == before
    assert verify(indexed) == []
    assert build_index(indexed, BuildRequest(dataset="mine", device="cpu")).already_there
    with indexed.read() as catalog:
        (origin,) = catalog.origins("mine")
        row = catalog.dataset("mine")
    assert row is not None
    assert (origin["roots"], origin["format"], origin["untrimmed"]) == ([row["source"]], "npy", False)
    assert add_or_update(indexed, ChangeRequest(dataset="mine", device="cpu")).unchanged == 60
    remove(indexed, "mine", where="subject = 1 and camera = 2")
    assert hits(indexed, "mine@e") == [one for one in before if not ("P001" in one[0] and "C002" in one[0])]


# repair


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
    changing: Library, source: Path
) -> None:
    spoil(changing.encoder("e") / "weights.safetensors")
    spoil(changing.clips("mine") / "frames.f32")
    shutil.rmtree(source)
    report = repair(changing, device="cpu")
    assert report.mended == []
    assert any("weights.safetensors was altered" in problem for problem in report.problems)
    assert any(
        f"{source}: mine was read from there, and it is not there now" in problem
        for problem in report.problems
    )


def test_a_searcher_goes_on_after_clips_have_gone(changing: Library) -> None:
    searcher = changing.index("i", device="cpu")
    before = searcher.search([ASKED], k=100)[0]
    remove(changing, "mine", where="subject = 3")
    after = [hit.name for hit in searcher.search([ASKED], k=100)[0].hits]
    assert after == [hit.name for hit in before.hits if "P003" not in hit.name]
    compact(changing, "mine", force=True)
    assert [hit.name for hit in changing.index("i", device="cpu").search([ASKED], k=100)[0].hits] == after
    assert [hit.name for hit in searcher.search([ASKED], modality="bone", k=100)[0].hits]


def test_a_steep_spectrum_is_searched_exactly() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 256)) * np.exp(-np.arange(256) / 8) + 1
    gallery = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    coded = bounded_codes.encode(gallery, n_queries=10**6, device=torch.device("cpu"))
    assert coded.mean is not None
    points = gallery[:50]
    asked = coded.ask(points)
    assert asked.fine is not None
    assert coded.fine is not None
    for queries, held in ((asked.coarse, coded.coarse), (asked.fine, coded.fine)):
        bound = (queries @ held.T).double().numpy() + asked.above[:, None]
        assert (bound + 1e-9 >= points.astype(np.float64) @ gallery.T.astype(np.float64)).all()


def test_an_index_that_cannot_be_built_again_is_still_there(
    changing: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up, or a kill, while `repair` builds: the index is as damaged as before, not gone."""
    before = hits(changing, "i", against="joint", modality="joint")
    spoil(changing.index_folder("i") / "vectors.faiss")

    def full(*_: object, **__: object) -> None:
        raise UmurlError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("umurl_search.index.build.write_vectors", full)
        report = repair(changing, device="cpu")
    assert "the disk is full" in report.problems
    assert (changing.index_folder("i") / "embeddings-joint.npy").exists()
    assert any("vectors.faiss was altered" in problem for problem in verify(changing))
    assert len(repair(changing, device="cpu").mended) == 1
    assert hits(changing, "i", against="joint", modality="joint") == before
    assert verify(changing) == []
