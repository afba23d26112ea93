"""What a picture of clips shows and where: a grid of moving panels, or rows of still poses. No drawing here.

Letters: T frames, K poses of a row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.pictures.geometry import Camera, Poses, Stage, bones, pose_sheet

Verdict = Literal["right", "wrong"]
Theme = Literal["light", "dark"]
Colour = tuple[int, int, int]
BONE_M = 0.03
"""How thick a bone is drawn."""
THINNEST = 1.3
"""In pixels."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours that the colour-blind tell apart too, after Okabe and Ito; right and wrong have marks besides."""

    paper: Colour
    ink: Colour
    quiet: Colour
    ground: Colour
    people: tuple[Colour, Colour]
    right: Colour
    wrong: Colour

    def limb(self, person: int, *, right: bool) -> Colour:
        """Of a person's bone: those of the right arm and leg are nearer to the ink."""
        colour = self.people[person % 2]
        return mix_colours(colour, self.ink, 0.4) if right else colour

    @property
    def colours(self) -> tuple[Colour, ...]:
        limbs = (self.limb(person, right=side) for person in (0, 1) for side in (False, True))
        return (self.paper, self.ink, self.quiet, self.ground, self.right, self.wrong, *limbs)


def mix_colours(one: Colour, other: Colour, share: float) -> Colour:
    """A colour with a share of another."""
    r, g, b = (round(x + share * (y - x)) for x, y in zip(one, other, strict=True))
    return r, g, b


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        paper=(255, 255, 255),
        ink=(36, 41, 47),
        quiet=(95, 103, 112),
        ground=(216, 222, 228),
        people=((0, 114, 178), (208, 96, 0)),
        right=(0, 121, 91),
        wrong=(196, 64, 0),
    ),
    "dark": Palette(
        paper=(22, 25, 29),
        ink=(226, 230, 234),
        quiet=(154, 164, 174),
        ground=(58, 66, 74),
        people=((86, 180, 233), (240, 170, 40)),
        right=(60, 200, 150),
        wrong=(255, 130, 70),
    ),
}


@dataclass(frozen=True, kw_only=True)
class PictureClip:
    """A clip to be drawn. frames: (T, M, 25, 3) metres, y up, 30 frames/s, as the store holds them.

    start_s: where in its recording it begins. title, detail: the lines above it. verdict: of a hit, whether its
    action is the query's, None where not known.
    """

    name: str
    frames: Frames
    layout: str = "ntu25"
    start_s: float = 0.0
    title: str = ""
    detail: str = ""
    verdict: Verdict | None = None

    @property
    def seconds(self) -> float:
        return len(self.frames) / STORE_FPS


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A box of a sheet with a clip in it, in pixels. still: the frame shown, None where it plays."""

    x: float
    y: float
    width: float
    height: float
    poses: Poses
    still: int | None = None

    @property
    def n_frames(self) -> int:
        return len(self.poses.lines)

    def frame_at(self, frame: int) -> int:
        """The frame to draw when so many have passed: one that has ended keeps its last pose."""
        return min(frame, self.n_frames - 1) if self.still is None else self.still


@dataclass(frozen=True, kw_only=True)
class Label:
    """A line of text; y is its baseline."""

    x: float
    y: float
    text: str
    size: float
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Box:
    """Around a clip, with a mark of what it is."""

    x: float
    y: float
    width: float
    height: float
    verdict: Verdict | None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Everything on a picture. n_frames: of the longest clip that plays, 1 where all is still."""

    width: int
    height: int
    palette: Palette
    panels: tuple[Panel, ...]
    labels: tuple[Label, ...] = ()
    boxes: tuple[Box, ...] = ()

    @property
    def n_frames(self) -> int:
        return max((panel.n_frames for panel in self.panels if panel.still is None), default=1)


def mark(box: Box) -> list[list[tuple[float, float]]]:
    """The strokes of a tick or a cross in the box's upper right corner."""
    x, y = box.x + box.width - 21, box.y + 9
    if box.verdict == "right":
        return [[(x, y + 6), (x + 4, y + 10), (x + 12, y)]]
    return [[(x + 1, y), (x + 11, y + 10)], [(x + 11, y), (x + 1, y + 10)]] if box.verdict else []


_GAP, _PAD = 10.0, 8.0
_TEXT, _LINE = 13.0, 18.0
_LETTER = 0.54
"""Of the size of the letters: how wide one is, about."""


def fit_text(text: str, width: float, size: float) -> str:
    """The text, cut where it would be wider than that."""
    most = max(1, int(width / (_LETTER * size)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _heading(clip: PictureClip, x: float, y: float, width: float) -> list[Label]:
    """The lines above a clip, down from y."""
    room = width - (0 if clip.verdict is None else 20)
    lines = [(clip.title, False, room), (clip.detail, True, width)]
    kept = [(text, quiet, wide) for text, quiet, wide in lines if text]
    return [
        Label(x=x, y=y + _LINE * i + _TEXT, text=fit_text(text, wide, _TEXT), size=_TEXT, quiet=quiet)
        for i, (text, quiet, wide) in enumerate(kept)
    ]


def _poses(clip: PictureClip, camera: Camera, width: float, height: float) -> Poses:
    stage = Stage(frames=clip.frames, camera=camera)
    return pose_sheet(stage, bones(clip.layout), width=width, height=height)


def grid(
    clips: Sequence[PictureClip], *, camera: Camera, palette: Palette, size: int, columns: int | None = None
) -> Sheet:
    """Every clip in a panel of its own, `size` pixels wide, playing from the same start."""
    n = len(clips)
    columns = columns or (n if n <= 3 else min(n, math.ceil(math.sqrt(1.4 * n))))
    head = _LINE * max(bool(clip.title) + bool(clip.detail) for clip in clips) + (4 if n > 1 else 0)
    tall = size + head + 2 * _PAD
    panels, labels, boxes = [], [], []
    for i, clip in enumerate(clips):
        x, y = _GAP + (i % columns) * (size + _GAP), _GAP + (i // columns) * (tall + _GAP)
        labels += _heading(clip, x + _PAD, y + _PAD - 2, size - 2 * _PAD)
        boxes.append(Box(x=x, y=y, width=size, height=tall, verdict=clip.verdict))
        inner = size - 2 * _PAD
        poses = _poses(clip, camera, inner, size)
        panels.append(Panel(x=x + _PAD, y=y + _PAD + head, width=inner, height=size, poses=poses))
    rows = math.ceil(n / columns)
    return Sheet(
        width=_round_to_even(_GAP + columns * (size + _GAP)),
        height=_round_to_even(_GAP + rows * (tall + _GAP)),
        palette=palette,
        panels=tuple(panels),
        labels=tuple(labels),
        boxes=tuple(boxes) if n > 1 else (),
    )


def strip(clips: Sequence[PictureClip], *, camera: Camera, palette: Palette, size: int, poses: int) -> Sheet:
    """A row a clip: poses at equal distances in time, each in a cell `size` pixels high, with its second below."""
    wide = round(0.72 * size)
    panels, labels, boxes = [], [], []
    y = _GAP
    for clip in clips:
        across = poses * wide
        heading = _heading(clip, _GAP + _PAD, y + _PAD - 2, across)
        head = _LINE * len(heading)
        drawn = _poses(clip, camera, wide, size)
        for k, frame in enumerate(pose_frames(len(clip.frames), poses)):
            x, top = _GAP + _PAD + k * wide, y + _PAD + head
            panels.append(Panel(x=x, y=top, width=wide, height=size, poses=drawn, still=frame))
            text = f"{clip.start_s + frame / STORE_FPS:.2f} s"
            labels.append(Label(x=x + 4, y=top + size + 12, text=text, size=11, quiet=True))
        labels += heading
        tall = 2 * _PAD + head + size + 14
        boxes.append(Box(x=_GAP, y=y, width=across + 2 * _PAD, height=tall, verdict=clip.verdict))
        y += tall + _GAP
    return Sheet(
        width=_round_to_even(poses * wide + 2 * _PAD + 2 * _GAP),
        height=_round_to_even(y),
        palette=palette,
        panels=tuple(panels),
        labels=tuple(labels),
        boxes=tuple(boxes) if len(clips) > 1 else (),
    )


def pose_frames(n_frames: int, poses: int) -> list[int]:
    """Frames at equal distances, the middle of as many equal parts of the clip; one may come again in a short clip."""
    return [min(n_frames - 1, int((2 * k + 1) * n_frames / (2 * poses))) for k in range(poses)]


def _round_to_even(pixels: float) -> int:
    """Videos have whole numbers of pairs of pixels."""
    return 2 * math.ceil(pixels / 2)
