"""Joints that were not seen become zeros, however they are marked, or are filled over time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_and_count, convert_frames, to_ntu25
from umurl_search.clips.unseen_joints import (
    Marks,
    check_marks,
    describe_unseen,
    fill_gaps,
    mark_unseen,
    parse_marks,
    trim_absence,
)
from umurl_search.synthetic.demo_corpus import make_clip

CLIP = make_clip("S001C002P003R001A010")


def mark(value: float | tuple[float, float, float]) -> NDArray[np.float32]:
    """The clip with one thumb not seen in three frames."""
    marked = CLIP.copy()
    marked[4:7, 0, 22] = value
    return marked


UNSEEN = mark(0)


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, (1.0, np.nan, 2.0), -1, -9999, 9999, -999, -1000, (-1, -1, 0)]
)
def test_every_usual_mark_is_known(value: float | tuple[float, float, float]) -> None:
    frames, n_unseen, _ = mark_unseen(mark(value), Marks())
    np.testing.assert_array_equal(frames, UNSEEN)
    assert n_unseen == 3


@pytest.mark.parametrize("value", [(-1.0, 0.3, 2.0), (0.5, 0.5, 0.5), (-1.0, -1.0, 2.5)])
def test_a_place_is_no_mark(value: tuple[float, float, float]) -> None:
    frames = mark(value)
    found = mark_unseen(frames, Marks())
    assert found.frames is frames
    assert found.n_unseen == 0


def test_stated_marks_are_the_only_ones() -> None:
    assert mark_unseen(mark(7), parse_marks("7")).n_unseen == 3
    assert mark_unseen(mark(7), parse_marks(None)).n_unseen == 0
    assert mark_unseen(mark(-1), parse_marks("nan, 7")).n_unseen == 0
    assert mark_unseen(mark(np.nan), parse_marks("nan,zero")).n_unseen == 3
    with pytest.raises(ValueError, match="NaN or infinite"):
        to_ntu25(mark(np.nan), Conventions(missing="-1"))


@pytest.mark.parametrize("stated", ["far", "nan,", "inf", "1;2"])
def test_a_word_that_is_no_mark_is_refused(stated: str) -> None:
    with pytest.raises(ValueError, match="marks are nan, zero or numbers"):
        check_marks(stated)


def test_joints_are_filled_over_time_where_that_is_asked() -> None:
    for value in (np.nan, -1, 0):
        filled = mark_unseen(mark(value), parse_marks("interpolate")).frames
        steps = np.linspace(CLIP[3, 0, 22], CLIP[7, 0, 22], 5)
        np.testing.assert_allclose(filled[3:8, 0, 22], steps, atol=1e-5)
        np.testing.assert_array_equal(np.delete(filled, 22, axis=2), np.delete(CLIP, 22, axis=2))
    early = CLIP.copy()
    early[:3, 0, 5] = np.nan
    early[:, 0, 21] = -1
    early[9] = 0
    early[12:16] = 0
    filled = mark_unseen(early, parse_marks("nan,-1,interpolate"), fps=7.9).frames
    np.testing.assert_array_equal(filled[:3, 0, 5], CLIP[[3, 3, 3], 0, 5])
    assert not filled[:, 0, 21].any()
    np.testing.assert_allclose(filled[9, 0, :21], (CLIP[8, 0, :21] + CLIP[10, 0, :21]) / 2, atol=1e-5)
    assert not filled[12:16].any()


def detected(n_frames: int = 60) -> NDArray[np.float32]:
    """(T, 1, 17, 3) somebody in a picture, whose joints go evenly to the right and down."""
    steps = np.arange(n_frames, dtype=np.float32)[:, None, None, None]
    places = np.arange(17 * 2, dtype=np.float32).reshape(17, 2) * 10 + 100 + 2 * steps
    return np.concatenate([places, np.zeros_like(places[..., :1])], axis=-1)


def test_short_gaps_of_joints_and_of_people_are_filled() -> None:
    whole = detected()
    torn = whole.copy()
    torn[10:25, 0, 9] = 0  # half a second
    torn[30:34] = 0
    torn[5, 0, 3] = torn[40, 0, 2] = 0
    found = fill_gaps(torn, fps=30.0)
    np.testing.assert_allclose(found.frames, whole, rtol=1e-6)
    n_lost = 15 + 4 * 17 + 2
    assert found.notes == (
        f"{100 * n_lost / (60 * 17):.1f} % of joints were not seen; gaps of up to half a second were filled in",
    )
    assert not torn[30:34].any()


def test_long_gaps_ends_and_joints_that_are_hardly_seen_stay_unseen() -> None:
    torn = detected()
    torn[10:26, 0, 9] = torn[:3, 0, 1] = torn[57:, 0, 1] = 0
    torn[np.arange(60) % 4 > 0, 0, 2] = 0
    torn[:, 0, 4] = 0
    found = fill_gaps(torn, fps=30.0)
    assert found.frames is torn
    assert found.notes == ("7.0 % of joints were not seen, in gaps too long to be filled in",)
    torn[40, 0, 0] = 0
    (note,) = fill_gaps(torn, fps=30.0).notes
    assert note.endswith("gaps of up to half a second were filled in (0.1 %)")
    short = fill_gaps(torn, fps=32.0).frames
    assert short[10:26, 0, 9].any(axis=-1).all()
    assert not fill_gaps(torn, fps=25.0).frames[10:26, 0, 9].any()


def test_each_person_is_filled_alone_and_nobody_is_nobody() -> None:
    two = np.concatenate([detected(), detected() + 500 * (detected() != 0)], axis=1)
    torn = two.copy()
    torn[7:9, 0] = torn[20:30, 1, 5] = 0
    np.testing.assert_allclose(fill_gaps(torn, fps=30.0).frames, two, rtol=1e-6)
    assert fill_gaps(two, fps=30.0).notes == ()
    for shape in ((0, 1, 17, 3), (5, 0, 17, 3), (5, 1, 17, 3)):
        nobody = np.zeros(shape, np.float32)
        assert fill_gaps(nobody, fps=30.0).frames is nobody


def test_time_before_and_after_anybody_is_there_is_cut_off() -> None:
    whole = detected()
    two = np.concatenate([whole, whole], axis=1)
    two[:20, 0] = two[:12, 1] = two[30:, 1] = two[44:, 0] = 0
    cut = trim_absence(two, fps=20.0)
    np.testing.assert_array_equal(cut.frames, two[12:44])
    assert cut.notes == ("nobody is seen for 0.6 s at the start and 0.8 s at the end: cut off",)
    assert trim_absence(two, fps=26.0).notes == ("nobody is seen for 0.6 s at the end: cut off",)
    assert trim_absence(two, fps=60.0).notes == ()
    for untouched in (whole, np.zeros_like(whole), whole[:0]):
        assert trim_absence(untouched, fps=30.0).frames is untouched


def test_who_leaves_early_is_compared_while_there_unless_times_count() -> None:
    early = detected()
    early[25:] = 0
    made = convert_frames(early, Conventions(layout="coco-17"))
    np.testing.assert_array_equal(made.frames, to_ntu25(early[:25], Conventions(layout="coco-17")))
    assert "nobody is seen for 1.2 s at the end: cut off" in made.notes
    assert len(to_ntu25(early, Conventions(layout="coco-17", untrimmed=True))) == len(early)
    kinect = CLIP.copy()
    kinect[9:] = 0
    assert len(to_ntu25(kinect, Conventions())) == len(kinect)


def test_a_detector_is_helped_over_gaps_and_a_kinect_is_not() -> None:
    rng = np.random.default_rng(0)
    hurt = np.where(rng.random((60, 1, 17, 1)) < 0.1, 0, detected())
    hurt[::5] = 0
    made = convert_frames(hurt, Conventions(layout="coco-17"))
    assert any(
        "joints were not seen; gaps of up to half a second were filled in" in one for one in made.notes
    )
    assert np.asarray(made.frames[2:55].any(axis=(1, 2, 3))).all()
    assert find_layout("azure-32").axes == "camera"
    camera = CLIP[:, :, np.resize(np.arange(25), 32)].copy()
    camera[4] = 0
    assert convert_frames(camera, Conventions(layout="azure-32")).frames[4].any()
    gone = CLIP.copy()
    gone[4], gone[7, 0, 3] = 0, 0
    kept = convert_frames(gone, Conventions())
    np.testing.assert_array_equal(kept.frames, gone)
    assert kept.notes == ()


def test_a_clip_of_which_nothing_is_left_is_left_out() -> None:
    clip = Clip(name="a", frames=np.full((4, 1, 25, 3), np.nan, np.float32))
    left_out = convert_and_count(clip, Conventions())
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "non-finite"
    left_out = convert_and_count(Clip(name="a", frames=np.full((4, 1, 25, 3), -1, np.float32)), Conventions())
    assert isinstance(left_out, LeftOut)
    assert left_out.reason == "no body"
    counted = convert_and_count(Clip(name="a", frames=mark(-1), unseen=2), Conventions())
    assert not isinstance(counted, LeftOut)
    assert counted.n_unseen == 5


def test_marks_do_not_count_when_people_are_chosen() -> None:
    three = np.concatenate([0.1 * CLIP, CLIP, 2 * CLIP], axis=1)
    marked = three.copy()
    marked[3:6, 0, 7] = np.inf
    marked[3:6, 1, 7] = np.nan
    chosen = to_ntu25(marked, Conventions())
    assert chosen.shape[1] == 2
    np.testing.assert_array_equal(chosen[0], three[0, [2, 1]])


def test_what_is_said_of_them() -> None:
    assert describe_unseen(0, what="it") == []
    assert describe_unseen(1, what="it")[0].startswith("it: 1 joint is marked as not seen")
    assert describe_unseen(1200, what="it")[0].startswith("it: 1,200 joints are marked")
