"""Tables of hits at several widths, with poses where the terminal can draw them."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import pytest
from conftest import LONG_INDEX
from rich.console import Console
from rich.text import Text
from screens import Screen

from cli.braille import LEAST, MOST, Strip
from cli.print_hits import Column, fit_columns, naming_columns, print_hits
from umurl_search.library.library import Library
from umurl_search.search.results import AskedClip, FilteredIndex, Hit, QueryResult

CLIP = "mine:S001C001P002R001A005"


# when they are drawn


def ask(screen: Callable[[int], Screen], columns: int, *arguments: object) -> list[str]:
    from cli.main import run

    out = screen(columns)
    assert run([str(argument) for argument in ("query", *arguments)]) == 0
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()).splitlines()


def is_braille(character: str) -> bool:
    return "⠀" <= character <= "⣿"


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 140, 200])
def test_a_query_on_a_terminal(screen: Callable[[int], Screen], indexed: Library, columns: int) -> None:
    lines = ask(screen, columns, CLIP, "--k", 3)
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
    plain = ask(screen, columns, CLIP, "--k", 3, "--plain")
    assert not any(map(is_braille, "".join(plain)))
    assert max(map(len, plain)) <= columns


def test_moments_on_a_terminal(screen: Callable[[int], Screen], long: Library) -> None:
    for columns in (50, 100, 160):
        lines = ask(screen, columns, CLIP, "--k", 2, "--index", LONG_INDEX)
        assert max(map(len, lines)) <= columns
        head = next(line for line in lines if line.startswith("rank"))
        assert ("poses" in head) == (columns > 50)
        assert "from s" in head
    assert head.split()[-2:] == ["subject", "camera"] or "IoU" in head


# tables


def made_hits(n: int, name: str = "S001C001P001R001A001") -> list[Hit]:
    return [
        Hit(
            rank=i,
            score=1 - i / 10,
            clip_id=i,
            index="somewhere@e",
            is_query=False,
            dataset="somewhere",
            name=name[:-1] + str(i),
            label=i,
            action="a rather long name of an action",
            subject=i,
            camera=2,
            setup=None,
            replication=None,
            frames=100,
        )
        for i in range(1, n + 1)
    ]


def columns_of(found: Sequence[Hit]) -> list[Column]:
    return [
        *naming_columns(found),
        Column(header="action", cells=[Text(hit["action"]) for hit in found], cut=True),
        *(
            Column(header=name, cells=[Text(str(hit[name] or "")) for hit in found], right=True, spare=True)
            for name in ("subject", "camera", "setup", "frames")
        ),
    ]


def blank_strips(width: int) -> list[Strip]:
    return [Strip(lines=("⣿" * width,) * 3, people=((0,) * width,) * 3)] * 4


def show_table(width: int, *, draw: bool, name: str = "S001C001P001R001A001") -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None)
    console.print(fit_columns(columns_of(made_hits(3, name)), console, draw=blank_strips if draw else None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("draw", [False, True])
def test_a_table_fits_every_width_and_nothing_wraps(draw: bool) -> None:
    seen: set[tuple[str, ...]] = set()
    for width in [*range(36, 90), *range(90, 180, 5)]:
        lines = show_table(width, draw=draw)
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
    assert "somewhere:a1" in show_table(60, draw=False, name="a0")[1]
    narrow = show_table(40, draw=False, name="a0")
    assert narrow[0].split() == ["rank", "score", "clip", "action"]
    assert narrow[1].split(maxsplit=3) == ["1", "0.9000", "a1", "a rather long name …"]
    assert show_table(26, draw=False, name="a0")[0].split() == ["rank", "score", "clip"]


def test_no_hits_at_all(screen: Callable[[int], Screen]) -> None:
    out = screen(80)
    index: dict[str, Any] = dict.fromkeys(field.name for field in fields(FilteredIndex))
    index |= {"name": "i", "bridge": False, "against": "fused", "transform": "none", "passing": 0}
    asked: dict[str, Any] = dict.fromkeys(field.name for field in fields(AskedClip))
    asked |= {"clip": "c", "modality": "fused", "exclude_same_performance": False, "where": "1=0", "k": 3}
    one = FilteredIndex(**index)
    result = QueryResult(query=AskedClip(**asked), index=one, indexes=[one], hits=[], seconds={"total": 0.1})
    print_hits(result, draw=lambda w: blank_strips(w)[:1])
    assert 'only 0 clips pass --where "1=0"' in out.getvalue()
