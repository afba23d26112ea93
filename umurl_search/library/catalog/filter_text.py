"""Filters as text: several conditions made into one, before any of it is looked over or run."""

import re
from collections.abc import Sequence

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_OPENING, _CLOSING = "([{", ")]}"


def join_filters(expressions: Sequence[str]) -> str:
    """One filter that passes what each of them passes.

    Raises ValueError for one that ends before its brackets do, or the other way round: it would mean something else
    beside the others.
    """
    for expression in expressions:
        if not _is_whole(expression):
            raise ValueError(
                f"'{expression}' is no condition of its own: its brackets, quotes or comments do not end"
            )
    return " and ".join(f"({expression})" for expression in expressions)


def _is_whole(expression: str) -> bool:
    """Whether brackets close in order, quotes end and no comment swallows what follows."""
    bare, open_ones = _QUOTED.sub("", expression), []
    if "'" in bare or '"' in bare or "--" in bare or "/*" in bare or not expression.strip():
        return False
    for letter in bare:
        if letter in _OPENING:
            open_ones.append(letter)
        elif letter in _CLOSING and (not open_ones or open_ones.pop() != _OPENING[_CLOSING.index(letter)]):
            return False
    return not open_ones
