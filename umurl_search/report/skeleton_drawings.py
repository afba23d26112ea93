"""The report's skeletons: clips that the encoder takes for each other, playing side by side."""

from collections.abc import Iterator
from dataclasses import replace

from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.evaluation.confusion import WrongNeighbour
from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.pictures.geometry import Camera
from umurl_search.pictures.sheet import PALETTES, PictureClip, grid
from umurl_search.pictures.svg import to_svg
from umurl_search.pictures.timing import timing
from umurl_search.report.page import Drawing, Section
from umurl_search.report.sections import wrong_examples

MOST_PAIRS = 4
_FPS, _LONGEST_S, _SIZE, _COLUMNS = 10.0, 4.0, 200, 4


def add_drawings(section: Section, library: Library, found: Retrieval) -> Section:
    """The section of the nearest wrong neighbours, and the first of them drawn; as it is where there are none."""
    wrong = wrong_examples(found, MOST_PAIRS)
    if not wrong:
        return section
    clips = list(_clips(library, found, wrong))
    sheet = grid(clips, camera=Camera(), palette=PALETTES["light"], size=_SIZE, columns=_COLUMNS)
    drawing = Drawing(
        name="neighbours",
        svg=to_svg(sheet, timing(sheet.n_frames, _FPS)),
        caption=f"The first {len(wrong)} of them: each query and, after it, its nearest clip, which is of another "
        f"class; the first {_LONGEST_S:g} s at their own speed.",
    )
    text, *rest = section.blocks
    return replace(section, blocks=[text, drawing, *rest])


def _clips(library: Library, found: Retrieval, wrong: list[WrongNeighbour]) -> Iterator[PictureClip]:
    """Each query and its neighbour, in turn."""
    store = open_clips(library, found.opened.dataset)
    names, split = found.opened.columns.name, found.opened.split
    layout = store.manifest["conventions"]["layout"]
    for one in wrong:
        sides = (
            ("is", split.queries[one.query], found.query_labels[one.query]),
            ("found", split.gallery[one.neighbour], found.gallery_labels[one.neighbour]),
        )
        for word, row, label in sides:
            yield PictureClip(
                name=names[row],
                frames=_shorten(store.frames(int(row))),
                layout=layout,
                title=f"{word}: {found.action(int(label))}",
                detail=names[row],
                verdict="wrong" if word == "found" else None,
            )


def _shorten(frames: Frames) -> Frames:
    return frames[: round(_LONGEST_S * STORE_FPS)]
