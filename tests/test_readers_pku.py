"""PKU-MMD's recordings: cut by their labels, or whole."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from made_recordings import PKU_ID, pku_motion, write_pku

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut, Outcome, Reason, Segment
from umurl_search.readers import open_reader
from umurl_search.readers.build_clip import BadRecordingError
from umurl_search.readers.pku import PkuReader, frame_range, parse_label, read_recording

REAL = Path(__file__).parents[2] / "shared/data/pku_samples"


def outcomes(root: Path, **options: str | int | None) -> list[Outcome]:
    reader = PkuReader((root,), **options)  # type: ignore[arg-type]
    return [outcome for group in reader.read(reader.items()) for outcome in group]


def test_clips_are_cut_by_their_labels(tmp_path: Path) -> None:
    numbers = pku_motion(40)
    write_pku(tmp_path, numbers, "12,5,20,2\n\n3,21,30,1\n")
    first, second = outcomes(tmp_path)
    assert isinstance(first, Clip)
    assert isinstance(second, Clip)
    assert (first.name, first.label, first.subject, first.camera) == (f"{PKU_ID}_000", 11, 8, 1)
    assert (second.name, second.label, second.source) == (f"{PKU_ID}_001", 2, f"data/{PKU_ID}.txt")
    wanted = numbers.reshape(-1, 2, 25, 3).astype(np.float32)
    np.testing.assert_array_equal(first.frames, wanted[5:20])
    np.testing.assert_array_equal(second.frames, wanted[21:30])


def test_untrimmed_recordings_are_whole_and_their_labels_segments(tmp_path: Path) -> None:
    numbers = pku_motion(340, n_people=1)
    write_pku(tmp_path, numbers, "12,5,20,2\n\n3,21,400,1\n0,3,4,1\n7,340,350,2\n")
    clip, *left_out = outcomes(tmp_path, untrimmed=True, max_frames=None)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.label, clip.subject, clip.camera, clip.cut) == (PKU_ID, None, 8, 1, 0)
    np.testing.assert_array_equal(clip.frames.reshape(340, 75), numbers[:, :75].astype(np.float32))
    assert clip.segments == (Segment(11, None, 5, 20), Segment(2, None, 21, 340))
    assert [(one.name, one.reason, one.detail) for one in left_out if isinstance(one, LeftOut)] == [
        (f"{PKU_ID}_002", "malformed", "action 0; actions count from 1"),
        (f"{PKU_ID}_003", "malformed", "frames 340 to 350 of a recording of 340"),
    ]


def test_an_untrimmed_recording_needs_no_labels(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(9), None)
    (clip,) = outcomes(tmp_path, untrimmed=True)
    assert isinstance(clip, Clip)
    assert clip.segments == ()


@pytest.mark.parametrize("slicing", ["start:end", "start-1:end", "start:end+1"])
def test_untrimmed_segments_are_what_cutting_gives(tmp_path: Path, slicing: str) -> None:
    write_pku(tmp_path, pku_motion(60), "12,5,20,2\n3,21,30,1\n1,0,60,2\n")
    (whole,) = outcomes(tmp_path, slicing=slicing, untrimmed=True)
    cut = outcomes(tmp_path, slicing=slicing)
    assert isinstance(whole, Clip)
    for segment, clip in zip(whole.segments, cut, strict=True):
        assert isinstance(clip, Clip)
        assert segment.label == clip.label
        np.testing.assert_array_equal(whole.frames[segment.start : segment.stop], clip.frames)


def test_an_absent_second_person_is_dropped(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(10, n_people=1), "1,0,10,2\n")
    (clip,) = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert clip.frames.shape == (10, 1, 25, 3)


@pytest.mark.parametrize(
    ("slicing", "start", "end", "wanted"),
    [
        ("start:end", 5, 9, (5, 9)),
        ("start-1:end", 5, 9, (4, 9)),
        ("start:end+1", 5, 9, (5, 10)),
        ("start-1:end", 0, 9, (0, 9)),
        ("start:end", -2, 9, (0, 9)),
    ],
)
def test_slicing_conventions(slicing: str, start: int, end: int, wanted: tuple[int, int]) -> None:
    assert frame_range(parse_label(f"1,{start},{end},2"), slicing) == wanted


@pytest.mark.parametrize(("slicing", "n_frames"), [("start:end", 9), ("start-1:end", 9), ("start:end+1", 10)])
def test_an_action_from_frame_0_keeps_its_beginning(tmp_path: Path, slicing: str, n_frames: int) -> None:
    numbers = pku_motion(20)
    write_pku(tmp_path, numbers, "1,0,9,2\n")
    (clip,) = outcomes(tmp_path, slicing=slicing)
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames.reshape(n_frames, 150), numbers[:n_frames].astype(np.float32))


def test_an_unknown_slicing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"slicing must be one of start:end, .*, not 'start'$"):
        PkuReader((tmp_path,), slicing="start")


def test_longer_clips_are_cut_and_say_so(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(320), "1,0,310,2\n")
    (clip,), (whole,) = outcomes(tmp_path), outcomes(tmp_path, max_frames=None)
    assert isinstance(clip, Clip)
    assert isinstance(whole, Clip)
    assert (len(clip.frames), clip.cut, len(whole.frames), whole.cut) == (300, 10, 310, 0)


@pytest.mark.parametrize(
    ("label", "reason", "detail"),
    [
        ("1,9,9,2", "malformed", "frames 9 to 9 of a recording of 30"),
        ("1,9,5,2", "malformed", "frames 9 to 5 of a recording of 30"),
        ("1,30,40,2", "malformed", "frames 30 to 40 of a recording of 30"),
        ("1,-9,-2,2", "malformed", "frames -9 to -2 of a recording of 30"),
        ("0,1,20,2", "malformed", "action 0; actions count from 1"),
        ("1,2", "malformed", "label line '1,2'"),
        ("1,a,20,2", "malformed", "label line '1,a,20,2'"),
        ("1,12,16,2", "no body", "nobody in any of 4 frames"),
        ("1,22,26,2", "non-finite", "600 NaN or infinite numbers, from frame 1"),
    ],
)
def test_one_bad_clip_is_left_out(tmp_path: Path, label: str, reason: Reason, detail: str) -> None:
    numbers = pku_motion(30)
    numbers[10:20] = 0
    numbers[22:26] = np.nan
    write_pku(tmp_path, numbers, f"1,0,8,2\n{label}\n")
    good, left_out = outcomes(tmp_path)
    assert isinstance(good, Clip)
    assert left_out == LeftOut(
        name=f"{PKU_ID}_001", reason=reason, detail=detail, source=f"data/{PKU_ID}.txt"
    )


def test_an_action_that_ends_after_the_recording_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(30), "1,20,31,2\n")
    (clip,) = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert len(clip.frames) == 10


LINE = " ".join(["0.5"] * 150)


@pytest.mark.parametrize(
    ("numbers", "labels", "reason", "detail"),
    [
        (f"{LINE}\n", None, "malformed", "no label file"),
        (None, "1,2,3,2\n", "malformed", "a label file without its recording"),
        (f"{LINE}\n", "", "malformed", "its label file names no action"),
        ("", "1,2,3,2\n", "truncated", "the file is empty"),
        (f"{LINE}\n0.5 0.5", "1,0,2,2\n", "truncated", "line 2: 2 numbers, not 150"),
        (f"{LINE}\n0.5\n{LINE}\n", "1,0,2,2\n", "malformed", "line 2: 1 numbers, not 150"),
        (f"{LINE} 0.5\n", "1,0,2,2\n", "malformed", "line 1: 151 numbers, not 150"),
        (f"{LINE}\n{LINE[:-3]}xyz\n", "1,0,2,2\n", "malformed", "could not convert string to float: b'xyz'"),
        ("hello\n", "1,0,2,2\n", "malformed", "could not convert string to float: b'hello'"),
    ],
)
def test_one_bad_recording_is_left_out(
    tmp_path: Path, numbers: str | None, labels: str | None, reason: Reason, detail: str
) -> None:
    write_pku(tmp_path, pku_motion(9), "1,0,9,2\n", name="0291-M")
    write_pku(tmp_path, numbers, labels)  # type: ignore[arg-type]
    found = {outcome.name: outcome for outcome in outcomes(tmp_path)}
    assert isinstance(found.pop("0291-M_000"), Clip)
    source = f"{'label' if numbers is None else 'data'}/{PKU_ID}.txt"
    assert found == {PKU_ID: LeftOut(name=PKU_ID, reason=reason, detail=detail, source=source)}


def test_of_two_recordings_of_one_name_the_first_is_used(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(9), "1,0,9,2\n")
    write_pku(tmp_path / "more", pku_motion(8), None)
    clip, left_out = outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert left_out == LeftOut(
        name=PKU_ID,
        reason="duplicate name",
        detail=f"data/{PKU_ID}.txt comes first",
        source=f"more/data/{PKU_ID}.txt",
    )


def test_other_text_files_do_not_count(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(9), "1,0,9,2\n")
    (tmp_path / "README.txt").write_text("PKU-MMD, 2017\n")
    (tmp_path / "cross-view.txt").write_text("Training videos:\n0291-L, 0291-M\n")
    (outcome,) = outcomes(tmp_path)
    assert isinstance(outcome, Clip)


def test_line_ends_blank_lines_and_exponents(tmp_path: Path) -> None:
    words = ["-1.5e-05", "12.25", "-0", "3"] + ["0.125"] * 146
    path = tmp_path / f"{PKU_ID}.txt"
    path.write_bytes((" ".join(words) + " \r\n" + "\r\n" + "\t".join(words)).encode())
    wanted = np.array([[float(word) for word in words]] * 2, np.float32).reshape(2, 2, 25, 3)
    assert read_recording(path).tobytes() == wanted.tobytes()


def test_a_recording_alone_tells_its_file_when_bad(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("1 2 3\n")
    with pytest.raises(BadRecordingError, match=r"x\.txt: truncated: line 1: 3 numbers, not 150$"):
        read_recording(tmp_path / "x.txt")


def test_a_copy_of_the_reader_reads_the_same(tmp_path: Path) -> None:
    write_pku(tmp_path, pku_motion(9), "1,0,9,2\n")
    reader = PkuReader((tmp_path,))
    copy = pickle.loads(pickle.dumps(reader))
    ((clip,),) = copy.read(reader.items())
    assert isinstance(clip, Clip)
    assert repr(copy) == repr(reader)
    assert sorted(path.parent.name for path in reader.files()) == ["data", "label"]
    assert reader.splits() == {}


@pytest.mark.data
def test_real_recording_with_made_up_labels(tmp_path: Path) -> None:
    if not REAL.is_dir():
        pytest.skip("the real PKU-MMD recording is not beside the checkout")
    (tmp_path / f"{PKU_ID}.txt").write_text("3,10,110,2\n51,1000,1040,1\n")
    reader = open_reader("pku-mmd", (REAL, tmp_path))
    (found,) = reader.read(reader.items())
    wanted = np.loadtxt(REAL / f"{PKU_ID}.txt").reshape(-1, 2, 25, 3).astype(np.float32)
    assert len(wanted) == 1040
    np.testing.assert_array_equal(read_recording(REAL / f"{PKU_ID}.txt"), wanted)
    assert [clip.label for clip in found if isinstance(clip, Clip)] == [2, 50]
    for clip, (start, end) in zip(found, [(10, 110), (1000, 1040)], strict=True):
        assert isinstance(clip, Clip)
        people = clip.frames.shape[1]
        np.testing.assert_array_equal(clip.frames, wanted[start:end, :people])
