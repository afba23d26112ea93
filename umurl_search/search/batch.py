"""Asks an index with many clips: files, folders, whole datasets. What cannot be read is left out and told.

Letters: Q queries, D embedding.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, Frames, LeftOut
from umurl_search.clips.idle_options import describe_axes
from umurl_search.clips.joint_mapping import layout_as_seen
from umurl_search.clips.normalization import Conventions, convert_and_count, normalise
from umurl_search.clips.note_kinds import Told, join_notes
from umurl_search.clips.plausibility import check_clips
from umurl_search.clips.types import NORMALISED, Embeddings, Rows, State
from umurl_search.clips.unseen_joints import describe_unseen
from umurl_search.files.atomic import require_place
from umurl_search.library.catalog.tables import SUFFIXES, AddRows
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Advance, Progress, no_progress
from umurl_search.readers.base import Reader, follow_state
from umurl_search.readers.format_detection import detect
from umurl_search.readers.formats import FORMATS, SourceOptions, clip_suffixes, format_of, open_reader
from umurl_search.search.joint_searcher import open_searcher
from umurl_search.search.layout_crossing import answer_by_layout, describe_crossing, describe_joints
from umurl_search.search.moment_search import label_moments
from umurl_search.search.options import SearchRequest
from umurl_search.search.query import searched_index
from umurl_search.search.query_clip import QueryBatch, idle_notes, read_clip
from umurl_search.search.results import (
    Answer,
    AnswerOfMany,
    AskedOfMany,
    BatchFile,
    BatchResult,
    UnreadClip,
    fewer_hits_note,
)
from umurl_search.search.rows_file import add_rows, rows_file
from umurl_search.search.searcher import Searcher
from umurl_search.search.unread_clips import Unread, none_read_error, why
from umurl_search.timing import Clock

CHUNK = 256
LEAST_CENTRED = 5
_TOO_FEW = "{} clips of one joint layout are too few to centre on their own mean"
OUT_SUFFIXES = (".jsonl", *SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """sources: clips as `query` takes them, folders, or names of datasets. how: as for one clip.

    out: a .jsonl, .parquet or .csv file to write a row a hit to; None: the answers are in the document. centre: on the
    mean of the clips that ask, in place of the mean that the index's clips have.
    """

    sources: tuple[str, ...]
    how: SearchRequest
    out: Path | None = None
    centre: bool = False


@dataclass(frozen=True, kw_only=True)
class Query:
    """A clip that asks, read: its normalised frames (T, M, 25, 3), or its embedding y (D,) that the index holds."""

    name: str
    source: str
    n_frames: int
    people: int
    label: int | None = None
    action: str | None = None
    row: dict[str, Any] | None = None
    frames: Frames | None = None
    y: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()
    layout: str = "ntu25"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a word of the command line stands for: n units of work, and how to read them."""

    n: int
    read: Callable[[Advance], Iterator[Query | LeftOut]]


@dataclass(frozen=True)
class _Told:
    """What came of the queries so far."""

    queries: list[AnswerOfMany] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[Told] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"answered": 0, "stored": 0, "rows": 0})


def holds_many(library: Library, source: str) -> bool:
    """Whether it is a dataset of the library or a folder, not one clip."""
    return _is_dataset(library, source) or Path(source).is_dir()


@retry_if_library_changed
def query_many(
    library: Library, request: BatchRequest, *, progress: Progress = no_progress
) -> BatchResult | BatchFile:
    """The k best clips of an index for each of many, as `query` finds them.

    A dataset that is the index's own asks with the index's embeddings, where the modality is in it. Raises UmurlError
    when none of the clips can be read, `out` cannot be written, or as `query` does for what is not the clip's fault.
    """
    if request.out is not None:
        require_place(request.out, *OUT_SUFFIXES)
    clock, told = Clock(), _Told()
    searcher = open_searcher(library, request.how.index, device=request.how.device)
    searcher.passing(request.how.where)
    sources = [_source(searcher, text, request.how) for text in request.sources]
    with contextlib.ExitStack() as stack:
        add = (
            None
            if request.out is None
            else stack.enter_context(rows_file(request.out, searcher, request.how))
        )
        advance = stack.enter_context(
            progress("Asking", total=sum(source.n for source in sources), unit="clips")
        )
        outcomes = (outcome for source in sources for outcome in source.read(advance))
        while chunk := list(islice(outcomes, None if request.centre else CHUNK)):
            _take(chunk, searcher, request, told, add)
        if told.counts["answered"] == 0:
            raise none_read_error(told.left_out)
    clock.lap("ask")
    counts: dict[str, Any] = {
        **told.counts,
        "index": searched_index(searcher, request.how),
        "indexes": [searched_index(part, request.how) for part in searcher.parts],
        "left_out": [UnreadClip(name=one.name, reason=why(one)) for one in told.left_out],
        "seconds": clock.seconds,
    }
    if request.out is not None:
        return BatchFile(out=str(request.out), notes=join_notes(told.notes), **counts)
    return BatchResult(queries=told.queries, **counts)


def _take(
    chunk: list[Query | LeftOut], searcher: Searcher, request: BatchRequest, told: _Told, add: AddRows | None
) -> None:
    """Asks with what was read of a chunk, and tells what was not."""
    told.left_out.extend(outcome for outcome in chunk if isinstance(outcome, LeftOut))
    queries = [outcome for outcome in chunk if isinstance(outcome, Query)]
    if not queries:
        return
    asked = _ask(searcher, queries, request)
    answers = [one.answer for one in asked]
    told.counts["answered"] += len(queries)
    told.counts["stored"] += sum(query.y is not None for query in queries)
    told.counts["rows"] += sum(len(answer.hits) for answer in answers)
    if add is not None:
        add_rows(add, queries, answers, searcher, request.how)
        told.notes.extend(
            (query.name, note)
            for query, one in zip(queries, asked, strict=True)
            for note in (*query.notes, *one.notes)
        )
        return
    segments = None if searcher.windows is None else searcher.segments()
    for query, one in zip(queries, asked, strict=True):
        hits = one.answer.hits if segments is None else label_moments(one.answer.hits, segments)
        described = _describe_query(searcher, query, one, request.how)
        told.queries.append(AnswerOfMany(query=described, hits=list(hits)))


class _Asked(NamedTuple):
    """The answer to a query; whether it crossed from its layout by a bridge; what to know of that."""

    answer: Answer
    crosses: bool
    notes: Sequence[str]


def _ask(searcher: Searcher, queries: Sequence[Query], request: BatchRequest) -> list[_Asked]:
    """The answer to each query, in their order; those that cross from one layout are asked together."""
    how = request.how

    def answer(some: Sequence[Query], layout: str | None) -> list[_Asked]:
        y = _embed(searcher, some, how.modality, layout)
        names, rows = [query.name for query in some], [query.row for query in some]
        centred = request.centre and len(some) >= LEAST_CENTRED
        asking = QueryBatch(names=names, y=y, rows=rows, layout=layout, centred=centred)
        few = [_TOO_FEW.format(len(some))] if request.centre and not centred else []
        return [
            _Asked(found, layout is not None, [*_describe_crossing(searcher, query, y[i : i + 1], how), *few])
            for i, (query, found) in enumerate(zip(some, searcher.answer(asking, how), strict=True))
        ]

    layouts = [None if query.y is not None else searcher.crossing(query.layout, how) for query in queries]
    return answer_by_layout(queries, layouts, answer)


def _describe_crossing(searcher: Searcher, query: Query, y: Embeddings, how: SearchRequest) -> Sequence[str]:
    is_own = query.y is not None
    return () if is_own else describe_crossing(searcher, query.name, query.layout, y, how)


def _describe_query(searcher: Searcher, query: Query, asked: _Asked, request: SearchRequest) -> AskedOfMany:
    return AskedOfMany(
        clip=query.name,
        source=query.source,
        modality=request.modality,
        frames=query.n_frames,
        people=query.people,
        where=request.where,
        k=request.k,
        exclude_same_performance=request.exclude_same_performance,
        label=query.label,
        action=query.action,
        notes=[
            *query.notes,
            *asked.notes,
            *searcher.notes(request),
            *fewer_hits_note(asked.answer, request),
        ],
        stored=query.y is not None,
        passing=asked.answer.passing,
        **describe_joints(searcher, query.layout, crosses=asked.crosses, views=request.views),
    )


def _embed(searcher: Searcher, queries: Sequence[Query], modality: str, layout: str | None) -> Embeddings:
    """(Q, D) float32 of what is embedded already and what is not; (Q, K D) where they cross from a layout."""
    frames = {i: query.frames for i, query in enumerate(queries) if query.frames is not None}
    ready = {i: query.y for i, query in enumerate(queries) if query.y is not None}
    if frames:
        y = searcher.embed(list(frames.values()), modality, layout=layout)
        ready |= dict(zip(frames, y, strict=True))
    return np.stack([ready[i] for i in range(len(queries))])


# sources


def _is_dataset(library: Library, text: str) -> bool:
    """Files are not looked up: there may be thousands of them."""
    if (
        ":" in text
        or (Path(text).suffix.lower() in clip_suffixes() and Path(text).is_file())
        or not library.exists()
    ):
        return False
    with library.read() as catalog:
        return catalog.dataset(text) is not None


def _source(searcher: Searcher, text: str, request: SearchRequest) -> Source:
    library = searcher.library
    if _is_dataset(library, text):
        return _dataset(searcher, text, request)
    if Path(text).is_dir():
        return _folder(searcher, text, request)
    return Source(n=1, read=lambda advance: _read_one(searcher, text, request, advance))


def _read_one(
    searcher: Searcher, text: str, request: SearchRequest, advance: Advance
) -> Iterator[Query | LeftOut]:
    try:
        clip = read_clip(
            searcher.library,
            text,
            conventions=searcher.conventions(text, request),
            axes=request.axes,
            strict_layout=request.layout is not None,
        )
    except UmurlError as error:
        yield Unread.of(text, error)
    else:
        said = {"label": None, "action": None} if clip.row is None else clip.row
        yield Query(
            name=text,
            source=text,
            n_frames=len(clip.frames),
            people=clip.frames.shape[1],
            label=said["label"],
            action=said["action"],
            row=clip.row,
            frames=clip.frames,
            notes=clip.notes,
            layout=clip.layout,
        )
    advance(1)


def _dataset(searcher: Searcher, name: str, request: SearchRequest) -> Source:
    """All clips of a dataset in order of id; those of the index's own with the embeddings that it holds."""
    with searcher.library.read() as catalog:
        ids = catalog.clip_ids(name)
    y = _stored(searcher, name, request.modality, ids)
    notes = idle_notes(name, searcher.conventions(f"{name}:", request), request.axes)

    def read(advance: Advance) -> Iterator[Query | LeftOut]:
        clips = open_clips(searcher.library, name) if y is None else None
        for start in range(0, len(ids), CHUNK):
            chosen = ids[start : start + CHUNK].tolist()
            with searcher.library.read() as catalog:
                rows = catalog.clips_by_id(chosen)
            for i, clip_id in enumerate(chosen, start):
                row = rows[clip_id]
                yield Query(
                    name=f"{name}:{row['name']}",
                    source=name,
                    n_frames=row["frames"],
                    people=row["people"],
                    label=row["label"],
                    action=row["action"],
                    row=row,
                    frames=clips.normalised_frames(i) if clips is not None else None,
                    layout="ntu25" if clips is None else str(clips.manifest["conventions"]["layout"]),
                    y=np.asarray(y[i]) if y is not None else None,
                    notes=notes,
                )
            advance(len(chosen))

    return Source(n=len(ids), read=read)


def _stored(searcher: Searcher, name: str, modality: str, ids: Rows) -> Embeddings | None:
    """(Q, D) of all clips of a dataset, where an index that is asked holds them."""
    for part in searcher.parts:
        index, own = part.index, part.row["dataset"] == name and part.windows is None
        if own and modality in index.modalities and np.array_equal(index.ids, ids):
            return index.embeddings(modality)
    return None


def _folder(searcher: Searcher, text: str, request: SearchRequest) -> Source:
    try:
        reader, conventions = _open_folder(searcher, Path(text), request)
    except UmurlError as error:
        unread = Unread.of(text, error)
        return Source(n=0, read=lambda advance: iter([unread]))
    items, idle = reader.items(), describe_axes(request.axes, is_array=format_of(reader).takes_axes)

    def read(advance: Advance) -> Iterator[Query | LeftOut]:
        for outcomes in reader.read(items):
            for outcome in outcomes:
                yield _make_query(outcome, text, conventions, reader.state, idle)
            advance(1)

    return Source(n=len(items), read=read)


def _open_folder(searcher: Searcher, path: Path, request: SearchRequest) -> tuple[Reader, Conventions]:
    """A folder's reader; its recordings whole, arrays read as `query` reads one."""
    fmt = detect(path)
    is_array = FORMATS[fmt].arrays
    said = searcher.conventions(f"clip{FORMATS[fmt].suffix}" if is_array else "", request)
    layout = said.layout if is_array else request.layout
    reader = open_reader(fmt, (path,), SourceOptions(max_frames=None, layout=layout, axes=request.axes))
    return reader, follow_state(replace(said, layout=layout or reader.layout), reader)


def _make_query(
    outcome: Clip | LeftOut, source: str, conventions: Conventions, state: State, idle: Sequence[str] = ()
) -> Query | LeftOut:
    if isinstance(outcome, LeftOut):
        return outcome
    converted = convert_and_count(outcome, conventions, state=state)
    if isinstance(converted, LeftOut):
        return converted
    frames, is_ready = converted.frames, state in NORMALISED
    notes = [
        *(f"{outcome.name}: {note}" for note in (*converted.notes, *idle)),
        *describe_unseen(converted.n_unseen, what=outcome.name),
        *check_clips(
            [frames], conventions, what=outcome.name, is_turned=is_ready, standing=converted.standing
        ),
    ]
    return Query(
        name=outcome.name,
        source=source,
        n_frames=len(frames),
        people=frames.shape[1],
        label=outcome.label,
        frames=frames if is_ready else normalise(frames),
        notes=tuple(notes),
        layout=layout_as_seen(outcome.layout or conventions.layout, frames),
    )
