"""When frames were."""

import numpy as np
import pytest

from umurl_search.readers.detected_people import DetectedFrame
from umurl_search.readers.frame_times import find_timing, sort_frames, spread


def timed(times: list[float]) -> list[DetectedFrame]:
    return [DetectedFrame(time=time) for time in times]


def numbered(numbers: list[int]) -> list[DetectedFrame]:
    return [DetectedFrame(number=number) for number in numbers]


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e6, 1e9])
def test_even_time_stamps_say_the_rate(unit: float) -> None:
    timing = find_timing(timed([0.04 * t * unit for t in range(9)]), None)
    assert timing == (None, 25.0, ())


def test_uneven_time_stamps_are_brought_to_the_median_rate() -> None:
    timing = find_timing(timed([0, 40, 80, 160, 200, 240]), None)
    assert timing.fps == 25
    assert timing.positions is not None
    assert timing.positions.tolist() == [0, 1, 2, 4, 5, 6]
    assert timing.notes == ("frames lie 0.04 to 0.08 s apart by their time stamps: brought to 25 a second",)


def test_missing_numbers_are_holes() -> None:
    timing = find_timing(numbered([3, 4, 6, 7]), 30)
    assert timing.positions is not None
    assert timing.positions.tolist() == [0, 1, 3, 4]
    assert timing.notes[0].startswith("1 frames are missing by their numbers")


def test_a_stride_is_no_hole() -> None:
    timing = find_timing(numbered([0, 5, 10, 15]), 30)
    assert timing == (None, 6.0, ("only every 5th frame is there by their numbers",))


def test_numbers_that_count_no_frames_are_passed_over() -> None:
    timing = find_timing(numbered([161106, 161107, 171200, 239999]), None)
    assert timing == (None, None, ("frames are not numbered one after another: taken as they follow",))


@pytest.mark.parametrize("first", [0, 1, 120])
@pytest.mark.parametrize("step", [1, 2])
def test_time_stamps_that_count_are_numbers_of_frames(first: int, step: int) -> None:
    times = [float(first + step * t) for t in range(6)]
    timing = find_timing(timed(times), None)
    assert timing.positions is None
    assert timing.fps is None
    assert timing.notes[0].startswith(
        "its time stamps count one after another, so they are taken for numbers of frames"
    )
    assert timing.notes[0].endswith("--fps settles it")
    assert find_timing(timed(times), 50) == (None, 50 / step, timing.notes[1:])


def test_counted_time_stamps_leave_the_word_to_numbers_and_have_holes() -> None:
    both = [DetectedFrame(time=float(t), number=number) for t, number in enumerate((3, 4, 6, 7))]
    for frames in (both, timed([3, 4, 6, 7])):
        positions = find_timing(frames, None).positions
        assert positions is not None
        assert positions.tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize("times", [[1.7e9, 1.7e9 + 1, 1.7e9 + 2], [0, 0.5, 1, 1.5], [0, 40, 80]])
def test_time_stamps_in_seconds_or_milliseconds_stay_times(times: list[float]) -> None:
    assert find_timing(timed(times), None).fps in (1, 2, 25)


@pytest.mark.parametrize("numbers", [[1, 1, 2], [3, 2, 1], [1, 2]])
def test_numbers_that_do_not_rise_say_nothing(numbers: list[int]) -> None:
    assert find_timing(numbered(numbers), None) == (None, None, ())


def test_frames_out_of_order_are_sorted() -> None:
    assert [frame.number for frame in sort_frames(numbered([2, 10, 1]))] == [1, 2, 10]
    assert [frame.time for frame in sort_frames(timed([0.2, 0.1]))] == [0.1, 0.2]
    assert sort_frames([*numbered([2]), DetectedFrame()])[0].number == 2


def test_short_gaps_are_filled_and_long_ones_unseen() -> None:
    frames = np.ones((4, 1, 2, 3), np.float32) * np.array([1, 2, 4, 24], np.float32)[:, None, None, None]
    frames[2, 0, 1] = 0
    found = spread(frames, np.array([0.0, 1, 3, 23]))
    assert len(found) == 24
    assert found[:4, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert found[:4, 0, 1, 0].tolist() == [1, 2, 0, 0]
    assert not found[4:23].any()
    assert found[23, 0, 0, 0] == 24
