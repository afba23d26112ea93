"""Moments in long recordings: ranked and judged against a slow, obvious count; then an index of windows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX, WINDOW, Result
from numpy.typing import NDArray

from umurl_search.clips.crop import crop
from umurl_search.datasets import protocols
from umurl_search.datasets.protocols import DATASETS
from umurl_search.evaluation import localization
from umurl_search.evaluation.localization import THRESHOLDS, LocalizeRequest, evaluate_moments, localize_eval
from umurl_search.index.bridges_and_whitening import Transform
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.index import Index
from umurl_search.index.open_index import open_index
from umurl_search.index.temporal_iou import Intervals
from umurl_search.index.windows import Window
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

Array = NDArray[np.float32]


def stretches(rows: list[tuple[int, int, int]]) -> Intervals:
    """(clip, start, stop) of each."""
    clip, start, stop = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Intervals(clip=clip, start=start, stop=stop)


def unit(rng: np.random.Generator, n: int) -> Array:
    y = rng.normal(size=(n, 6))
    return np.asarray(y / np.linalg.norm(y, axis=1, keepdims=True), dtype=np.float32)


Row = tuple[int, int, int]


def iou(a: Row, b: Row) -> float:
    one, other = ({(c, frame) for frame in range(i, j)} for c, i, j in (a, b))
    return len(one & other) / len(one | other)


def slow_average_precision(
    scores: list[float],
    windows: list[Row],
    wanted: list[Row],
    *,
    overlap: float,
    depth: int,
    threshold: float,
) -> float:
    """By the book: rank, drop what a better one covers, match each segment once, add up precisions."""
    ranked = sorted(range(len(windows)), key=lambda i: (-scores[i], i))
    moments: list[Row] = []
    for i in ranked:
        if len(moments) < depth and all(iou(windows[i], kept) <= overlap for kept in moments):
            moments.append(windows[i])
    free, hits, total = list(wanted), 0, 0.0
    for rank, moment in enumerate(moments, start=1):
        best = max(free, key=lambda segment: iou(moment, segment), default=None)
        if best is not None and iou(moment, best) >= threshold:
            free.remove(best)
            hits += 1
            total += hits / rank
    return total / len(wanted)


@pytest.mark.parametrize(("overlap", "depth"), [(0.0, 1000), (0.2, 1000), (0.5, 1000), (0.3, 5)])
@pytest.mark.parametrize("seed", [0, 1])
def test_precision_is_that_of_the_book(seed: int, overlap: float, depth: int) -> None:
    rng = np.random.default_rng(seed)
    windows = [(clip, start, start + 20) for clip in (3, 5, 9) for start in range(0, 200, 5)]
    segments = [(int(rng.choice([3, 5, 9])), s, s + int(rng.integers(8, 40))) for s in range(0, 190, 13)]
    labels = rng.integers(0, 4, len(segments))
    gallery, queries = unit(rng, len(windows)), unit(rng, 9)
    asked = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3])
    found = evaluate_moments(
        gallery, stretches(windows), stretches(segments), labels, queries, asked, overlap=overlap, depth=depth
    )
    scores = (queries @ gallery.T).tolist()
    for q, label in enumerate(asked.tolist()):
        wanted = [segment for segment, own in zip(segments, labels.tolist(), strict=True) if own == label]
        for t, threshold in enumerate(THRESHOLDS):
            if not wanted:
                assert np.isnan(found.average[q, t])
                continue
            by_hand = slow_average_precision(
                scores[q], windows, wanted, overlap=overlap, depth=depth, threshold=threshold
            )
            assert found.average[q, t] == pytest.approx(by_hand, abs=1e-12)
    there = ~np.isnan(found.average[:, 0])
    assert found.ranked == there.sum() == 8
    assert found.map == {
        str(t): pytest.approx(float(column[there].mean()))
        for t, column in zip(THRESHOLDS, found.average.T, strict=True)
    }
    assert 0 < found.map["0.5"] <= found.map["0.3"] <= found.map["0.1"] < 1


def test_blocks_of_queries_are_each_judged_by_their_own_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    windows = stretches([(1, start, start + 10) for start in range(0, 300, 10)])
    labels, asked = rng.integers(0, 3, 30), np.array([0, 1, 2, 9, 2, 1, 0])
    gallery, queries = unit(rng, 30), unit(rng, 7)
    whole = evaluate_moments(gallery, windows, windows, labels, queries, asked)
    monkeypatch.setattr(localization, "_QUERIES_A_BLOCK", 2)
    blocks = evaluate_moments(gallery, windows, windows, labels, queries, asked)
    np.testing.assert_allclose(blocks.average, whole.average, rtol=0, atol=1e-12)
    assert blocks.ranked == 6
    assert blocks.map == pytest.approx(whole.map)


def test_a_perfect_search_has_precision_one() -> None:
    windows = [(1, start, start + 10) for start in range(0, 100, 10)]
    labels = np.arange(10) % 5
    y = np.eye(5, dtype=np.float32)
    advanced: list[int] = []

    def advance(n: int, note: str = "") -> None:
        advanced.append(n)

    found = evaluate_moments(
        y[labels], stretches(windows), stretches(windows), labels, y, np.arange(5), advance=advance
    )
    assert found.map == {"0.1": 1.0, "0.3": 1.0, "0.5": 1.0}
    assert sum(advanced) == 5


def test_equal_scores_go_to_the_lower_row() -> None:
    windows = stretches([(1, 0, 10), (1, 20, 30), (1, 40, 50)])
    same = np.ones((3, 1), np.float32)
    for row, wanted in enumerate((1, 1 / 2, 1 / 3)):
        found = evaluate_moments(
            same, windows, windows[np.array([row])], np.zeros(1, int), same[:1], np.zeros(1, int)
        )
        assert found.map["0.5"] == pytest.approx(wanted)


def test_a_query_without_a_relevant_segment_does_not_count() -> None:
    windows, y = stretches([(1, 0, 10)]), np.ones((1, 1), np.float32)
    found = evaluate_moments(y, windows, windows, np.array([3]), y, np.array([4]))
    assert (found.ranked, found.map) == (0, {"0.1": 0.0, "0.3": 0.0, "0.5": 0.0})
    assert np.isnan(found.average).all()


def test_nothing_to_ask_is_a_callers_mistake() -> None:
    windows, y = stretches([(1, 0, 10)]), np.ones((1, 1), np.float32)
    with pytest.raises(ValueError, match=r"^queries and windows are needed, got 0 and 1$"):
        evaluate_moments(y, windows, windows, np.zeros(1, int), y[:0], np.zeros(0, int))


# An index of windows


def test_localize_eval_is_what_its_parts_say(long: Library, command: Callable[..., Result]) -> None:
    document = command("localize-eval", "--json").json
    index, _ = open_index(long, LONG_INDEX)
    with long.read() as catalog:
        columns, segments = catalog.clips_of("long"), catalog.segments("long")
    odd = {i for i, name in zip(columns.id.tolist(), columns.name, strict=True) if int(name[1:4]) % 2}
    rows = np.flatnonzero(np.isin(index.ids, list(odd)))
    assert index.spans is not None
    windows = [
        (int(i), *span) for i, span in zip(index.ids[rows].tolist(), index.spans[rows].tolist(), strict=True)
    ]
    y = np.asarray(index.embeddings("fused")[rows], np.float64)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    store, searcher = ClipStore(long.clips("long")), Searcher(long, LONG_INDEX, device="cpu")
    place = {int(i): row for row, i in enumerate(columns.id)}
    every = list(
        zip(
            *(segments[key].tolist() for key in ("clip_id", "start_frame", "stop_frame", "label")),
            strict=True,
        )
    )
    tested = [one for one in every if one[0] not in odd]
    clips = [crop(store.frames(place[i]), start, stop) for i, start, stop, _ in tested]
    asked = searcher.embed([clip for clip in clips if clip is not None], "fused").astype(np.float64)
    scores = asked / np.linalg.norm(asked, axis=1, keepdims=True) @ y.T
    precisions = []
    for q, (*_, label) in enumerate(tested):
        wanted = [(i, start, stop) for i, start, stop, own in every if i in odd and own == label]
        if wanted:
            precisions.append(
                [
                    slow_average_precision(
                        scores[q].tolist(), windows, wanted, overlap=0.2, depth=1000, threshold=t
                    )
                    for t in THRESHOLDS
                ]
            )
    by_hand = dict(zip(("0.1", "0.3", "0.5"), np.mean(precisions, axis=0), strict=True))
    assert document["map"] == {t: pytest.approx(value, abs=1e-9) for t, value in by_hand.items()}
    assert 0.1 < document["map"]["0.1"] < 1
    counts = {key: document[key] for key in ("queries", "ranked", "windows", "segments", "recordings")}
    assert counts == {
        "queries": len(tested),
        "ranked": len(precisions),
        "windows": len(rows),
        "segments": len(every) - len(tested),
        "recordings": {"gallery": 2, "test": 2},
    }
    assert document["ranked"] < document["queries"]
    assert sum(row["queries"] for row in document["per_class"]) == document["ranked"]
    mean = sum(row["map"]["0.5"] * row["queries"] for row in document["per_class"]) / document["ranked"]
    assert mean == pytest.approx(document["map"]["0.5"])
    assert (document["window_s"], document["stride_s"], document["overlap"]) == ([2.5], 1.0, 0.2)


def test_no_window_of_a_test_recording_reaches_the_maps(
    long: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures are the same to the bit when the test recordings' windows are replaced by noise."""
    white = Transform.parse("half-whiten:16")
    build_index(
        long,
        BuildRequest(dataset="long", encoder="e", name="white", window=WINDOW, transform=white, device="cpu"),
    )
    request = LocalizeRequest(index="white", device="cpu")
    before, embeddings = localize_eval(long, request), Index.embeddings
    with long.read() as catalog:
        tested = catalog.split("long", "xsub")["test"]

    def add_noise(self: Index, modality: str) -> Array:
        y = np.array(embeddings(self, modality))
        there = np.isin(self.ids, tested)
        y[there] = np.random.default_rng(0).normal(size=y[there].shape) * 1000
        return y

    monkeypatch.setattr(Index, "embeddings", add_noise)
    after = localize_eval(long, request)
    assert (after["map"], after["per_class"]) == (before["map"], before["per_class"])


# Protocols of datasets of whole recordings


PKU1, PKU2 = ["0290-L", "0291-M", "0334-L", "0335-R"], ["A01N01-L", "A01N02-M", "A01N03-L", "A02N08-R"]


def write_pku(folder: Path, names: list[str]) -> Path:
    """A recording a name, of two actions, one after another."""
    for part in ("data", "label"):
        (folder / part).mkdir(parents=True)
    for i, name in enumerate(names):
        frames = make_clip(f"S001C001P00{1 + i % 4}R001A001")[:60].reshape(60, 75)
        np.savetxt(folder / "data" / f"{name}.txt", np.pad(frames, ((0, 0), (0, 75))), fmt="%.4f")
        (folder / "label" / f"{name}.txt").write_text("35,0,30,2\n8,30,60,2\n")
    return folder


@pytest.mark.parametrize(
    ("dataset", "names", "protocol", "tested"),
    [
        ("pku-mmd-1-long", PKU1, "xsub", 2),
        ("pku-mmd-1-long", PKU1, "xview", 2),
        ("pku-mmd-2-long", PKU2, "xsub", 2),
        ("pku-mmd-2-long", PKU2, "xview", 2),
    ],
)
def test_a_protocol_of_pku_mmd_is_served(
    library: Library, tmp_path: Path, dataset: str, names: list[str], protocol: str, tested: int
) -> None:
    ingest(library, Request(name=dataset, source=write_pku(tmp_path / "pku", names)))
    build_index(
        library, BuildRequest(dataset=dataset, encoder="e", window=Window.parse((1,), 0.5), device="cpu")
    )
    document = localize_eval(library, LocalizeRequest(protocol=protocol, device="cpu"))
    assert document["recordings"] == {"gallery": 4 - tested, "test": tested}
    assert (document["queries"], document["ranked"], document["windows"]) == (
        2 * tested,
        2 * tested,
        3 * (4 - tested),
    )
    assert [(row["label"], row["action"]) for row in document["per_class"]] == [
        (7, "drink water"),
        (34, "take off a hat/cap"),
    ]


def test_the_encoder_of_the_cut_recordings_is_taken_and_what_it_has_seen_told(
    library: Library, tmp_path: Path
) -> None:
    """Trained on other views of clips cut out of the recordings that the protocol tests."""
    source = write_pku(tmp_path / "pku", PKU1)
    for name in ("pku-mmd-1", "pku-mmd-1-long"):
        ingest(library, Request(name=name, source=source))
    train_encoder(
        library,
        TrainRequest(
            dataset="pku-mmd-1",
            protocol="xview",
            preset="tiny",
            epochs=1,
            batch_size=2,
            name="p",
            device="cpu",
        ),
    )
    window = Window.parse((1,), 0.5)
    report = build_index(library, BuildRequest(dataset="pku-mmd-1-long", window=window, device="cpu"))
    assert report.encoder == "p"
    seen = {
        protocol: localize_eval(library, LocalizeRequest(protocol=protocol, device="cpu"))["warnings"]
        for protocol in ("xsub", "xview")
    }
    assert seen == {
        "xsub": [
            "encoder p was trained on actions cut out of the test recordings of pku-mmd-1-long xsub: figures there "
            "flatter it"
        ],
        "xview": [],
    }


def test_recordings_that_come_and_go(
    library: Library, tmp_path: Path, command: Callable[..., Result]
) -> None:
    """What is added is cut into the same windows; the index is then as if built of all."""
    source = write_pku(tmp_path / "pku", PKU1[:3])
    ingest(library, Request(name="pku-mmd-1-long", source=source))
    window = Window.parse((1,), 0.5)
    build_index(library, BuildRequest(dataset="pku-mmd-1-long", encoder="e", window=window, device="cpu"))
    write_pku(tmp_path / "more", PKU1[3:])
    assert command("add", "pku-mmd-1-long", "--source", tmp_path / "more").code == 0
    grown, _ = open_index(library, None)
    assert grown.spans is not None
    assert grown.spans.tolist() == [[0, 30], [15, 45], [30, 60]] * 4
    whole = localize_eval(library, LocalizeRequest(device="cpu"))
    assert (whole["queries"], whole["segments"], whole["windows"]) == (4, 4, 6)
    build_index(
        library, BuildRequest(dataset="pku-mmd-1-long", encoder="e", window=window, name="anew", device="cpu")
    )
    anew = localize_eval(library, LocalizeRequest(index="anew", device="cpu"))
    assert anew["map"] == whole["map"]
    hits = [
        command("query", "pku-mmd-1-long:0335-R@0-1", "--index", name, "--k", 9, "--json").json["hits"]
        for name in (grown.name, "anew")
    ]
    places = [
        [(hit["name"], hit["start_frame"]) for hit in sorted(found, key=_score_but_for_rounding)]
        for found in hits
    ]
    assert places[0] == places[1]
    assert places[0][:2] == [("0290-L", 0), ("0335-R", 0)]  # of one content
    assert command("remove", "pku-mmd-1-long", "0335-R").code == 0
    assert len(open_index(library, "anew")[0].ids) == 9
    assert command("verify").code == 0


def _score_but_for_rounding(hit: dict[str, Any]) -> tuple[float, str, int]:
    """Recordings of one content are equal but for the batch that each was embedded in."""
    return -round(hit["score"], 5), hit["name"], hit["start_frame"]


def test_no_protocol_of_whole_recordings_is_forgotten() -> None:
    """demo-long's is in test_synthetic_long_recordings.py."""
    known = {(d.name, protocol) for d in DATASETS.values() if d.untrimmed for protocol in d.protocols}
    pku = {(f"pku-mmd-{phase}-long", protocol) for phase in (1, 2) for protocol in ("xsub", "xview")}
    assert known == {("demo-long", "xsub")} | pku
    for dataset, _ in known:
        assert protocols.find(dataset).cut_as in DATASETS
