"""How alike a query each stretch of a long recording is, and where it is most."""

from encoder.errors import UmurlError
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.index.windows import no_windows
from umurl_search.result import open_result
from umurl_search.search.options import SearchOptions
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.results import Hit
from umurl_search.serve.browse import Browser
from umurl_search.serve.cache import LibraryCache, OpenIndex
from umurl_search.serve.documents import ClipRow, ScoredStretch, Timeline
from umurl_search.serve.errors import HttpError
from umurl_search.serve.queries import QueryService
from umurl_search.serve.schemas import TimelineBody

MOST_PEAKS = 20


def timeline(shelf: LibraryCache, asker: QueryService, browser: Browser, body: TimelineBody) -> Timeline:
    """Scores of all windows of a recording, its best moments, and what is said to happen in it.

    Raises UmurlError for an index of whole clips, or a recording that the index does not hold.
    """
    held = shelf.index(body.index)
    if not held.is_windowed:
        raise no_windows(held.name, dataset=held.corpus.dataset)
    at = _find_recording(held, body.recording)
    row = held.corpus.row(at)
    n = int((held.searcher.index.ids == row["id"]).sum())
    if n == 0:
        raise UmurlError(f"index {held.name} holds no window of {row['name']}: nobody is seen in it")
    meant = asker.resolve(body.clip)
    y = asker.embed(held, meant, body.modality)
    asking = QueryBatch(names=[meant.name], y=y, rows=[meant.row])
    where = f"id = {row['id']}"

    def find(k: int, overlap: float) -> list[ScoredStretch]:
        how = SearchOptions(modality=body.modality, k=k, where=where, overlap=overlap)
        return [_stretch(hit) for hit in held.searcher.answer(asking, how)[0].hits]

    every = find(n, 1.0)  # none is above an overlap of 1
    return Timeline(
        recording=open_result(ClipRow, row),
        fps=STORE_FPS,
        frames=row["frames"],
        index=held.name,
        modality=body.modality,
        windows=sorted(every, key=lambda one: (one["start"], one["stop"])),
        peaks=find(min(n, MOST_PEAKS), body.overlap),
        segments=browser.segments(held.corpus, row["id"]),
    )


def _find_recording(held: OpenIndex, said: int | str) -> int:
    """Its row. Raises HttpError (404) where the index's dataset has none such."""
    if isinstance(said, int):
        at = held.corpus.row_of(said)
    else:
        dataset, _, name = said.partition(":")
        at = held.corpus.places.get(name) if dataset == held.corpus.dataset else None
    if at is None:
        raise HttpError(404, f"no recording '{said}' in {held.corpus.dataset}, of which index {held.name} is")
    return at


def _stretch(hit: Hit) -> ScoredStretch:
    return ScoredStretch(start=hit.start, stop=hit.stop, score=hit.score)
