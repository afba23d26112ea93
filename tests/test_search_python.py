"""The library from Python: opened, asked by several at once, and the page that shows it."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import umurl_search
from encoder.errors import UmurlError
from umurl_search import Answer, BatchRequest, Library, QueryRequest, Searcher, query_many
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.windows import Window
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.synthetic.demo_corpus import make_clip

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def found(answers: list[Answer]) -> list[list[tuple[int, str]]]:
    return [[(hit.rank, hit.name) for hit in answer.hits] for answer in answers]


def scores(answers: list[Answer]) -> list[float]:
    return [hit.score for answer in answers for hit in answer.hits]


def clips_of(library: Library) -> list[str]:
    with library.read() as catalog:
        return [f"mine:{name}" for name in catalog.clips_of("mine").name]


def test_threads_and_batches_answer_as_one_by_one(indexed: Library) -> None:
    searcher = Library.open(indexed.root).index("mine@e", device="cpu")
    assert isinstance(searcher, Searcher)
    clips = clips_of(indexed)[::9]
    asked = [(clip, modality) for clip in clips for modality in ("fused", "bone")]
    alone = [searcher.search([clip], modality=modality, k=5)[0] for clip, modality in asked]
    fresh = Library.open(indexed.root).index(device="cpu")  # nothing opened yet: threads open it together
    with ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(lambda one: fresh.search([one[0]], modality=one[1], k=5)[0], asked))
    assert found(threads) == found(alone)
    assert scores(threads) == scores(alone)
    for modality in ("fused", "bone"):
        together = searcher.search(clips, modality=modality, k=5)
        mine = [answer for answer, (_, m) in zip(alone, asked, strict=True) if m == modality]
        assert found(together) == found(mine)
        assert scores(together) == pytest.approx(scores(mine), abs=1e-5)
        assert [answer.name for answer in together] == clips
        how = QueryRequest(clip="", modality=modality, k=5, device="cpu")
        batch = query_many(indexed, BatchRequest(sources=tuple(clips), how=how))["queries"]
        assert [[(hit["rank"], hit["name"]) for hit in one["hits"]] for one in batch] == found(mine)


def test_an_array_answers_as_its_file(indexed: Library, made: Path) -> None:
    searcher = indexed.index(device="cpu")
    path = made / "clips" / "S001C001P001R001A010.npy"
    file, array = searcher.search([path, np.load(path)], k=3, where="camera = 2")
    assert found([array]) == found([file])
    assert scores([array]) == scores([file])
    assert (array.passing, {hit.row["camera"] for hit in array.hits}) == (20, {2})


def test_a_library_that_is_not_there(tmp_path: Path, indexed: Library) -> None:
    with pytest.raises(UmurlError, match=r"nowhere: no library here yet; make one with: umurl-search demo$"):
        Library.open(tmp_path / "nowhere")
    assert Library.open().root == indexed.root
    with pytest.raises(
        UmurlError, match=r"^no index 'x'; there are mine@e: umurl-search build-index makes one$"
    ):
        Library.open(str(indexed.root)).index("x")


def test_the_page_runs(
    indexed: Library,
    made: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(indexed.root, tmp_path / "my-library")
    (tmp_path / "my_clips").mkdir()
    for source, name in (("S001C001P001R001A001", "my_clips/kick"), ("S001C002P002R001A005", "clip")):
        np.save(tmp_path / f"{name}.npy", np.load(made / "clips" / f"{source}.npy")[:, 0])
    monkeypatch.chdir(tmp_path)
    told: dict[str, object] = {}
    for code in re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        exec(compile(code, str(PAGE), "exec"), told)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("clip.npy 1 S001C00")
    assert len(lines) == 5 + 5 + 1 + 3
    assert lines[10].endswith(" of 60 rows")
    assert lines[11:] == [
        "2 clips asked, []",
        "0 groups of near-duplicates",
        "0.0 of the test clips have a twin among the training clips",
    ]


def test_the_page_names_what_there_is() -> None:
    rows = re.findall(r"^\| (`.*?) \| (`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    names = [name for row in rows for cell in row for name in re.findall(r"`(\w+)`", cell)]
    assert len(names) > 20
    assert [name for name in names if not hasattr(umurl_search, name)] == []


@pytest.mark.parametrize(
    ("clip", "k", "text"),
    [
        (np.zeros((9, 1, 25, 3)), 3, "nobody is in the clip"),
        (np.full((9, 1, 25, 3), np.nan), 3, "finite numbers"),
        (np.ones((9, 1, 17, 3)), 3, r"\(T, M, 25, 3\) or \(T, 25, 3\), got \(9, 1, 17, 3\)"),
        (np.ones((0, 1, 25, 3)), 3, r"got \(0, 1, 25, 3\)"),
        (np.ones((25, 3)), 3, r"got \(25, 3\)"),
        (np.ones((9, 3, 25, 3)), 3, "3 people are in the clip"),
        (np.ones((9, 1, 25, 3)), 0, "k is 1 or more"),
    ],
)
def test_what_is_no_clip_is_a_value_error(indexed: Library, clip: np.ndarray, k: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        indexed.index(device="cpu").search([clip], k=k)


def test_one_person_may_come_without_an_axis_and_with_an_absent_one(indexed: Library, made: Path) -> None:
    searcher = indexed.index(device="cpu")
    clip = np.load(made / "clips" / "S001C001P001R001A010.npy")
    one = clip[:, :1]
    beside = np.concatenate([np.zeros_like(one), one], axis=1)
    alone, without, with_nobody = searcher.search([one, one[:, 0], beside], k=3)
    assert found([alone]) == found([without]) == found([with_nobody])


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
    monkeypatch.setattr("umurl_search.search.searcher._MOST_ROWS", 10)
    monkeypatch.setattr("umurl_search.search.searcher._MOST_FILTERS", 2)
    searcher = indexed.index(device="cpu")
    clip = clips_of(indexed)[0]
    for camera in (1, 2, 3, 1, 2, 3):
        (answer,) = searcher.search([clip], k=8, where=f"camera = {camera}")
        assert {hit.row["camera"] for hit in answer.hits} == {camera}
        assert len(searcher._seen.rows) <= 10 + 8
        assert len(searcher._seen.passing) <= 3
