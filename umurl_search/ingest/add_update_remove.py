"""Clips that come and go: `add`, `update`, `remove`, without embedding again what has not changed.

New clips are a part of their own, of the dataset's store and of each of its indexes: sealed folders NAME~2, NAME~3
beside the first. One transaction of the catalog enters them all, and takes out the clips that go; before it nothing
has changed, after it everything has. Letters: n clips.
"""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from encoder.errors import Hint, NotFoundError, UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.normalization import Conventions, is_flat
from umurl_search.clips.unseen_joints import describe_unseen
from umurl_search.datasets import protocols
from umurl_search.files import sealed_folder
from umurl_search.index.add_part import add_index_part, is_sealed
from umurl_search.ingest.annotations import (
    describe_missing,
    require_whole_recordings,
)
from umurl_search.ingest.change_detection import ChangeDetector
from umurl_search.ingest.change_sources import ChangeRequest as ChangeRequest
from umurl_search.ingest.change_sources import find_origins
from umurl_search.ingest.clip_notes import describe_clip_notes
from umurl_search.ingest.dataset_before import (
    DatasetBefore,
    find_named,
    find_passing,
    read_dataset,
    require_same_indexes,
    token_of,
)
from umurl_search.ingest.ingest import about_store, reopen_source
from umurl_search.ingest.labels_file import FOLDER, known_actions
from umurl_search.ingest.parallel_read import fill, nothing_found_error
from umurl_search.ingest.registration import catalog_rows, count_unseen, left_out_rows, source_splits
from umurl_search.ingest.relabel import require_statable, state_anew
from umurl_search.ingest.restate import enter_restated, restate_splits
from umurl_search.ingest.statements import Statements, read_statements
from umurl_search.ingest.store_plausibility import check_store
from umurl_search.library.clip_store import JOURNAL, ClipStore, journal_of, open_clips
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress
from umurl_search.readers.base import Reader
from umurl_search.readers.format_detection import describe_passed_over, passed_over
from umurl_search.readers.zip_source import files_read
from umurl_search.result import Result


@dataclass(frozen=True, kw_only=True)
class ChangeReport(Result):
    """What a change did to a dataset; where an update meets a bad recording, its clip stays as it was."""

    dataset: str
    added: int = 0
    """clips"""
    replaced: int = 0
    """clips, whose files had another content"""
    removed: int = 0
    """clips"""
    unchanged: int = 0
    """clips of the source that stay as they are"""
    relabelled: int = 0
    """clips of which labels, fields, segments or columns are said otherwise now; nothing was embedded"""
    reassigned: int = 0
    """clips that are in other parts of protocols now"""
    new: int = 0
    """of `update`: clips of the source that are not in the library"""
    gone: int = 0
    """of `update`: clips that are not in the source any more"""
    clips: int = 0
    """in the dataset now"""
    left_out: dict[str, int] = field(default_factory=dict)
    """reason: recordings of the source"""
    passed_over: dict[str, int] = field(default_factory=dict)
    """suffix: count of the sources' files that are of no use to their format"""
    indexes: list[str] = field(default_factory=list)
    """names, all in step"""
    notes: list[str] = field(default_factory=list)
    """a line each"""
    seconds: dict[str, float] = field(default_factory=dict)
    """`total`"""


def add_or_update(
    library: Library, request: ChangeRequest, *, progress: Progress = no_progress
) -> ChangeReport:
    """Adds clips that are not there yet, or replaces those whose source file has another content now.

    Clips are told apart by name. Every index of the dataset gets the new clips. Without a source, all those that the
    dataset was read from are gone through, one after another. An interrupted run goes on where it stopped. Raises
    UmurlError for an unknown dataset, a source in another format, and while another process changes the library.
    """
    started = time.monotonic()
    stated = read_statements(splits=request.splits, segments=request.segments, labels=request.labels)
    name = request.dataset
    with library.write_lock():
        before = read_dataset(library, name)
        whole = bool(before.origins[0]["untrimmed"]) or protocols.find(name).untrimmed
        require_whole_recordings(request.segments, untrimmed=whole)
        origins, notes = find_origins(before, request)
        reports = []
        for origin in origins:
            change = _Change(library, before, request, origin, progress)
            change.stated = stated if origin is origins[-1] else None
            change.given = stated.files
            reports.append(change.report(change.make()))
            before = read_dataset(library, name)
        notes += [note for one in reports for note in one.notes]
        said = state_anew(library, name, stated)
        notes += said.notes
    notes += describe_missing(library, name, sum(one.added for one in reports))
    reports.append(ChangeReport(dataset=name, relabelled=said.relabelled, reassigned=said.reassigned))
    return _join_reports(reports, before, notes, seconds=time.monotonic() - started)


def _join_reports(
    reports: Sequence[ChangeReport], before: DatasetBefore, notes: Sequence[str], *, seconds: float
) -> ChangeReport:
    """One report of what was done with several sources."""
    counts = ("added", "replaced", "unchanged", "relabelled", "reassigned", "new", "gone")
    left_out, passed_over = (
        sum((Counter(getattr(one, key)) for one in reports), Counter[str]())
        for key in ("left_out", "passed_over")
    )
    return ChangeReport(
        dataset=before.row["name"],
        clips=len(before.ids),
        left_out=dict(left_out),
        passed_over=dict(passed_over.most_common()),
        notes=list(notes),
        indexes=[row["name"] for row in before.indexes] if any(one.indexes for one in reports) else [],
        seconds={"total": seconds},
        **{key: sum(getattr(one, key) for one in reports) for key in counts},
    )


@dataclass
class _Change:
    """What one source gives to a dataset."""

    library: Library
    before: DatasetBefore
    request: ChangeRequest
    origin: dict[str, Any]
    progress: Progress
    notes: list[str] = field(default_factory=list)
    reassigned: int = 0
    stated: Statements | None = None
    """what files say of the dataset's clips, once all sources are read"""
    given: tuple[Path, ...] = ()
    """the files that say it"""

    @cached_property
    def source(self) -> tuple[Reader, Conventions]:
        """The source opened as it is stated. Raises UmurlError where its coordinates are in another state."""
        reader, conventions = reopen_source(self.before.row["name"], self.origin)
        if reader.state != self.before.row["state"]:
            raise UmurlError(
                f"{self.origin['roots'][0]}: its coordinates are {reader.state}, those of "
                f"{self.before.row['name']} {self.before.row['state']}"
            )
        there, here = (find_layout(name) for name in (self.before.row["layout"], conventions.layout))
        if there.dims != here.dims:
            raise UmurlError(
                f"{self.origin['roots'][0]}: joints of {here.name}, those of {self.before.row['name']} are of "
                f"{there.name}: pictures and space do not mix",
                "ingest it under a name of its own",
            )
        if self.request.source is not None and not reader.items():
            raise nothing_found_error(self.request.source, reader.format)
        return reader, conventions

    def _is_flat(self) -> bool | None:
        """Whether the dataset's clips are of pictures; None where it has none."""
        clips = open_clips(self.library, self.before.row["name"])
        return is_flat(clips.frames(0)) if len(clips) else None

    @cached_property
    def sift(self) -> ChangeDetector:
        known = [*self.before.origins, self.origin]
        return ChangeDetector(
            reader=self.source[0],
            source=known.index(self.origin) + 1,
            known=self.before.sources,
            left_out=self.before.left_out,
            changed=self.request.changed,
            removed=self.request.removed,
            own_only=self.request.source is None,
        )

    def report(self, taken: int) -> ChangeReport:
        changed, sift = self.request.changed, self.sift
        told: dict[str, Any] = {"unchanged": sift.unchanged, "gone": sift.gone if changed else 0}
        files = files_read(self.source[0])
        over = passed_over(self.source[0].roots, [*files, *self.given])
        self.notes += [*sift.notes, *describe_passed_over(files, over)]
        if sift.is_partial:
            told = {}
            self.notes.append("an interrupted run was ended: what is unchanged or gone was not counted")
        return ChangeReport(
            dataset=self.before.row["name"],
            relabelled=len(sift.restated),
            reassigned=self.reassigned,
            added=0 if changed else taken,
            replaced=taken if changed else 0,
            new=sift.new,
            left_out=sift.counted,
            passed_over=over,
            indexes=[row["name"] for row in self.before.indexes] if taken else [],
            notes=self.notes,
            **told,
        )

    def make(self) -> int:
        """Takes in what is wanted; returns how many clips that were."""
        library, name = self.library, self.before.row["name"]
        items, target = self.sift.items(), library.clips(self.before.folder)
        given = (self.request.changed, self.request.removed, self.origin)
        token = token_of(self.before, self.source[0].files(), given)
        n = self._store(target, token, items) if items else 0
        self._require_statable(target, n)
        if n:
            self._enter(target, token, n)
        elif self.sift.bad:
            with library.write() as catalog:
                catalog.note_left_out(name, left_out_rows(map(asdict, self.sift.bad)), self.origin)
        moved = self.sift.moved if self.request.source is not None else []
        if moved:
            with library.write() as catalog:
                catalog.adopt(name, moved, self.origin)
        self._restate()
        return n

    def _require_statable(self, target: Path, n: int) -> None:
        """Raises UmurlError, before anything is entered, where what is stated cannot be so."""
        if self.stated is None:
            return
        coming = [clip for entry in journal_of(target) for clip in entry["clips"]] if n else []
        try:
            require_statable(self.library, self.before.row["name"], self.stated, coming=coming)
        except UmurlError:
            if n:
                sealed_folder.remove(target)
            raise

    @cached_property
    def _folders(self) -> Statements:
        """What the folders of the source say, where they were to."""
        return Statements(
            folder_labels=self.origin.get("labels") == FOLDER,
            folder_splits=self.origin.get("splits") == FOLDER,
        )

    def _restate(self) -> None:
        """Brings the catalog in step with what the source says of clips that are as they were."""
        library, name = self.library, self.before.row["name"]
        enter_restated(library, name, self.sift.restated)
        with library.read() as catalog:
            sources = catalog.sources(name)
        mine = [
            {"name": n, "source": one.path} for n, one in sources.items() if one.source == self.sift.source
        ]
        splits = source_splits(self.source[0], self._folders, mine)
        self.reassigned, notes = restate_splits(
            library, name, splits, origin=self.sift.source, sources=sources
        )
        self.notes.extend(notes)

    def _enter(self, target: Path, token: str, n: int) -> None:
        """Brings the indexes in step with a sealed store of n clips, and enters all."""
        library, name = self.library, self.before.row["name"]
        parts = [("dataset", name, target.name, n)]
        parts += [
            add_index_part(library, row, target, token, self.request.device, self.progress)
            for row in self.before.indexes
        ]
        journal = journal_of(target)
        is_whole = bool(self.origin["untrimmed"]) or protocols.find(name).untrimmed
        self.notes.extend(describe_unseen(count_unseen(journal), what=name))
        self.notes.extend(describe_clip_notes(journal, what=name))
        self.notes.extend(
            check_store(
                target,
                self.source[1],
                what=name,
                remedy=_advise_ingest_apart,
                journal=journal,
                is_whole=is_whole,
            )
        )
        with library.read() as catalog:
            known = known_actions(catalog, name)
        rows = catalog_rows(
            protocols.find(name), self.source[0], journal, self._folders, known, is_whole=False
        )
        of_store = {"first_id": ClipStore(target).manifest["first_id"], "read_from": self.origin}
        added = rows.added | of_store | {"source_splits": {}}  # `_restate` notes them, of all clips
        sources = self.before.sources
        replaced = [sources[one].id for one in added["clips"]["name"] if one in sources]
        with library.write() as catalog:
            require_same_indexes(catalog.indexes(), self.before)
            catalog.change_clips(name, removed=replaced, added=added, parts=parts, expected=self.before.ids)

    def _store(self, target: Path, token: str, items: Sequence[str]) -> int:
        """Seals the new clips' store, unless a run before has; returns how many it holds, 0 where none is wanted."""
        reader, conventions = self.source
        with sealed_folder.building(target, resume_token=token) as partial:
            self.sift.is_partial = (partial / JOURNAL).exists()
            if is_sealed(target, signature=token):
                self.sift.is_partial = True
                shutil.rmtree(partial)
                return len(ClipStore(target))
            sealed_folder.remove(target)
            n = fill(
                partial,
                reader,
                conventions,
                title=f"Reading {self.before.row['name']}",
                progress=self.progress,
                workers=None,
                items=items,
                keep=self.sift.keep,
                may_be_empty=True,
                flat=self._is_flat(),
            )
            if n:
                with self.library.write() as catalog:
                    first_id = catalog.reserve_ids(n)
                sealed_folder.seal(
                    partial, target, {**about_store(reader, conventions, token), "first_id": first_id}
                )
            return n


def _advise_ingest_apart(option: str) -> str:
    return f"remove what is new and ingest it as a dataset of its own, with {option}"


def remove(
    library: Library, dataset: str, *, names: Sequence[str] = (), where: str | None = None
) -> ChangeReport:
    """Takes clips out of a dataset and of all its indexes, by name, or all those that pass a filter.

    Their bytes stay on disk until `compact`. Raises UmurlError for unknown names, where nothing passes, and where
    nothing would be left.
    """
    started = time.monotonic()
    with library.write_lock():
        before = read_dataset(library, dataset)
        chosen = find_named(before, names) | find_passing(library, before, where)
        if not chosen:
            raise NotFoundError(f'no clip of {dataset} passes the filter "{where}": nothing was removed')
        if len(chosen) == len(before.ids):
            raise UmurlError(
                f"that is all of {dataset}", Hint("{command} takes it out whole", command=("delete", dataset))
            )
        with library.write() as catalog:
            catalog.change_clips(dataset, removed=sorted(chosen), expected=before.ids)
    return ChangeReport(
        dataset=dataset,
        removed=len(chosen),
        clips=len(before.ids) - len(chosen),
        indexes=[row["name"] for row in before.indexes],
        seconds={"total": time.monotonic() - started},
    )
