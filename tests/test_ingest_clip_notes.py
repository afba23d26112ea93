"""Notes of many clips in few lines."""

from typing import Any

from umurl_search.ingest.clip_notes import describe_clip_notes


def journal(*notes: list[str]) -> list[dict[str, Any]]:
    return [
        {"clips": [{"name": f"clip{i}", "notes": one} for i, one in enumerate(notes)]},
        {"clips": [{"name": "old"}]},
    ]


def test_notes_that_differ_in_numbers_are_one_line() -> None:
    lines = describe_clip_notes(
        journal(["3 people in 1,200 frames", "odd"], ["12 people in 7 frames"], []), what="mine"
    )
    assert lines == ["mine: 2 clips, such as clip0: 3 people in 1,200 frames", "mine: 1 clip, clip0: odd"]


def test_few_kinds_are_shown() -> None:
    lines = describe_clip_notes(journal([chr(97 + i) for i in range(20)]), what="mine")
    assert len(lines) == 13
    assert lines[-1] == "mine: 8 further kinds of notes on clips"


def test_good_data_has_no_line() -> None:
    assert describe_clip_notes(journal([], []), what="mine") == []
