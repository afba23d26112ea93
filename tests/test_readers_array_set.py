"""Arrays that hold a whole data set."""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers import SourceOptions, detect, open_reader
from umurl_search.readers.array_set import ArraySetReader, count_sets

LABELS = [2, 0, 1, 1, 0]


def clips(n: int = 5, *, people: int = 0) -> NDArray[np.float32]:
    """(n, 6, 25, 3), or with so many people (n, 6, people, 25, 3)."""
    shape = (n, 6, people, 25, 3) if people else (n, 6, 25, 3)
    return np.random.default_rng(n).normal(size=shape).astype("f4")


def read(source: Path, **options: Any) -> tuple[ArraySetReader, list[Clip]]:
    reader = open_reader("array-set", (source,), SourceOptions(**options))
    assert isinstance(reader, ArraySetReader)
    outcomes = [one for (one,) in reader.read(reader.items())]
    return reader, [one for one in outcomes if isinstance(one, Clip)]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("suffix", [".npy", ".txt", ".pkl", ".csv"])
def test_an_array_with_labels_beside_it_is_so_many_recordings(tmp_path: Path, n: int, suffix: str) -> None:
    np.save(tmp_path / "X.npy", clips(n))
    labels = (LABELS * 2)[:n]
    match suffix:
        case ".npy":
            np.save(tmp_path / "y.npy", labels)
        case ".pkl":
            (tmp_path / "labels.pkl").write_bytes(pickle.dumps(labels))
        case _:
            (tmp_path / f"X_labels{suffix}").write_text("\n".join(map(str, labels)))
    for source in (tmp_path, tmp_path / "X.npy"):
        assert detect(source) == "array-set"
        reader, found = read(source)
        assert [clip.label for clip in found] == labels
        assert [clip.name for clip in found] == [f"X_{row:05d}" for row in range(n)]
        assert all((clip.frames[:, 0] == wanted).all() for clip, wanted in zip(found, clips(n), strict=True))
        assert len(reader.files()) == 2
        assert reader.splits() == {}


def test_a_table_for_the_option_beside_an_array_hides_it_not(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips(5))
    (tmp_path / "labels.csv").write_text("name,label,mood\nX_00000,1,good\n")
    assert detect(tmp_path) == "array-set"
    _, found = read(tmp_path)
    assert [clip.label for clip in found] == [None] * 5


@pytest.mark.parametrize(
    ("axes", "array"),
    [
        ("NCTVM", clips(people=2).transpose(0, 4, 1, 3, 2)),
        ("NTMVC", clips(people=2)),
        ("NMTVC", clips(people=2).transpose(0, 2, 1, 3, 4)),
        ("NTMVC", clips(people=2).reshape(5, 6, 150)),
        ("NTVC", clips().reshape(5, 6, 75)),
        ("NCTV", clips().transpose(0, 3, 1, 2)),
        ("VCTN", clips().transpose(2, 3, 1, 0)),
    ],
)
def test_arrays_of_every_order_of_axes(tmp_path: Path, axes: str, array: NDArray[np.float32]) -> None:
    np.save(tmp_path / "data.npy", array)
    assert detect(tmp_path) == "array-set"
    _, found = read(tmp_path)
    people = 2 if "M" in axes else 1
    wanted = clips(people=2) if people == 2 else clips()[:, :, None]
    assert len(found) == 5
    assert all((clip.frames == one).all() for clip, one in zip(found, wanted, strict=True))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_labels_may_lie_in_the_same_file(tmp_path: Path, suffix: str, packed: bool) -> None:
    path = tmp_path / f"all{suffix}"
    content: dict[str, Any] = {"x": clips(), "labels": np.array(LABELS), "fps": 30}
    if suffix == ".mat":
        savemat(path, content, do_compression=packed)
    else:
        np.savez_compressed(path, **content) if packed else np.savez(path, **content)
    for source in (tmp_path, path):
        assert detect(source) == "array-set"
        _, found = read(source)
        assert [clip.label for clip in found] == LABELS
        assert (found[2].frames[:, 0] == clips()[2]).all()


@pytest.mark.parametrize(
    ("train", "test"),
    [("X_train", "X_test"), ("train", "val"), ("train_data3d", "test_data3d"), ("xTrain", "xTest")],
)
def test_parts_are_in_the_names(tmp_path: Path, train: str, test: str) -> None:
    for name, part, n in ((train, "train", 3), (test, "test" if test != "val" else "val", 2)):
        np.save(tmp_path / f"{name}.npy", clips(n))
        np.save(tmp_path / f"y_{part}.npy", LABELS[:n])
    assert detect(tmp_path) == "array-set"
    reader, found = read(tmp_path)
    assert len(found) == 5
    assert {part: len(names) for part, names in reader.splits()["default"].items()} == {"train": 3, "test": 2}
    assert sorted(clip.label for clip in found if clip.label is not None) == sorted(LABELS[:3] + LABELS[:2])


def test_parts_may_lie_in_one_archive(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "x_train": clips(3),
        "y_train": np.eye(3)[LABELS[:3]],
        "x_test": clips(2),
        "y_test": LABELS[:2],
    }
    np.savez(tmp_path / "own.npz", **arrays)
    assert detect(tmp_path) == "array-set"
    reader, found = read(tmp_path)
    assert [clip.label for clip in found] == LABELS[:3] + LABELS[:2]
    assert reader.splits() == {
        "default": {
            "train": ["train_00000", "train_00001", "train_00002"],
            "test": ["test_00000", "test_00001"],
        }
    }


def test_text_names_the_actions(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips(3))
    np.save(tmp_path / "y.npy", np.array(["wave", "clap", "wave"]))
    _, found = read(tmp_path)
    assert [(clip.label, clip.action) for clip in found] == [(1, "wave"), (0, "clap"), (1, "wave")]


def test_frames_that_fill_up_a_row_are_dropped_and_an_empty_row_is_left_out(tmp_path: Path) -> None:
    array = clips(3)
    array[1, 4:] = 0
    array[2] = 0
    np.save(tmp_path / "X.npy", array)
    np.save(tmp_path / "y.npy", LABELS[:3])
    reader = ArraySetReader((tmp_path,))
    whole, short, empty = (one for (one,) in reader.read(reader.items()))
    assert isinstance(whole, Clip)
    assert isinstance(short, Clip)
    assert (len(whole.frames), len(short.frames)) == (6, 4)
    assert isinstance(empty, LeftOut)
    assert empty.reason == "no body"


@pytest.mark.parametrize("n", [3, 5, 6, 40])
def test_without_labels_more_than_two_people_are_taken_for_recordings_and_doubted(
    tmp_path: Path, n: int
) -> None:
    np.save(tmp_path / "X.npy", clips(n))
    assert detect(tmp_path) == "array-set"
    reader, found = read(tmp_path)
    assert len(found) == n
    said = (
        f"X.npy: an array of shape ({n}, 6, 25, 3), read as {n} recordings (NTVC), not as one of several people: "
        f"--axes {'MTVC' if n <= 6 else 'TMVC'} reads it so",
    )
    assert reader.notes == said


def test_two_people_are_one_clip_and_doubted(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips(2))
    assert detect(tmp_path) == "npy"
    assert open_reader("npy", (tmp_path,)).notes == (  # type: ignore[attr-defined]
        "X.npy: an array of shape (2, 6, 25, 3), read as one recording (MTVC); --axes NTVC reads it as 2 recordings",
    )
    assert detect(tmp_path, axes="NTVC") == "array-set"
    assert len(read(tmp_path, axes="NTVC")[1]) == 2


def test_many_files_of_one_clip_are_no_sets(tmp_path: Path) -> None:
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", clips(2))
    np.save(tmp_path / "labels.npy", LABELS[:3])
    assert count_sets(tmp_path) == 0
    assert detect(tmp_path) == "npy"
    assert len(read(tmp_path, axes="NTVC")[1]) == 6


def test_stated_axes_of_one_clip_are_no_set(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips(5))
    assert detect(tmp_path, axes="MTVC") == "npy"


def test_another_number_of_labels_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips(40))
    np.save(tmp_path / "y.npy", LABELS)
    with pytest.raises(UmurlError, match=r"y\.npy: 5 labels for the 40 clips of X\.npy"):
        ArraySetReader((tmp_path,))


def test_a_source_without_such_an_array_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 17, 3)))
    with pytest.raises(UmurlError, match="holds no array of many clips"):
        ArraySetReader((tmp_path,))


def test_twenty_joints_are_taken_for_those_of_kinect(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.ones((9, 6, 20, 3)))
    assert ArraySetReader((tmp_path,)).layout == "kinect-v1"
    assert ArraySetReader((tmp_path,), layout="utd-mhad").layout == "utd-mhad"


def test_a_copy_reads_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "X.npz", x=clips(), y=LABELS)
    reader = ArraySetReader((tmp_path,))
    assert not reader.parallel
    copy = pickle.loads(pickle.dumps(reader))
    names = [one.name for (one,) in copy.read(["0/4", "0/1", "0/2"])]
    assert names == ["X_00004", "X_00001", "X_00002"]


NAMES = ["kick one", "wave_2", "S001C001P001R001A003", "d", "é5"]


@pytest.mark.parametrize("key", ["names", "sample_name", "frame_dir", "what"])
@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_text_in_the_same_file_names_the_clips(tmp_path: Path, suffix: str, key: str) -> None:
    path = tmp_path / f"all{suffix}"
    content: dict[str, Any] = {"x": clips(), "y": np.array(LABELS), "joints": ["a", "b"]}
    if suffix == ".mat":
        savemat(path, {**content, key: np.array(NAMES, object)})
    else:
        np.savez(path, **{**content, key: np.array(NAMES)})
    for source in (tmp_path, path):
        assert detect(source) == "array-set"
        _, found = read(source)
        assert [clip.name for clip in found] == NAMES
        assert [clip.label for clip in found] == LABELS


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_labels_that_are_text_may_lie_in_the_same_file(tmp_path: Path, suffix: str) -> None:
    words = ["wave", "kick", "wave", "kick", "clap"]
    content: dict[str, Any] = {"x": clips(), "labels": np.array(words), "subjects": np.array(["p1", *"ppqr"])}
    path = tmp_path / f"all{suffix}"
    savemat(path, content) if suffix == ".mat" else np.savez(path, **content)
    _, found = read(path)
    assert [clip.action for clip in found] == words
    assert [clip.label for clip in found] == [2, 1, 2, 1, 0]
    assert found[0].name == "all_00000"


def test_names_of_parts_lie_beside_their_arrays(tmp_path: Path) -> None:
    path = tmp_path / "all.npz"
    names: dict[str, Any] = {"train_names": np.array(NAMES[:3]), "test_names": np.array(NAMES[3:])}
    np.savez(path, x_train=clips(3), x_test=clips(2), y_train=LABELS[:3], y_test=LABELS[:2], **names)
    reader, found = read(path)
    assert {clip.name for clip in found} == set(NAMES)
    assert set(reader.splits()["default"]["train"]) == set(NAMES[:3])


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".pkl", ".pickle"])
def test_names_in_a_file_beside_the_array(tmp_path: Path, suffix: str) -> None:
    np.save(tmp_path / "X.npy", clips())
    path = tmp_path / f"X_names{suffix}"
    match suffix:
        case ".npy":
            np.save(path, NAMES)
        case ".txt":
            path.write_text("\n".join(NAMES) + "\n\n", encoding="utf-8")
        case _:
            path.write_bytes(pickle.dumps(NAMES))
    (tmp_path / "class_names.txt").write_text("\n".join("abcde"))
    (tmp_path / "classes.txt").write_text("wave\nclap\n")
    assert detect(tmp_path) == "array-set"
    reader, found = read(tmp_path)
    assert [clip.name for clip in found] == NAMES
    assert list(reader.files()) == [tmp_path / "X.npy", path]


@pytest.mark.parametrize(
    "names", [["a", "b"], ["a", "a", "b", "c", "d"], ["a", "b", "", "c", "d"], ["a\nb", *"cdef"]]
)
def test_text_that_names_no_clips_is_passed_over(tmp_path: Path, names: list[str]) -> None:
    np.savez(tmp_path / "all.npz", x=clips(), names=np.array(names))
    np.save(tmp_path / "names.npy", np.array(names))
    reader, found = read(tmp_path / "all.npz")
    assert [clip.name for clip in found] == [f"all_{row:05d}" for row in range(5)]
    assert list(reader.files()) == [tmp_path / "all.npz"]


def test_a_list_of_classes_hides_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", clips())
    np.save(tmp_path / "y.npy", LABELS)
    for name in ("action_names.txt", "classes.txt", "label_names.txt"):
        (tmp_path / name).write_text("wave\nclap\nkick\n")
    reader, found = read(tmp_path)
    assert [clip.label for clip in found] == LABELS
    assert list(reader.files()) == [tmp_path / "X.npy", tmp_path / "y.npy"]
    (tmp_path / "y.npy").unlink()
    reader, found = read(tmp_path)
    assert [clip.label for clip in found] == [None] * 5
    assert list(reader.files()) == [tmp_path / "X.npy"]


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_that_announces_more_than_its_file_holds_is_no_set(tmp_path: Path, suffix: str) -> None:
    """A header of a few bytes may say a billion clips."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 1, 25, 3)}
    )
    content = head.getvalue() + bytes(3_000)
    path = tmp_path / f"X{suffix}"
    if suffix == ".npz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", content)
    else:
        path.write_bytes(content)
    assert count_sets(tmp_path) == 0
    with pytest.raises(UmurlError, match="holds no array of many clips"):
        ArraySetReader((tmp_path,))
    with pytest.raises(UmurlError, match="holds no array of many clips"):
        ArraySetReader((path,), axes="NTVC")
