"""Skeletons in braille, and tables of hits at several widths."""

import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX, Result
from rich.console import Console
from rich.text import Text

from cli import braille
from cli.braille import CELL, LEAST, MOST, Strip, can_draw, strip
from cli.print_hits import Column, fitted, hits, naming
from umurl_search.library.library import Library
from umurl_search.pictures import clips
from umurl_search.pictures.sheet import PictureClip
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.synthetic.long_recordings import make_recording

Command = Callable[..., Result]
CLIP = "mine:S001C001P002R001A005"
ONE = PictureClip(name="one", frames=make_clip("S001C001P001R001A005"))
PAIR = PictureClip(name="pair", frames=make_recording("P001C003T03").frames[:60])


class Screen(io.StringIO):
    """A terminal to write on."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Screen]:
    """Makes stdout a terminal so many columns wide."""

    def made(columns: int) -> Screen:
        out = Screen()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("LINES", "40")
        return out

    return made


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
    assert plain.out.splitlines()[1].split() == [
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


def asked(screen: Callable[[int], Screen], columns: int, *arguments: object) -> list[str]:
    from cli.main import run

    out = screen(columns)
    assert run([str(argument) for argument in ("query", *arguments)]) == 0
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()


def is_braille(character: str) -> bool:
    return "⠀" <= character <= "⣿"


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 140, 200])
def test_a_query_on_a_terminal(screen: Callable[[int], Screen], indexed: Library, columns: int) -> None:
    lines = asked(screen, columns, CLIP, "--k", 3)
    assert max(map(len, lines)) <= columns
    drawn = [line for line in lines if any(map(is_braille, line))]
    assert len(drawn) == (0 if columns < 60 else 3 + 3 * 3)
    head = next(line for line in lines if line.startswith("rank"))
    rows = lines[lines.index(head) + 1 :]
    names = [line for line in rows if "S001C" in line]
    assert len(names) == 3
    assert len(rows) == 3 * (3 if "poses" in head else 1)
    if columns >= 140:
        assert head.split() == [
            "rank",
            "score",
            "clip",
            "action",
            "poses",
            "subject",
            "camera",
            "setup",
            "frames",
        ]
    plain = asked(screen, columns, CLIP, "--k", 3, "--plain")
    assert not any(map(is_braille, "".join(plain)))
    assert max(map(len, plain)) <= columns


def test_moments_on_a_terminal(screen: Callable[[int], Screen], long: Library) -> None:
    for columns in (50, 100, 160):
        lines = asked(screen, columns, CLIP, "--k", 2, "--index", LONG_INDEX)
        assert max(map(len, lines)) <= columns
        head = next(line for line in lines if line.startswith("rank"))
        assert ("poses" in head) == (columns > 50)
        assert "from s" in head
    assert head.split()[-2:] == ["subject", "camera"] or "IoU" in head


# tables


def made_hits(n: int, name: str = "S001C001P001R001A001") -> list[dict[str, Any]]:
    return [
        {
            "rank": i,
            "score": 1 - i / 10,
            "dataset": "somewhere",
            "name": name[:-1] + str(i),
            "label": i,
            "action": "a rather long name of an action",
            "subject": i,
            "camera": 2,
            "setup": None,
            "frames": 100,
        }
        for i in range(1, n + 1)
    ]


def columns_of(found: Sequence[dict[str, Any]]) -> list[Column]:
    return [
        *naming(found),
        Column(header="action", cells=[Text(hit["action"]) for hit in found], cut=True),
        *(
            Column(header=name, cells=[Text(str(hit[name] or "")) for hit in found], right=True, spare=True)
            for name in ("subject", "camera", "setup", "frames")
        ),
    ]


def blank(width: int) -> list[Strip]:
    return [Strip(lines=("⣿" * width,) * 3, people=((0,) * width,) * 3)] * 4


def shown(width: int, *, draw: bool, name: str = "S001C001P001R001A001") -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None)
    console.print(fitted(columns_of(made_hits(3, name)), console, draw=blank if draw else None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("draw", [False, True])
def test_a_table_fits_every_width_and_nothing_wraps(draw: bool) -> None:
    seen: set[tuple[str, ...]] = set()
    for width in [*range(36, 90), *range(90, 180, 5)]:
        lines = shown(width, draw=draw)
        head = tuple(lines[0].split())
        seen.add(head)
        assert max(map(len, lines)) <= width
        assert len(lines) == 1 + 3 * (3 if "poses" in head else 1), width
        assert [sum(f"A00{i}" in line for line in lines) for i in (1, 2, 3)] == [1, 1, 1], width
        if "poses" in head:
            across = {line.count("⣿") for line in lines[1:]}
            assert len(across) == 1
            assert LEAST <= across.pop() <= MOST
    names = ("rank", "score", "clip", "action")
    assert ("rank", "score", "clip") in seen
    assert (*names, *["poses"] * draw, "subject", "camera", "frames") in seen  # no setup: nobody has one
    assert (*names, "poses") in seen or not draw


def test_narrow_windows_lose_the_dataset_then_letters_of_the_action_then_the_action() -> None:
    assert "somewhere:a1" in shown(60, draw=False, name="a0")[1]
    narrow = shown(40, draw=False, name="a0")
    assert narrow[0].split() == ["rank", "score", "clip", "action"]
    assert narrow[1].split(maxsplit=3) == ["1", "0.9000", "a1", "a rather long name …"]
    assert shown(26, draw=False, name="a0")[0].split() == ["rank", "score", "clip"]


def test_no_hits_at_all(screen: Callable[[int], Screen]) -> None:
    out = screen(80)
    index = {"name": "i", "bridge": False, "against": "fused", "transform": "none", "passing": 0}
    query = {
        "clip": "c",
        "modality": "fused",
        "exclude_same_performance": False,
        "where": "1=0",
        "k": 3,
        "label": None,
    }
    hits({"query": query, "index": index, "hits": [], "seconds": {"total": 0.1}}, draw=lambda w: blank(w)[:1])
    assert 'only 0 clips pass --where "1=0"' in out.getvalue()
