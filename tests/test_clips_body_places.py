"""A body keeps its place when another leaves."""

from umurl_search.clips.body_places import find_places


def test_a_body_that_leaves_leaves_its_place_empty() -> None:
    assert find_places([0, 0, 1, 2, 2], ["a", "b", "b", "b", "a"]) == [0, 1, 1, 1, 0]


def test_a_new_body_takes_the_place_of_one_that_does_not_come_back() -> None:
    assert find_places([0, 0, 1, 2, 2], ["a", "b", "b", "c", "b"]) == [0, 1, 1, 0, 1]
    assert find_places([0, 1, 2], ["a", "b", "c"]) == [0, 0, 0]
    assert find_places([0, 1, 2], ["a", "b", "a"]) == [0, 1, 0]


def test_ids_that_two_bodies_share_say_nothing() -> None:
    assert find_places([0, 0, 1], ["a", "a", "b"]) is None
    assert find_places([], []) == []
