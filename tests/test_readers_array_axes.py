"""What the axes of an array are, by its shape or as stated."""

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.readers.array_axes import (
    clip_readings,
    order_axes,
    require_axes,
    require_source_axes,
    set_readings,
    sizes_as,
)

JOINTS = (25, 20)


@pytest.mark.parametrize(
    ("shape", "readings"),
    [
        ((9, 25, 3), ["TVC"]),
        ((2, 9, 25, 3), ["MTVC"]),
        ((9, 75), ["TVC"]),
        ((9, 60), ["TVC"]),
        ((9, 150), ["TMVC"]),
        ((3, 9, 25), ["CTV"]),
        ((9, 3, 25), ["TCV"]),
        ((20, 3, 44), ["VCT"]),
        ((9, 25, 4), ["TVC"]),
        ((2, 9, 25, 4), ["MTVC", "TMVC"][:1]),
        ((9, 225), []),
        ((9, 74), []),
        ((75,), []),
        ((4, 9, 25), []),
    ],
)
def test_a_clip_is_read_by_its_shape(shape: tuple[int, ...], readings: list[str]) -> None:
    assert clip_readings(shape, JOINTS)[: len(readings) or 1] == readings


@pytest.mark.parametrize(
    ("shape", "reading"),
    [
        ((7, 3, 9, 25, 2), "NCTVM"),
        ((7, 9, 2, 25, 3), "NTMVC"),
        ((7, 2, 9, 25, 3), "NMTVC"),
        ((7, 9, 25, 3), "NTVC"),
        ((7, 3, 9, 25), "NCTV"),
        ((7, 9, 75), "NTVC"),
        ((7, 9, 150), "NTMVC"),
        ((20, 3, 9, 7), "VCTN"),
    ],
)
def test_many_clips_are_read_by_their_shape(shape: tuple[int, ...], reading: str) -> None:
    assert set_readings(shape, JOINTS)[0] == reading


def test_an_array_with_fewer_axes_has_the_last_ones_folded() -> None:
    assert sizes_as((9, 75), "TCV", JOINTS) == {"T": 9, "C": 3, "V": 25}
    assert sizes_as((9, 225), "TMVC", JOINTS) == {"T": 9, "M": 3, "V": 25, "C": 3}
    assert sizes_as((9, 150), "TVC", JOINTS) is None
    assert sizes_as((75, 9), "VCT", JOINTS) is None
    assert sizes_as((), "TVC", JOINTS) is None


@pytest.mark.parametrize("axes", ["TVC", "CTV", "VCT", "MTVC", "TMVC", "CTVM", "MCTV"])
def test_axes_are_put_in_order(axes: str) -> None:
    sizes = {"T": 4, "M": 2, "V": 25, "C": 3}
    wanted = np.arange(600).reshape(4, 2, 25, 3)
    wanted = wanted if "M" in axes else wanted[:, :1]
    letters = [letter for letter in "TMVC" if letter in axes]
    given = wanted if "M" in axes else wanted[:, 0]
    array = given.transpose([letters.index(letter) for letter in axes])
    assert (order_axes(array, axes, sizes) == wanted).all()


def test_axes_that_are_not_known_are_an_error() -> None:
    with pytest.raises(UmurlError, match=r"^axes must be one of TVC, .*, not 'NTVC'$"):
        require_axes("NTVC")
    require_source_axes("NTVC")
    require_axes(None)
    with pytest.raises(UmurlError, match=r", NTVC, .* not 'TVV'$"):
        require_source_axes("TVV")
