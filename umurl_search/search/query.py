"""Asks one index, or several together, with one clip: the document of `query`."""

from typing import Any

from umurl_search.clips.types import Embeddings
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.search.joint_searcher import open_searcher
from umurl_search.search.layout_crossing import describe_crossing, describe_joints
from umurl_search.search.moment_search import label_moments
from umurl_search.search.options import QueryRequest, SearchOptions
from umurl_search.search.query_clip import QueryBatch, QueryClip, read_clip
from umurl_search.search.results import (
    Answer,
    AskedClip,
    FilteredIndex,
    MomentQueryResult,
    QueryResult,
    SearchedIndex,
    WindowedIndex,
    fewer_hits_note,
)
from umurl_search.search.searcher import Searcher
from umurl_search.timing import Clock


@retry_if_library_changed
def query(library: Library, request: QueryRequest, *, progress: Progress = no_progress) -> QueryResult:
    """The k best clips of an index for one clip, those that pass `where` only, exact.

    Raises UmurlError for an unknown index, a clip that cannot be read, a bad filter or an absent modality.
    """
    clock = Clock()
    searcher = open_searcher(library, request.index, device=request.device)
    searcher.passing(request.where)
    clip = read_clip(
        library,
        request.clip,
        conventions=searcher.conventions(request.clip, request),
        axes=request.axes,
        strict_layout=request.layout is not None,
    )
    clock.lap("read")
    layout = searcher.crossing(clip.layout, request)
    if layout is not None:
        searcher.layout_bridge(layout, request, progress=progress)
        clock.lap("bridge")
    y = searcher.embed([clip.frames], request.modality, layout=layout)
    clock.lap("embed")
    return answer_query(searcher, request, clip, y, clock)


def answer_query(
    searcher: Searcher, request: QueryRequest, clip: QueryClip, y: Embeddings, clock: Clock
) -> QueryResult:
    """What `query` says of a clip that is read and embedded: y (1, D)."""
    layout = searcher.crossing(clip.layout, request)
    asking = QueryBatch(names=[clip.name], y=y, rows=[clip.row], layout=layout)
    answer = searcher.answer(asking, request)[0]
    clock.lap("search")
    notes = [
        *clip.notes,
        *describe_crossing(searcher, clip.name, clip.layout, y, request),
        *searcher.notes(request),
        *fewer_hits_note(answer, request),
    ]
    label, action = (clip.row["label"], clip.row["action"]) if clip.row else (None, None)
    asked = AskedClip(
        clip=request.clip,
        modality=request.modality,
        frames=len(clip.frames),
        people=clip.frames.shape[1],
        where=request.where,
        k=request.k,
        exclude_same_performance=request.exclude_same_performance,
        label=label,
        action=action,
        notes=notes,
        **describe_joints(searcher, clip.layout, crosses=layout is not None, views=request.views),
    )
    seconds = clock.seconds
    if searcher.windows is None:
        indexes = [FilteredIndex(**said, passing=n) for said, n in _searched(searcher, request, answer)]
        return QueryResult(
            query=asked, index=indexes[0], indexes=indexes, hits=list(answer.hits), seconds=seconds
        )
    moments = label_moments(answer.hits, searcher.segments())
    windowed = [WindowedIndex(**said, passing=n) for said, n in _searched(searcher, request, answer)]
    return MomentQueryResult(query=asked, index=windowed[0], indexes=windowed, hits=moments, seconds=seconds)


def _searched(searcher: Searcher, how: SearchOptions, answer: Answer) -> list[tuple[dict[str, Any], int]]:
    """What is said of each index that was asked, and how many rows of it could be found."""
    passing = answer.passing_by_index or {searcher.row["name"]: answer.passing}
    return [(vars(searched_index(part, how)), passing[part.row["name"]]) for part in searcher.parts]


def searched_index(searcher: Searcher, how: SearchOptions) -> SearchedIndex:
    """The index of a searcher as a result says it."""
    row, manifest = searcher.row, searcher.index.manifest
    return SearchedIndex(
        name=row["name"],
        dataset=row["dataset"],
        encoder=row["encoder"],
        against=how.against,
        bridge=how.bridged,
        transform=row["transform"],
        kind=row["kind"],
        searched_by=searcher.searched_by(how),
        clips=row["clips"],
        window_s=manifest.get("window_s"),
        stride_s=manifest.get("stride_s"),
    )
