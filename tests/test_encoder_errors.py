"""Errors: a message, and apart from it a hint that a terminal, Python and HTTP word each in its way."""

import pickle

import pytest

from encoder.errors import Hint, UmurlError

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
