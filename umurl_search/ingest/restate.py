"""What a source says of clips that are there and whose coordinates are as they were: labels, fields, segments, parts.

Only the catalog changes; nothing is embedded again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umurl_search.clips.types import Splits
from umurl_search.datasets import protocols
from umurl_search.ingest.labels_file import known_actions
from umurl_search.ingest.segment_columns import segment_columns
from umurl_search.library.catalog.own_columns import RELABELLED
from umurl_search.library.catalog.queries import StoredSource
from umurl_search.library.clip_store import Record, said_of
from umurl_search.library.library import Library

FIELDS = ("label", "action", "subject", "camera", "setup", "replication")


@dataclass(frozen=True, kw_only=True)
class Restated:
    """Clips of which a source says something else now. rows: id, the fields, `said`, and where the file is now;
    segments: of each, in frames of the store. settled: what it says of clips of which that was not kept so far."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    settled: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def compare(self, record: Record, known: StoredSource) -> bool:
        """Notes the clip if its source says something else of it now."""
        said = said_of(vars(record))
        if said == known.said:
            return False
        if known.said == RELABELLED or (known.said is None and record.label == known.label):
            self.settled[known.id] = said
            return False
        fields = {name: getattr(record, name) for name in FIELDS}
        self.rows.append({"id": known.id, "said": said, **fields, "segments": record.segments})
        self.names.append(record.name)
        return True


def split_digest(parts: Mapping[str, Sequence[str]]) -> str:
    """Changes when the parts of a protocol hold other clips."""
    said = {part: sorted(names) for part, names in parts.items()}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def restate_splits(
    library: Library, dataset: str, splits: Splits, *, origin: int, sources: Mapping[str, StoredSource]
) -> tuple[int, list[str]]:
    """Puts clips into the parts that their source says now, where it says others than before; returns how many move,
    and a note of each protocol that the source has no more: its clips go out of it."""
    moved: set[int] = set()
    notes = []
    with library.read() as catalog:
        before = catalog.source_splits(dataset, origin)
    for protocol, parts in splits.items():
        if before.get(protocol) != split_digest(parts):
            moved |= _move(library, dataset, protocol, parts, origin=origin, sources=sources)
    for protocol in before.keys() - splits.keys():
        gone = _move(library, dataset, protocol, {}, origin=origin, sources=sources)
        notes.append(
            f"protocol {protocol} is not in the source any more: {len(gone):,} clips are out of it now"
        )
        moved |= gone
    return len(moved), sorted(notes)


def _move(
    library: Library,
    dataset: str,
    protocol: str,
    parts: Mapping[str, Sequence[str]],
    *,
    origin: int,
    sources: Mapping[str, StoredSource],
) -> set[int]:
    """Puts a source's clips into these parts of a protocol, and out of all others; returns those that move."""
    wanted = {part: [sources[n].id for n in names if n in sources] for part, names in parts.items()}
    said = {i: part for part, ids in wanted.items() for i in ids}
    mine = {one.id for one in sources.values() if one.source == origin}
    with library.write() as catalog:
        there = catalog.split(dataset, protocol)
        now = {i: part for part, ids in there.items() for i in ids.tolist()}
        moving = {i for i in mine if now.get(i) != said.get(i)}
        if moving:
            chosen = {part: [i for i in ids if i in moving] for part, ids in wanted.items()}
            catalog.assign(dataset, protocol, chosen, out=sorted(moving))
        catalog.note_source_split(dataset, origin, protocol, split_digest(parts) if parts else None)
    return moving


def enter_restated(library: Library, dataset: str, restated: Restated) -> None:
    """Brings the catalog in step with what a source says of clips."""
    if restated.settled:
        with library.write() as catalog:
            catalog.settle(restated.settled)
    if not len(restated):
        return
    listed = protocols.action_names(protocols.find(dataset).actions)
    with library.read() as catalog:
        actions = dict(enumerate(listed)) | {v: k for k, v in known_actions(catalog, dataset).items()}
        rows = catalog.clips_by_id([row["id"] for row in restated.rows])
    clips = [
        {"name": name, "frames": rows[row["id"]]["frames"], "segments": row["segments"]}
        for name, row in zip(restated.names, restated.rows, strict=True)
    ]
    segments = segment_columns(clips, {}, names=listed, what=dataset)
    with library.write() as catalog:
        catalog.restate(dataset, restated.rows, actions, segments.columns)
