"""The base of every error that a user can mend, and what of a library's own error is worth a place in its line."""

import re

MOST_SAID = 160
"""Characters of a library's own message that a line of ours quotes."""
_SENTENCE_END = re.compile(r"(?<=[^\s.]{2})\. (?=[A-Z])")


class UmurlError(Exception):
    """A problem the user can mend: its one-line text says what, where, and the command that mends it."""


def one_line(text: str) -> str:
    """The text in one line; what a terminal would obey instead of showing it is written out."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def reason_of(error: BaseException) -> str:
    """What a library's exception says, in one line that reads as whole: its first sentence, `shorten`ed. What follows
    that sentence is advice to who wrote the call, not to who gave the command.
    """
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    if isinstance(error, KeyError):
        return f"{one_line(str(error))} is missing"
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return (
            f"it ends too soon ({type(error).__name__})"
            if isinstance(error, EOFError)
            else type(error).__name__
        )
    first = _SENTENCE_END.split(one_line(lines[0]))[0]
    return shorten(first.rstrip(".:;, "))


def shorten(line: str) -> str:
    """The line, cut where it is longer than MOST_SAID: between words, unless the last is a very long one."""
    if len(line) <= MOST_SAID:
        return line
    words, _, _ = line[: MOST_SAID + 1].rpartition(" ")
    return f"{words} ..." if len(words) > MOST_SAID // 2 else f"{line[:MOST_SAID]}..."
