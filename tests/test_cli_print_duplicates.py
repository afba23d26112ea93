"""Groups of `duplicates` and rows of `leaks` on the terminal."""

from collections.abc import Callable

from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_duplicates_drawing(command: Command, indexed: Library) -> None:
    told = command("duplicates", "mine@e", "--above", "-1", "--modality", "joint")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[:3] == [
        "mine, index mine@e, joint, encoder e, transform none",
        "twins score -1.000000 or more",
        "1,770 pairs, 1 groups of 60 of 60 clips; 1 groups hold several actions",
    ]
    assert lines[4].split()[0] == "60"
    assert "1, 2, 3 and 1 more" in lines[4]
    chosen = command("duplicates").out
    assert "within 0.1 of the usual distance to the nearest clip (score 0.9" in chosen
    assert "median of 60 clips); --above sets another" in chosen


def test_leaks_document_and_drawing(command: Command, indexed: Library) -> None:
    document = command("leaks", "--protocol", "xsub", "--above", "-1", "--json").json
    assert (document["protocol"], document["leaking"], document["share"]) == ("xsub", 30, 1.0)
    told = command("leaks", "--above", "-1")
    assert (told.code, told.err) == (0, "")
    assert "30 of 30 test clips (100.0 %) have a near-twin among 30 training clips" in told.out
    assert "and 10 more clips: --json lists all" in told.out
    assert command("leaks", "--above", "1").out.splitlines()[2] == (
        "0 of 30 test clips (0.0 %) have a near-twin among 30 training clips"
    )
