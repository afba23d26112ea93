"""Skeletons in braille: some poses of a clip beside each other, a few characters each, for a terminal that can.

A character holds 2 x 4 dots. Letters: K poses, N lines.
"""

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from umurl_search.library.library import Library
from umurl_search.pictures.geometry import Camera, Stage, bones, pose_lines
from umurl_search.pictures.sheet import PictureClip, pose_frames

if TYPE_CHECKING:
    from umurl_search.search.options import QueryRequest
    from umurl_search.search.results import QueryResult

HEIGHT = 3
CELL = 6
"""Characters across a pose."""
LEAST, MOST = 2 * CELL, 6 * CELL
NARROWEST = 60
"""Columns of a terminal below which there is no room for poses beside a table."""
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800
_CAMERA = Camera(usual_deg=(25, 5), perspective=False)


@dataclass(frozen=True, kw_only=True)
class Strip:
    """lines: of characters, as many in each. people: whose dots most of each character are."""

    lines: tuple[str, ...]
    people: tuple[tuple[int, ...], ...]


def can_draw(*, plain: bool) -> bool:
    """Whether stdout is a terminal that shows braille and is wide enough for it."""
    out = sys.stdout
    if plain or out is None or not out.isatty() or os.environ.get("TERM", "") in ("", "dumb", "linux"):
        return False
    speaks = (out.encoding or "").lower().replace("-", "") == "utf8"
    return speaks and shutil.get_terminal_size().columns >= NARROWEST


def drawer(library: Library, request: "QueryRequest", result: "QueryResult") -> Callable[[int], list[Strip]]:
    """Draws the query of a result and its hits, so many characters wide; their frames are read when it first does."""
    clips: list[PictureClip] = []

    @cache
    def draw(width: int) -> list[Strip]:
        if not clips:
            from umurl_search.pictures.clips import query_and_hits

            clips.extend(query_and_hits(library, request, result))
        return [strip(clip, width=width) for clip in clips]

    return draw


def strip(clip: PictureClip, *, width: int, height: int = HEIGHT) -> Strip:
    """Poses at equal distances in time, one scale and one ground for all, each in the middle of its cell."""
    n = max(1, width // CELL)
    stage = Stage(frames=clip.frames, camera=_CAMERA)
    drawn = [pose_lines(stage, bones(clip.layout), frame) for frame in pose_frames(len(clip.frames), n)]
    across, tall = 2 * (width // n), 4 * height
    scale, low = _scale([lines for lines, _ in drawn], across=across, tall=tall)
    dots = np.zeros((2, tall, n * across), dtype=bool)
    for k, (lines, people) in enumerate(drawn):
        for person in (0, 1):
            mine = lines[people == person]
            if len(mine):
                middle = (lines[..., 0].min() + lines[..., 0].max()) / 2
                _mark(dots[person, :, k * across : (k + 1) * across], mine, scale, middle, low)
    return _braille(dots)


def _scale(drawn: Sequence[NDArray[np.float64]], *, across: int, tall: int) -> tuple[float, float]:
    """Dots a metre so that every pose fits, and the lowest height of all."""
    some = [lines for lines in drawn if len(lines)]
    if not some:
        return 1.0, 0.0
    low = min(float(lines[..., 1].min()) for lines in some)
    high = max(float(lines[..., 1].max()) for lines in some)
    wide = max(float(np.ptp(lines[..., 0])) for lines in some)
    return min((tall - 1) / max(high - low, 1e-3), (across - 1) / max(wide, 1e-3)), low


def _mark(
    dots: NDArray[np.bool_], lines: NDArray[np.float64], scale: float, middle: float, low: float
) -> None:
    """Sets the dots under lines (N, 2, 2), x about the middle of the box, y up from its foot."""
    tall, across = dots.shape
    ends = (lines - np.array([middle, low])) * scale + np.array([(across - 1) / 2, 0.0])
    steps = np.linspace(0, 1, 2 * max(tall, across) + 1)[:, None, None]
    points = np.rint(ends[:, 0] + steps * (ends[:, 1] - ends[:, 0])).reshape(-1, 2).astype(np.int64)
    x, y = points[:, 0].clip(0, across - 1), tall - 1 - points[:, 1].clip(0, tall - 1)
    dots[y, x] = True


def _braille(dots: NDArray[np.bool_]) -> Strip:
    """dots: (2, 4 * height, 2 * width) of each person."""
    people, tall, across = dots.shape
    cells = dots.reshape(people, tall // 4, 4, across // 2, 2).transpose(0, 1, 3, 2, 4)
    codes = (cells.any(axis=0) * _DOTS).sum(axis=(2, 3)) + _BLANK
    owners = cells.sum(axis=(3, 4)).argmax(axis=0)
    lines = tuple("".join(map(chr, row)) for row in codes.tolist())
    return Strip(lines=lines, people=tuple(map(tuple, owners.tolist())))
