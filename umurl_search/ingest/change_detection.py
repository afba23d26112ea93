"""Which recordings of a source are wanted: what is not there yet, what has another content now, what is to be read
again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from umurl_search.clips.clip import LeftOut
from umurl_search.clips.naming import is_recording_name
from umurl_search.files import sealed_folder
from umurl_search.ingest.restate import Restated
from umurl_search.library.catalog.queries import StoredSource
from umurl_search.library.clip_store import Record
from umurl_search.readers.base import Reader
from umurl_search.readers.file_per_clip import Place, decode_place
from umurl_search.readers.formats import format_of

REMOVED = "removed"
"""The reason why a clip that was taken out is among those left out."""


def items_of(reader: Reader, names: Collection[str]) -> Sequence[str]:
    """Units of work that may hold clips of these names: where a clip is a file, the others are not read."""
    every = reader.items()
    if not format_of(reader).is_clip_a_file:
        return every
    return [item for item in every if _place(reader, item).name in names]


def _place(reader: Reader, item: str) -> Place:
    return decode_place(item, reader.roots)


@dataclass(kw_only=True)
class ChangeDetector:
    """Sifts one of a dataset's sources, and counts what it leaves.

    known: clips that are there. left_out: rows of the catalog, of recordings that were found and not used. changed:
    clips with another content are wanted, in place of clips that are not there yet. removed: those again, too, that
    were taken out. own_only: clips that came from another source are left alone. Afterwards, bad: those newly left
    out; moved: clips that are the same here as in another source; restated: clips of which the source says something
    else now, and whose coordinates are as they were; strangers: files called as clips that were read elsewhere.
    """

    reader: Reader
    source: int
    known: Mapping[str, StoredSource]
    left_out: Sequence[dict[str, Any]]
    changed: bool = False
    removed: bool = False
    own_only: bool = False
    unchanged: int = 0
    new: int = 0
    seen: set[str] = field(default_factory=set)
    counted: dict[str, int] = field(default_factory=dict)
    bad: list[LeftOut] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    restated: Restated = field(default_factory=Restated)
    strangers: list[str] = field(default_factory=list)
    is_partial: bool = False

    def __post_init__(self) -> None:
        self._others: set[str] = set()
        self._taken_out = {
            one["name"] for one in self.left_out if one["reason"] == REMOVED and not self.removed
        }
        if self.own_only and self.changed:
            self._others = {name for name, one in self.known.items() if one.source != self.source}
        self._by_path = {one.path: name for name, one in self.known.items() if one.path}
        self._noted = {
            (one["name"], one["source"]): one
            for one in self.left_out
            if one["origin"] == self.source and one["reason"] != REMOVED
        }

    @property
    def notes(self) -> list[str]:
        """What is to be known of files that were passed over."""
        if not self.strangers:
            return []
        return [
            f"{len(self.strangers):,} files are called as clips that were read from other places, such as "
            f"{self.strangers[0]}: they were passed over; a dataset of their own can hold them"
        ]

    @property
    def gone(self) -> int:
        """Clips that were read from this source and are not in it any more."""
        return sum(one.source == self.source and name not in self.seen for name, one in self.known.items())

    def items(self) -> Sequence[str]:
        """Units of work that may hold something wanted."""
        every = self.reader.items()
        if not format_of(self.reader).is_clip_a_file:
            return every
        return [item for item in every if self._may_hold(_place(self.reader, item))]

    def _may_hold(self, place: Place) -> bool:
        name = self._clip_at(place)
        known = self.known.get(name)
        self.seen.add(name)
        if place.repeats or name in self._others:
            return known is None and not self.changed
        if known is not None and (name != place.name or not self._is_of(place, known)):
            return self._pass_over(place, known)
        if known is None:
            wanted = place.name not in self._taken_out and not self._is_as_noted(place)
            self.new += wanted and self.changed
            return wanted and not self.changed
        if self.changed and place.path.is_file():
            if sealed_folder.sha256_of(place.path) != known.hash:
                return True
            self._has_moved(place.name, known)
        self._count_unchanged(known)
        return False

    def _clip_at(self, place: Place) -> str:
        """The clip that a file is of: by its name, or, where files of one name came or went since, by its path."""
        known = self.known.get(place.name)
        if known is not None and self._is_of(place, known):
            return place.name
        return self._by_path.get(place.source, place.name)

    @staticmethod
    def _is_of(place: Place, known: StoredSource) -> bool:
        """Whether a clip was read from a file of that path, wherever its source lies."""
        one, other = place.source, known.path
        same = one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
        return same or not other or is_recording_name(place.name)

    def _pass_over(self, place: Place, known: StoredSource) -> bool:
        """A file that is of a clip which has another name, or has the name of a clip that was read elsewhere."""
        changed = self.changed and place.path.is_file() and sealed_folder.sha256_of(place.path) != known.hash
        if known.path != place.source or changed:
            self.strangers.append(place.source)
        else:
            self._count_unchanged(known)
        return False

    def _has_moved(self, name: str, known: StoredSource) -> None:
        if known.source != self.source:
            self.moved.append(name)

    def _is_of_another(self, known: StoredSource) -> bool:
        """Whether the clip was read from another source, which has the say."""
        return known.source != self.source

    def _count_unchanged(self, known: StoredSource) -> None:
        self.unchanged += not self.own_only or known.source == self.source

    def _is_as_noted(self, place: Place) -> bool:
        """Whether the recording was left out before, and its file is still the same."""
        noted = self._noted.get((place.name, place.source))
        if noted is None or not noted["source_hash"] or not place.path.is_file():
            return False
        return sealed_folder.sha256_of(place.path) == str(noted["source_hash"])

    def keep(self, outcome: Record | LeftOut) -> bool:
        """Whether what was read is wanted; a clip that is there stays where its recording cannot be used now."""
        known = self.known.get(outcome.name)
        self.seen.add(outcome.name)
        if outcome.name in self._others:
            return False
        if isinstance(outcome, LeftOut):
            if outcome.name in self._taken_out:
                return False
            wanted = known is None and not self.changed and not self._is_noted(outcome)
            if wanted or (known is not None and self.changed):
                self.counted[outcome.reason] = self.counted.get(outcome.reason, 0) + 1
            self.bad += [outcome] if wanted else []
            return wanted
        if known is None and (self.changed or outcome.name in self._taken_out):
            self.new += outcome.name not in self._taken_out
            return False
        if known is not None and (
            not self.changed or known.hash in (outcome.source_hash, outcome.older_hash)
        ):
            if self.changed:
                self._has_moved(outcome.name, known)
            if not self._is_of_another(known) and self.restated.compare(outcome, known):
                return False
            self._count_unchanged(known)
            return False
        return True

    def _is_noted(self, outcome: LeftOut) -> bool:
        noted = self._noted.get((outcome.name, outcome.source))
        said = (outcome.reason, outcome.detail, outcome.source_hash)
        return noted is not None and said == (noted["reason"], noted["detail"], noted["source_hash"])
