"""Seconds by stage."""

import time

import pytest

from umurl_search.timing import Clock


def test_a_lap_counts_from_the_one_before_and_the_total_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        at = iter([10.0, 12.0, 17.0])
        patched.setattr(time, "monotonic", lambda: next(at))
        clock = Clock()
        before = dict(clock.seconds)
        clock.lap("read")
        clock.lap("search")
    assert before == {"total": 0.0}
    assert clock.seconds == {"total": 7.0, "read": 2.0, "search": 5.0}
