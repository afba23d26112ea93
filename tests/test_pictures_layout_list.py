"""What is shown of a layout."""

import pytest

from umurl_search.pictures.layout_list import list_layouts, standing_person


def test_somebody_stands_to_be_drawn() -> None:
    person = standing_person()
    assert person.shape == (1, 1, 25, 3)
    assert person[0, 0, 3, 1] > person[0, 0, 0, 1] > person[0, 0, 14, 1]


def test_a_layout_says_what_it_lacks() -> None:
    (row,) = list_layouts("smpl-24").layouts
    assert row.invented == ["spine shoulder", "left hand tip", "left thumb", "right hand tip", "right thumb"]
    assert row.ntu25["left hand tip"] == "left hand"
    assert row.ntu25["spine shoulder"] == "0.5 left shoulder + 0.5 right shoulder; else spine3"
    with pytest.raises(ValueError, match="layout is one of ntu25, "):
        list_layouts("smpl")
