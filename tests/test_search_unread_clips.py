"""What is named as a query and is no clip keeps the hint of the error that said so."""

from encoder.errors import Hint, UmurlError
from umurl_search.clips.clip import LeftOut
from umurl_search.search.unread_clips import Unread, none_read_error, why

OMIT = Hint("omit {option}", option="layout")
GONE = Unread.of("a.npy", UmurlError("a.npy: no such file", "give the path of a clip"))
OTHER = Unread.of("b.npy", UmurlError("b.npy: the clip has 20 joints", OMIT))
EMPTY = LeftOut(name="c", reason="no body")


def test_a_line_says_what_mends_it() -> None:
    assert why(GONE) == "no such file; give the path of a clip"
    assert why(OTHER) == "the clip has 20 joints; omit --layout"
    assert why(EMPTY) == "no body"


def test_nothing_to_ask_with_is_said_with_the_first_hint() -> None:
    one = none_read_error([OTHER])
    assert (one.message, one.hint) == ("b.npy: the clip has 20 joints", OMIT)
    several = none_read_error([GONE, OTHER])
    assert several.typed == (
        "none of the 2 clips can be read; the first, a.npy: no such file; give the path of a clip"
    )
    assert none_read_error([EMPTY]).typed == "c: no body"
    assert none_read_error([]).typed == "there is no clip to ask with; give clips, a folder or a dataset"
