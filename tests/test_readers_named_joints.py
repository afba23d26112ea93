"""Joints by the names of a file."""

import numpy as np
import pytest

from encoder.errors import UmurlError
from encoder.joint_layouts import LAYOUTS
from umurl_search.readers.named_joints import (
    find_lacking,
    leg_length,
    mark_seen,
    match_names,
    require_own_layout,
    require_person,
)

RIG = LAYOUTS["rig"]


def standing() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(3, 1, 26, 3) with legs of 40 and 41."""
    frames = np.ones((3, 1, 26, 3), np.float32)
    for side in ("left", "right"):
        for part, y in (("hip", 90), ("knee", 50), ("ankle", 9)):
            frames[:, 0, RIG.joints.index(f"{side} {part}"), 1] = y
    return frames


@pytest.mark.parametrize(
    ("wanted", "names", "found"),
    [
        (["b", "a"], ["a", "b"], [1, 0]),
        (["a", "c"], ["a", "b"], [0, None]),
        (["left hip"], ["LEFT_HIP"], [0]),
        (["LASI"], ["Anna:LASI"], [0]),
        (["LASI"], ["Anna:LASI", "lasi", "LASI"], [2]),
        (["LASI"], ["Anna:LASI", "lasi"], [1]),
        (["Anna:LASI"], ["LASI"], [0]),
        (["a"], ["A", "a", "a"], [1]),
        (["a"], [], [None]),
    ],
)
def test_names_are_found_as_they_are_written_first(
    wanted: list[str], names: list[str], found: list[int | None]
) -> None:
    assert match_names(wanted, names) == found


def test_what_a_person_lacks_is_named_with_what_is_there() -> None:
    frames = standing()
    assert find_lacking(frames, RIG) == []
    require_person(frames, RIG, [], what="a")
    frames[:, :, RIG.joints.index("left knee")] = 0
    assert find_lacking(frames, RIG) == ["left knee"]
    with pytest.raises(UmurlError) as raised:
        require_person(frames, RIG, [f"j{at}" for at in range(90)], what="a.bvh")
    assert raised.value.message.startswith(
        "a.bvh: none of its joints is known to be left knee (layout rig); it has j0, j1, "
    )
    assert raised.value.message.endswith(", j79 and 10 others")


def test_a_leg_is_as_long_as_its_bones() -> None:
    frames = standing()
    assert leg_length(frames, RIG) == pytest.approx(81)
    frames[0] = np.nan
    assert leg_length(frames, RIG) == pytest.approx(81)
    assert np.isnan(leg_length(frames[:1], RIG))


def test_places_at_the_origin_stay_seen() -> None:
    places = mark_seen(np.zeros((1, 1, 2, 3), np.float32))
    assert places.any(axis=-1).all()
    assert np.abs(places).max() < 1e-5


def test_a_format_with_one_layout_takes_no_other() -> None:
    require_own_layout(None, "rig", what="Joints")
    require_own_layout("rig", "rig", what="Joints")
    with pytest.raises(UmurlError, match=r"^Joints are of layout rig, not coco-17$"):
        require_own_layout("coco-17", "rig", what="Joints")
