"""From coordinates to a clip, or to the reason why there is none."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from umurl_search.readers.build_clip import (
    BadRecordingError,
    describe,
    make_clip,
    preview,
    read_bytes,
    take_places,
)

NAME = "S001C002P003R004A005"


def frames(n_frames: int = 4) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(n_frames, 1, 25, 3))


def test_the_name_says_what_the_recording_does_not() -> None:
    clip = make_clip(NAME, frames(), source="x")
    assert (clip.setup, clip.camera, clip.subject, clip.replication, clip.label) == (1, 2, 3, 4, 4)
    assert make_clip(NAME, frames(), source="x", label=7).label == 7
    assert make_clip("other", frames(), source="x").label is None


def test_frames_beyond_the_most_are_cut_and_counted() -> None:
    clip = make_clip(NAME, frames(9), source="x", max_frames=5)
    assert (len(clip.frames), clip.cut) == (5, 4)
    assert clip.frames.dtype == np.float32
    np.testing.assert_array_equal(clip.frames, frames(9)[:5].astype(np.float32))


def test_people_who_are_never_there_are_dropped_and_nobody_is_no_clip() -> None:
    two = np.concatenate([frames(), np.zeros_like(frames())], axis=1)
    assert make_clip(NAME, two, source="x").frames.shape == (4, 1, 25, 3)
    with pytest.raises(BadRecordingError, match=r"^no body: nobody in any of 4 frames$"):
        make_clip(NAME, np.zeros((4, 2, 25, 3)), source="x")


def test_a_number_that_is_none_in_single_precision_is_told_with_its_frame() -> None:
    damaged = frames().astype(np.float64)
    damaged[2, 0, 3, 1] = 1e300
    with pytest.raises(
        BadRecordingError, match=r"^non-finite: 1 NaN or infinite numbers, from frame 3 \(in "
    ):
        make_clip(NAME, damaged, source="x")


@pytest.mark.parametrize("mark", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_may_mark_a_joint_and_not_all_joints(mark: float) -> None:
    marked = frames()
    marked[2, 0, 3, 1] = mark
    np.testing.assert_array_equal(make_clip(NAME, marked, source="x").frames, marked.astype(np.float32))
    marked[..., 0] = mark
    with pytest.raises(BadRecordingError, match=r"^non-finite: 101 NaN or infinite numbers, from frame 1$"):
        make_clip(NAME, marked, source="x")


@pytest.mark.parametrize("label", [-1, 2**63])
def test_a_label_that_cannot_be_a_class_is_refused(label: int) -> None:
    with pytest.raises(BadRecordingError, match=rf"^malformed: its label is {label}, not a class from 0$"):
        make_clip(NAME, frames(), source="x", label=label)


@pytest.mark.parametrize("name", ["a\nb", "a\u202eb", "x" * 1001])
def test_a_name_that_a_line_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadRecordingError, match=r"^malformed: its name is very long"):
        make_clip(name, frames(), source="x")
    assert preview(name).isprintable()
    assert len(preview(name)) < 250


def test_a_value_is_described_in_few_letters() -> None:
    assert [describe(one) for one in (None, 1.5, "x", 3)] == ["None", "1.5", "'x'", "3"]
    assert describe([0] * 10**6) == "a list"
    assert describe(10**400) == "a very large int"
    assert len(describe("x" * 10**6)) < 250


def test_files_without_content_are_told(tmp_path: Path) -> None:
    (tmp_path / "some").write_bytes(b"content")
    assert read_bytes(tmp_path / "some") == b"content"
    (tmp_path / "blank").write_bytes(b" \n")
    bad = {tmp_path / "blank": "truncated", tmp_path / "absent": "malformed", tmp_path: "malformed"}
    for path, reason in bad.items():
        with pytest.raises(BadRecordingError) as told:
            read_bytes(path)
        assert (told.value.reason, told.value.path) == (reason, path)
        assert str(told.value).startswith(f"{path}: {reason}: ")


def test_what_is_left_out_is_told_in_lines_that_can_be_shown() -> None:
    left_out = BadRecordingError("malformed", "y" * 500).left_out("a\nb", "c\td")
    assert (left_out.name, left_out.reason, left_out.source) == (r"a\nb", "malformed", r"c\td")
    assert left_out.detail == "y" * 200 + "..."


def test_scores_count_throughout_where_a_layout_says_for_which_joints() -> None:
    """A knee of which a detector is sure in most frames stays in all; an arm stays however unsure it is."""
    layout = find_layout("mediapipe-33")
    frames = np.full((5, 1, 33, 4), 0.9, np.float32)
    left, right, elbow = (layout.joints.index(name) for name in ("left knee", "right knee", "left elbow"))
    frames[:2, :, left, 3] = 0.1
    frames[:3, :, right, 3] = 0.1
    frames[..., elbow, 3] = 0.1
    frames[4] = 0
    places = take_places(frames, layout)
    assert places[:4, 0, left].all()
    assert places[:4, 0, elbow].all()
    assert not places[:, 0, right].any()
