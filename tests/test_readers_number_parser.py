"""Numbers out of text, against the plain parser to the bit."""

from hypothesis import given, settings
from hypothesis import strategies as st
from made_recordings import parse_by_tokens, skeleton

from umurl_search.readers.ntu import parse_skeleton

WORDS = st.one_of(
    st.floats(-10, 10).map("{:.7g}".format),
    st.floats(-10, 10).map("{:.8f}".format),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e-3, 1e-3).map("{:.6E}".format),
    st.floats(-1e-3, 1e-3).map("{:.7g}".format),
    st.integers(-99, 99).map(str),
    st.sampled_from(
        ["-0", "-0.0", "0.", ".5", "-.5", "+1.5", "1e3", "00.1", "0.123456789012345678901", "9.99999999"]
    ),
)
BLANKS = st.sampled_from([" ", " ", " ", " ", "  ", "\t"])


@st.composite
def skeleton_texts(draw: st.DrawFn) -> str:
    pool = draw(st.lists(WORDS, min_size=5, max_size=40))
    pick = draw(st.randoms(use_true_random=False)).choice
    n_bodies = draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    blank, trail = draw(BLANKS), draw(st.sampled_from(["", "", " ", "   "]))
    frames = [
        [[blank.join(pick(pool) for _ in range(3)) for _ in range(25)] for _ in range(count)]
        for count in n_bodies
    ]
    text = skeleton(frames, end=trail + draw(st.sampled_from(["\n", "\r\n"])))
    return text if draw(st.booleans()) else text.rstrip("\r\n")


@settings(max_examples=60, deadline=None)
@given(skeleton_texts())
def test_fast_parser_equals_the_token_parser_to_the_bit(text: str) -> None:
    parsed, wanted = parse_skeleton(text.encode()), parse_by_tokens(text)
    assert parsed.shape == wanted.shape
    assert parsed.tobytes() == wanted.tobytes()
