"""Near-duplicates: pairs against brute force in float64, groups against a walk, and an index with known copies."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import LONG, LONG_INDEX
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.evaluation.duplicates_and_leaks import (
    LeakRequest,
    TwinRequest,
    best_of_clips,
    duplicates,
    leaks,
    unit_vectors,
)
from umurl_search.index import all_pairs, bounded_codes
from umurl_search.index.all_pairs import Pairs, components, group_rows, median_nn_distance, pairs_above
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.exact_knn import CPU
from umurl_search.index.open_index import open_index
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library

Array = NDArray[np.float32]
Rows = NDArray[np.int64]


def clustered(n: int, p: int, *, seed: int, spread: float = 0.05) -> Array:
    """Unit vectors around a few centres, some of them copies."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, p)) + 1
    x = centres[rng.integers(0, 4, n)] + spread * rng.normal(size=(n, p))
    x[rng.integers(0, n, n // 5)] = x[0]
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def slow_pairs(
    gallery: Array, above: float, queries: Array | None, groups: tuple[Rows, Rows] | None
) -> list[tuple[int, int, float]]:
    found = []
    asking = gallery if queries is None else queries
    for i, query in enumerate(asking.astype(np.float64)):
        for j, one in enumerate(gallery.astype(np.float64)):
            score = float(query @ one)
            apart = groups is None or groups[1][i] != groups[0][j]
            if (queries is not None or i < j) and apart and score >= above:
                found.append((i, j, score))
    return found


def assert_slow_pairs(
    gallery: Array, above: float, queries: Array | None = None, groups: tuple[Rows, Rows] | None = None
) -> int:
    found = pairs_above(gallery, above, queries=queries, groups=groups)
    slow = slow_pairs(gallery, above, queries, groups)
    assert list(zip(found.one.tolist(), found.other.tolist(), strict=True)) == [(i, j) for i, j, _ in slow]
    np.testing.assert_allclose(found.score, [score for _, _, score in slow], rtol=0, atol=1e-12)
    return len(slow)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 60),
    p=st.integers(2, 9),
    above=st.floats(-0.9, 0.9999),
    asked=st.booleans(),
    own=st.booleans(),
)
def test_pairs_are_brute_force(seed: int, n: int, p: int, above: float, asked: bool, own: bool) -> None:
    gallery, rng = clustered(n, p, seed=seed), np.random.default_rng(seed)
    queries = clustered(7, p, seed=seed) if asked else None
    numbers = rng.integers(0, 5, n)
    theirs = rng.integers(0, 5, 7) if asked else numbers
    assert_slow_pairs(gallery, above, queries, (numbers, theirs) if own else None)


@pytest.mark.parametrize("p", [40, 200])
def test_pairs_of_a_coded_gallery_are_brute_force(monkeypatch: pytest.MonkeyPatch, p: int) -> None:
    """Products over few axes, and bounds; blocks of a few queries; thresholds in the thick of the scores."""
    gallery, queries = clustered(150, p, seed=p), clustered(40, p, seed=1)
    monkeypatch.setattr(bounded_codes, "_CODED_FROM", 0)
    monkeypatch.setattr(all_pairs, "_QUERY_BLOCK", 7)
    monkeypatch.setattr(all_pairs, "_SCORED_BYTES", 16 * p * 5)
    assert bounded_codes.encode(gallery, n_queries=150, device=CPU).mean is not None
    scores = np.sort((gallery.astype(np.float64) @ gallery.T.astype(np.float64))[np.triu_indices(150, 1)])
    for rank in (10, 400, 3000, 9000):
        assert assert_slow_pairs(gallery, float(scores[-rank]) - 1e-12) >= rank
        assert_slow_pairs(gallery, float(scores[-rank]) + 1e-12, queries)


def test_a_threshold_of_one_means_copies() -> None:
    gallery = clustered(60, 33, seed=3)
    found = pairs_above(gallery, 1.0)
    same = {(i, j) for i in range(60) for j in range(i + 1, 60) if np.array_equal(gallery[i], gallery[j])}
    assert set(zip(found.one.tolist(), found.other.tolist(), strict=True)) == same
    assert len(same) > 10


def test_nobody_and_a_single_row_have_no_pairs() -> None:
    none = np.zeros((0, 4), dtype=np.float32)
    assert len(pairs_above(none, 0.5)) == len(pairs_above(none, 0.5, queries=clustered(3, 4, seed=0))) == 0
    assert len(pairs_above(clustered(1, 4, seed=0), -1)) == 0


def test_too_many_pairs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "MOST_PAIRS", 1000)
    gallery = clustered(60, 8, seed=0)
    with pytest.raises(UmurlError, match=r"^over 1,000 pairs score -1 or more: give a higher --above$"):
        pairs_above(gallery, -1)
    assert len(pairs_above(gallery[:45], -1)) == 990


def test_vectors_that_are_no_numbers_are_refused() -> None:
    gallery = clustered(20, 4, seed=0)
    gallery[7, 2] = np.nan
    with pytest.raises(UmurlError, match="run umurl-search verify"):
        pairs_above(gallery, 0.5)


def walked(links: list[tuple[int, int]], n: int) -> set[frozenset[int]]:
    """Groups by walking from row to row."""
    groups = set()
    for start in range(n):
        seen, to_visit = set(), [start]
        while to_visit:
            row = to_visit.pop()
            seen.add(row)
            to_visit += [b for a, b in links + [(b, a) for a, b in links] if a == row and b not in seen]
        groups.add(frozenset(seen))
    return {group for group in groups if len(group) > 1}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data(), n=st.integers(2, 25))
def test_groups_are_what_hangs_together(data: st.DataObject, n: int) -> None:
    drawn = data.draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=n))
    links = sorted((a, b) for a, b in drawn if a < b)
    one, other = np.array(links, dtype=np.int64).reshape(-1, 2).T
    score = np.linspace(0.9, 1, len(links))
    found = list(group_rows(Pairs(one=one, other=other, score=score), n))
    assert {frozenset(rows.tolist()) for rows, _ in found} == walked(links, n)
    sizes = [(-len(rows), int(rows[0])) for rows, _ in found]
    assert sizes == sorted(sizes)
    for rows, mine in found:
        inside = [(a, b, s) for (a, b), s in zip(links, score, strict=True) if a in rows]
        assert list(zip(mine.one, mine.other, mine.score, strict=True)) == inside


def test_a_long_chain_is_one_group() -> None:
    order = np.random.default_rng(0).permutation(5000)
    chain = Pairs(one=order[:-1], other=order[1:], score=np.ones(4999))
    assert (components(chain, 5001) == [0] * 5000 + [5000]).all()


def test_the_usual_distance_is_the_median_to_the_nearest() -> None:
    gallery = clustered(50, 6, seed=5)
    numbers = np.arange(50) // 2
    scores = gallery.astype(np.float64) @ gallery.T.astype(np.float64)
    scores[numbers[:, None] == numbers] = -2
    nearest = scores.max(axis=1)
    distance, n = median_nn_distance(gallery, numbers=numbers)
    assert n == (nearest < 1 - 1e-6).sum() < 50
    assert distance == pytest.approx(np.median(1 - nearest[nearest < 1 - 1e-6]), abs=1e-12)
    nothing, n = median_nn_distance(np.repeat(gallery[:1], 4, axis=0), numbers=np.arange(4))
    assert (np.isnan(nothing), n) == (True, 0)


def test_the_usual_distance_of_a_sample_leaves_out_each_rows_own_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(all_pairs, "_SAMPLE", 20)
    gallery, numbers = clustered(90, 6, seed=6), np.arange(90) // 3
    scores = gallery.astype(np.float64) @ gallery.T.astype(np.float64)
    scores[numbers[:, None] == numbers] = -2
    nearest = scores.max(axis=1)[::5]
    distance, n = median_nn_distance(gallery, numbers=numbers)
    assert n == (nearest < 1 - 1e-6).sum() < 18
    assert distance == pytest.approx(np.median(1 - nearest[nearest < 1 - 1e-6]), abs=1e-12)


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
    assert json.dumps(document)


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
    with pytest.raises(
        UmurlError, match=r"^alone has no protocol to evaluate: ingest it with --splits FILE$"
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
