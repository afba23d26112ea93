"""CTR-GCN's archives, read row by row."""

import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome
from umurl_search.readers import detect
from umurl_search.readers.ctrgcn import CtrGcnReader, protocol_of

REPOSITORY = Path(__file__).parents[1]
REAL = Path(__file__).parents[2] / "shared/data/ntu_samples/ctrgcn/NTU60_CV.npz"


def rows(n_rows: int, *, n_frames: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(n_rows).normal(size=(n_rows, n_frames, 150)).astype(np.float32)


def write(path: Path, *, compressed: bool = True, **arrays: Any) -> Path:
    labels = np.eye(60)
    arrays = {
        "x_train": rows(3),
        "y_train": labels[[4, 5, 59]],
        "x_test": rows(2),
        "y_test": labels[[0, 7]],
        **arrays,
    }
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def outcomes(path: Path) -> list[Outcome]:
    reader = CtrGcnReader((path,))
    return [outcome for group in reader.read(reader.items()) for outcome in group]


@pytest.mark.parametrize("compressed", [True, False])
def test_rows_are_clips(tmp_path: Path, compressed: bool) -> None:
    data = rows(3)
    data[0, 4:] = 0  # the end of a shorter clip
    data[1, 2] = 0  # an empty frame inside
    data[2, :, 75:] = 0  # one person
    found = outcomes(write(tmp_path / "NTU60_CS.npz", compressed=compressed, x_train=data))
    clips = [clip for clip in found if isinstance(clip, Clip)]
    assert [clip.name for clip in clips] == [
        "train_00000",
        "train_00001",
        "train_00002",
        "test_00000",
        "test_00001",
    ]
    assert [clip.label for clip in clips] == [4, 5, 59, 0, 7]
    assert [clip.frames.shape for clip in clips[:3]] == [(4, 2, 25, 3), (6, 2, 25, 3), (6, 1, 25, 3)]
    np.testing.assert_array_equal(clips[1].frames.reshape(6, 150), data[1])
    assert clips[0].source == "NTU60_CS.npz:train_00000"


def test_labels_may_be_numbers(tmp_path: Path) -> None:
    found = outcomes(write(tmp_path / "x.npz", y_train=np.array([7, 8, 9])))
    assert [clip.label for clip in found[:3] if isinstance(clip, Clip)] == [7, 8, 9]


def test_rows_of_one_person_are_clips(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz", x_train=rows(3)[..., :75], x_test=rows(2)[..., :75])
    clips = [clip for clip in outcomes(path) if isinstance(clip, Clip)]
    assert [clip.frames.shape for clip in clips] == [(6, 1, 25, 3)] * 5


def test_both_archives_of_a_folder_give_a_protocol_each(tmp_path: Path) -> None:
    every = rows(5)
    every[1, 4:] = 0
    labels = np.eye(60)[:5]
    for name, order in (("NTU60_CV", [4, 1, 0, 2, 3]), ("NTU60_CS", [0, 1, 2, 3, 4])):
        parts: dict[str, Any] = {"x_train": every[order[:3]], "x_test": every[order[3:]]}
        write(tmp_path / f"{name}.npz", y_train=labels[order[:3]], y_test=labels[order[3:]], **parts)
    assert detect(tmp_path) == "ctr-gcn"
    reader = CtrGcnReader((tmp_path,))
    assert len(reader.items()) == 5
    assert reader.splits() == {
        "xsub": {
            "train": ["train_00000", "train_00001", "train_00002"],
            "test": ["test_00000", "test_00001"],
        },
        "xview": {
            "train": ["test_00001", "train_00001", "train_00000"],
            "test": ["train_00002", "test_00000"],
        },
    }
    assert [path.name for path in reader.files()] == ["NTU60_CS.npz", "NTU60_CV.npz"]
    write(tmp_path / "NTU120_CSub.npz")
    with pytest.raises(UmurlError, match=r"3 files end in \.npz"):
        CtrGcnReader((tmp_path,))


def test_an_empty_part_is_fine(tmp_path: Path) -> None:
    path = write(tmp_path / "x_CV.npz", x_test=rows(0), y_test=np.zeros((0, 60)))
    assert len(outcomes(path)) == 3
    assert CtrGcnReader((path,)).splits() == {"xview": {"train": [f"train_{row:05d}" for row in range(3)]}}


@pytest.mark.parametrize(
    ("file_name", "protocol"),
    [
        ("NTU60_CS.npz", "xsub"),
        ("NTU120_CSub.npz", "xsub"),
        ("NTU60_CV.npz", "xview"),
        ("NTU120_CSet.npz", "xset"),
        ("ntu60-cv.npz", "xview"),
        ("docs.npz", "default"),
    ],
)
def test_the_file_name_tells_the_protocol(file_name: str, protocol: str) -> None:
    assert protocol_of(file_name) == protocol


def test_bad_rows_are_left_out(tmp_path: Path) -> None:
    data, labels = rows(4), np.eye(60)[[1, 2, 3, 4]]
    data[0] = 0
    data[1] = np.nan
    labels[2] = 0
    found = outcomes(write(tmp_path / "x.npz", x_train=data, y_train=labels))
    assert [(o.reason, o.detail) for o in found if isinstance(o, LeftOut)] == [
        ("no body", "nobody in any of 6 frames"),
        ("non-finite", "900 NaN or infinite numbers, from frame 1"),
        ("malformed", "0 classes are marked in its one-hot label"),
    ]
    assert [o.name for o in found if isinstance(o, Clip)] == ["train_00003", "test_00000", "test_00001"]


@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_archive_is_an_error(tmp_path: Path, compressed: bool) -> None:
    path = write(tmp_path / "x.npz", compressed=compressed, x_train=rows(3, n_frames=300))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("x_train.npy")
    middle = member.header_offset + member.compress_size // 2
    content[middle : middle + 2000] = b"\xff" * 2000
    path.write_bytes(content)
    with raises_typed(r"x\.npz: x_train: the archive is damaged \(.*\); fetch it again$"):
        outcomes(path)


def test_items_may_be_read_in_any_order(tmp_path: Path) -> None:
    data = rows(3)
    reader = CtrGcnReader((write(tmp_path / "x.npz", x_train=data),))
    copy = pickle.loads(pickle.dumps(reader))
    items = ["train_00002", "test_00001", "train_00000", "train_00000"]
    clips = [group[0] for group in copy.read(items)]
    assert [clip.name for clip in clips] == items
    for clip, row in ((clips[0], 2), (clips[2], 0), (clips[3], 0)):
        assert isinstance(clip, Clip)
        np.testing.assert_array_equal(clip.frames.reshape(6, 150), data[row])


class Marks:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["x_train", "y_train", "x_test", "y_test"])
def test_object_arrays_are_refused(tmp_path: Path, name: str) -> None:
    objects: dict[str, Any] = {name: np.array([Marks(tmp_path / "marker")], dtype=object)}
    path = write(tmp_path / "x.npz", **objects)
    with pytest.raises(UmurlError, match=rf"x\.npz: {name}: holds Python objects, not numbers: refused"):
        CtrGcnReader((path,))
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": rows(3)[..., :74]}, r"x_train is float32 \(3, 6, 74\), not floats of \(N, T, 150\)"),
        ({"x_train": np.zeros((3, 6, 150), int)}, r"x_train is int64 \(3, 6, 150\), not floats"),
        ({"y_train": np.eye(60)[:2]}, r"y_train is float64 \(2, 60\), not one label a row of x_train"),
        ({"y_train": np.zeros(3)}, r"y_train is float64 \(3,\), not one label a row of x_train"),
        ({"x_train": np.asfortranarray(rows(3))}, "x_train: is not stored row by row"),
        ({"x_train": np.zeros((1, 120_000, 150))}, "x_train: one row takes 144000000 bytes"),
    ],
)
def test_other_layouts_are_errors(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(UmurlError, match=rf"x\.npz: .*{message}"):
        CtrGcnReader((write(tmp_path / "x.npz", **arrays),))


def member(shape: str, *, n_bytes: int) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(n_bytes)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(1000000000000, 6, 150)", "3728 bytes, its header announces 3600000000000128"),
        ("(1, 5, 150)", "3728 bytes, its header announces 3128"),
        ("(-1, 6, 150)", "a shape of"),
        ("'all'", "no npy header"),
        ("((((", "no npy header"),
    ],
)
def test_a_header_must_agree_with_the_size(tmp_path: Path, shape: str, message: str) -> None:
    path = write(tmp_path / "x.npz")
    with zipfile.ZipFile(path) as archive:
        others = {name: archive.read(name) for name in archive.namelist() if name != "x_train.npy"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**others, "x_train.npy": member(shape, n_bytes=3600)}.items():
            archive.writestr(name, content)
    with pytest.raises(UmurlError, match=rf"x\.npz: x_train: .*{message}"):
        CtrGcnReader((path,))


def test_no_archive_and_no_array_are_errors(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with raises_typed(r"x\.npz: no whole \.npz archive \(.+\); fetch it again$"):
        CtrGcnReader((path,))
    np.savez(path, x_train=rows(1))
    with raises_typed(r"x\.npz: y_train: missing from the archive; fetch it again$"):
        CtrGcnReader((path,))
    with pytest.raises(UmurlError, match="no such file or folder"):
        CtrGcnReader((tmp_path / "gone.npz",))


def test_a_folder_with_one_archive_is_that_archive(tmp_path: Path) -> None:
    write(tmp_path / "a.npz")
    assert CtrGcnReader((tmp_path,)).files() == [tmp_path / "a.npz"]
    write(tmp_path / "b.npz")
    with raises_typed(r": 2 files end in \.npz; name the one to read$"):
        CtrGcnReader((tmp_path,))


MEASURE = """
import re, sys
from pathlib import Path
from umurl_search.readers.ctrgcn import CtrGcnReader

def megabytes(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

reader = CtrGcnReader((Path(sys.argv[1]),))
before = megabytes("VmRSS")
n_clips = sum(1 for _ in reader.read(reader.items()))
print(n_clips, megabytes("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, compression: int) -> None:
    n_rows, row = 1_500, np.tile(rows(1, n_frames=5), (1, 60, 1))
    empty: dict[str, Any] = {
        "x_test": rows(0, n_frames=300),
        "y_test": np.zeros((0, 60)),
        "y_train": np.eye(60)[[0] * n_rows],
    }
    path = tmp_path / "x.npz"
    np.savez(path, **empty)
    head = member(f"({n_rows}, 300, 150)", n_bytes=0)
    with zipfile.ZipFile(path, "a", compression, compresslevel=1) as archive:
        with archive.open("x_train.npy", "w", force_zip64=True) as stream:
            stream.write(head)
            for _ in range(n_rows):
                stream.write(row.tobytes())
        assert archive.getinfo("x_train.npy").file_size > 256 * 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    n_clips, growth = done.stdout.split()
    assert int(n_clips) == n_rows
    assert float(growth) < 50, f"{growth} MiB more than before"


@pytest.mark.data
def test_real_archive() -> None:
    if not REAL.exists():
        pytest.skip("the real CTR-GCN archive is not beside the checkout")
    clips = [clip for clip in outcomes(REAL) if isinstance(clip, Clip)]
    assert len(clips) == len(outcomes(REAL)) == 11
    assert sorted({clip.label for clip in clips if clip.label is not None}) == list(range(49, 60))
    with np.load(REAL) as arrays:
        for clip, wanted in zip(clips, arrays["x_train"], strict=True):
            got = clip.frames.reshape(len(clip.frames), -1)
            np.testing.assert_array_equal(got, wanted[: len(got), : got.shape[1]])
            assert not wanted[len(got) :].any()
