"""Heads of `.npy` files that lie: refused before memory is taken for what they say."""

from pathlib import Path

import pytest
from fuzz.guard import watch
from fuzz.sources import npy_header, only_reason, write

from encoder.errors import UmurlError
from umurl_search.clips.normalization import Conventions
from umurl_search.library.library import Library
from umurl_search.search.query_clip import read_clip

pytestmark = pytest.mark.usefixtures("soon")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy_header("(1000000000000, 25, 3)"), "bytes, its header announces 300000000000"),
        (npy_header(f"({10**30}, 25, 3)"), f"a shape of ({10**30}, 25, 3)"),
        (npy_header(f"({2**62}, 0, 25, 3)"), f"a shape of ({2**62}, 0, 25, 3)"),
        (npy_header("(" + "1, " * 40 + ")") + b"0000", "a shape of (1, 1, "),
        (npy_header("(-1, 25, 3)"), "a shape of (-1, 25, 3)"),
        (npy_header("(1, 25, 3)", descr="'|O'") + b"\0" * 600, "holds Python objects, not numbers: refused"),
        (npy_header("(1, 25, 3)", descr="'<U9'") + b"\0" * 2700, "holds <U9, not numbers"),
        (npy_header("(1, 25, 3)", descr="[('a', '<f4')]") + b"\0" * 300, "not numbers"),
        (npy_header("(" * 5000), "no npy header ("),
        (npy_header("__import__('os').system('true')"), "no npy header ("),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b" " * 99 + b"\n", "a header of 4294967295 bytes"),
    ],
)
def test_headers_of_arrays(source: Path, content: bytes, said: str) -> None:
    path = write(source, "a.npy", content)
    reason, detail = only_reason("npy", source)
    assert reason in ("malformed", "truncated")
    assert said in detail
    with pytest.raises(UmurlError, match=r"a\.npy: "), watch(source.resolve(), n_bytes=len(content)):
        read_clip(Library(source / "no"), str(path), conventions=Conventions())
