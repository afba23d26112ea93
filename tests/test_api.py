"""The library from Python: opened, asked by several at once, and the page that shows it."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from documents import clips_of, ranks_and_names, scores
from refusals import raises_typed

import umurl_search
from umurl_search import BatchRequest, Library, QueryRequest, Searcher, query_many

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_threads_and_batches_answer_as_one_by_one(indexed: Library) -> None:
    searcher = Library.open(indexed.root).index("mine@e", device="cpu")
    assert isinstance(searcher, Searcher)
    clips = clips_of(indexed)[::9]
    asked = [(clip, modality) for clip in clips for modality in ("fused", "bone")]
    alone = [searcher.search([clip], modality=modality, k=5)[0] for clip, modality in asked]
    fresh = Library.open(indexed.root).index(device="cpu")  # nothing opened yet: threads open it together
    with ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(lambda one: fresh.search([one[0]], modality=one[1], k=5)[0], asked))
    assert ranks_and_names(threads) == ranks_and_names(alone)
    assert scores(threads) == scores(alone)
    for modality in ("fused", "bone"):
        together = searcher.search(clips, modality=modality, k=5)
        mine = [answer for answer, (_, m) in zip(alone, asked, strict=True) if m == modality]
        assert ranks_and_names(together) == ranks_and_names(mine)
        assert scores(together) == pytest.approx(scores(mine), abs=1e-5)
        assert [answer.name for answer in together] == clips
        how = QueryRequest(clip="", modality=modality, k=5, device="cpu")
        batch = query_many(indexed, BatchRequest(sources=tuple(clips), how=how))["queries"]
        assert [[(hit["rank"], hit["name"]) for hit in one["hits"]] for one in batch] == ranks_and_names(mine)


def test_an_array_answers_as_its_file(indexed: Library, made: Path) -> None:
    searcher = indexed.index(device="cpu")
    path = made / "clips" / "S001C001P001R001A010.npy"
    file, array = searcher.search([path, np.load(path)], k=3, where="camera = 2")
    assert ranks_and_names([array]) == ranks_and_names([file])
    assert scores([array]) == scores([file])
    assert (array.passing, {hit.row["camera"] for hit in array.hits}) == (20, {2})


def test_a_library_that_is_not_there(tmp_path: Path, indexed: Library) -> None:
    with raises_typed(r"nowhere: no library here yet; make one with: umurl-search demo$"):
        Library.open(tmp_path / "nowhere")
    assert Library.open().root == indexed.root
    with raises_typed(r"^no index 'x'; there are mine@e: umurl-search build-index mine makes one$"):
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
