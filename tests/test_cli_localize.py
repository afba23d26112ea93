"""Moments in whole recordings, from the command line: `build-index --window`, `query`, `localize-eval`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX, Result
from numpy.typing import NDArray

from umurl_search.index.open_index import open_index
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher

Array = NDArray[np.floating[Any]]


def test_the_same_windows_are_there_already_and_others_are_not(
    long: Library, command: Callable[..., Result]
) -> None:
    asked = ("build-index", "long", "--encoder", "e", "--window", 2.5)
    again = command(*asked, "--stride", 1, "--json").json
    assert (again["index"], again["already_there"], again["window_s"], again["stride_s"]) == (
        LONG_INDEX,
        True,
        [2.5],
        1.0,
    )
    other = command(*asked)
    assert other.code == 1
    assert other.err.startswith(
        f"umurl-search: index '{LONG_INDEX}' is there, made from something else: umurl-search delete"
    )
    whole = command("build-index", "long", "--encoder", "e", "--json").json
    assert (whole["index"], whole["windows"], whole["window_s"]) == ("long@e", None, None)
    assert "--window SECONDS makes the moments in them findable" in whole["warnings"][0]
    assert command("verify").code == 0


def test_several_lengths_of_windows(long: Library, command: Callable[..., Result]) -> None:
    document = command(
        "build-index", "long", "--encoder", "e", "--window", 4, "--window", 2, "--stride", 2, "--json"
    ).json
    assert (document["index"], document["window_s"], document["stride_s"]) == (
        "long@e+2s+4s",
        [2.0, 4.0],
        2.0,
    )
    index, _ = open_index(long, "long@e+2s+4s")
    assert index.spans is not None
    assert set(np.diff(index.spans, axis=1).ravel().tolist()) == {60, 120}
    found = command("query", "long:P002C001T01@3-5", "--k", 4, "--json").json
    assert len(found["hits"]) == 4
    assert found["index"]["window_s"] == [2.0, 4.0]


Moment = tuple[str, int, int]


ROUNDING = 1e-6
"""What the product's float32 unit vectors may make of a score: moments that differ by less may change places."""


def assert_best_moments(
    found: list[Moment],
    scores: Array,
    moments: list[Moment],
    *,
    overlap: float,
    k: int,
    among: set[str] | None = None,
) -> None:
    """That each moment found is, up to rounding, the best of those that none before it covers, and none is missing.

    scores: (N,) float64 of all moments.
    """
    left = {m: s for m, s in zip(moments, scores.tolist(), strict=True) if among is None or m[0] in among}
    for one in found:
        assert one in left, f"{one} is covered by a better one"
        assert left[one] >= max(left.values()) - ROUNDING, (
            f"{one} scores {left[one]}, not {max(left.values())}"
        )
        frames = set(range(*one[1:]))
        left = {
            (name, a, b): s
            for (name, a, b), s in left.items()
            if name != one[0] or len(frames & set(range(a, b))) <= overlap * len(frames | set(range(a, b)))
        }
    assert len(found) == k or not left


def scored_moments(library: Library, clip: str) -> tuple[Array, list[Moment]]:
    """Every window of the index with its float64 cosine to a clip of `mine`."""
    index, _ = open_index(library, LONG_INDEX)
    with library.read() as catalog:
        columns, row = catalog.clips_of("long"), catalog.clip("mine", clip)
    assert row is not None
    assert index.spans is not None
    asked = ClipStore(library.clips("mine")).normalised_frames(row["store_row"])
    y = Searcher(library, LONG_INDEX, device="cpu").embed([asked], "fused")[0].astype(np.float64)
    gallery = np.asarray(index.embeddings("fused"), dtype=np.float64)
    scores = gallery @ y / np.linalg.norm(gallery, axis=1) / np.linalg.norm(y)
    names = dict(zip(columns.id.tolist(), columns.name, strict=True))
    spans = index.spans.tolist()
    return scores, [(names[i], a, b) for i, (a, b) in zip(index.ids.tolist(), spans, strict=True)]


def moments_of(document: dict[str, Any]) -> list[Moment]:
    return [(hit["name"], hit["start_frame"], hit["stop_frame"]) for hit in document["hits"]]


@pytest.mark.parametrize(
    ("options", "overlap", "k"),
    [((), 0.2, 1), ((), 0.2, 7), (("--overlap", 0.5), 0.5, 60), (("--overlap", 0), 0.0, 60)],
)
def test_query_finds_the_best_moments(
    long: Library, command: Callable[..., Result], options: tuple[object, ...], overlap: float, k: int
) -> None:
    document = command("query", "mine:S001C001P002R001A005", "--k", k, *options, "--json").json
    found = moments_of(document)
    every, moments = scored_moments(long, "S001C001P002R001A005")
    assert_best_moments(found, every, moments, overlap=overlap, k=k)
    assert [hit["rank"] for hit in document["hits"]] == list(range(1, len(found) + 1))
    scores = [hit["score"] for hit in document["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_two_moments_that_changed_places_are_noticed(long: Library, command: Callable[..., Result]) -> None:
    """Of the oracle itself: sharp for what differs by more than rounding, and for what is missing or covered."""
    document = command("query", "mine:S001C001P002R001A005", "--k", 12, "--json").json
    found, scores = moments_of(document), [hit["score"] for hit in document["hits"]]
    every, moments = scored_moments(long, "S001C001P002R001A005")
    apart = [i for i in range(11) if scores[i] - scores[i + 1] > 2 * ROUNDING]
    assert len(apart) > 5
    for i in apart:
        swapped = [*found[:i], found[i + 1], found[i], *found[i + 2 :]]
        with pytest.raises(AssertionError, match="scores"):
            assert_best_moments(swapped, every, moments, overlap=0.2, k=12)
    with pytest.raises(AssertionError):
        assert_best_moments(found[:-1], every, moments, overlap=0.2, k=12)
    with pytest.raises(AssertionError, match="covered"):
        assert_best_moments([*found[:-1], found[0]], every, moments, overlap=0.2, k=12)


def test_where_chooses_recordings(long: Library, command: Callable[..., Result]) -> None:
    clip = "mine:S001C001P002R001A005"
    document = command("query", clip, "--where", "name = 'P003C002T01'", "--k", 99, "--json").json
    assert {hit["name"] for hit in document["hits"]} == {"P003C002T01"}
    found = moments_of(document)
    every, moments = scored_moments(long, clip.partition(":")[2])
    assert_best_moments(found, every, moments, overlap=0.2, k=99, among={"P003C002T01"})
    assert document["query"]["notes"] == [
        f"{len(found)} moments pass, fewer than the 99 asked for: all of them are here"
    ]


def test_across_a_bridge(long: Library, command: Callable[..., Result]) -> None:
    document = command("query", "long:P001C003T01@10-12.5", "--modality", "bone", "--k", 3, "--json").json
    assert document["index"]["bridge"] is True
    assert len(document["hits"]) == 3


def test_a_transform_is_fitted_on_the_gallerys_windows(long: Library, command: Callable[..., Result]) -> None:
    built = command(
        "build-index",
        "long",
        "--encoder",
        "e",
        "--window",
        2.5,
        "--stride",
        1,
        "--transform",
        "half-whiten:16",
        "--json",
    ).json
    document = command("localize-eval", "--index", built["index"], "--json").json
    assert document["transform"] == "half-whiten:16"
    plain = command("localize-eval", "--index", LONG_INDEX, "--json").json
    assert document["map"] != plain["map"]
    assert document["queries"] == plain["queries"]


OF_WINDOWS = (
    f"index {LONG_INDEX} is of windows of recordings, not of whole clips: "
    f"umurl-search localize-eval --index {LONG_INDEX} evaluates it"
)


NOBODY = (
    "long:P002C001T01@20-10: nobody is there from 20 to 10 s of a recording of 26.0 s; give a stretch that starts "
    "before it ends and shows somebody"
)


NO_CLIP = "no clip 'P002C001T09@1-2' in long: umurl-search info long shows some names"


NO_WINDOW = (
    "Invalid value for --stride: --stride goes with --window SECONDS (see: umurl-search build-index --help)"
)


TOO_MUCH = (
    "Invalid value for '--overlap': Input should be less than or equal to 1 (see: umurl-search query --help)"
)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("knn-eval", 1, OF_WINDOWS),
        ("linear-eval", 1, OF_WINDOWS),
        ("localize-eval --protocol xview", 1, "long has no protocol 'xview': it has xsub"),
        ("query long:P002C001T01@20-10", 1, NOBODY),
        ("query long:P002C001T09@1-2", 1, NO_CLIP),
        ("build-index long --stride 1", 2, NO_WINDOW),
        ("query long:P002C001T01@1-2 --overlap 2", 2, TOO_MUCH),
    ],
)
def test_problems_are_told(
    long: Library, command: Callable[..., Result], line: str, code: int, said: str
) -> None:
    result = command(*line.split())
    assert (result.code, result.out, result.err) == (code, "", f"umurl-search: {said}\n")


def test_an_index_of_clips_has_no_moments(indexed: Library, command: Callable[..., Result]) -> None:
    result = command("localize-eval")
    remedy = "umurl-search build-index mine --window SECONDS makes one of windows"
    assert (result.code, result.err) == (1, f"umurl-search: index mine@e is of whole clips: {remedy}\n")
    hit = command("query", "mine:S001C001P002R001A005", "--k", 1, "--json").json["hits"][0]
    assert not {"start_frame", "segment"} & set(hit)


def test_without_segments_there_is_nothing_to_ask(library: Library, command: Callable[..., Result]) -> None:
    assert command("build-index", "mine", "--encoder", "e", "--window", 1, "--stride", 1).code == 0
    result = command("localize-eval")
    assert (result.code, result.err) == (
        1,
        "umurl-search: mine xsub: no labelled segments in the 30 train recordings, "
        "evaluation needs some; delete the dataset, then umurl-search ingest mine --untrimmed "
        "--segments FILE\n",
    )


@pytest.mark.data
def test_a_real_recording_of_pku_mmd(library: Library, command: Callable[..., Result], real: Path) -> None:
    """1,040 frames, whole, without labels: a stretch of it finds itself first, and other moments after."""
    source = real / "data" / "pku_samples"
    assert command("ingest", "pku-mmd-2-long", "--source", source).code == 0
    built = command(
        "build-index", "pku-mmd-2-long", "--encoder", "e", "--window", 3, "--stride", 0.5, "--json"
    ).json
    assert built["windows"] == len(range(0, 1040 - 90, 15)) + 1
    hits = command("query", "pku-mmd-2-long:A10N08-L@10-13", "--k", 5, "--json").json["hits"]
    assert (hits[0]["start_frame"], hits[0]["stop_frame"], hits[0]["segment"]) == (300, 390, None)
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5)
    starts = sorted(hit["start_frame"] for hit in hits)
    assert min(np.diff(starts)) >= 60
