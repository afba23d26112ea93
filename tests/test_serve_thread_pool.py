"""A bounded number of threads: who finds none free in time is told to come again."""

import re
import threading
from collections import Counter

import pytest
from serving import Client, problem
from sockets import answer_slowly

from umurl_search.library.library import Library


def test_who_finds_no_free_thread_in_time_is_told_to_come_again(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(indexed, searches=1, wait_s=0.2, waiting=2) as client:
        refused = re.compile(r'requests_total{method="POST",route="[^"]*",status="503"} 4.0$', re.MULTILINE)
        others_refused = lambda: refused.search(client.service.measures.text()) is not None  # noqa: E731
        monkeypatch.setattr(client.service.asker, "query", lambda body: answer_slowly(others_refused))
        answers = client.request_together(*[("POST", "/api/query", {"json": {"clip": {"id": 7}}})] * 5)
        assert Counter(one.status_code for one in answers) == {200: 1, 503: 4}
        assert all(one.headers["retry-after"] for one in answers if one.status_code == 503)
        assert client.get("/api/health").status_code == 200
        monkeypatch.undo()
        assert client.post("/api/query", json={"clip": {"id": 7}}).status_code == 200


def test_what_takes_too_long_is_given_up(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(indexed, request_s=0.2) as client:
        given_up = threading.Event()
        monkeypatch.setattr(client.service.asker, "query", lambda body: answer_slowly(given_up.is_set))
        assert "too long" in problem(client.post("/api/query", json={"clip": {"id": 7}}), 503)
        given_up.set()
