"""Pictures of clips as files: one clip, or a query with its hits, as .gif, .mp4, .png, .svg or .html.

Still or moving, they are drawn from the coordinates as recorded, at the speed at which they were.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from encoder.errors import Hint, UmurlError
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.files.atomic import replace_file, require_place
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.pictures.clips import one_clip, query_and_hits
from umurl_search.pictures.geometry import Camera
from umurl_search.pictures.html import to_html
from umurl_search.pictures.raster import draw_still, require_pillow, to_gif
from umurl_search.pictures.sheet import PALETTES, Palette, PictureClip, Sheet, Theme, Verdict, grid, strip
from umurl_search.pictures.svg import to_svg
from umurl_search.pictures.timing import Timing, timing
from umurl_search.pictures.video import require_av, to_mp4
from umurl_search.result import Result
from umurl_search.search.options import QueryRequest
from umurl_search.search.query import query
from umurl_search.search.results import FilteredIndex, QueryResult

SUFFIXES = (".gif", ".mp4", ".png", ".svg", ".html")
LONGEST_S = 20.0
_MOST_PIXELS, _MOST_PLAYED = 30_000_000, {".gif": 600_000_000, ".mp4": 20_000_000_000}
"""Of a picture, and of all that play: the pictures of a GIF are in memory together."""
_MOST_FRAMES = 60_000
"""Of all clips together."""
_ALONE, _TOGETHER, _STRIP = 420, 220, 180
"""Pixels across a clip by itself, across one of several, and up and down a row of poses."""
_FPS = {".gif": 15.0, ".svg": 15.0, ".mp4": STORE_FPS, ".html": STORE_FPS}


@dataclass(frozen=True, kw_only=True)
class PictureRequest:
    """What to draw and where to. ask: the clip; with `hits`, how to look for them.

    poses: of a .png or an .svg, how many still poses in a row; an .svg without moves. pixels: across a clip.
    fps: pictures a second, at most 30. seconds: of the longest clip drawn; what is longer is cut.
    """

    out: Path
    ask: QueryRequest
    hits: bool = False
    camera: Camera = field(default_factory=Camera)
    theme: Theme = "light"
    poses: int | None = None
    pixels: int | None = None
    fps: float | None = None
    seconds: float = LONGEST_S

    def __post_init__(self) -> None:
        if self.poses is not None and self.out.suffix.lower() not in (".png", ".svg"):
            raise ValueError(f"poses are of a .png or an .svg, the other kinds move: got {self.out.name}")


@dataclass(frozen=True, kw_only=True)
class RenderedClip(Result):
    """A clip that was drawn."""

    name: str
    """as `query` takes it"""
    frames: int
    """drawn, at 30 a second"""
    people: int
    """1 or 2"""
    layout: str
    """of its joints: what bones it has"""
    verdict: Verdict | None
    """`right` or `wrong` of a hit whose action and the query's are known, else null"""
    title: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class RenderResult(Result):
    """The picture that was written."""

    out: str
    """the file"""
    kind: str
    """`gif`, `mp4`, `png`, `svg` or `html`"""
    bytes: int
    """its size"""
    width: int | None
    """pixels, null for a page"""
    height: int | None
    """the same"""
    pictures: int
    """of what moves, 1 of what is still"""
    fps: float | None
    """pictures a second, null for what is still"""
    seconds: float | None
    """that it lasts: the longest clip's own length; null for what is still"""
    clips: list[RenderedClip]
    """a list: the clip and, with `--hits`, its hits, best first"""
    index: FilteredIndex | None
    """as of `query`; null without `--hits`"""
    notes: list[str]
    """what was assumed or cut, a line each"""
    took_s: float
    """seconds that it took"""


@retry_if_library_changed
def render(library: Library, request: PictureRequest) -> RenderResult:
    """Writes the picture. Raises UmurlError as `query` does, where `out` is of no known kind or in no folder, and
    where a package that it takes is not there."""
    begun = time.monotonic()
    kind = request.out.suffix.lower()
    require_place(request.out, *SUFFIXES)
    if kind in (".gif", ".mp4", ".png"):
        require_pillow()
    if kind == ".mp4":
        require_av()
    found, clips, notes = _clips(library, request)
    clips, cut = _cut(clips, request.seconds)
    drawn = _draw(request, clips)
    replace_file(request.out, drawn.content)
    playing = drawn.timing
    return RenderResult(
        out=str(request.out),
        kind=kind[1:],
        bytes=len(drawn.content),
        width=drawn.width,
        height=drawn.height,
        pictures=1 if playing is None else len(playing.frames),
        fps=None if playing is None else drawn.fps,
        seconds=None if playing is None else playing.seconds,
        clips=[_rendered_clip(clip) for clip in clips],
        index=found.index if found else None,
        notes=[*notes, *cut],
        took_s=time.monotonic() - begun,
    )


def _clips(
    library: Library, request: PictureRequest
) -> tuple[QueryResult | None, list[PictureClip], list[str]]:
    """The answer of `query` where one was asked for, the clips to draw, and notes."""
    if not request.hits:
        clip, notes = one_clip(library, request.ask)
        return None, [clip], list(notes)
    found = query(library, request.ask)
    return found, query_and_hits(library, request.ask, found), list(found.query.notes)


def _cut(clips: list[PictureClip], seconds: float) -> tuple[list[PictureClip], list[str]]:
    """The first seconds of each, and a note for every clip that is longer."""
    most = max(1, round(seconds * STORE_FPS))
    notes = [
        f"{clip.name}: the first {seconds:g} s of {clip.seconds:.1f} s are drawn; --seconds draws more, "
        "DATASET:CLIPNAME@FROM-TO another stretch"
        for clip in clips
        if len(clip.frames) > most
    ]
    cut = [replace(clip, frames=clip.frames[:most]) for clip in clips]
    total = sum(len(clip.frames) for clip in cut)
    if total > _MOST_FRAMES:
        raise UmurlError(
            f"{len(clips)} clips of {total / STORE_FPS:,.0f} s together are too much for one picture (at most "
            f"{_MOST_FRAMES / STORE_FPS:,.0f} s)",
            Hint("give fewer hits or {option}", option="seconds"),
        )
    return cut, notes


def _rendered_clip(clip: PictureClip) -> RenderedClip:
    frames, people = clip.frames.shape[:2]
    return RenderedClip(
        name=clip.name,
        frames=frames,
        people=people,
        layout=clip.layout,
        verdict=clip.verdict,
        title=clip.title,
        detail=clip.detail,
    )


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    content: bytes
    width: int | None = None
    height: int | None = None
    timing: Timing | None = None
    fps: float | None = None


def _draw(request: PictureRequest, clips: list[PictureClip]) -> _Drawn:
    kind, palette = request.out.suffix.lower(), PALETTES[request.theme]
    fps = request.fps or _FPS.get(kind, STORE_FPS)
    if kind == ".html":
        return _page(request, clips, palette)
    sheet = _sheet(request, clips, palette)
    _require_room(request.out, sheet, fps)
    whole = _Drawn(content=b"", width=sheet.width, height=sheet.height)
    if kind == ".png":
        return replace(whole, content=draw_still(sheet))
    if all(panel.still is not None for panel in sheet.panels):
        return replace(whole, content=to_svg(sheet).encode("utf-8"))
    when = timing(sheet.n_frames, fps)
    made = {".gif": lambda: to_gif(sheet, when), ".mp4": lambda: to_mp4(sheet, when, fps=fps)}
    content = made.get(kind, lambda: to_svg(sheet, when).encode("utf-8"))()
    return replace(whole, content=content, timing=when, fps=fps)


def _sheet(request: PictureRequest, clips: list[PictureClip], palette: Palette) -> Sheet:
    in_a_row = request.out.suffix.lower() == ".png" or (
        request.out.suffix.lower() == ".svg" and request.poses is not None
    )
    if in_a_row:
        poses = min(request.poses or 8, max(len(clip.frames) for clip in clips))
        size = request.pixels or (_STRIP if len(clips) == 1 else 120)
        return strip(clips, camera=request.camera, palette=palette, size=size, poses=poses)
    size = request.pixels or (_ALONE if len(clips) == 1 else _TOGETHER)
    return grid(clips, camera=request.camera, palette=palette, size=size)


def _require_room(out: Path, sheet: Sheet, fps: float) -> None:
    """Raises UmurlError for a picture that would take more memory or time than anybody has."""
    pixels = sheet.width * sheet.height
    pictures = 1 if out.suffix.lower() in (".png", ".svg") else len(timing(sheet.n_frames, fps).frames)
    if pixels > _MOST_PIXELS or pixels * pictures > _MOST_PLAYED.get(out.suffix.lower(), _MOST_PIXELS):
        raise UmurlError(
            f"{out}: {pictures:,} pictures of {sheet.width:,} x {sheet.height:,} pixels are too much",
            Hint("give fewer {option}, hits or seconds", option="pixels"),
        )


def _page(request: PictureRequest, clips: list[PictureClip], palette: Palette) -> _Drawn:
    size = request.pixels or (_ALONE if len(clips) == 1 else _TOGETHER)
    text = to_html(clips, camera=request.camera, palette=palette, size=size, title=request.ask.clip)
    when = timing(max(len(clip.frames) for clip in clips), STORE_FPS)
    return _Drawn(content=text.encode("utf-8"), timing=when, fps=STORE_FPS)
