"""The command `costs`: its document, its errors."""

from collections.abc import Callable

from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_the_shipped_encoder_is_the_default(command: Command) -> None:
    told = command("costs", "--no-measure", "--json")
    assert (told.code, told.err) == (0, "")
    document = told.json
    assert document["encoder"] == "shipped"
    assert (document["people"], document["frames"], document["measured"]) == (2, 64, None)
    assert [row["clips_per_s"] for row in document["rows"]] == [None] * 8


def test_an_encoder_of_the_library(command: Command, library: Library) -> None:
    document = command("costs", "--encoder", "e", "--people", "1", "--clips", "2", "--json").json
    assert (document["encoder"], document["width"], document["people"]) == ("e", 64, 1)
    assert all(row["clips_per_s"] > 0 for row in document["rows"])
    assert document["measured"]["clips"] == 2


def test_problems(command: Command) -> None:
    both = command("costs", "--preset", "tiny", "--encoder", "e")
    assert (both.code, both.out) == (2, "")
    assert "--encoder and --preset exclude each other" in both.err
    for wrong in (("--people", "3"), ("--clips", "0"), ("--preset", "huge")):
        assert command("costs", *wrong).code == 2, wrong
    unknown = command("costs", "--encoder", "x")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no encoder 'x'; there are shipped" in unknown.err
