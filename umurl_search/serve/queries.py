"""Queries of the API: which clip is meant, and the document that the command `query` prints for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from encoder.errors import BadInputError, NotFoundError
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.types import Embeddings
from umurl_search.readers.formats import clip_suffixes
from umurl_search.search.joint_searcher import JointSearcher
from umurl_search.search.query import answer_query
from umurl_search.search.query_clip import QueryClip, is_upright, read_clip
from umurl_search.search.results import QueryResult, StoredClipAsked
from umurl_search.search.searcher import Searcher
from umurl_search.serve.bridge_fits import BridgeFits
from umurl_search.serve.cache import DatasetView, LibraryCache, OpenIndex
from umurl_search.serve.schemas import ClipId, FileQuery, QueryBody, QueryOptions
from umurl_search.serve.uploads import Upload, Uploads
from umurl_search.timing import Clock

_UPLOAD = "upload:"


@dataclass(frozen=True, kw_only=True)
class ResolvedClip:
    """The clip that a request means. frames: (T, M, 25, 3), normalised only where `ready`; clip_id: of a whole clip of
    the library; upload: where it was sent."""

    name: str
    frames: Frames
    ready: bool = True
    row: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    clip_id: int | None = None
    upload: Upload | None = None
    layout: str = "ntu25"


class QueryService:
    """Finds clips of the library or among those sent, and asks indexes with them."""

    def __init__(self, shelf: LibraryCache, uploads: Uploads, *, bridge_s: float) -> None:
        self._shelf, self._uploads, self._bridges = shelf, uploads, BridgeFits(wait_s=bridge_s)

    def query(self, body: QueryBody) -> QueryResult:
        """What `query --json` prints; `clip_id` is in its `query` where a clip of the library asked.

        Raises UmurlError or HttpError.
        """
        return self._answer(body, lambda held, _: self.resolve(body.clip))

    def query_file(self, asked: FileQuery, content: bytes) -> QueryResult:
        """As `query`, by a clip file that is not held afterwards."""

        def mean(held: OpenIndex, searcher: Searcher) -> ResolvedClip:
            searcher.conventions(asked.name, asked)  # raises where indexes would read it otherwise
            return _resolve_upload(self._uploads.read(content, asked, held))

        return self._answer(asked, mean)

    def _answer(self, body: QueryOptions, mean: Callable[[OpenIndex, Searcher], ResolvedClip]) -> QueryResult:
        clock = Clock()
        every = [self._shelf.index(name) for name in body.indexes or (body.index,)]
        held = every[0]
        searcher = held.searcher if len(every) == 1 else JointSearcher([one.searcher for one in every])
        searcher.passing(body.where)
        meant = mean(held, searcher)
        clock.lap("read")
        request = body.request(meant.name, index=held.name)
        layout = searcher.crossing(meant.layout, request)
        if layout is not None:
            self._bridges.require(searcher, layout, request)
            clock.lap("bridge")
        y = self.embed(_find_holder(every, meant, body.modality), meant, body.modality, layout=layout)
        clock.lap("embed")
        clip = QueryClip(
            name=meant.name, frames=meant.frames, row=meant.row, notes=meant.notes, layout=meant.layout
        )
        result = answer_query(searcher, request, clip, y, clock)
        if meant.clip_id is None:
            return result
        return replace(result, query=StoredClipAsked(**vars(result.query), clip_id=meant.clip_id))

    def resolve(self, clip: str | ClipId) -> ResolvedClip:
        """Raises UmurlError for what is no clip, HttpError (404) for one that is not there."""
        if isinstance(clip, ClipId):
            corpus, at = self._shelf.clip(clip.id)
            return _resolve_stored(corpus, corpus.row(at), corpus.frames(at))
        if clip.startswith(_UPLOAD):
            return _resolve_upload(self._uploads.find(clip.removeprefix(_UPLOAD)))
        dataset, colon, name = clip.partition(":")
        if not colon:
            raise BadInputError(
                f"{clip}: not a clip", 'give DATASET:CLIPNAME, upload:TOKEN or {"id": NUMBER}'
            )
        place = self._shelf.find_named(dataset, name)
        if place is not None:
            corpus, at = place
            return _resolve_stored(corpus, corpus.row(at), corpus.frames(at))
        return self._moment(dataset, name)

    def _moment(self, dataset: str, name: str) -> ResolvedClip:
        """A stretch of a recording of the library, never a file."""
        text = f"{dataset}:{name}"
        if "@" not in name or PurePosixPath(text).suffix.lower() in clip_suffixes():
            raise NotFoundError(f"no clip '{name}' in {dataset}")
        clip = read_clip(self._shelf.library, text, conventions=Conventions())
        return ResolvedClip(name=clip.name, frames=clip.frames, row=clip.row, layout=clip.layout)

    def embed(
        self, held: OpenIndex, meant: ResolvedClip, modality: str, *, layout: str | None = None
    ) -> Embeddings:
        """y (1, D): the index's own of a clip that is a row of it, else by its encoder; (1, K D) across a layout."""
        if meant.clip_id is not None:
            y = held.read_stored(meant.clip_id, modality)
            if y is not None:
                return y
        if meant.upload is None:
            return held.searcher.embed([self._normalised_frames(meant)], modality, layout=layout)
        turned = "upright" if is_upright(held.searcher.dataset) else ""
        key = f"{held.searcher.row['encoder_hash']}{turned}{layout or ''}", modality
        known = meant.upload.embedded.get(key)
        if known is None:
            known = held.searcher.embed([meant.frames], modality, layout=layout)
            meant.upload.embedded[key] = known
        return known

    def _normalised_frames(self, meant: ResolvedClip) -> Frames:
        if meant.ready or meant.clip_id is None:
            return meant.frames
        corpus, at = self._shelf.clip(meant.clip_id)
        return corpus.clips.normalised_frames(at)


def _find_holder(every: Sequence[OpenIndex], meant: ResolvedClip, modality: str) -> OpenIndex:
    """Of indexes of one encoder, one that holds the clip's embedding, else the first."""
    clip_id = meant.clip_id
    holding = (one for one in every if clip_id is not None and one.read_stored(clip_id, modality) is not None)
    return next(holding, every[0])


def _resolve_upload(upload: Upload) -> ResolvedClip:
    return ResolvedClip(
        name=upload.name, frames=upload.normalised, notes=upload.notes, upload=upload, layout=upload.layout
    )


def _resolve_stored(corpus: DatasetView, row: dict[str, Any], frames: Frames) -> ResolvedClip:
    name = f"{corpus.dataset}:{row['name']}"
    return ResolvedClip(
        name=name, frames=frames, ready=False, row=row, clip_id=row["id"], layout=corpus.layout
    )
