"""Labels and columns of clips that are there, said anew: the catalog alone changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint
from umurl_search.datasets import protocols
from umurl_search.ingest.annotations import (
    assign_segments,
    assign_splits,
    require_listed_segments,
    segment_actions,
)
from umurl_search.ingest.labels_file import Labels, annotate, doubt_classes, known_actions
from umurl_search.ingest.segment_columns import match_segments
from umurl_search.ingest.splits_file import match_splits
from umurl_search.ingest.statements import Statements, read_statements
from umurl_search.library.library import Library
from umurl_search.library.missing import require_dataset
from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class RelabelReport(Result):
    """What relabelling did."""

    dataset: str
    relabelled: int
    """clips of which the catalog says something else now"""
    columns: list[str]
    """further columns that the labels gave, by name"""
    unmatched: list[str]
    """names that mean no clip of the dataset"""
    labelled: int
    """clips with a label now"""
    clips: int
    """in the dataset"""
    notes: list[str] = field(default_factory=list)
    """a line each"""


def relabel(library: Library, dataset: str, labels: Path) -> RelabelReport:
    """Gives clips the labels, fields and columns of a table, or the actions of the folders that hold their files.

    labels: a table (CSV, TSV, JSON, Parquet), or the word `folder`. An empty cell leaves what is there. Raises
    UmurlError for an unknown dataset, and labels that are none or name no clip.
    """
    stated = read_statements(labels=labels)
    with library.write_lock():
        with library.read() as catalog:
            require_dataset(catalog, dataset)
            sources = catalog.sources(dataset)
        names, paths = list(sources), [one.path for one in sources.values()]
        report = apply_labels(library, dataset, stated.labels_of(names, paths))
    return report


def apply_labels(library: Library, dataset: str, statements: list[Labels]) -> RelabelReport:
    """The same with labels that are read, while nobody else changes the library."""
    with library.write() as catalog:
        sources = catalog.sources(dataset)
        names, paths = list(sources), [one.path for one in sources.values()]
        listed = protocols.action_names(protocols.find(dataset).actions)
        found = annotate(statements, names, paths, known=known_actions(catalog, dataset), listed=listed)
        ids = [one.id for one in sources.values()]
        changed = set[int]()
        for one in found.annotations:
            chosen = [ids[position] for position in one.positions]
            said = {"columns": one.columns, "own": one.own, "types": one.types}
            changed |= catalog.annotate(dataset, chosen, **said)
        columns = catalog.clips_of(dataset)
    if not statements:
        raise BadInputError(
            "no labels are given", Hint("give {option} a table, or the word folder", option="labels")
        )
    return RelabelReport(
        dataset=dataset,
        relabelled=len(changed),
        columns=list(dict.fromkeys(name for one in found.annotations for name in one.types)),
        unmatched=found.unmatched,
        labelled=int((columns.label >= 0).sum()),
        clips=len(names),
        notes=[*found.notes, *doubt_classes(columns.label.tolist(), columns.columns["action"])],
    )


@dataclass(frozen=True, kw_only=True)
class StatedAnew:
    """What files said of clips that are there: how many they changed, and notes."""

    relabelled: int
    reassigned: int
    notes: list[str]


Parts = dict[str, dict[str, NDArray[np.int64]]]


def state_anew(library: Library, dataset: str, stated: Statements) -> StatedAnew:
    """Enters splits, segments and labels of clips that are there, while nobody else changes the library."""
    with library.read() as catalog:
        sources = catalog.sources(dataset)
        before = {protocol: catalog.split(dataset, protocol) for protocol in catalog.protocols(dataset)}
    names, paths = list(sources), [one.path for one in sources.values()]
    splits, notes = match_splits(stated.splits_of(names, paths), names=names, sources=paths, what=dataset)
    notes += [*assign_splits(library, dataset, splits), *assign_segments(library, dataset, stated.segments)]
    statements = stated.labels_of(names, paths)
    report = apply_labels(library, dataset, statements) if statements else None
    with library.read() as catalog:
        now = {protocol: catalog.split(dataset, protocol) for protocol in splits}
    return StatedAnew(
        relabelled=report.relabelled if report else 0,
        reassigned=_count_moved(before, now),
        notes=[*notes, *stated.notes, *(report.notes if report else ())],
    )


def require_statable(
    library: Library, dataset: str, stated: Statements, *, coming: Sequence[Mapping[str, Any]]
) -> None:
    """Raises UmurlError where `state_anew` would, once clips have come. coming: `name`, `source`."""
    with library.read() as catalog:
        known, so_far = known_actions(catalog, dataset), segment_actions(catalog.segments(dataset))
        there = {name: one.path for name, one in catalog.sources(dataset).items()}
    there |= {clip["name"]: clip["source"] for clip in coming}
    names, paths = list(there), list(there.values())
    match_splits(stated.splits_of(names, paths), names=names, sources=paths)
    segments, _ = match_segments(stated.segments, names=names, sources=paths)
    require_listed_segments(dataset, segments, so_far)
    listed = protocols.action_names(protocols.find(dataset).actions)
    annotate(stated.labels_of(names, paths), names, paths, known=known, listed=listed)


def _count_moved(before: Parts, now: Parts) -> int:
    """Clips that were in another part, or in none, of these protocols."""
    moved: set[int] = set()
    for protocol, parts in now.items():
        was = {i: part for part, ids in before.get(protocol, {}).items() for i in ids.tolist()}
        moved |= {i for part, ids in parts.items() for i in ids.tolist() if was.get(i) != part}
    return len(moved)
