"""Notes of many clips in few lines."""

from umurl_search.clips.note_kinds import describe_kind, describe_kinds, group_notes, join_notes

TOLD = [("a", "odd"), ("a", "3 of 1,200 frames"), ("b", "12 of 7 frames"), ("c", "0.5 of 9.25 frames")]


def test_notes_that_differ_in_numbers_are_of_one_kind() -> None:
    kinds = group_notes(TOLD)
    assert [len(kind) for kind in kinds] == [3, 1]
    assert describe_kind(kinds[0]) == "3 clips, such as a: 3 of 1,200 frames"
    assert describe_kind(kinds[1]) == "1 clip, a: odd"
    assert describe_kinds(TOLD, what="mine") == [f"mine: {describe_kind(kind)}" for kind in kinds]


def test_few_kinds_are_described() -> None:
    lines = describe_kinds([("a", chr(97 + i)) for i in range(20)], what="mine")
    assert len(lines) == 13
    assert lines[-1] == "mine: 8 further kinds of notes on clips"
    assert describe_kinds([], what="mine") == []


def test_notes_on_clips_are_joined_behind_those_on_all() -> None:
    told = [
        ("a", "a: odd 1"),
        ("a", "across a bridge"),
        ("b", "b: odd 2"),
        ("b", "across a bridge"),
        ("b", "b: x"),
    ]
    assert join_notes(told) == ["across a bridge", "2 clips, such as a: odd 1", "b: x"]
