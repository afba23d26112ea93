"""Clips of other joint layouts as queries: whether they cross to an index by a bridge, the bridge, and what to know."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from encoder.errors import Hint, UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.degrade import VIEWS, Degrading
from umurl_search.clips.types import Embeddings
from umurl_search.index.bridges_and_whitening import LinearMap, Maps
from umurl_search.index.layout_bridges import (
    LayoutBridge,
    degrading_to,
    fit_layout_bridge,
    needs_bridge,
    number_performers,
    place_of,
    read_bridge,
    write_bridge,
)
from umurl_search.library.bridge_files import FOLDER
from umurl_search.library.clip_store import open_clips
from umurl_search.progress import Progress, no_progress
from umurl_search.search.options import MatchOptions

if TYPE_CHECKING:
    from umurl_search.search.query_clip import QueryBatch
    from umurl_search.search.searcher import Searcher

T = TypeVar("T")
A = TypeVar("A")


def crossing(searcher: "Searcher", layout: str, how: MatchOptions) -> str | None:
    """The layout from which clips cross to an index by a bridge, None where they do not.

    Raises UmurlError where pictures ask an index of windows.
    """
    whitened = searcher.index.transform.kind != "none"
    if not how.bridge or not needs_bridge(layout, searcher.layout, whitened=whitened):
        return None
    if searcher.windows is None:
        return layout
    if find_layout(layout).dims == 3:
        return None
    raise UmurlError(
        f"joints of {find_layout(layout).name} ask an index of whole clips, {searcher.row['name']} is of windows",
        Hint("build one without {option}", option="window"),
    )


def answer_by_layout(
    clips: Sequence[T],
    layouts: Sequence[str | None],
    answer: Callable[[Sequence[T], str | None], Sequence[A]],
) -> list[A]:
    """The answer to each of some clips, in their order; those that cross from one layout are asked together."""
    found: dict[int, A] = {}
    for layout in dict.fromkeys(layouts):
        at = [i for i, one in enumerate(layouts) if one == layout]
        found |= dict(zip(at, answer([clips[i] for i in at], layout), strict=True))
    return [found[i] for i in range(len(clips))]


def open_bridge(
    searcher: "Searcher", layout: str, how: MatchOptions, *, progress: Progress = no_progress
) -> LayoutBridge:
    """How clips of a layout enter the gallery: fitted on it when first needed, then kept in the library."""
    degrading = degrading_to(layout, searcher.layout, views=how.views)
    path = place_of(
        searcher.library.root / FOLDER,
        searcher.index,
        degrading,
        modality=how.modality,
        against=how.against,
    )
    found = read_bridge(path, searcher.index, degrading, modality=how.modality, against=how.against)
    if found is None:
        found = _fit(searcher, degrading, how, progress)
        try:
            write_bridge(path, found, searcher.index)
        except UmurlError as error:
            found = replace(found, unkept=error.message)
    return found


def enter_gallery(searcher: "Searcher", maps: Maps, how: MatchOptions, asking: "QueryBatch") -> LinearMap:
    """How queries enter the gallery of a modality: from another layout, from another modality, or as its own do."""
    if asking.layout is not None:
        bridge = searcher.layout_bridge(asking.layout, how)
        return bridge.query(how.against, whitening=maps.whitenings.get(how.against))
    if how.bridged or not asking.centred:
        return maps.query(how.modality, how.against, bridged=how.bridged)
    return maps.gallery(how.against, bridged=True)


def prepare_bridges(
    searcher: "Searcher", layouts: Sequence[str], *, views: int = VIEWS, progress: Progress = no_progress
) -> list[str]:
    """Fits the bridges of some layouts, fused against fused, before anybody asks; the names of those that cross. The
    others ask as they are."""
    how = MatchOptions(views=views)
    crossed = [layout for layout in layouts if crossing(searcher, layout, how) is not None]
    for layout in crossed:
        open_bridge(searcher, layout, how, progress=progress)
    return [find_layout(layout).name for layout in crossed]


def _fit(searcher: "Searcher", degrading: Degrading, how: MatchOptions, progress: Progress) -> LayoutBridge:
    dataset = searcher.row["dataset"]
    with searcher.library.read() as catalog:
        columns = catalog.clips_of(dataset)
    places = np.searchsorted(columns.id, searcher.index.ids)
    performers = number_performers(columns.columns["subject"])[places]
    return fit_layout_bridge(
        searcher.index,
        open_clips(searcher.library, dataset),
        searcher.model,
        degrading,
        modality=how.modality,
        against=how.against,
        rows=np.arange(len(searcher.index.ids)),
        places=places,
        performers=performers,
        device=str(searcher.device),
        progress=progress,
    )


def describe_joints(searcher: "Searcher", layout: str, *, crosses: bool, views: int) -> dict[str, Any]:
    """What an answer says of the joints of the clip that asked."""
    asked, how = find_layout(layout), degrading_to(layout, searcher.layout, views=views)
    return {
        "layout": asked.name,
        "invented": list(asked.invented),
        "layout_bridge": crosses,
        "views": how.views if crosses and len(how.angles) > 1 else None,
    }


def describe_crossing(
    searcher: "Searcher", name: str, layout: str, y: Embeddings, how: MatchOptions
) -> Sequence[str]:
    """What to know of a query of another layout, a line each: joints that it lacks, the bridge, whether it is far.

    y: (1, K D) of a clip that crosses by a bridge.
    """
    asked, held = find_layout(layout), find_layout(searcher.layout)
    said = []
    if layout != searcher.layout and asked.copies is None and asked.invented:
        said.append(f"{name}: joints of {asked.name}; it has no {', '.join(asked.invented)}: made of others")
    if held.dims == 2 and asked.dims == 3:
        said.append(f"{name}: brought down to {held.name}, as the index's clips are of pictures")
    crossed = crossing(searcher, layout, how)
    if crossed is None:
        return said
    bridge = searcher.layout_bridge(crossed, how)
    sides = bridge.how.angles
    seen = f", seen from {sides[0]} to {sides[-1]} degrees" if len(sides) > 1 else ""
    said.append(f"asked across a bridge from {asked.name}{seen}, fitted on the index's own clips")
    if bridge.unkept is not None:
        said.append(f"the bridge could not be kept, and is fitted again next time: {bridge.unkept}")
    if bridge.measure_nearness(y)[0] < bridge.least:
        said.append(
            f"{name}: it lies far from all that the index's clips look like in {asked.name}, farther than 99 of "
            "100 of them from those of other people: the first hit may mean nothing"
        )
    return said
