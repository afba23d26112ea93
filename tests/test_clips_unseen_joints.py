"""Joints that were not seen become zeros, however they are marked, or are filled over time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.clips.normalization import Conventions, convert_and_count, to_ntu25
from umurl_search.clips.unseen_joints import Marks, check_marks, describe_unseen, mark_unseen, parse_marks
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
    filled = mark_unseen(early, parse_marks("nan,-1,interpolate")).frames
    np.testing.assert_array_equal(filled[:3, 0, 5], CLIP[[3, 3, 3], 0, 5])
    assert not filled[:, 0, 21].any()
    assert not filled[9].any()


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
