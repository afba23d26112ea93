"""Near-duplicates of an index with known copies, and test clips with a training twin."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import LONG, LONG_INDEX
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.evaluation.duplicates_and_leaks import (
    LeakRequest,
    TwinRequest,
    best_of_clips,
    duplicates,
    leaks,
    unit_vectors,
)
from umurl_search.index.all_pairs import Pairs
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.open_index import open_index
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library


def test_windows_of_two_clips_are_one_pair_with_the_best_score() -> None:
    found = Pairs(
        one=np.array([0, 0, 1, 2]), other=np.array([2, 3, 3, 4]), score=np.array([0.9, 0.97, 0.95, 0.8])
    )
    best = best_of_clips(found, np.array([0, 0, 1, 1, 0]))
    assert (best.one.tolist(), best.other.tolist(), best.score.tolist()) == ([0], [1], [0.97])


COPIES = {"S001C001P002R001A001": "S001C001P001R001A001", "S001C003P002R001A005": "S001C001P003R001A010"}
"""Test clips (subject 2) that are copies of training clips: one of its own action, one of another's."""


@pytest.fixture
def copied(library: Library, made: Path, tmp_path: Path) -> Library:
    """The index `twice` of 60 clips, of which two are copies; the second is there three times."""
    source = tmp_path / "source"
    shutil.copytree(made / "clips", source)
    for name, original in COPIES.items():
        shutil.copy(source / f"{original}.npy", source / f"{name}.npy")
    shutil.copy(source / "S001C001P003R001A010.npy", source / "S001C002P003R001A010.npy")
    ingest(library, Request(name="twice", source=source, splits=made / "splits.json"))
    build_index(library, BuildRequest(dataset="twice", encoder="e", name="twice", device="cpu"))
    return library


def test_copies_are_grouped_biggest_first(copied: Library) -> None:
    document = duplicates(copied, TwinRequest(device="cpu"))
    assert [[clip["name"] for clip in group["clips"]] for group in document["groups"]] == [
        ["S001C001P003R001A010", "S001C002P003R001A010", "S001C003P002R001A005"],
        ["S001C001P001R001A001", "S001C001P002R001A001"],
    ]
    assert (document["clips"], document["pairs"], document["clips_in_groups"]) == (60, 4, 5)
    three, two = document["groups"]
    assert (three["actions"], two["actions"], document["groups_of_several_actions"]) == (2, 1, 1)
    assert [clip["subject"] for clip in two["clips"]] == [1, 2]
    assert len(three["pairs"]) == 3
    assert two["pairs"][0]["one"] == two["clips"][0]["clip_id"] < two["pairs"][0]["other"]
    assert two["highest"] == two["lowest"] == pytest.approx(1, abs=1e-6)
    assert document["chosen"]["nearest"] < document["above"] < 1
    assert json.dumps(document.to_dict())


def test_clips_that_are_gone_have_no_twins(copied: Library) -> None:
    before = duplicates(copied, TwinRequest(above=1, device="cpu"))
    with copied.write() as catalog:
        catalog.change_clips("twice", removed=[before["groups"][0]["clips"][0]["clip_id"]])
    after = duplicates(copied, TwinRequest(above=1, device="cpu"))
    assert (before["pairs"], after["pairs"], after["clips"]) == (4, 2, 59)
    assert [clip["name"] for clip in after["groups"][0]["clips"]] == [
        "S001C001P001R001A001",
        "S001C001P002R001A001",
    ]
    assert leaks(copied, LeakRequest(above=1, device="cpu"))["leaking"] == 2


@pytest.mark.parametrize("modality", ["fused", "bone"])
def test_pairs_of_an_index_are_those_of_its_embeddings(copied: Library, modality: str) -> None:
    index, _ = open_index(copied, "twice")
    y = np.asarray(index.embeddings(modality), dtype=np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_vectors(index, modality), y, atol=1e-6)
    scores = (y @ y.T)[np.triu_indices(60, 1)]
    above = float(np.sort(scores)[-40:-38].mean())
    document = duplicates(copied, TwinRequest(above=above, modality=modality, device="cpu"))
    assert document["pairs"] == 39
    assert document["chosen"] is None
    for group in document["groups"]:
        ids = [clip["clip_id"] for clip in group["clips"]]
        for clip in group["clips"]:
            others = [pair for pair in group["pairs"] if clip["clip_id"] in (pair["one"], pair["other"])]
            assert clip["score"] == max(pair["score"] for pair in others)
        assert {i for pair in group["pairs"] for i in (pair["one"], pair["other"])} == set(ids)


def test_leaks_are_test_clips_with_a_training_twin(copied: Library) -> None:
    document = leaks(copied, LeakRequest(device="cpu"))
    assert (document["protocol"], document["test"], document["gallery"]) == ("xsub", 30, 30)
    assert (document["leaking"], document["share"]) == (2, 2 / 30)
    found = {leak["clip"]["name"]: leak for leak in document["leaks"]}
    assert {name: leak["twin"]["name"] for name, leak in found.items()} == COPIES
    assert [leak["clip"]["name"] for leak in document["leaks"]] == sorted(COPIES)
    own, other = (found[name] for name in sorted(COPIES))
    assert (own["twins"], own["same_action"], own["same_subject"], own["same_performance"]) == (
        1,
        True,
        False,
        False,
    )
    assert (other["twins"], other["same_action"]) == (2, False)
    assert (document["same_action"], document["same_subject"], document["same_performance"]) == (1, 0, 0)


def test_twins_in_the_training_part_leak_beside_a_gallery_of_its_own(copied: Library) -> None:
    with copied.write() as catalog:
        catalog._con.execute(
            "update splits set part = 'gallery' where clip_id in "
            "(select id from clips where dataset = 'twice' and name = 'S001C001P001R001A001')"
        )
    document = leaks(copied, LeakRequest(device="cpu"))
    assert (document["test"], document["gallery"], document["leaking"]) == (30, 30, 2)


def test_leaks_at_a_low_threshold_name_the_nearest_training_clip(copied: Library) -> None:
    index, _ = open_index(copied, "twice")
    vectors = unit_vectors(index, "fused").astype(np.float64)
    with copied.read() as catalog:
        names, split = catalog.clips_of("twice").name, catalog.split("twice", "xsub")
    test, train = (np.searchsorted(index.ids, split[part]) for part in ("test", "train"))
    nearest = {names[i]: float(max(vectors[i] @ vectors[j] for j in train)) for i in test}
    document = leaks(copied, LeakRequest(above=-1, device="cpu"))
    assert document["share"] == 1
    assert {leak["clip"]["name"]: leak["score"] for leak in document["leaks"]} == pytest.approx(
        nearest, abs=1e-6
    )
    assert all(leak["twins"] == 30 for leak in document["leaks"])


def test_a_protocol_is_needed_for_leaks(copied: Library, made: Path) -> None:
    with pytest.raises(UmurlError, match=r"^twice has no protocol 'xview': it has xsub$"):
        leaks(copied, LeakRequest(protocol="xview", device="cpu"))
    ingest(copied, Request(name="alone", source=made / "clips"))
    build_index(copied, BuildRequest(dataset="alone", encoder="e", device="cpu"))
    with raises_typed(
        r"^alone has no protocol to evaluate: umurl-search add alone --splits FILE states one$"
    ):
        leaks(copied, LeakRequest(device="cpu"))


@pytest.mark.data
def test_nw_ucla_holds_test_recordings_that_are_training_recordings(real: Path, library: Library) -> None:
    """95 files of view 3 hold the very skeletons of view 2's."""
    ingest(library, Request(name="nw-ucla", source=real / "data" / "nw_ucla"))
    build_index(library, BuildRequest(dataset="nw-ucla", encoder="e", device="cpu"))
    document = leaks(library, LeakRequest(device="cpu"))
    assert (document["test"], document["leaking"], document["same_action"]) == (464, 95, 95)
    assert {leak["clip"]["name"][:3] for leak in document["leaks"]} == {"a02", "a03"}
    assert all(leak["twin"]["name"] == leak["clip"]["name"][:-1] + "2" for leak in document["leaks"])


def test_recordings_are_as_alike_as_their_most_alike_windows(long: Library) -> None:
    """Windows of one recording overlap: they are no twins."""
    index, _ = open_index(long, LONG_INDEX)
    vectors = unit_vectors(index, "fused").astype(np.float64)
    names = dict(zip(np.unique(index.ids).tolist(), LONG, strict=True))
    wanted = {
        (names[a], names[b]): float((vectors[index.ids == a] @ vectors[index.ids == b].T).max())
        for a in names
        for b in names
        if a < b
    }
    document = duplicates(long, TwinRequest(index=LONG_INDEX, above=-1, device="cpu"))
    (group,) = document["groups"]
    assert {(names[p["one"]], names[p["other"]]): p["score"] for p in group["pairs"]} == pytest.approx(
        wanted, abs=1e-9
    )
    assert (document["clips"], document["pairs"]) == (4, 6)
    found = leaks(long, LeakRequest(index=LONG_INDEX, above=-1, device="cpu"))
    assert (found["test"], found["gallery"], found["share"]) == (2, 2, 1.0)
    assert {leak["twins"] for leak in found["leaks"]} == {2}
    for leak in found["leaks"]:
        pair = tuple(sorted((leak["clip"]["name"], leak["twin"]["name"])))
        assert leak["score"] == pytest.approx(wanted[pair], abs=1e-9)
