"""From a sealed clip store to the catalog: columns, protocols, and the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encoder.joint_layouts import find_layout
from umurl_search.clips.clip import REASONS
from umurl_search.clips.naming import is_derived_ntu_name
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.plausibility import Remedy
from umurl_search.clips.types import Splits
from umurl_search.clips.unseen_joints import describe_unseen
from umurl_search.datasets import protocols
from umurl_search.datasets.protocols import Dataset
from umurl_search.ingest.clip_notes import describe_clip_notes
from umurl_search.ingest.labels_file import annotate, doubt_classes
from umurl_search.ingest.restate import split_digest
from umurl_search.ingest.segment_columns import segment_columns
from umurl_search.ingest.splits_file import match_splits, splits_of_folders
from umurl_search.ingest.statements import Statements
from umurl_search.ingest.store_plausibility import check_store
from umurl_search.library.clip_columns import CLIP_COLUMNS
from umurl_search.library.clip_store import journal_of, said_of
from umurl_search.library.library import Library
from umurl_search.readers.base import Reader
from umurl_search.readers.format_detection import describe_passed_over, passed_over
from umurl_search.readers.zip_source import files_read, given_roots


def register(
    library: Library,
    dataset: Dataset,
    reader: Reader,
    conventions: Conventions,
    signature: str,
    stated: Statements,
    read_from: dict[str, Any],
) -> dict[str, Any]:
    """Enters a sealed store into the catalog, in one transaction, from its own journal; returns the report.

    Raises UmurlError for labels or a protocol that name none of its clips.
    """
    folder = library.clips(dataset.name)
    journal = journal_of(folder)
    rows = catalog_rows(dataset, reader, journal, stated)
    is_whole = bool(read_from["untrimmed"]) or dataset.untrimmed
    again = _advise_again(dataset.name)
    doubts = check_store(
        folder, conventions, what=dataset.name, journal=journal, is_whole=is_whole, remedy=again
    )
    files = files_read(reader)
    over = passed_over(reader.roots, [*files, *stated.files])
    unseen = count_unseen(journal)
    report = {
        **_count(dataset, reader, journal, rows),
        "notes": [
            *rows.notes,
            *_notes(conventions, reader),
            *_note_missing(dataset, reader, journal),
            *describe_passed_over(files, over),
            *describe_unseen(unseen, what=dataset.name),
            *describe_clip_notes(journal, what=dataset.name),
            *doubts,
        ],
        "unseen": unseen,
        "passed_over": over,
    }
    row = {
        "name": dataset.name,
        "format": reader.format,
        "state": reader.state,
        "layout": conventions.layout,
        "fps": conventions.fps,
        "up": conventions.up,
        "scale": conventions.scale,
        "source": report["source"],
        "signature": signature,
        "report": report,
    }
    with library.write() as catalog:
        catalog.add_dataset(row, **rows.added, read_from=read_from)
    return report


def _count(
    dataset: Dataset, reader: Reader, journal: list[dict[str, Any]], rows: "CatalogRows"
) -> dict[str, Any]:
    """The numbers of a report."""
    clips = [clip for entry in journal for clip in entry["clips"]]
    counts = Counter(one["reason"] for entry in journal for one in entry["left_out"])
    roots = [str(root) for root in given_roots(reader)]
    return {
        "dataset": dataset.name,
        "format": reader.format,
        "source": ", ".join(roots) or dataset.title,
        "found": len(clips) + counts.total(),
        "used": len(clips),
        "left_out": {reason: counts[reason] for reason in REASONS if counts[reason]},
        "official": dataset.official.found if dataset.official else None,
        "cut": sum(clip["cut"] > 0 for clip in clips),
        "splits": {p: {part: len(ids) for part, ids in parts.items()} for p, parts in rows.splits.items()},
        "segments": rows.n_segments,
        "labelled": rows.n_labelled,
        "columns": rows.own_columns,
    }


def _advise_again(name: str) -> Remedy:
    return lambda option: f"umurl-search delete {name}, then ingest it with {option}"


def count_unseen(journal: list[dict[str, Any]]) -> int:
    """Joints of a store that were marked as not seen; stores of versions before do not say."""
    return sum(clip.get("unseen", 0) for entry in journal for clip in entry["clips"])


@dataclass(frozen=True, kw_only=True)
class CatalogRows:
    """A store's clips as the catalog takes them. added: `clips`, `splits`, `left_out`, `segments`, `annotations`;
    splits: protocol -> part -> positions of clips."""

    added: dict[str, Any]
    splits: dict[str, dict[str, list[int]]]
    n_segments: int
    n_labelled: int
    own_columns: list[str]
    notes: list[str]


def catalog_rows(
    dataset: Dataset,
    reader: Reader,
    journal: list[dict[str, Any]],
    stated: Statements,
    known: Mapping[str, int] | None = None,
    *,
    is_whole: bool = True,
) -> CatalogRows:
    """A store's clips as the catalog takes them. known: action -> label that clips of the dataset have so far;
    is_whole: these are all clips of the dataset, so that what is missing of them all is noted.

    Raises UmurlError for labels or a protocol that fit none of the clips.
    """
    clips = [clip for entry in journal for clip in entry["clips"]]
    left_out = [one for entry in journal for one in entry["left_out"]]
    names, sources = [clip["name"] for clip in clips], [clip["source"] for clip in clips]
    listed = protocols.action_names(dataset.actions)
    given, split_notes = match_splits(stated.splits_of(names, sources), names=names, sources=sources)
    splits, notes = _positions(dataset, clips, {**reader.splits(), **given})
    segments = segment_columns(clips, stated.segments, names=listed, what=dataset.name)
    columns = _columns(dataset, clips)
    found = annotate(stated.labels_of(names, sources), names, sources, known=known or {}, listed=listed)
    for one in found.annotations:
        for name, values in one.columns.items():
            column = columns[name]
            for position, value in zip(one.positions, values, strict=True):
                if value is not None:
                    column[position] = value if value != "" else None
    n_labelled = sum(label is not None for label in columns["label"])
    own = [
        {"positions": one.positions, "columns": {}, "own": one.own, "types": one.types}
        for one in found.annotations
    ]
    return CatalogRows(
        added={
            "clips": columns,
            "splits": [(p, part, rows) for p, parts in splits.items() for part, rows in parts.items()],
            "left_out": left_out_rows(left_out),
            "segments": segments.columns if len(segments) else None,
            "annotations": own,
            "source_splits": {
                p: split_digest(parts) for p, parts in source_splits(reader, stated, clips).items()
            },
        },
        splits=splits,
        n_segments=len(segments),
        n_labelled=n_labelled,
        own_columns=list(dict.fromkeys(name for one in found.annotations for name in one.types)),
        notes=[
            *split_notes,
            *notes,
            *segments.notes,
            *stated.notes,
            *found.notes,
            *doubt_classes(columns["label"], columns["action"]),
            *(_note_names(names, n_labelled, len(segments), dataset.name) if is_whole else ()),
        ],
    )


def source_splits(reader: Reader, stated: Statements, clips: Sequence[Mapping[str, Any]]) -> Splits:
    """The protocols that a source states itself, by its format or its folders. clips: their `name` and `source`."""
    names, sources = [clip["name"] for clip in clips], [clip["source"] for clip in clips]
    return {**reader.splits(), **(splits_of_folders(names, sources) if stated.folder_splits else {})}


def _note_missing(dataset: Dataset, reader: Reader, journal: list[dict[str, Any]]) -> list[str]:
    """Whether a list of samples with missing skeletons was used, where the dataset has one."""
    lists = getattr(reader, "missing_lists", None)
    if lists is None or dataset.max_action is None:
        return []
    n = sum(one["reason"] == "listed as missing" for entry in journal for one in entry["left_out"])
    if lists:
        return [f"{n:,} listed samples left out, by {', '.join(path.name for path in lists)}"]
    return [
        "no list of samples with missing skeletons was found, so none was left out: put the authors' list beside the "
        "recordings, or give it with --missing-samples"
    ]


def _note_names(names: list[str], n_labelled: int, n_segments: int, dataset: str) -> list[str]:
    """Notes where names say more than their pattern, and where nothing says an action."""
    derived = sum(is_derived_ntu_name(name) for name in names)
    notes = []
    if derived:
        notes.append(
            f"{derived:,} names hold more than NTU's pattern (SsssCccPpppRrrrAaaa): label, subject and camera are "
            "read from the pattern in them"
        )
    if names and not n_labelled and not n_segments:
        notes.append(
            f"no clip has a label, so nothing can be evaluated: umurl-search relabel {dataset} --labels FILE says them "
            "(a table with the columns name and action), or --labels folder, for a folder a class"
        )
    return notes


def left_out_rows(left_out: Iterable[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """Recordings left out, as the catalog takes them."""
    return [
        (one["name"], one["reason"], one["detail"], one["source"], one.get("source_hash", ""))
        for one in left_out
    ]


def _columns(dataset: Dataset, clips: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = protocols.action_names(dataset.actions)
    kept = (*(column.name for column in CLIP_COLUMNS if column.read), "source", "source_hash")
    columns = {column: [clip[column] for clip in clips] for column in kept}
    columns["action"] = [clip.get("action") or _action(names, clip["label"]) for clip in clips]
    columns["said"] = [said_of(clip) for clip in clips]
    return columns


def _action(names: tuple[str, ...], label: int | None) -> str | None:
    return names[label] if label is not None and 0 <= label < len(names) else None


def _positions(
    dataset: Dataset, clips: list[dict[str, Any]], given: Splits
) -> tuple[dict[str, dict[str, list[int]]], list[str]]:
    """protocol -> part -> positions of clips: what came with the data, then the dataset's own rules."""
    position = {clip["name"]: i for i, clip in enumerate(clips)}
    result: dict[str, dict[str, list[int]]] = {}
    notes = []
    for protocol, parts in given.items():
        if not any(name in position for names in parts.values() for name in names):
            notes.append(f"protocol {protocol} names no clip of the data: it was left out")
            continue
        result[protocol] = {p: [position[n] for n in names if n in position] for p, names in parts.items()}
        unknown = sum(n not in position for names in parts.values() for n in names)
        if unknown:
            notes.append(
                f"protocol {protocol} names {unknown} clips that are not in the data or were left out"
            )
    for protocol in dataset.rules:
        by_rule = _assign_by_rule(dataset, protocol, clips) if protocol not in result else {}
        if by_rule:
            result[protocol] = by_rule
    return result, notes


def _assign_by_rule(dataset: Dataset, protocol: str, clips: list[dict[str, Any]]) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        part = protocols.part_of(dataset, protocol, clip["name"])
        if part is not None:
            parts.setdefault(part, []).append(i)
    return parts


def _notes(conventions: Conventions, reader: Reader) -> list[str]:
    notes = []
    layout = find_layout(conventions.layout)
    if layout.copied:
        notes.append(
            f"layout {layout.name}: {layout.copied} of the 25 joints are copies of others, so figures do not "
            "compare with native 25-joint data"
        )
    if reader.state == "first-frame-centred":
        notes.append("the arrays were denoised by their maker: figures differ from raw recordings'")
    if reader.state == "body-turned":
        notes.append(
            "the arrays' maker turned bodies by the trunk, as 2s-AGCN does: they are turned upright here, and so "
            "are clips that ask an index of them"
        )
    return [*notes, *getattr(reader, "notes", ())]
