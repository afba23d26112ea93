"""Guards readers/, ingest/ and search/query_clip.py: recordings made to do harm are refused or left out."""

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fuzz import seeds
from fuzz.guard import watch
from fuzz.mutate import SEPARATOR
from fuzz.sources import npy_header, npz, only_reason, outcomes, read, write
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions
from umurl_search.ingest.splits_file import read_splits
from umurl_search.library.library import Library
from umurl_search.readers import FORMATS, detect, open_reader
from umurl_search.search.query_clip import read_clip

pytestmark = pytest.mark.usefixtures("soon")


# counts that a file does not warrant


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        (b"1000000000\n1\n", "malformed", "line 1: '1000000000' frames, at most 1000000 can be"),
        (b"1\n1000000000\n", "malformed", "line 2: '1000000000' bodies, at most 100 can be"),
        (b"9" * 5000 + b"\n", "malformed", "line 1: '99999999999999999999' is no number of frames"),
        (b"1000000\n1\n", "truncated", "it ends at line 2, before its number of joints"),
        (b"1\n100\n0\n24\n", "malformed", "line 4: 24 joints, not 25"),
    ],
)
def test_counts_in_a_skeleton_file(source: Path, content: bytes, reason: str, said: str) -> None:
    write(source, "a.skeleton", content)
    assert only_reason("ntu-skeleton", source) == (reason, said)


def test_a_body_among_a_million_empty_frames(source: Path) -> None:
    body = b"1 0 0 0 0 0 0 0 0 2\n25\n" + b"1 2 3 0 0 0 0 0 0 0 0 2\n" * 25
    write(source, "a.skeleton", b"1000000\n4\n" + body * 4 + b"0\n" * 999_999)
    assert only_reason("ntu-skeleton", source) == ("malformed", "1000000 frames for 4 bodies in all")
    write(source, "a.skeleton", b"6000\n4\n" + body * 4 + b"0\n" * 5_999)
    (clip,) = read("ntu-skeleton", source)
    assert isinstance(clip, Clip)
    assert (len(clip.frames), clip.cut) == (300, 5_700)


@pytest.mark.parametrize(
    "counts",
    [
        npy_header("(1000000000000,)", descr="'|i1'"),
        npy_header("(2,)", descr="'<f8'") + struct.pack("<2d", np.inf, 1),
        npy_header("(2,)", descr="'<c16'") + b"\0" * 32,
        b"PK\5\6" + b"\0" * 18,
    ],
)
def test_numbers_of_frames_beside_agcn_arrays(source: Path, counts: bytes) -> None:
    for name, content in zip(
        ("train_label.pkl", "train_data_joint.npy"), seeds.agcn()[0].split(SEPARATOR), strict=False
    ):
        write(source, name, content)
    write(source, "train_num_frame.npy", counts)
    with (
        pytest.raises(UmurlError, match=r"train_num_frame\.npy: "),
        watch(source.resolve(), n_bytes=10_000),
    ):
        open_reader("agcn", [source])


def test_labels_beyond_a_recording(source: Path) -> None:
    recording = (" ".join(["1.5"] * 75 + ["0"] * 75) + "\n").encode() * 10
    write(source, "data/0001-L.txt", recording)
    huge = "9" * 4000
    write(
        source,
        "labels/0001-L.txt",
        f"1,0,10,2\n2,8,1000000000,2\n3,10,20,2\n4,-5,{huge},2\n{huge},0,5,2\n5,{huge},{huge},2\n".encode(),
    )
    found = read("pku-mmd", source)
    assert [len(one.frames) if isinstance(one, Clip) else one.reason for one in found] == [
        10,
        2,
        "malformed",
        10,
        "malformed",
        "malformed",
    ]
    assert all(len(one.detail) < 300 for one in found if isinstance(one, LeftOut))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (b"1,0,10,2\n" * 20_000, "its label file names 20000 actions, at most 10000"),
        (b"1,0,10,2\n" * 17, "its labels name its frames over 16 times"),
        (b"\xff,0,1\n", "label file"),
    ],
)
def test_label_files_that_multiply_a_recording(source: Path, labels: bytes, said: str) -> None:
    write(source, "data/0001-L.txt", (" ".join(["1.5"] * 75 + ["0"] * 75) + "\n").encode() * 10)
    write(source, "labels/0001-L.txt", labels)
    assert said in read("pku-mmd", source)[0].detail  # type: ignore[union-attr]


# archives


def ctr_gcn(x: bytes, y: bytes, *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    few = {"x_test.npy": npy_header("(0, 3, 150)"), "y_test.npy": npy_header("(0,)", descr="'<i8'")}
    return npz({"x_train.npy": x, "y_train.npy": y, **few}, packing=packing)


ROW, LABEL = npy_header("(1, 1, 150)") + b"\1" * 600, npy_header("(1,)", descr="'|i1'") + b"\3"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ctr_gcn(npy_header(f"({10**12}, 0, 150)"), npy_header(f"({10**12}, 0)")), "not floats of"),
        (ctr_gcn(npy_header(f"({10**12}, 1, 150)"), LABEL), "its header announces 600000000000"),
        (ctr_gcn(npy_header("(1, 100000, 150)") + b"\0" * 60_000_000, LABEL), "no clip is that long"),
        (
            ctr_gcn(b"\x93NUMPY\x02\0" + b"\xff\xff\xff\x0f" + b" " * 200_000_000, LABEL),
            "a header of 268435455 bytes",
        ),
        (ctr_gcn(ROW, LABEL, packing=zipfile.ZIP_LZMA), "packed by method 14"),
        (ctr_gcn(ROW, npy_header("(1,)", descr="'|O'") + b"\0" * 8), "holds Python objects"),
        (npz({"../x_train.npy": ROW, "/y_train.npy": LABEL}), "missing from the archive"),
    ],
)
def test_archives_that_claim_more_than_they_hold(source: Path, content: bytes, said: str) -> None:
    write(source, "NTU60_CS.npz", content)
    with pytest.raises(UmurlError, match=said), watch(source.resolve(), n_bytes=len(content)):
        open_reader("ctr-gcn", [source])
    assert sorted(path.name for path in source.parent.rglob("*.npy")) == []


def test_an_archive_whose_directory_lies_about_sizes(source: Path) -> None:
    content = ctr_gcn(npy_header("(7000000, 1, 150)") + b"\1" * 600, LABEL, packing=zipfile.ZIP_STORED)
    size = len(npy_header("(7000000, 1, 150)")) + 600
    claimed = struct.pack("<II", size + 7_000_000 * 600 - 600, size + 7_000_000 * 600 - 600)
    lying = content.replace(struct.pack("<II", size, size), claimed)
    assert lying != content
    write(source, "NTU60_CS.npz", lying)
    with raises_typed(r"(4200\d{6} bytes cannot come out of \d{4}|Overlapped entries.*); fetch it again$"):
        open_reader("ctr-gcn", [source])


def test_a_deflated_bomb_is_read_row_by_row(source: Path) -> None:
    clips = npy_header("(600, 300, 150)") + b"\0\0\x80\x3f" * (600 * 300 * 150)
    content = ctr_gcn(clips, npy_header("(600,)", descr="'|i1'") + b"\0" * 600)
    del clips
    assert len(content) < 500_000
    write(source, "NTU60_CS.npz", content)
    reader = open_reader("ctr-gcn", [source])
    n = 0
    with watch(source.resolve(), n_bytes=len(content)):
        for group in reader.read(reader.items()):
            n += len(group)
    assert n == 600


# JSON


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b'{"skeletons":' * 100_000,
        b'{"skeletons": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"label": ' + b"9" * 5000 + b', "skeletons": [[[1]]]}',
        b'{"skeletons": [[["' + b"x" * 9_000_000 + b'"]]]}',
        b"\xff\xfe" + b"[\0" * 1000,
        b'{"label": '
        + b"[" * 900
        + b"]" * 900
        + b', "skeletons": [['
        + b",".join([b"[1,2,3]"] * 20)
        + b"]]}",
    ],
)
def test_json_that_is_deep_or_long(source: Path, content: bytes) -> None:
    path = write(source, "a.json", content)
    reason, detail = only_reason("nw-ucla", source)
    assert reason in ("malformed", "truncated")
    assert len(detail) < 300
    with pytest.raises(UmurlError, match=r"splits file \(") as raised:
        read_splits(path)
    assert len(raised.value.typed) < 600


# what is no file


SUFFIXES = (".skeleton", ".txt", ".json", ".npy", ".npz", ".pkl")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nowhere", "itself"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_pipes_and_devices_in_a_source(fmt: str, kind: str, source: Path) -> None:
    for name in [*(f"0001-L{suffix}" for suffix in SUFFIXES), "train_data_joint.npy", "train_label.pkl"]:
        match kind:
            case "pipe":
                os.mkfifo(source / name)
            case "device":
                (source / name).symlink_to("/dev/zero")
            case "folder":
                (source / name).mkdir()
            case "nowhere":
                (source / name).symlink_to(source / "nowhere")
            case _:
                (source / name).symlink_to(name)
    with pytest.raises(UmurlError):
        detect(source)
    try:
        found = read(fmt, source)
    except UmurlError:
        return
    assert {type(one) for one in found} <= {LeftOut}


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_pipe_given_as_the_source(fmt: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    try:
        found = outcomes(open_reader(fmt, [tmp_path / "pipe"]))
    except UmurlError:
        return
    assert {type(one) for one in found} <= {LeftOut}


@pytest.mark.parametrize("name", ["x" * 300 + ".npy", "a\0b.npy", "x" * 5000 + ".skeleton", "/dev/zero.npy"])
def test_paths_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match="no such file"):
        read_clip(Library(tmp_path), name, conventions=Conventions())


def test_links_to_folders_are_followed_but_not_upwards(source: Path, tmp_path: Path) -> None:
    for folder, name in ((tmp_path / "beside", "b"), (tmp_path, "private"), (source / "inner", "a")):
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{name}.npy", np.ones((1, 25, 3)))
    (source / "beside").symlink_to(tmp_path / "beside")
    for link, target in (
        ("up", tmp_path),
        ("root", Path("/")),
        ("loop", source),
        ("inner/again", source / "inner"),
    ):
        (source / link).symlink_to(target)
    assert [one.name for one in outcomes(open_reader("npy", [source]))] == ["a", "b"]
    assert detect(source) == "npy"
