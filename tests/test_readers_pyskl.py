"""PYSKL's pickles: annotations are clips, splits protocols."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome, Reason
from umurl_search.readers import detect, open_reader
from umurl_search.readers.pyskl import PysklReader

REPOSITORY = Path(__file__).parents[1]
REAL = Path(__file__).parents[2] / "shared/data/utd_mhad/utd_mhad.pkl"


def keypoint(n_people: int, *, n_joints: int = 25, n_frames: int = 6, dtype: str = "f2") -> NDArray[Any]:
    rng = np.random.default_rng(n_people)
    spread = 1 + np.arange(n_people)[:, None, None, None]
    return (spread * rng.normal(size=(n_people, n_frames, n_joints, 3))).astype(dtype)


def annotation(name: str, **entries: Any) -> dict[str, Any]:
    return {"frame_dir": name, "label": 3, "total_frames": 6, "keypoint": keypoint(2), **entries}


def write(folder: Path, annotations: Any, split: Any = None) -> Path:
    path = folder / "some.pkl"
    path.write_bytes(pickle.dumps({"split": split or {}, "annotations": annotations}))
    return path


def outcomes(path: Path, *, layout: str = "ntu25") -> list[Outcome]:
    reader = PysklReader((path,), layout=layout)
    return [outcome for group in reader.read(reader.items()) for outcome in group]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_annotations_are_clips(tmp_path: Path, dtype: str) -> None:
    given = annotation("S001C002P003R001A004", keypoint=keypoint(2, dtype=dtype), total_frames=5)
    (clip,) = outcomes(write(tmp_path, [given]))
    assert isinstance(clip, Clip)
    assert (clip.name, clip.label, clip.subject, clip.source) == ("S001C002P003R001A004", 3, 3, "some.pkl:0")
    wanted = given["keypoint"][:, :5].transpose(1, 0, 2, 3).astype(np.float32)
    assert clip.frames.dtype == np.float32
    np.testing.assert_array_equal(clip.frames, wanted)


def test_of_more_people_the_two_who_move_most_are_kept(tmp_path: Path) -> None:
    given = annotation("a", keypoint=keypoint(4, dtype="f4"))
    (clip,) = outcomes(write(tmp_path, [given]))
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames, given["keypoint"][[3, 2]].transpose(1, 0, 2, 3))


def test_labels_and_lengths_may_be_numpy_integers_or_left_out(tmp_path: Path) -> None:
    numbered = annotation("a", label=np.int64(7), total_frames=np.int32(4))
    bare = {"frame_dir": "walk", "keypoint": keypoint(1)}
    first, second = outcomes(write(tmp_path, [numbered, bare]))
    assert isinstance(first, Clip)
    assert isinstance(second, Clip)
    assert (first.label, len(first.frames), second.label, len(second.frames)) == (7, 4, None, 6)


def test_twenty_joints_need_their_layout(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation("a", keypoint=keypoint(1, n_joints=20))])
    (clip,), (left_out,) = outcomes(path, layout="kinect-v1"), outcomes(path)
    assert isinstance(clip, Clip)
    assert clip.frames.shape == (6, 1, 20, 3)
    assert isinstance(left_out, LeftOut)
    assert left_out.detail == "keypoints of shape (1, 6, 20, 3), not (M, T, 25, 3) for layout ntu25"


NAN = keypoint(1, dtype="f4")


NAN[..., 1] = np.nan


@pytest.mark.parametrize(
    ("given", "reason", "detail"),
    [
        (annotation("b", keypoint=np.zeros((2, 6, 25, 3))), "no body", "nobody in any of 6 frames"),
        (annotation("b", keypoint=np.zeros((3, 6, 25, 3))), "no body", "nobody in any of 6 frames"),
        (annotation("b", total_frames=0), "no body", "nobody in any of 0 frames"),
        (annotation("b", keypoint=NAN), "non-finite", "150 NaN or infinite numbers, from frame 1"),
        (annotation("b", keypoint=np.full((1, 6, 25, 3), 1e200)), "non-finite", "450 NaN or infinite"),
        (annotation("b", total_frames=7), "truncated", "6 of the 7 frames it announces"),
        (annotation("b", keypoint=np.zeros((2, 6, 17, 2))), "malformed", "keypoints in two dimensions"),
        (annotation("b", keypoint=np.zeros((6, 24, 3))), "malformed", "keypoints of shape (6, 24, 3)"),
        (annotation("b", keypoint=[[1.0]]), "malformed", "keypoints of shape (1, 1)"),
        (annotation("b", keypoint=[[1.0], [1, 2]]), "malformed", "it has no array of numbers 'keypoint'"),
        (annotation("b", keypoint=[["a"]]), "malformed", "it has no array of numbers 'keypoint'"),
        (annotation("b", keypoint=[]), "malformed", "it has no array of numbers 'keypoint'"),
        (annotation("b", keypoint=np.array("x")), "malformed", "it has no array of numbers 'keypoint'"),
        (annotation("b", label=1.5), "malformed", "its label is 1.5, not a whole number"),
        (annotation("a"), "duplicate name", "annotation 0 comes first"),
    ],
)
def test_bad_annotations_are_left_out(tmp_path: Path, given: Any, reason: Reason, detail: str) -> None:
    first, left_out, last = outcomes(write(tmp_path, [annotation("a"), given, annotation("c")]))
    assert isinstance(first, Clip)
    assert isinstance(last, Clip)
    assert isinstance(left_out, LeftOut)
    assert (left_out.name, left_out.reason) == (given["frame_dir"], reason)
    assert left_out.detail.startswith(detail)


def test_an_annotation_that_is_none_is_left_out(tmp_path: Path) -> None:
    (left_out,) = outcomes(write(tmp_path, [[1, 2]]))
    detail = "the annotation is a list, not a dictionary"
    assert left_out == LeftOut(
        name="annotation_000000", reason="malformed", detail=detail, source="some.pkl:0"
    )


def test_splits_are_protocols(tmp_path: Path) -> None:
    split = {
        "xview_train": ["a"],
        "xsub_val": ["b"],
        "xsub_train": ["a", "c"],
        "xset_test": ["c"],
        "note": [],
    }
    reader = PysklReader((write(tmp_path, [annotation(name) for name in "abc"], split),))
    assert reader.splits() == {
        "xsub": {"train": ["a", "c"], "test": ["b"]},
        "xset": {"test": ["c"]},
        "xview": {"train": ["a"]},
    }
    assert next(iter(reader.splits())) == "xsub"


def test_a_second_reading_and_a_copy_read_the_same(tmp_path: Path) -> None:
    reader = PysklReader((write(tmp_path, [annotation(name) for name in "abc"]),))
    assert len(reader.items()) == 3
    copy = pickle.loads(pickle.dumps(reader))
    for _ in range(2):
        assert [group[0].name for group in reader.read(reader.items())] == ["a", "b", "c"]
    assert [group[0].name for group in copy.read(["2", "0"])] == ["c", "a"]
    assert len(pickle.dumps(reader)) < 1000


ARRAY = keypoint(1, dtype="f4")


@pytest.mark.parametrize(
    "given",
    [
        ARRAY[0],
        ARRAY.reshape(1, 6, 75),
        ARRAY[0].reshape(6, 75),
        [ARRAY[0]],
        (ARRAY[0],),
        ARRAY.tolist(),
        ARRAY[0].tolist(),
        np.concatenate([ARRAY, np.ones((1, 6, 25, 1), "f4")], axis=-1),
    ],
)
def test_keypoints_of_one_person_in_every_form(tmp_path: Path, given: Any) -> None:
    (clip,) = outcomes(write(tmp_path, [annotation("a", keypoint=given)]))
    assert isinstance(clip, Clip)
    assert (clip.frames == ARRAY[0][:, None]).all()


def test_a_joint_of_no_confidence_is_zeros(tmp_path: Path) -> None:
    sure = np.ones((1, 6, 25), "f4")
    sure[0, 2, 7] = 0
    within = np.concatenate([ARRAY, sure[..., None]], axis=-1)
    for given in (annotation("a", keypoint=within), annotation("a", keypoint=ARRAY, keypoint_score=sure)):
        (clip,) = outcomes(write(tmp_path, [given]))
        assert isinstance(clip, Clip)
        assert not clip.frames[2, 0, 7].any()
        assert clip.frames[3, 0, 7].any()


@pytest.mark.parametrize("label", [3, 3.0, "3", np.int64(3), np.float32(3), [3], np.array([3])])
def test_labels_are_whole_numbers_in_every_form(tmp_path: Path, label: Any) -> None:
    (clip,) = outcomes(write(tmp_path, [annotation("a", label=label)]))
    assert isinstance(clip, Clip)
    assert (clip.label, clip.action) == (3, None)


def test_text_names_the_action(tmp_path: Path) -> None:
    given = [
        annotation(name, label=label) for name, label in zip("abc", ("wave", "clap", "wave"), strict=True)
    ]
    clips = [one for one in outcomes(write(tmp_path, given)) if isinstance(one, Clip)]
    assert [(clip.label, clip.action) for clip in clips] == [(1, "wave"), (0, "clap"), (1, "wave")]


@pytest.mark.parametrize("wrap", [lambda word: [word], lambda word: (word,), lambda word: np.array([word])])
def test_text_in_a_list_of_its_own_names_the_action(tmp_path: Path, wrap: Any) -> None:
    given = [annotation(name, label=wrap(word)) for name, word in (("a", "wave"), ("b", "clap"))]
    clips = [one for one in outcomes(write(tmp_path, given)) if isinstance(one, Clip)]
    assert [(clip.label, clip.action) for clip in clips] == [(1, "wave"), (0, "clap")]


def test_pickles_may_end_in_pickle(tmp_path: Path) -> None:
    path = tmp_path / "some.Pickle"
    path.write_bytes(pickle.dumps({"annotations": [annotation("a")], "split": {"train": ["a"]}}))
    for source in (tmp_path, path):
        assert detect(source) == "pyskl"
        assert open_reader("pyskl", (source,)).files() == [path]
    path.rename(tmp_path / "mine_train.pickle")
    (tmp_path / "mine_val.pkl").write_bytes(pickle.dumps([annotation("b")]))
    assert [path.name for path in PysklReader((tmp_path,)).files()] == ["mine_train.pickle", "mine_val.pkl"]


def test_a_list_for_each_part_is_read_with_the_part_in_its_name(tmp_path: Path) -> None:
    for name, names in (("ntu60_xsub_train", "ab"), ("ntu60_xsub_val", "c")):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps([annotation(one) for one in names]))
    assert detect(tmp_path) == "pyskl"
    reader = PysklReader((tmp_path,))
    clips = [one for (one,) in reader.read(reader.items())]
    assert [clip.source for clip in clips] == [
        "ntu60_xsub_train.pkl:0",
        "ntu60_xsub_train.pkl:1",
        "ntu60_xsub_val.pkl:0",
    ]
    assert reader.splits() == {"xsub": {"train": ["a", "b"], "test": ["c"]}}
    assert len(reader.files()) == 2
    alone = PysklReader((tmp_path / "ntu60_xsub_val.pkl",))
    assert alone.splits() == {"xsub": {"test": ["c"]}}
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps([0, 1, 2]))
    assert PysklReader((tmp_path,)).files() == reader.files()
    (tmp_path / "other_xsub_train.pkl").write_bytes(pickle.dumps([annotation("d")]))
    with pytest.raises(UmurlError, match="several of its pickles are of one part"):
        PysklReader((tmp_path,))


@pytest.mark.parametrize(
    "content",
    [
        {"annotations": (annotation("a"), annotation("b")), "split": {"train": ("a",), "val": ("b",)}},
        {
            "annotations": [annotation("a"), annotation("b")],
            "split": {"train": np.array(["a"]), "test": ["b"]},
        },
        {"train": [annotation("a")], "val": [annotation("b")]},
        {"train": (annotation("a"),), "test": (annotation("b"),)},
    ],
)
def test_splits_are_any_sequence(tmp_path: Path, content: Any) -> None:
    (tmp_path / "own.pkl").write_bytes(pickle.dumps(content))
    assert detect(tmp_path) == "pyskl"
    reader = PysklReader((tmp_path,))
    assert all(isinstance(one, Clip) for (one,) in reader.read(reader.items()))
    assert reader.splits() == {"default": {"train": ["a"], "test": ["b"]}}


def test_splits_may_be_nested_and_clips_may_lie_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation("a"), annotation("b")], {"xsub": {"train": ["a"], "val": ["b"]}})
    assert PysklReader((path,)).splits() == {"xsub": {"train": ["a"], "test": ["b"]}}
    by_name = {name: {"keypoint": ARRAY, "label": 1} for name in "ab"}
    path.write_bytes(pickle.dumps(by_name))
    reader = PysklReader((path,))
    assert [one.name for (one,) in reader.read(reader.items())] == ["a", "b"]


class Runs:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds no list of 'annotations', so it is not in PYSKL's layout"),
        ({"annotations": {}}, "holds no list of 'annotations'"),
        ({"annotations": [], "split": ["a"]}, "its 'split' is not a dictionary of lists of names"),
        (
            {"annotations": [Runs("touch marker")]},
            r"refused: the pickle asks for posix\.system, which is not",
        ),
        ({"annotations": [np.array([None])]}, "refused: it holds an array of 'O8'"),
    ],
)
def test_bad_sources_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "some.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UmurlError, match=rf"^{re.escape(str(path))}: {message}"):
        PysklReader((path,)).items()
    assert not (tmp_path / "marker").exists()


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, [annotation("a")])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UmurlError, match=r"some\.pkl: no whole pickle"):
        PysklReader((path,)).items()


MEASURE = """
import re, sys
from pathlib import Path
from umurl_search.readers.pyskl import PysklReader

def megabytes(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

reader = PysklReader((Path(sys.argv[1]),))
before = megabytes("VmRSS")
items = reader.items()
reading = reader.read(items)
n_clips = sum(next(reading)[0].name == str(row) for row in range(len(items)))
print(n_clips, megabytes("VmHWM") - before, megabytes("VmRSS") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
@pytest.mark.parametrize(("dtype", "n_clips", "n_frames"), [("f2", 700, 300), ("f4", 100, 1000)])
def test_memory_stays_near_the_size_of_the_file(
    tmp_path: Path, dtype: str, n_clips: int, n_frames: int
) -> None:
    keypoints = keypoint(2, n_frames=n_frames, dtype=dtype)
    clips = [annotation(str(row), keypoint=keypoints + 0, total_frames=99) for row in range(n_clips)]
    path = write(tmp_path, clips)
    size = path.stat().st_size / 2**20
    assert size > 55
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    found, peak, left = map(float, done.stdout.split())
    assert found == n_clips
    assert peak < 1.5 * size, f"{peak:.0f} MiB for a file of {size:.0f} MiB"
    if n_frames == 1000:  # arrays so large that the allocator gives each back to the system
        assert left < 0.5 * size, f"{left:.0f} MiB of {size:.0f} MiB are still held after the last clip"


@pytest.mark.data
def test_real_file() -> None:
    if not REAL.exists():
        pytest.skip("the real UTD-MHAD pickle is not beside the checkout")
    reader = open_reader("pyskl", (REAL,))
    clips = [group[0] for group in reader.read(reader.items())]
    assert len(clips) == 861
    assert all(isinstance(clip, Clip) and clip.frames.shape[1:] == (1, 25, 3) for clip in clips)
    assert {part: len(names) for part, names in reader.splits()["xsub"].items()} == {
        "train": 431,
        "test": 430,
    }
    names = {clip.name for clip in clips}
    assert set(reader.splits()["xsub"]["train"]) | set(reader.splits()["xsub"]["test"]) == names
    assert {clip.label for clip in clips if isinstance(clip, Clip)} == set(range(27))


def in_picture(name: str, n_people: int = 1, **entries: Any) -> dict[str, Any]:
    places = np.random.default_rng(3).uniform(10, 400, (n_people, 6, 17, 2)).astype("f2")
    score = np.full((n_people, 6, 17), 0.9, "f2")
    said = {"keypoint": places, "keypoint_score": score, "img_shape": (480, 640), "label": 1}
    return annotation(name, **(said | entries))


def test_keypoints_in_two_dimensions_are_cocos(tmp_path: Path) -> None:
    score = np.full((1, 6, 17), 0.9, "f2")
    score[0, 2, 3] = 0.1
    one = in_picture("a", keypoint_score=score)
    path = write(tmp_path, [one])
    reader = PysklReader((path,), layout=None)
    ((clip,),) = reader.read(reader.items())
    assert isinstance(clip, Clip)
    assert reader.layout == "coco-17"
    assert reader.notes == (
        "keypoints of 17 joints in two dimensions are COCO's, as PYSKL has them: read as coco-17",
    )
    assert clip.frames.shape == (6, 1, 17, 3)
    assert not clip.frames[2, 0, 3].any()
    np.testing.assert_array_equal(clip.frames[0, 0, :, :2], one["keypoint"][0, 0])
    assert PysklReader((path,), layout="coco-17").notes == ()


def test_without_a_stated_layout_three_dimensions_are_ntus(tmp_path: Path) -> None:
    reader = PysklReader((write(tmp_path, [annotation("a", keypoint=keypoint(1))]),), layout=None)
    assert (reader.layout, reader.notes) == ("ntu25", ())


def test_parts_of_a_picture_become_its_pixels(tmp_path: Path) -> None:
    places = np.full((1, 6, 17, 2), 0.5, "f4")
    (clip,) = outcomes(write(tmp_path, [in_picture("a", keypoint=places)]), layout="coco-17")
    assert isinstance(clip, Clip)
    assert clip.frames[0, 0, 0].tolist() == [320, 240, 0]
