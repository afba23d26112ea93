"""A searcher: order, filters, bridges, performances, clips that go, many threads, steady memory."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from changes import ASKED
from conftest import Result
from documents import QUERY, clips_of, names_of, problem, read_document
from gpu_faiss import GpuMachine
from numpy.typing import NDArray

from umurl_search import Library
from umurl_search.index import device_memory
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.windows import Window
from umurl_search.ingest.add_update_remove import remove
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.maintenance.compact import compact
from umurl_search.search.options import SearchOptions
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.searcher import Searcher
from umurl_search.synthetic.demo_corpus import make_clip

Found = list[tuple[int, float]]
Command = Callable[..., Result]


def ask(searcher: Searcher, row: int, how: SearchOptions) -> Found:
    """Clip ids and scores of the hits for a stored clip's own embedding, a little off."""
    stored = np.asarray(searcher.index.embeddings(how.modality)[row : row + 1])
    y = stored + np.float32(0.1) * np.roll(stored, 1, axis=1)
    (answer,) = searcher.answer(QueryBatch(names=["q"], y=y, rows=[None]), how)
    return [(hit.clip_id, hit.score) for hit in answer.hits]


@pytest.mark.parametrize(
    "how",
    [SearchOptions(k=7), SearchOptions(k=7, where="camera = 2"), SearchOptions(k=7, modality="bone")],
    ids=["plain", "filtered", "bridged"],
)
def test_eight_threads_that_open_and_ask_one_searcher(indexed: Library, how: SearchOptions) -> None:
    alone = [ask(Searcher(indexed, device="cpu"), row, how) for row in range(0, 60, 6)]
    assert len({str(one) for one in alone}) == len(alone)
    shared = Searcher(indexed, device="cpu")
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: ask(shared, row, how), list(range(0, 60, 6)) * 2))
    assert together == alone * 2


@pytest.mark.parametrize(
    "how",
    [
        SearchOptions(k=7),
        SearchOptions(k=7, where="camera = 2"),
        SearchOptions(k=60, modality="bone", against="joint"),
    ],
    ids=["plain", "filtered", "another modality"],
)
def test_on_a_device_eight_threads_find_what_the_cpu_finds(
    indexed: Library, gpu_machine: GpuMachine, how: SearchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With clips removed, and FAISS's GPU build as strict as it is."""
    remove(indexed, "mine", where="subject = 3 and camera = 1")
    with monkeypatch.context() as patch:
        patch.setattr(device_memory, "holds_galleries", lambda device: False)
        here = [ask(Searcher(indexed, device="cpu"), row, how) for row in range(0, 50, 6)]
    shared = Searcher(indexed, device="cpu")
    with ThreadPoolExecutor(8) as pool:
        there = list(pool.map(lambda row: ask(shared, row, how), list(range(0, 50, 6)) * 2))
    assert there == here * 2


def test_a_result_says_who_searched(
    indexed: Library, command: Command, holding: GpuMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("query", f"mine:{QUERY}", "--json", "--device", "cpu")
    assert read_document(command(*asked))["index"]["searched_by"] == "torch on cpu"
    monkeypatch.setattr(device_memory, "holds_galleries", lambda device: False)
    assert read_document(command(*asked))["index"]["searched_by"] == "faiss on cpu"


def test_memory_stays_over_thousands_of_queries(indexed: Library) -> None:
    searcher, process = Searcher(indexed, device="cpu"), psutil.Process()
    ys = np.resize(np.asarray(searcher.index.embeddings("fused")), (500, 2 * 64))
    asking = QueryBatch(names=["q"] * len(ys), y=ys, rows=[None] * len(ys))
    mib = []
    for _ in range(3):
        for _ in range(10):
            answers = searcher.answer(asking, SearchOptions(k=10))
        mib.append(process.memory_info().rss / 2**20)
    assert [len(answer.hits) for answer in answers] == [10] * len(ys)
    kept_by_each_answer = sys.getsizeof(answers[0].hits) * len(ys) * 10 / 2**20
    assert kept_by_each_answer < 5
    assert mib[-1] - mib[0] < 20, mib  # 10,000 answers kept would be some 60 MiB


def test_hits_fall_in_score(indexed: Library, command: Command) -> None:
    document = read_document(command("query", f"mine:{QUERY}", "--k", 1000, "--json"))
    scores = [hit["score"] for hit in document["hits"]]
    assert len(scores) == 60
    assert scores == sorted(scores, reverse=True)
    few = read_document(command("query", f"mine:{QUERY}", "--k", 7, "--json"))
    assert names_of(few) == names_of(document)[:7]


def test_equal_scores_are_in_order_of_clip_id(
    library: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    (tmp_path / "same").mkdir()
    for letter in "dbac":
        np.save(tmp_path / "same" / f"{letter}.npy", clip)
    assert command("ingest", "same", "--source", tmp_path / "same").code == 0
    assert command("build-index", "same", "--encoder", "e").code == 0
    document = read_document(command("query", f"mine:{QUERY}", "--k", 3, "--json"))
    ids = [hit["clip_id"] for hit in document["hits"]]
    assert names_of(document) == ["a", "b", "c"]
    assert ids == sorted(ids)
    assert len({hit["score"] for hit in document["hits"]}) == 1


def test_where_gives_the_best_of_those_that_pass(indexed: Library, command: Command) -> None:
    every = read_document(command("query", f"mine:{QUERY}", "--k", 60, "--json"))["hits"]
    kept = {
        "subject = 3 and camera = 2": [h for h in every if h["subject"] == 3 and h["camera"] == 2],
        "label in (0, 4)": [h for h in every if h["label"] in (0, 4)],
        "frames < 0": [],
    }
    for where, wanted in kept.items():
        document = read_document(command("query", f"mine:{QUERY}", "--k", 7, "--where", where, "--json"))
        assert names_of(document) == [hit["name"] for hit in wanted[:7]]
        assert document["index"]["passing"] == len(wanted)
    assert [len(wanted) for wanted in kept.values()] == [5, 24, 0]


@pytest.mark.parametrize("named", [f"mine:{QUERY}", f"{QUERY}.npy"])
def test_exclude_same_performance(
    named: str, indexed: Library, command: Command, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made / "clips")
    every = names_of(read_document(command("query", named, "--k", 60, "--json")))
    document = read_document(command("query", named, "--k", 60, "--exclude-same-performance", "--json"))
    own = {f"S001C00{camera}P001R001A001" for camera in (1, 2, 3)}
    assert own <= set(every)
    assert names_of(document) == [name for name in every if name not in own]


def test_exclude_same_performance_needs_to_know_it(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    np.save(tmp_path / "anon.npy", clip)
    line = problem(command("query", tmp_path / "anon.npy", "--exclude-same-performance"), 1)
    assert "DATASET:CLIPNAME" in line
    (tmp_path / "few").mkdir()
    for path in ("a01_s01_e00_v01", "a01_s02_e00_v03"):
        np.save(tmp_path / "few" / f"{path}.npy", clip)
    splits = tmp_path / "splits.json"
    splits.write_text('{"p": {"train": ["a01_s01_e00_v01"], "test": ["a01_s02_e00_v03"]}}')
    assert command("ingest", "few", "--source", tmp_path / "few", "--splits", splits).code == 0
    assert command("build-index", "few", "--encoder", "e").code == 0
    assert read_document(command("knn-eval", "--json"))["accuracy"] == 1
    for words in (("query", f"mine:{QUERY}"), ("knn-eval",)):
        line = problem(command(*words, "--exclude-same-performance"), 1)
        assert "some clips of few have no setup; --exclude-same-performance needs all four" in line


def test_against_and_no_bridge(indexed: Library, command: Command) -> None:
    words = ("query", f"mine:{QUERY}", "--modality", "bone", "--k", 60, "--json")
    across = read_document(command(*words))
    plain = read_document(command(*words, "--no-bridge"))
    own = read_document(command(*words, "--against", "bone"))
    assert [d["index"]["bridge"] for d in (across, plain, own)] == [True, False, False]
    assert [d["index"]["against"] for d in (across, plain, own)] == ["fused", "fused", "bone"]
    scores = [[hit["score"] for hit in d["hits"]] for d in (across, plain, own)]
    assert scores[0] != scores[1] != scores[2]
    assert own["hits"][0]["name"] == QUERY
    assert own["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert "--modalities all" in problem(command("query", f"mine:{QUERY}", "--against", "joint+bone"), 1)


def test_a_searcher_goes_on_after_clips_have_gone(changing: Library) -> None:
    searcher = changing.index("i", device="cpu")
    before = searcher.search([ASKED], k=100)[0]
    remove(changing, "mine", where="subject = 3")
    after = [hit.name for hit in searcher.search([ASKED], k=100)[0].hits]
    assert after == [hit.name for hit in before.hits if "P003" not in hit.name]
    compact(changing, "mine", force=True)
    assert [hit.name for hit in changing.index("i", device="cpu").search([ASKED], k=100)[0].hits] == after
    assert [hit.name for hit in searcher.search([ASKED], modality="bone", k=100)[0].hits]


def test_a_searcher_reads_the_catalog_again_when_it_has_changed(indexed: Library) -> None:
    searcher = indexed.index(device="cpu")
    clip = clips_of(indexed)[0]
    before = searcher.search([clip], k=60, where="camera = 2")[0]
    with indexed.write() as catalog:
        catalog._con.execute(
            "update clips set action = 'renamed', camera = 3 where camera = 2 and subject = 1"
        )
    after = searcher.search([clip], k=60, where="camera = 2")[0]
    assert (before.passing, after.passing) == (20, 15)
    hits = searcher.search([clip], k=60)[0].hits
    assert sum(hit.row["action"] == "renamed" for hit in hits) == 5


@pytest.mark.parametrize("window", [None, Window(lengths_s=(1.0,), stride_s=0.5)])
def test_a_performance_is_of_one_setup_subject_replication_and_action(
    library: Library, tmp_path: Path, window: Window | None
) -> None:
    """Of clips whole, and of windows, of which a clip has several."""
    (tmp_path / "shots").mkdir()
    asked = "S002C001P002R002A005"
    changes = (("S002", "S001"), ("P002", "P001"), ("R002", "R001"), ("A005", "A001"))
    others = [asked.replace(*change) for change in changes]
    for name in (asked, asked.replace("C001", "C002"), *others):
        np.save(tmp_path / "shots" / f"{name}.npy", make_clip(name))
    ingest(library, Request(name="shots", source=tmp_path / "shots"))
    build_index(library, BuildRequest(dataset="shots", encoder="e", name="s", window=window, device="cpu"))
    (answer,) = library.index("s", device="cpu").search(
        [f"shots:{asked}"], k=99, exclude_same_performance=True
    )
    assert {hit.name for hit in answer.hits} == set(others)
    assert len(answer.hits) == 4 if window is None else len(answer.hits) > 8


def test_what_a_searcher_keeps_of_the_catalog_is_bounded(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.search.catalog_memory._MOST_ROWS", 10)
    monkeypatch.setattr("umurl_search.search.catalog_memory._MOST_FILTERS", 2)
    searcher = indexed.index(device="cpu")
    clip = clips_of(indexed)[0]
    for camera in (1, 2, 3, 1, 2, 3):
        (answer,) = searcher.search([clip], k=8, where=f"camera = {camera}")
        assert {hit.row["camera"] for hit in answer.hits} == {camera}
        assert len(searcher._seen.rows) <= 10 + 8
        assert len(searcher._seen.passing) <= 3
