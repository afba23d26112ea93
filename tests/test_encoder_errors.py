"""A library's own error in one line of what can be shown."""

import pytest

from encoder.errors import MOST_SAID, one_line, reason_of


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
