"""What is said about clips that are there: their parts in protocols, what happens in them, from files of the user's."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Splits
from umurl_search.datasets import protocols
from umurl_search.ingest.segment_columns import make_labeller, match_segments, segment_columns
from umurl_search.ingest.segments_file import StatedSegments
from umurl_search.library.library import Library


def assign_splits(library: Library, dataset: str, splits: Splits) -> list[str]:
    """Puts the clips that are named into their parts; returns a note for what is named and not there, or new."""
    notes = []
    for protocol, parts in splits.items():
        with library.read() as catalog:
            sources, known = catalog.sources(dataset), catalog.protocols(dataset)
        there = {
            part: [sources[name].id for name in names if name in sources] for part, names in parts.items()
        }
        n = sum(map(len, there.values()))
        unknown = sum(map(len, parts.values())) - n
        if unknown:
            notes.append(f"protocol {protocol} names {unknown:,} clips that are not in {dataset}")
        if n and protocol not in known:
            notes.append(f"protocol {protocol} is new: {n:,} clips are in it")
        if n:
            with library.write() as catalog:
                catalog.assign(dataset, protocol, there)
    return notes


def assign_segments(library: Library, dataset: str, stated: StatedSegments) -> list[str]:
    """Gives recordings the segments that are stated of them, in place of theirs; returns notes as `ingest` does.

    Actions that the dataset has so far keep their labels. Raises UmurlError for an action that its list does not hold,
    and where no recording is named.
    """
    if not stated:
        return []
    with library.read() as catalog:
        columns, so_far = catalog.clips_of(dataset), segment_actions(catalog.segments(dataset))
        sources = catalog.sources(dataset)
    paths = [sources[name].path for name in columns.name]
    named, notes = match_segments(stated, names=columns.name, sources=paths, what=dataset)
    clips = [
        {"name": name, "frames": frames}
        for name, frames in zip(columns.name, columns.columns["frames"], strict=True)
        if name in named
    ]
    found = segment_columns(clips, named, names=_names_with(dataset, named, so_far), what=dataset)
    ids = [i for i, name in zip(columns.id.tolist(), columns.name, strict=True) if name in named]
    with library.write() as catalog:
        catalog.assign_segments(dataset, ids, found.columns)
    return [*found.notes, *notes]


def _names_with(dataset: str, stated: StatedSegments, so_far: tuple[str, ...]) -> tuple[str, ...]:
    """The dataset's list, or the actions that segments have so far and new ones after them."""
    listed = protocols.action_names(protocols.find(dataset).actions)
    more = {one.action for segments in stated.values() for one in segments if isinstance(one.action, str)}
    return listed or (so_far + tuple(sorted(more - set(so_far))) if so_far else ())


def require_listed_segments(dataset: str, stated: StatedSegments, so_far: tuple[str, ...]) -> None:
    """Raises UmurlError for an action that the dataset's list does not hold. so_far: actions of segments there."""
    make_labeller(stated, _names_with(dataset, stated, so_far), what=dataset)


def segment_actions(segments: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    """Names of the actions that segments have so far, by label."""
    named = {
        int(label): str(action)
        for label, action in zip(segments["label"], segments["action"], strict=True)
        if action is not None
    }
    return tuple(named.get(label, f"action {label + 1}") for label in range(max(named, default=-1) + 1))


def require_whole_recordings(path: Path | None, *, untrimmed: bool) -> None:
    """Raises UmurlError where a file states segments of clips that are cut."""
    if path is not None and not untrimmed:
        raise UmurlError(
            f"{path}: segments are of whole recordings", Hint("ingest them with {option}", option="untrimmed")
        )


def describe_missing(library: Library, dataset: str, added: int) -> list[str]:
    """Notes where clips that came last belong to no part of a protocol, or have no segments as the others do."""
    if not added:
        return []
    notes = []
    with library.read() as catalog:
        newest = catalog.clip_ids(dataset)[-added:]
        for protocol in catalog.protocols(dataset):
            placed = np.concatenate(list(catalog.split(dataset, protocol).values()))
            n = int((~np.isin(newest, placed)).sum())
            if n and protocol not in protocols.find(dataset).protocols:
                notes.append(
                    f"{n:,} of the clips added are in no part of protocol {protocol}: add {dataset} --splits says it"
                )
        spoken = catalog.segments(dataset)["clip_id"]
    n = int((~np.isin(newest, spoken)).sum())
    if len(spoken) and n:
        notes.append(f"{n:,} of the recordings added have no segments: add {dataset} --segments says them")
    return notes
