"""Bridges that requests need first: fitted once, beside them."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import Client, npy, problem

from umurl_search.library.library import Library
from umurl_search.search.options import MatchOptions
from umurl_search.search.searcher import Searcher
from umurl_search.serve.bridge_fits import BridgeFits
from umurl_search.serve.errors import HttpError


class Slow:
    """A searcher whose bridges take until they are let go."""

    def __init__(self) -> None:
        self.parts, self.row, self.fitted, self.may_end = [self], {"name": "i"}, 0, threading.Event()

    def holds_layout_bridge(self, layout: str, how: MatchOptions) -> bool:
        return False

    def layout_bridge(self, layout: str, how: MatchOptions) -> None:
        self.may_end.wait(20)
        self.fitted += 1
        if layout == "halpe-26":
            raise ValueError("no such thing")


def test_a_request_waits_a_while_and_is_told_to_come_again() -> None:
    slow: Any = Slow()
    fits = BridgeFits(wait_s=0.05)
    for _ in range(2):
        with pytest.raises(HttpError, match="a bridge from coco-17 to i is being fitted, once") as told:
            fits.require(slow, "coco-17", MatchOptions())
    assert (told.value.status, told.value.retry_s) == (503, 5)
    slow.may_end.set()
    patient = BridgeFits(wait_s=20)
    patient.require(slow, "coco-17", MatchOptions())
    deadline = time.monotonic() + 20
    while fits._begun and time.monotonic() < deadline:
        time.sleep(0.01)
    assert slow.fitted == 2
    with pytest.raises(ValueError, match="no such thing"):
        patient.require(slow, "halpe-26", MatchOptions())
    assert not patient._begun


def test_the_first_query_of_pictures_comes_again(indexed: Library) -> None:
    pixels = np.random.default_rng(0).uniform(100, 600, (30, 17, 3)).astype(np.float32)
    pixels[..., 2] = 1
    with Client(indexed, bridge_s=0.0) as client:
        first = client.ask_with("x.npy", npy(pixels), layout="coco-17")
        assert "is being fitted" in problem(first, 503)
        assert first.headers["Retry-After"] == "5"
        assert "ask_with" in first.json()["hint"]["text"]
        deadline = time.monotonic() + 60
        while (answer := client.ask_with("x.npy", npy(pixels), layout="coco-17")).status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert answer.json()["query"]["layout_bridge"] is True


def test_a_bridge_that_cannot_be_kept_answers_all_the_same(indexed: Library) -> None:
    (indexed.root / "bridges").write_text("in the way")
    searcher = Searcher(indexed, "mine@e", device="cpu")
    bridge = searcher.layout_bridge("coco-17", MatchOptions(views=0))
    assert bridge.unkept is not None
    assert str(Path("bridges")) in bridge.unkept
