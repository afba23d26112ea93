"""Errors: a message, and apart from it a hint that a terminal, Python and HTTP word each in its way."""

import pickle

import pytest

from encoder.errors import MOST_SAID, Hint, UmurlError, one_line, reason_of

COMMAND = Hint("{command}, then build it again", command=("delete", "index:a b"))
OPTION = Hint("{option} settles it", option="source_fps", value="25")


def test_a_message_stands_apart_from_its_hint() -> None:
    error = UmurlError("a.npy: no such file", "give the path of a clip")
    assert str(error) == error.message == "a.npy: no such file"
    assert error.typed == "a.npy: no such file; give the path of a clip"
    assert UmurlError("whole").typed == "whole"


def test_a_command_is_typed_as_a_shell_takes_it() -> None:
    assert COMMAND.typed == "umurl-search delete 'index:a b', then build it again"
    assert UmurlError("gone", COMMAND).typed == f"gone: {COMMAND.typed}"
    assert COMMAND.to_dict()["command"] == ["delete", "index:a b"]


def test_an_option_is_the_field_of_a_request_where_there_is_no_terminal() -> None:
    assert OPTION.typed == "--source-fps 25 settles it"
    assert OPTION.said == "source_fps 25 settles it"
    assert OPTION.to_dict() == {"text": OPTION.said, "command": None, "option": "source_fps", "value": "25"}


def test_a_hint_has_what_its_text_has_a_place_for() -> None:
    with pytest.raises(ValueError, match="a hint has its command where its text has a place for it"):
        Hint("do {command}")
    with pytest.raises(ValueError, match="a hint has its option"):
        Hint("do it", option="k")


def test_an_error_comes_whole_from_another_process() -> None:
    again = pickle.loads(pickle.dumps(UmurlError("gone", OPTION)))
    assert (again.message, again.hint) == ("gone", OPTION)


def test_other_words_keep_the_hint() -> None:
    assert UmurlError("/tmp/x: gone", OPTION).with_message("x: gone").typed == f"x: gone; {OPTION.typed}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("Cannot read it. Re-run with `unsafe=True` to trust it."), "Cannot read it"),
        (ValueError("version 2.6 of e.g. This is odd. Ask us"), "version 2.6 of e.g. This is odd"),
        (ValueError("\n first line:\n\tand more\n"), "first line"),
        (ValueError("in \x1b[1mbold\x1b[0m"), r"in \x1b[1mbold\x1b[0m"),
        (ValueError(""), "ValueError"),
        (EOFError(), "it ends too soon (EOFError)"),
        (KeyError("train"), "'train' is missing"),
        (FileNotFoundError(2, "No such file or directory", "a"), "No such file or directory"),
        (ValueError("word " * 50), f"{('word ' * 32).strip()} ..."),
        (ValueError("no float: " + "x" * 200), f"no float: {'x' * (MOST_SAID - 10)}..."),
    ],
)
def test_of_a_library_its_first_sentence(error: Exception, said: str) -> None:
    assert reason_of(error) == said


def test_a_line_is_one_line_of_what_can_be_shown() -> None:
    assert one_line("a\n\tb\x00 ü 漢\u202e") == "a b\\x00 ü 漢\\u202e"


def test_names_of_every_kind_are_kept() -> None:
    assert one_line("Grüße/動作-01.npy") == "Grüße/動作-01.npy"
