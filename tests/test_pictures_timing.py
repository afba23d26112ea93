"""Which frames moving pictures show, and for how long."""

from fractions import Fraction

import pytest

from umurl_search.pictures.timing import timing


@pytest.mark.parametrize("fps", [1, 7, 10, 12.5, 15, 24, 30])
def test_pictures_show_the_frame_of_their_time_and_last_as_long_as_the_clip(fps: float) -> None:
    for n in [*range(1, 70), 299, 300, 1040]:
        when = timing(n, fps)
        starts = [Fraction(k) / Fraction(fps) for k in range(len(when.frames))]
        assert list(when.frames) == [int(30 * start) for start in starts]
        assert starts[-1] * 30 + 0.59 < n < (starts[-1] + 1 / Fraction(fps)) * 30 + 0.61
        assert when.seconds == n / 30
        assert list(when.ends_s) == sorted(when.ends_s)
        assert sum(when.delays_cs()) == round(100 * n / 30)
        assert min(when.delays_cs()) >= 2


def test_more_pictures_than_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 30 pictures a second: got 5, 31"):
        timing(5, 31)
