"""Figures as files: without a date, and the same figure gives the same bytes."""

import pytest

from umurl_search.report.mpl_style import new_figure, picture, quiet_axes


def draw(kind: str) -> bytes:
    figure = new_figure(2, 1)
    quiet_axes(figure.add_subplot(), "title").plot([1, 2])
    return picture(figure, kind=kind)


@pytest.mark.parametrize(("kind", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_figure_becomes_a_file_of_its_kind_without_a_date(kind: str, begin: bytes) -> None:
    made = draw(kind)
    assert made.startswith(begin)
    assert b"<dc:date>" not in made
    assert b"Software" not in made


def test_the_same_figure_gives_the_same_png() -> None:
    assert draw("png") == draw("png")


def test_axes_have_no_box_around_them_and_their_title_at_the_left() -> None:
    axes = quiet_axes(new_figure(2, 1).add_subplot(), "title")
    sides = ("top", "right", "left", "bottom")
    assert [side for side in sides if axes.spines[side].get_visible()] == ["left", "bottom"]
    assert (axes.get_title(loc="left"), axes.get_title()) == ("title", "")
