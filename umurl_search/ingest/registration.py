"""From a sealed clip store to the catalog: columns, protocols, and the report."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from encoder.errors import BusyError
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.clip import REASONS
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.plausibility import Remedy
from umurl_search.clips.types import Splits
from umurl_search.clips.unseen_joints import describe_unseen
from umurl_search.datasets import protocols
from umurl_search.datasets.protocols import Dataset
from umurl_search.files import sealed_folder
from umurl_search.ingest.segments_file import StatedSegments, segment_columns
from umurl_search.ingest.store_plausibility import check_store
from umurl_search.library.clip_columns import CLIP_COLUMNS
from umurl_search.library.clip_store import journal_of
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
    extra_splits: Splits,
    stated: StatedSegments,
    read_from: dict[str, Any],
    stating: tuple[Path, ...] = (),
) -> dict[str, Any]:
    """Enters a sealed store into the catalog, in one transaction, from its own journal; returns the report.

    stating: files that say something of the clips, wherever they lie.
    Raises UmurlError when the store is another source's, left by an ingest that was killed.
    """
    folder = library.clips(dataset.name)
    manifest = sealed_folder.read_manifest(folder, hint=f"delete {folder} and ingest again")
    if manifest["signature"] != signature:
        raise BusyError(f"{folder}: left by another ingest", "delete that folder and run the command again")
    journal = journal_of(folder)
    clips = [clip for entry in journal for clip in entry["clips"]]
    left_out = [one for entry in journal for one in entry["left_out"]]
    splits, notes = _positions(dataset, clips, {**reader.splits(), **extra_splits})
    names = protocols.action_names(dataset.actions)
    segments = segment_columns(clips, stated, names=names, what=dataset.name)
    roots = [str(root) for root in given_roots(reader)]
    files = files_read(reader)
    over = passed_over(reader.roots, [*files, *stating])
    unseen = count_unseen(journal)
    is_whole = bool(read_from["untrimmed"]) or dataset.untrimmed
    counts = Counter(one["reason"] for one in left_out)
    report = {
        "dataset": dataset.name,
        "format": reader.format,
        "source": ", ".join(roots) or dataset.title,
        "found": len(clips) + len(left_out),
        "used": len(clips),
        "left_out": {reason: counts[reason] for reason in REASONS if counts[reason]},
        "official": dataset.official.found if dataset.official else None,
        "cut": sum(clip["cut"] > 0 for clip in clips),
        "splits": {p: {part: len(rows) for part, rows in parts.items()} for p, parts in splits.items()},
        "notes": [
            *notes,
            *segments.notes,
            *_notes(conventions, reader),
            *describe_passed_over(files, over),
            *describe_unseen(unseen, what=dataset.name),
            *check_store(
                folder, conventions, what=dataset.name, is_whole=is_whole, remedy=_advise_again(dataset.name)
            ),
        ],
        "unseen": unseen,
        "segments": len(segments),
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
        catalog.add_dataset(
            row,
            clips=_columns(dataset, clips),
            splits=[(p, part, rows) for p, parts in splits.items() for part, rows in parts.items()],
            left_out=left_out_rows(left_out),
            segments=segments.columns,
            read_from=read_from,
        )
    return report


def _advise_again(name: str) -> Remedy:
    return lambda option: f"umurl-search delete {name}, then ingest it with {option}"


def count_unseen(journal: list[dict[str, Any]]) -> int:
    """Joints of a store that were marked as not seen; stores of versions before do not say."""
    return sum(clip.get("unseen", 0) for entry in journal for clip in entry["clips"])


def catalog_rows(dataset: Dataset, reader: Reader, journal: list[dict[str, Any]]) -> dict[str, Any]:
    """A store's clips as `Catalog.change_clips` adds them: clips, splits, left_out, segments."""
    clips = [clip for entry in journal for clip in entry["clips"]]
    left_out = [one for entry in journal for one in entry["left_out"]]
    splits, _ = _positions(dataset, clips, reader.splits())
    segments = segment_columns(clips, {}, names=protocols.action_names(dataset.actions), what=dataset.name)
    return {
        "clips": _columns(dataset, clips),
        "splits": [(p, part, rows) for p, parts in splits.items() for part, rows in parts.items()],
        "left_out": left_out_rows(left_out),
        "segments": segments.columns if len(segments) else None,
    }


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
    layout = LAYOUTS[conventions.layout]
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
