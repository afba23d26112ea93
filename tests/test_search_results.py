"""What a hit says of a moment."""

from collections.abc import Callable

import numpy as np
import pytest
from conftest import Result

from umurl_search.library.library import Library
from umurl_search.synthetic.long_recordings import make_recording


def test_a_hit_says_where_and_what(long: Library, command: Callable[..., Result]) -> None:
    (hit,) = command("query", "long:P002C001T01@3-5.5", "--k", 1, "--json").json["hits"]
    assert hit["score"] == pytest.approx(1, abs=1e-5)
    assert (hit["name"], hit["start_frame"], hit["stop_frame"]) == ("P002C001T01", 90, 165)
    assert (hit["start_s"], hit["end_s"], hit["dataset"], hit["label"]) == (3.0, 5.5, "long", None)
    segments = make_recording("P002C001T01").segments
    shared = [len(set(range(s.start, s.stop)) & set(range(90, 165))) for s in segments]
    there = segments[int(np.argmax(shared))]
    assert (hit["segment"]["action"], hit["segment"]["start_frame"]) == (there.action, there.start)
    assert hit["segment"]["iou"] == pytest.approx(
        max(shared) / len(set(range(90, 165)) | set(range(there.start, there.stop)))
    )
    printed = command("query", "long:P002C001T01@3-5.5", "--k", 1).out
    assert "1 moments in " in printed
    assert re_words(printed)[-1][:6] == ["1*", "1.0000", "long:P002C001T01", "3.0", "5.5", "90-165"]


def re_words(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.strip()]
