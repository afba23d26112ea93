"""Skeletons in braille: where the dots are, and which terminals can show them."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Result
from screens import Screen

from cli import braille
from cli.braille import CELL, Strip, can_draw, strip
from umurl_search.library.library import Library
from umurl_search.pictures import clips
from umurl_search.pictures.sheet import PictureClip
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording

Command = Callable[..., Result]
CLIP = "mine:S001C001P002R001A005"
ONE = PictureClip(name="one", frames=make_clip("S001C001P001R001A005"))
PAIR = PictureClip(name="pair", frames=make_recording("P001C003T03").frames[:60])


def dots(drawn: Strip) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """What braille characters show, dot by dot, as Unicode numbers them."""
    numbered = {(0, 0): 0, (1, 0): 1, (2, 0): 2, (0, 1): 3, (1, 1): 4, (2, 1): 5, (3, 0): 6, (3, 1): 7}
    shown = np.zeros((4 * len(drawn.lines), 2 * len(drawn.lines[0])), dtype=bool)
    for row, line in enumerate(drawn.lines):
        for column, character in enumerate(line):
            code = ord(character) - 0x2800
            assert 0 <= code < 256
            for (y, x), bit in numbered.items():
                shown[4 * row + y, 2 * column + x] = bool(code >> bit & 1)
    return shown


# poses


def test_a_strip_has_its_poses_side_by_side() -> None:
    for width, height in ((6, 2), (12, 3), (25, 3), (36, 4)):
        drawn = strip(ONE, width=width, height=height)
        n = width // CELL
        assert [len(line) for line in drawn.lines] == [n * (width // n)] * height
        assert [len(line) for line in drawn.people] == [n * (width // n)] * height
        for pose in np.split(dots(drawn), n, axis=1):
            assert pose.sum() > 2 * 4 * height / 2
    filled = dots(strip(ONE, width=36))
    assert filled.any(axis=1).all()


def test_dots_are_where_the_lines_are() -> None:
    frames = np.zeros((1, 1, 25, 3), dtype=np.float32)
    spine, head = 2, 3
    frames[0, 0, [0, 1, 20, spine, head], 1] = [1.0, 1.25, 1.5, 1.75, 2.0]
    frames[0, 0, [0, 1, 20, spine, head], 2] = 3.0
    shown = dots(strip(PictureClip(name="post", frames=frames), width=6, height=3))
    columns = np.flatnonzero(shown.any(axis=0))
    assert len(columns) == 1
    assert columns[0] in (5, 6)
    assert shown[:, columns[0]].all()
    assert shown.shape == (12, 12)


def test_all_poses_stand_on_one_ground_at_one_scale() -> None:
    frames = np.concatenate([ONE.frames[:1], ONE.frames[:1] + np.array([0, 0.9, 0], dtype=np.float32)])
    low, high = np.split(dots(strip(PictureClip(name="jump", frames=frames), width=12, height=4)), 2, axis=1)
    rows = [np.flatnonzero(pose.any(axis=1)) for pose in (low, high)]
    assert rows[0][-1] == 15
    assert rows[1][0] == 0
    assert rows[0][0] - rows[1][0] == pytest.approx(rows[0][-1] - rows[1][-1], abs=1)
    assert rows[0][0] > 3


def test_joints_of_a_picture_are_seen_from_straight_ahead() -> None:
    frames = np.zeros((1, 1, 25, 3), dtype=np.float32)
    frames[0, 0, [4, 8], 0] = [0.5, -0.5]
    frames[0, 0, [20, 1], 1] = [0.0, -1.0]
    frames[0, 0, [20, 1], 0] = 0.05
    shown = dots(strip(replace(ONE, frames=frames), width=6))
    assert shown[0].sum() == np.ptp(np.flatnonzero(shown.any(axis=0))) + 1
    assert (shown[1:].sum(axis=1) == 1).all()


def test_two_people_are_told_apart() -> None:
    assert {person for line in strip(ONE, width=18).people for person in line} == {0}
    pair = strip(PAIR, width=18)
    owned = {
        p
        for line, whose in zip(pair.lines, pair.people, strict=True)
        for c, p in zip(line, whose, strict=True)
        if c != "⠀"
    }
    assert owned == {0, 1}


@pytest.mark.parametrize(
    "frames",
    [ONE.frames[:1], np.zeros((3, 2, 25, 3), dtype=np.float32), np.ones((2, 1, 25, 3), dtype=np.float32)],
)
def test_odd_clips(frames: Any) -> None:
    drawn = strip(PictureClip(name="odd", frames=frames), width=20)
    assert len(drawn.lines) == 3


# when they are drawn


def test_a_terminal_that_can(screen: Callable[[int], Screen], monkeypatch: pytest.MonkeyPatch) -> None:
    out = screen(80)
    assert can_draw(plain=False)
    assert not can_draw(plain=True)
    for term in ("dumb", "linux", ""):
        monkeypatch.setenv("TERM", term)
        assert not can_draw(plain=False), term
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "59")
    assert not can_draw(plain=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert can_draw(plain=False)
    monkeypatch.setattr(out, "encoding", "latin-1", raising=False)
    assert not can_draw(plain=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not can_draw(plain=False)
    monkeypatch.setattr(sys, "stdout", None)
    assert not can_draw(plain=False)


def test_pipes_and_json_read_no_frames(
    command: Command, indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("frames were read")

    monkeypatch.setattr(clips, "query_and_hits", read)
    monkeypatch.setattr(braille, "strip", read)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    plain = command("query", CLIP, "--k", 2)
    assert plain.code == 0
    assert (
        plain.out == command("query", CLIP, "--k", 2, "--plain").out.replace("ms", "ms")
        or plain.out.splitlines()[1:] == command("query", CLIP, "--k", 2).out.splitlines()[1:]
    )
    assert plain.out.splitlines()[2].split() == [
        "rank",
        "score",
        "clip",
        "action",
        "subject",
        "camera",
        "setup",
        "frames",
    ]
    assert command("query", CLIP, "--k", 2, "--json").code == 0
