"""The clips of a picture: one, or a query and its hits, as they were recorded (not normalised).

Letters: T frames, M people.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from encoder.errors import BusyError
from umurl_search.clips.body_selection import drop_absent
from umurl_search.clips.normalization import STORE_FPS, Conventions
from umurl_search.library.clip_store import ClipStore
from umurl_search.library.library import Library
from umurl_search.pictures.sheet import PictureClip, Verdict
from umurl_search.search.options import QueryRequest
from umurl_search.search.query_clip import (
    conventions_of,
    find_stored,
    idle_notes,
    library_name,
    read_clip_frames,
)
from umurl_search.search.results import Hit, LabelledSegment, Moment, QueryResult

Document = dict[str, Any]
_NO_DATASET = {"state": "unknown"}


def one_clip(library: Library, request: QueryRequest) -> tuple[PictureClip, tuple[str, ...]]:
    """CLIP, as `query` takes it, and notes. A file is read by what is stated. Raises UmurlError for what is no clip."""
    return _clip(library, request, _NO_DATASET)


def query_and_hits(library: Library, request: QueryRequest, result: QueryResult) -> list[PictureClip]:
    """The query of a `query` document and its hits, best first, each said to be right or wrong where that is known."""
    with library.read() as catalog:
        dataset = catalog.dataset_as_read(result.index.dataset)
    query = result.query
    clip, _ = _clip(library, request, dataset or _NO_DATASET)
    action = _action(query)
    said = f"query  {action}" if action else "query"
    return [replace(clip, title=said, detail=clip.name), *hit_clips(library, result)]


def hit_clips(library: Library, result: QueryResult) -> list[PictureClip]:
    """The hits of a `query` document, best first. Each store is opened, and so checked, once."""
    wanted, hits = result.query.label, result.hits
    datasets = {hit.dataset for hit in hits}
    with library.read() as catalog:
        rows = [catalog.clip(hit.dataset, hit.name) for hit in hits]
        folders = {name: catalog.parts("dataset", name) for name in datasets}
    there = [row for row in rows if row is not None]
    if len(there) < len(rows):
        raise BusyError("another process added or removed clips while this command ran", "run it again")
    places = [folders[hit.dataset][row["part"] - 1] for hit, row in zip(hits, there, strict=True)]
    stores = {folder: ClipStore(library.clips(folder)) for folder in set(places)}
    return [
        _hit(hit, stores[place], row["store_row"], wanted, asked=hit.is_query)
        for hit, row, place in zip(hits, there, places, strict=True)
    ]


def _clip(library: Library, request: QueryRequest, dataset: Document) -> tuple[PictureClip, tuple[str, ...]]:
    named = library_name(request.clip)
    if named is not None:
        found = find_stored(library, *named)
        action = None if found.start is not None else _action(found.row)
        clip = PictureClip(
            name=found.name,
            frames=drop_absent(found.frames),
            layout=_layout(found.store.manifest),
            start_s=(found.start or 0) / STORE_FPS,
            title=found.name,
            detail=action or "",
        )
        stated = conventions_of(request.clip, dataset, vars(request))
        return clip, idle_notes(found.name, stated, request.axes)
    path, conventions = Path(request.clip), conventions_of(request.clip, dataset, vars(request))
    read = read_clip_frames(
        path, conventions=conventions, axes=request.axes, strict_layout=request.layout is not None
    )
    clip = PictureClip(name=request.clip, frames=read.frames, layout=read.layout, title=path.name)
    return clip, read.notes


def _hit(hit: Hit, store: ClipStore, row: int, wanted: int | None, *, asked: bool) -> PictureClip:
    whole, span, start_s = store.frames(row), "  the query itself" if asked else "", 0.0
    about: Hit | LabelledSegment | None = hit
    if isinstance(hit, Moment):
        whole, about, start_s = whole[hit.start_frame : hit.stop_frame], hit.segment, hit.start_s
        span = f"  {hit.start_s:.1f} to {hit.end_s:.1f} s{span}"
    action = "" if about is None else _action(about)
    return PictureClip(
        name=f"{hit.dataset}:{hit.name}",
        frames=drop_absent(whole),
        layout=_layout(store.manifest),
        start_s=start_s,
        title=f"{hit.rank}.  {hit.score:.4f}  {action}".rstrip(),
        detail=f"{hit.name}{span}",
        verdict=None if asked or about is None else _verdict(about.label, wanted),
    )


def _verdict(label: int | None, wanted: int | None) -> Verdict | None:
    if wanted is None or label is None:
        return None
    return "right" if label == wanted else "wrong"


def _action(row: Mapping[str, Any]) -> str:
    return str(row["action"] or ("" if row["label"] is None else f"class {row['label']}"))


def _layout(manifest: Document) -> str:
    return str(Conventions(**manifest["conventions"]).layout)
