"""How alike a query each stretch of a recording is."""

import pytest
from conftest import LONG, LONG_INDEX
from serving import Client, problem

from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher


def test_a_timeline(read_long_client: Client, long: Library) -> None:
    asked = {"clip": f"long:{LONG[1]}@2-5", "recording": f"long:{LONG[0]}", "index": LONG_INDEX}
    found = read_long_client.post("/api/timelines", json=asked).json()
    searcher = Searcher(long, LONG_INDEX, device="cpu")
    mine = searcher.index.ids == found["recording"]["id"]
    assert searcher.index.spans is not None
    spans = [[one["start"], one["stop"]] for one in found["windows"]]
    assert spans == sorted(searcher.index.spans[mine].tolist())
    answer = searcher.search([f"long:{LONG[1]}@2-5"], k=500, where=f"id = {found['recording']['id']}")[0]
    by_span = {(one["start"], one["stop"]): one["score"] for one in found["windows"]}
    assert len(answer.hits) > 1
    for hit, peak in zip(answer.hits, found["peaks"], strict=False):
        assert (peak["start"], peak["stop"]) == (hit.start, hit.stop)
        assert hit.start is not None
        assert hit.stop is not None
        assert by_span[hit.start, hit.stop] == pytest.approx(hit.score, abs=1e-5)
    assert max(by_span.values()) == found["peaks"][0]["score"]
    about = read_long_client.get(f"/api/clips/{found['recording']['id']}").json()
    assert found["segments"] == about["segments"]
    assert len(found["segments"]) > 1
    by_number = read_long_client.post("/api/timelines", json={**asked, "recording": found["recording"]["id"]})
    assert by_number.json() == found


def test_timelines_that_are_refused(read_long_client: Client, read_client: Client) -> None:
    asked = {"clip": f"long:{LONG[1]}", "recording": "long:nobody", "index": LONG_INDEX}
    assert "no recording 'long:nobody'" in problem(read_long_client.post("/api/timelines", json=asked), 404)
    whole = read_client.post("/api/timelines", json={"clip": {"id": 1}, "recording": 1})
    assert "is of whole clips" in problem(whole, 400)
