"""Numbers out of text, thousands at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

_MARGIN = b" " * 7 + b"\n"
_POWERS = np.array([10.0**n for n in range(9)])
_SPACE, _NEWLINE, _MINUS, _POINT, _ZERO = b" \n-.0"


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text and where its lines and words lie. Lines count from 1.

    data: the text after a margin of one line (so that eight bytes lie before the end of every word).
    breaks: (B,) positions of blanks and line ends. A word lies between two of them; two in a row make an
        empty word. `line_breaks`: (n_lines + 1,) which of the breaks end a line, the margin's first.
    line_ends: the positions of those.
    ended: whether the last line has its line end.
    """

    data: bytes
    breaks: Integers
    line_breaks: Integers
    line_ends: list[int]
    ended: bool

    @property
    def n_lines(self) -> int:
        return len(self.line_ends) - 1

    def line(self, number: int) -> bytes:
        return self.data[self.line_ends[number - 1] + 1 : self.line_ends[number]]

    def is_cut(self, number: int) -> bool:
        return number == self.n_lines and not self.ended


def index_text(content: bytes) -> Text:
    """The lines and words of a text."""
    ended = content.endswith(b"\n")
    data = _MARGIN + content + (b"" if ended else b"\n")
    characters = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(characters <= _SPACE)
    line_breaks = np.flatnonzero(characters[breaks] == _NEWLINE)
    line_ends = breaks[line_breaks].tolist()
    return Text(data=data, breaks=breaks, line_breaks=line_breaks, line_ends=line_ends, ended=ended)


def parse_words(text: Text, starts: Integers, ends: Integers) -> NDArray[np.float64]:
    """The numbers that the words at [starts, ends) spell, each the double nearest to its decimal.

    starts, ends: (n,) positions in `text.data`, no word empty. Words like `-0.1234567` (one digit, at most
    eight decimals) are read together: digits and power of ten are exact doubles, so their quotient is
    rounded once. The others are read one by one.
    Raises: ValueError for a word that is no number.
    """
    characters = np.frombuffer(text.data, np.uint8)
    negative = characters[starts] == _MINUS
    units_at = starts + negative
    units = characters[units_at] - np.uint8(_ZERO)
    n_decimals = ends - units_at - 2
    decimals, simple = _decimals(text.data, ends, n_decimals)
    point_at = np.minimum(units_at + 1, len(characters) - 1)
    simple &= (units <= 9) & ((n_decimals == -1) | (characters[point_at] == _POINT))
    powers = _POWERS[n_decimals.clip(0, 8)]
    numbers: NDArray[np.float64] = (units * powers + decimals) / powers
    np.negative(numbers, out=numbers, where=negative)
    others = np.flatnonzero(~simple)
    bounds = zip(starts[others].tolist(), ends[others].tolist(), strict=True)
    numbers[others] = [float(text.data[start:end]) for start, end in bounds]
    return numbers


def _decimals(data: bytes, ends: Integers, n_decimals: Integers) -> tuple[Words, NDArray[np.bool_]]:
    """The last `n_decimals` characters of each word as an integer, and whether they are up to eight digits.

    -1 decimals, of a word of one character that has no point, are none: 0.
    The eight characters before a word's end are one 64-bit integer, first character lowest; its digits are
    added up in pairs, then fours, then eights.
    """
    window = np.ndarray((len(data) - 7,), "V8", data, 0, (1,))
    digits = window[ends - 8].view("<u8") ^ np.uint64(0x3030303030303030)
    unwanted = (8 * (8 - n_decimals.clip(0, 8))).astype(np.uint64)
    digits = (digits >> unwanted) << unwanted
    overflowing = ((digits + np.uint64(0x7676767676767676)) | digits) & np.uint64(0x8080808080808080)
    simple = (overflowing == 0) & (n_decimals <= 8)
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    high = (pairs & mask) * np.uint64(0x000F424000000064)
    low = ((pairs >> np.uint64(16)) & mask) * np.uint64(0x0000271000000001)
    return (high + low) >> np.uint64(32), simple
