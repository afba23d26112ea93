"""Many askers at once get the answers of one alone, and memory stays where it was."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from umurl_search.library.library import Library
from umurl_search.search.results import SearchOptions
from umurl_search.search.searcher import QueryBatch, Searcher

Found = list[tuple[int, float]]


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
