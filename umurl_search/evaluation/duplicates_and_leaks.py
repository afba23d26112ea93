"""Near-duplicates in an index, and clips of a protocol's test part whose near-twin is in its training part.

Letters: N rows, P dimensions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from umurl_search.clips.types import Embeddings, Rows
from umurl_search.evaluation.twin_results import (
    ChosenBy,
    Duplicates,
    GroupedClip,
    Leak,
    Leaks,
    TwinClip,
    TwinGroup,
    TwinPair,
    TwinSearch,
    TwinThreshold,
)
from umurl_search.index.all_pairs import COPY, Pairs, group_rows, median_nn_distance, pairs_above
from umurl_search.index.index import Index, mapped_blocks
from umurl_search.index.open_index import open_index, search_device
from umurl_search.library.clip_columns import PERFORMANCE
from umurl_search.library.library import Library
from umurl_search.library.protocol_choice import choose_protocol
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.timing import Clock

TWIN_SHARE = 0.1
"""Of the usual distance to the nearest clip: a pair nearer than that is no chance neighbour (docs/metrics.md)."""


@dataclass(frozen=True, kw_only=True)
class TwinRequest:
    """Which index (None: the library's default) and how alike twins are (None: chosen by the index's own scores)."""

    index: str | None = None
    above: float | None = None
    modality: str = "fused"
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class LeakRequest:
    """A TwinRequest under a protocol, its dataset's first when None."""

    index: str | None = None
    protocol: str | None = None
    above: float | None = None
    modality: str = "fused"
    device: str = "auto"


@retry_if_library_changed
def duplicates(library: Library, request: TwinRequest, *, progress: Progress = no_progress) -> Duplicates:
    """Groups of clips that hang together by pairs at least `above` alike, the biggest first. Exact.

    In a windowed index two clips are as alike as their most alike windows. Raises UmurlError for an unknown index, an
    absent modality, or pairs by the million.
    """
    clock = Clock()
    index, row = open_index(library, request.index)
    ids, device = index.ids, search_device(request.device)
    vectors = unit_vectors(index, request.modality)
    clock.lap("read")
    threshold = _threshold(vectors, ids, request)
    clock.lap("choose")
    with progress("Comparing", total=len(ids), unit="clips") as advance:
        pairs = pairs_above(vectors, threshold.above, groups=(ids, ids), device=device, advance=advance)
    clips = np.unique(ids)
    pairs = best_of_clips(pairs, np.searchsorted(clips, ids))
    clock.lap("compare")
    about = _describe_clips(library, clips[np.unique(np.concatenate([pairs.one, pairs.other]))])
    groups = [_group(clips[rows], mine, clips, about) for rows, mine in group_rows(pairs, len(clips))]
    clock.lap("look up")
    return Duplicates(
        **vars(_search(row, request, threshold, clock)),
        clips=len(clips),
        pairs=len(pairs),
        clips_in_groups=sum(len(group.clips) for group in groups),
        groups_of_several_actions=sum(group.actions > 1 for group in groups),
        groups=groups,
    )


@retry_if_library_changed
def leaks(library: Library, request: LeakRequest, *, progress: Progress = no_progress) -> Leaks:
    """Test clips of a protocol with a clip at least `above` alike in its training part or gallery. Exact.

    Labels are not needed. Raises UmurlError as `duplicates` does, and for an unknown protocol.
    """
    clock = Clock()
    index, row = open_index(library, request.index)
    protocol, seen, tested = _parts(library, row["dataset"], request.protocol)
    ids, device = index.ids, search_device(request.device)
    vectors = unit_vectors(index, request.modality)
    clock.lap("read")
    threshold = _threshold(vectors, ids, request)
    clock.lap("choose")
    gallery, queries = np.flatnonzero(np.isin(ids, seen)), np.flatnonzero(np.isin(ids, tested))
    with progress("Comparing", total=len(queries), unit="clips") as advance:
        pairs = pairs_above(
            vectors[gallery], threshold.above, queries=vectors[queries], device=device, advance=advance
        )
    found = Pairs(one=ids[queries][pairs.one], other=ids[gallery][pairs.other], score=pairs.score)
    clock.lap("compare")
    rows = _leaks(_best_pairs(found), _describe_clips(library, np.union1d(found.one, found.other)))
    return Leaks(
        **vars(_search(row, request, threshold, clock)),
        protocol=protocol,
        test=len(tested),
        gallery=len(seen),
        leaking=len(rows),
        share=len(rows) / len(tested) if len(tested) else 0.0,
        same_action=_count(leak.same_action for leak in rows),
        same_subject=_count(leak.same_subject for leak in rows),
        same_performance=_count(leak.same_performance for leak in rows),
        leaks=rows,
    )


def unit_vectors(index: Index, modality: str) -> Embeddings:
    """(n, P) float32 of length 1, as queries of that modality meet them; in memory.

    Raises UmurlError for a modality that is not in the index.
    """
    index.require(modality)
    mapping = index.maps(modality, modality).gallery(modality, bridged=False)
    embeddings = index.embeddings(modality)
    width = mapping(np.asarray(embeddings[:1])).shape[1]
    out = np.empty((len(embeddings), width), dtype=np.float32)
    start = 0
    for block in mapped_blocks(embeddings, mapping):
        out[start : start + len(block)] = block
        start += len(block)
    return out


def _threshold(vectors: Embeddings, ids: Rows, request: TwinRequest | LeakRequest) -> TwinThreshold:
    """`above`, and under `chosen` what it was chosen by: scores of different encoders and transforms are not alike."""
    if request.above is not None:
        return TwinThreshold(above=request.above, chosen=None)
    distance, n = median_nn_distance(vectors, numbers=ids, device=search_device(request.device))
    if n == 0:  # nothing but copies
        return TwinThreshold(above=COPY, chosen=ChosenBy(nearest=None, share=TWIN_SHARE, sampled=0))
    chosen = ChosenBy(nearest=1 - distance, share=TWIN_SHARE, sampled=n)
    return TwinThreshold(above=min(COPY, 1 - TWIN_SHARE * distance), chosen=chosen)


def best_of_clips(pairs: Pairs, clip: Rows) -> Pairs:
    """Pairs of rows as pairs of clips, each once with its best score. clip: (N,) the position of each row's clip."""
    low = np.minimum(clip[pairs.one], clip[pairs.other])
    high = np.maximum(clip[pairs.one], clip[pairs.other])
    return _best_pairs(Pairs(one=low, other=high, score=pairs.score))


def _best_pairs(pairs: Pairs) -> Pairs:
    order = np.lexsort((-pairs.score, pairs.other, pairs.one))
    one, other = pairs.one[order], pairs.other[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return Pairs(one=one[first], other=other[first], score=pairs.score[order][first])


def _parts(library: Library, dataset: str, protocol: str | None) -> tuple[str, Rows, Rows]:
    """The protocol's name, the ids that may be learnt or retrieved from, and those of its test clips."""
    with library.read() as catalog:
        chosen = choose_protocol(catalog, dataset, protocol)
        parts = catalog.split(dataset, chosen)
    empty = np.zeros(0, dtype=np.int64)
    return (
        chosen,
        np.union1d(parts.get("train", empty), parts.get("gallery", empty)),
        parts.get("test", empty),
    )


def _describe_clips(library: Library, ids: Rows) -> dict[int, TwinClip]:
    with library.read() as catalog:
        rows = catalog.clips_by_id(ids.tolist())
    told = [field.name for field in fields(TwinClip) if field.name != "clip_id"]
    return {i: TwinClip(clip_id=row["id"], **{name: row[name] for name in told}) for i, row in rows.items()}


def _group(ids: Rows, pairs: Pairs, clips: Rows, about: dict[int, TwinClip]) -> TwinGroup:
    """One group: its clips, each with its score with the most alike of the others, and its pairs."""
    one, other = clips[pairs.one], clips[pairs.other]
    best = np.full(len(ids), -np.inf)
    for side in (one, other):
        np.maximum.at(best, np.searchsorted(ids, side), pairs.score)
    scored = zip(ids.tolist(), best.tolist(), strict=True)
    links = zip(one.tolist(), other.tolist(), pairs.score.tolist(), strict=True)
    return TwinGroup(
        clips=[GroupedClip(**vars(about[i]), score=score) for i, score in scored],
        actions=len({about[i].label for i in ids.tolist()} - {None}),
        highest=float(pairs.score.max()),
        lowest=float(pairs.score.min()),
        pairs=[TwinPair(one=a, other=b, score=s) for a, b, s in links],
    )


def _leaks(pairs: Pairs, about: dict[int, TwinClip]) -> list[Leak]:
    """A row a test clip, with its most alike twin; the most alike first, ties (to six decimals) to the lower id."""
    score = pairs.score.round(6)
    best = np.lexsort((pairs.other, -score, pairs.one))
    _, first, count = np.unique(pairs.one[best], return_index=True, return_counts=True)
    chosen = best[first]
    order = np.lexsort((pairs.one[chosen], -score[chosen]))
    rows = []
    for i, n in zip(chosen[order].tolist(), count[order].tolist(), strict=True):
        clip, twin = about[int(pairs.one[i])], about[int(pairs.other[i])]
        rows.append(
            Leak(
                clip=clip,
                twin=twin,
                score=float(pairs.score[i]),
                twins=n,
                same_action=_have_same(clip, twin, ("label",)),
                same_subject=_have_same(clip, twin, ("subject",)),
                same_performance=_have_same(clip, twin, PERFORMANCE),
            )
        )
    return rows


def _have_same(clip: TwinClip, twin: TwinClip, columns: tuple[str, ...]) -> bool | None:
    """None where it is not known."""
    if any(one[column] is None for one in (clip, twin) for column in columns):
        return None
    return all(clip[column] == twin[column] for column in columns)


def _count(known: Iterable[bool | None]) -> int | None:
    """How many are true, None when none is known."""
    told = [one for one in known if one is not None]
    return sum(told) if told else None


def _search(
    row: dict[str, Any], request: TwinRequest | LeakRequest, threshold: TwinThreshold, clock: Clock
) -> TwinSearch:
    return TwinSearch(
        **vars(threshold),
        index=row["name"],
        dataset=row["dataset"],
        encoder=row["encoder"],
        transform=row["transform"],
        modality=request.modality,
        seconds=clock.seconds,
    )
