"""Guards readers/safe_pickle.py and readers/pyskl.py: pickles made to do harm run nothing and open nothing."""

import os
import pickle
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.guard import watch
from fuzz.sources import only_reason, read, write
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers import open_reader
from umurl_search.readers.safe_pickle import load

pytestmark = pytest.mark.usefixtures("soon")


# pickles


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch {marker}'\ntR.",
        b'cbuiltins\nexec\n(S\'open("{marker}", "w")\'\ntR.',
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"(S'touch {marker}'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch {marker}'\no.",
        b"cnumpy\nsave\n(S'{marker}'\nI1\ntR.",
        b"cnumpy\nfromfile\n(S'/etc/hostname'\ntR.",
        b"cnumpy\nload\n(S'/etc/hostname'\ntR.",
        b"cnumpy\nmemmap\n(S'{marker}'\nS'int8'\nS'w+'\nI0\n(I9\nttR.",
        b"cnumpy.core.multiarray\nfromstring\n(S'1'\ntR.",
        b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR.",
        b"ctorch\nload\n(S'/etc/hostname'\ntR.",
        b"cumurl_search.readers.safe_pickle\nload\n(S'/etc/hostname'\ntR.",
        b"cnumpy\ndtype.__class__\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02\x83\x01\0.",
        b"\x80\x02\x84\1\0\0\0.",
        b"Pfile\n.",
        b"(K\x01Q.",
        b"\x97.",
        b"\x80\x05\x97\x98.",
        b"c_codecs\nencode\n(X\x01\0\0\0aX\x03\0\0\0hextR.",
        b"c_codecs\nencode\n}X\x0c\0\0\0__defaults__N\x86b.",
        b"c_codecs\nencode\nN}X\x0c\0\0\0__defaults__(K\x01K\x01ts\x86b.",
        b"cnumpy.core.multiarray\n_reconstruct\n}X\x01\0\0\0aK\x01sb.",
        b"cnumpy\ndtype\n}X\x08\0\0\0__init__K\x01sb.",
    ],
)
def test_pickles_that_would_run_something(source: Path, content: bytes, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = write(source, "some.pkl", content.replace(b"{marker}", os.fsencode(marker)))
    with (
        pytest.raises(UmurlError, match=r"some\.pkl: (refused|no whole pickle)"),
        watch(source.resolve(), n_bytes=99),
    ):
        load(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"]r\xff\xff\xff\x0f.", "refused: it skips places in its table"),
        (b"]p999999999\n.", "refused: it skips places in its table"),
        (b"\x8f" * 100_000 + b".", "refused: it holds sets"),
        (b"\x8e" + struct.pack("<Q", 2**40) + b"a.", "no whole pickle"),
        (b"\x96" + struct.pack("<Q", 2**62) + b"a.", "no whole pickle"),
        (b"X\xff\xff\xff\x7fa.", "no whole pickle"),
        (b"\x8b\xff\xff\xff\x7fa.", "no whole pickle"),
        (b"L" + b"9" * 100_000 + b"L\n.", "no whole pickle"),
        (pickle.dumps(np.zeros(0, "S3")).replace(b"S3", b"S0"), "refused: it holds an array of 'S0'"),
    ],
)
def test_pickles_that_ask_for_much_memory(source: Path, content: bytes, said: str) -> None:
    path = write(source, "some.pkl", content)
    with pytest.raises(UmurlError, match=said), watch(source.resolve(), n_bytes=len(content)):
        load(path)


def test_an_array_of_very_many_empty_rows(source: Path) -> None:
    path = write(source, "some.pkl", pickle.dumps(np.zeros((10**12, 0))))
    with pytest.raises(UmurlError, match="an array of very many rows and no values"):
        load(path)


def laughs(depth: int) -> list[Any]:
    """2 ** depth entries in `depth` lists."""
    inner: list[Any] = ["ha"]
    for _ in range(depth):
        inner = [inner, inner]
    return inner


def flat_deep(depth: int) -> bytes:
    """The pickle of a list that many deep, which `pickle.dumps` cannot write."""
    return b"]" * depth + b"a" * (depth - 1)


@pytest.mark.parametrize("nest", [pickle.dumps(laughs(60))[:-1], flat_deep(100_000)])
@pytest.mark.parametrize("place", ["frame_dir", "label", "total_frames", "keypoint", "split", "names"])
def test_nests_in_a_pickle(source: Path, place: str, nest: bytes) -> None:
    marker = b"X\x04\0\0\0HERE"
    annotation = {"frame_dir": "a", "label": 1, "total_frames": 1, "keypoint": np.ones((1, 1, 25, 3), "f2")}
    content: dict[str, Any] = {"split": {"xsub_train": ["a"]}, "annotations": [annotation]}
    if place in annotation:
        annotation[place] = "HERE"
    else:
        content["split"] = "HERE" if place == "split" else {"xsub_train": ["HERE"]}
    plain = pickle.dumps(content, 2)
    assert marker in plain
    nest = nest.removeprefix(b"\x80\x04\x95" + nest[3:11])  # its protocol and frame
    write(source, "some.pkl", plain.replace(marker, nest.replace(b"\x94", b"")))
    with suppress(UmurlError):
        found = read("pyskl", source)
        assert all(isinstance(one, Clip) or len(one.detail) < 300 for one in found)


# names


NAMES = {
    "../../x": "../../x",
    "/etc/passwd": "/etc/passwd",
    "C:\\x": "C:\\x",
    "a\0b": "a\\x00b",
    "a\nb\r": "a\\nb\\r",
    "\x1b[2Ja": "\\x1b[2Ja",
    "\u202egpj.exe": "\\u202egpj.exe",
    "\u2028": "\\u2028",
    "é~`$(id)": "é~`$(id)",
    "x" * 10_000_000: "x" * 200 + "...",
    "a" + "1" * 5000 + "_s1_t1": "a" + "1" * 199 + "...",
    "a9999999999999999999_s1_t1": "a9999999999999999999_s1_t1",
}
"""Name in a pickle -> as it is shown."""


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_in_pickles(source: Path, name: str) -> None:
    annotation = {"frame_dir": name, "label": 1, "total_frames": 1, "keypoint": np.ones((1, 1, 25, 3), "f2")}
    write(
        source,
        "some.pkl",
        pickle.dumps({"split": {"xsub_train": [name]}, "annotations": [annotation, annotation]}),
    )
    first, second = read("pyskl", source)
    assert isinstance(second, LeftOut)
    assert (first.name, second.name) == (NAMES[name], NAMES[name])
    if NAMES[name] == name:
        assert isinstance(first, Clip)
        assert first.subject is None
    else:
        assert isinstance(first, LeftOut)
        assert first.detail == "its name is very long or holds characters that do not print"
    assert {path.name for path in source.parent.rglob("*")} == {"source", "some.pkl"}


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\ud800", "x" * 200])
def test_protocols_in_pickles(source: Path, name: str) -> None:
    path = write(source, "some.pkl", pickle.dumps({"split": {f"{name}_train": []}, "annotations": []}))
    with raises_typed(r"some\.pkl: '.*' cannot name a protocol; rename it in the file$"):
        open_reader("pyskl", [path]).splits()


@pytest.mark.parametrize("label", [-2, 2**63, 10**40])
def test_labels_beyond_all_classes(source: Path, label: int) -> None:
    annotation = {
        "frame_dir": "a",
        "label": label,
        "total_frames": 1,
        "keypoint": np.ones((1, 1, 25, 3), "f2"),
    }
    write(source, "some.pkl", pickle.dumps({"annotations": [annotation]}))
    assert only_reason("pyskl", source) == ("malformed", f"its label is {label}, not a class from 0")


def test_the_label_that_stands_for_none(source: Path) -> None:
    annotation = {"frame_dir": "a", "label": -1, "total_frames": 1, "keypoint": np.ones((1, 1, 25, 3), "f2")}
    write(source, "some.pkl", pickle.dumps({"annotations": [annotation]}))
    (clip,) = read("pyskl", source)
    assert isinstance(clip, Clip)
    assert clip.label is None
