"""Queries of one dataset in the gallery of another: both made alike, and their actions matched.

Labels are 0-based classes; ids, as lists and files write them, count from 1. Letters: Q queries.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encoder.errors import BadInputError, Hint, UmurlError, reason_of
from encoder.joint_layouts import layout_name
from umurl_search.clips.types import Labels, Rows
from umurl_search.datasets import protocols
from umurl_search.datasets.protocols import DATASETS
from umurl_search.index.open_index import ProtocolView, open_protocol
from umurl_search.library import encoder_registry
from umurl_search.library.encoder_registry import EncoderEntry
from umurl_search.library.library import Library
from umurl_search.result import Result

NO_COUNTERPART = "no counterpart"
NOT_IN_GALLERY = "action not in the gallery"
_HASH_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class ActionMap:
    """Which action of the gallery a query's action is. pairs: label -> label, None where both have one list."""

    source: str
    pairs: Mapping[int, int] | None = None

    def __call__(self, labels: Labels) -> Labels:
        """The gallery's labels (Q,), -1 where an action has no counterpart."""
        if self.pairs is None:
            return labels
        return np.array([self.pairs.get(label, -1) for label in labels.tolist()], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class SeenClips(Result):
    """How many clips of either side the encoder was trained on."""

    queries: int | None
    """of the clips asked with; null where not known"""
    gallery: int | None
    """of the clips searched; null where not known"""


@dataclass(frozen=True, kw_only=True)
class AskedAcross(Result):
    """Whose clips asked in an index of another dataset, or of another protocol."""

    query_index: str
    """the index that `--queries` names"""
    query_dataset: str
    """its dataset"""
    query_protocol: str
    """whose test clips ask"""
    actions: str
    """how actions were matched"""
    left_out: dict[str, int]
    """queries that did not ask: reason: count"""
    seen: SeenClips
    """how many clips the encoder was trained on"""
    layout_bridge: bool = False
    """whether they asked across a bridge from their joint layout, fitted on the gallery"""
    views: int | None = None
    """of joints in a picture: degrees to either side that this bridge covers, else null"""


@dataclass(frozen=True, kw_only=True)
class CrossDatasetSetup:
    """Queries from another index: its rows (Q,), their labels (Q,) in the gallery's list, and what is told of them."""

    opened: ProtocolView
    rows: Rows
    labels: Labels
    asked: AskedAcross
    warnings: list[str]


def ask_across(
    library: Library, gallery: ProtocolView, *, queries: str, protocol: str | None, action_map: Path | None
) -> CrossDatasetSetup:
    """The test clips of another index's protocol as queries in a gallery.

    Raises UmurlError when the indexes are not made alike, when the datasets' actions cannot be matched, or
    when no query has an action that the gallery holds.
    """
    opened = open_protocol(library, queries, protocol)
    _require_made_alike(opened, gallery)
    actions = match_actions(opened.dataset, gallery.dataset, action_map)
    asked = opened.split.queries
    labels = actions(opened.columns.label[asked])
    known = np.isin(labels, gallery.columns.label[gallery.split.gallery])
    counted = {NO_COUNTERPART: labels < 0, NOT_IN_GALLERY: (labels >= 0) & ~known}
    left_out = {reason: int(among.sum()) for reason, among in counted.items() if among.any()}
    if not known.any():
        said = (
            ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "it has no test clips"
        )
        raise UmurlError(
            f"{opened.dataset} {opened.split.protocol}: no query has an action that the gallery of "
            f"{gallery.dataset} {gallery.split.protocol} holds ({said})",
            Hint("choose another {option} or another map of actions", option="query_protocol"),
        )
    rows = asked[known]
    seen, warnings = _count_seen(library, gallery, opened, rows)
    return CrossDatasetSetup(
        opened=opened,
        rows=rows,
        labels=labels[known],
        asked=AskedAcross(
            query_index=opened.name,
            query_dataset=opened.dataset,
            query_protocol=opened.split.protocol,
            actions=actions.source,
            left_out=left_out,
            seen=seen,
        ),
        warnings=[*warnings, *_differences(library, gallery, opened)],
    )


# made alike


def _require_made_alike(queries: ProtocolView, gallery: ProtocolView) -> None:
    there, here = queries.index.manifest, gallery.index.manifest
    differing = []
    if there["encoder_hash"] != here["encoder_hash"]:
        differing.append(f"encoder {_encoder(there)} there, {_encoder(here)} here")
    pipelines = there["pipeline"], here["pipeline"]
    for name in sorted({*pipelines[0], *pipelines[1]}):
        a, b = (pipeline.get(name) for pipeline in pipelines)
        if a != b:
            differing.append(f"{name}: {a!r} there, {b!r} here")
    if differing:
        raise UmurlError(
            f"index {queries.name} cannot be used as queries for index {gallery.name}: they were built with different "
            f"encoders or preprocessing ({'; '.join(differing)})",
            Hint("{command}", command=("build-index", queries.dataset, "--encoder", here["encoder"])),
        )


def _encoder(manifest: dict[str, Any]) -> str:
    return f"{manifest['encoder']} (weights {manifest['encoder_hash'][:_HASH_SHOWN]})"


def _differences(library: Library, gallery: ProtocolView, queries: ProtocolView) -> list[str]:
    """A line for what the two sources' recordings differ in beyond their makers and actions."""
    with library.read() as catalog:
        rows = [catalog.dataset(opened.dataset) or {} for opened in (queries, gallery)]
    found = []
    for field, what in (("layout", "joints"), ("state", "coordinates")):
        there, here = (_name(row.get(field), field) for row in rows)
        if there != here:
            found.append(
                f"the {what} of {queries.dataset} are {there}, those of {gallery.dataset} {here}: figures include "
                "that difference"
            )
    return found


def _name(value: Any, field: str) -> Any:
    return layout_name(value) if field == "layout" and value else value


# actions


def match_actions(queries: str, gallery: str, path: Path | None) -> ActionMap:
    """How the actions of one dataset are those of another: by the file given, one list, or the closest of NTU.

    Raises UmurlError, listing the pairs that are known, when the datasets' lists do not say it.
    """
    if path is not None:
        return ActionMap(source=str(path), pairs=read_action_map(path))
    theirs, ours = (protocols.find(name).actions for name in (queries, gallery))
    if queries == gallery or (theirs and theirs == ours):
        return ActionMap(source="one list")
    closest = protocols.closest_ntu_actions(theirs)
    if closest and ours == protocols.NTU_ACTIONS:
        return ActionMap(source=f"{theirs} to the closest of {ours}", pairs=closest)
    raise UmurlError(
        f"how the actions of {queries} match those of {gallery} is not known; known are {_known_pairs()}",
        Hint("give {option} FILE.tsv (query label id, gallery label id)", option="action_map"),
    )


def _known_pairs() -> str:
    lists: dict[str, list[str]] = defaultdict(list)
    for dataset in DATASETS.values():
        if not dataset.untrimmed:
            lists[dataset.actions].append(dataset.name)
    alike = [" and ".join(names) for names in lists.values() if len(names) > 1]
    mapped = [
        name for listing, names in lists.items() if protocols.closest_ntu_actions(listing) for name in names
    ]
    return f"{', '.join(alike)}, and queries of {' or '.join(mapped)} in {' or '.join(lists[protocols.NTU_ACTIONS])}"


def read_action_map(path: Path) -> dict[int, int]:
    """label -> label from lines `query label id<TAB>gallery label id`, ids from 1; # begins a comment line.

    Raises UmurlError for a file that is not one, or that maps an action twice.
    """
    pairs: dict[int, int] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            query, gallery = _ids(line, number)
            if query - 1 in pairs:
                raise ValueError(f"line {number} maps action {query} a second time")
            pairs[query - 1] = gallery - 1
        if not pairs:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{path}: not a map of actions ({reason_of(error)})",
            "a line is: query label id, tab, gallery label id, both from 1",
        ) from error
    return pairs


def _ids(line: str, number: int) -> tuple[int, int]:
    words = line.split()
    if len(words) != 2 or not all(
        word.isascii() and word.isdigit() and len(word) < 10 and int(word) > 0 for word in words
    ):
        raise ValueError(f"line {number} is {line.strip()[:40]!r}")
    return int(words[0]), int(words[1])


# what the encoder and the gallery know


def _count_seen(
    library: Library, gallery: ProtocolView, queries: ProtocolView, rows: Rows
) -> tuple[SeenClips, list[str]]:
    """How many clips of either side the encoder was trained on; a line for what flatters or may flatter."""
    entry = encoder_registry.open_encoder(library, gallery.row["encoder"])
    asked, held = queries.names(rows), gallery.names(gallery.split.gallery)
    seen = SeenClips(
        queries=encoder_registry.overlap(entry, queries.dataset, asked),
        gallery=encoder_registry.overlap(entry, gallery.dataset, held),
    )
    lines = _seen_lines(entry, seen, asked=len(asked), held=len(held))
    shared = len({*asked} & {*held})
    if shared:
        lines.append(
            f"{shared:,} of the {len(asked):,} queries have the name of a gallery clip: where they are the same "
            "recordings, figures flatter"
        )
    return seen, lines


def _seen_lines(entry: EncoderEntry, seen: SeenClips, *, asked: int, held: int) -> list[str]:
    sides = " and ".join(side for side, count in seen.items() if count is None)
    if sides:
        return [
            f"it is not known what encoder {entry.name} was trained on: it may have seen clips of the {sides}"
        ]
    lines = []
    if seen.queries:
        lines.append(
            f"encoder {entry.name} was trained on {seen.queries:,} of the {asked:,} queries: figures flatter it"
        )
    if seen.gallery:
        lines.append(
            f"encoder {entry.name} was trained on {seen.gallery:,} of the {held:,} gallery clips"
            + ("" if seen.queries else " and on no query")
        )
    return lines
