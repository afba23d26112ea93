"""Recordings to clip store, with a report of what was found, used and left out."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from encoder.errors import UmurlError
from encoder.skeleton import LAYOUTS
from umurl_search import datasets, folders
from umurl_search.catalog import Catalog
from umurl_search.clip import REASONS, Clip, Frames, LeftOut, Outcome
from umurl_search.clipstore import Record, StoreWriter, journal_of
from umurl_search.datasets import Dataset
from umurl_search.library import Library, checked_name
from umurl_search.preprocess import PIPELINE, Conventions, Up, to_ntu25
from umurl_search.progress import Progress, silent
from umurl_search.readers import detect, open_reader
from umurl_search.readers.base import Reader, Splits

CHUNK = 64
_FILE_FORMATS = ("ntu-skeleton", "pku-mmd", "nw-ucla", "npy")
_STORE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to ingest and how it is stated. None: found out (format), or the dataset's own (layout)."""

    name: str
    source: Path | None = None
    data: Path | None = None
    format: str | None = None
    layout: str | None = None
    splits: Path | None = None
    fps: float = 30.0
    up: Up = "y"
    scale: float = 1.0
    slicing: str = "start:end"


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """found = used + the sum of left_out. `cut`: clips shortened to the longest length kept."""

    dataset: str
    format: str
    source: str
    found: int
    used: int
    left_out: dict[str, int]
    official: int | None
    cut: int
    splits: dict[str, dict[str, int]]
    notes: list[str]
    already_there: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


def ingest(
    library: Library, request: Request, *, progress: Progress = silent, workers: int | None = None
) -> IngestReport:
    """Reads a dataset into the library; an interrupted run goes on where it stopped.

    Raises UmurlError when the source is missing, is not in a known format or holds no usable clip, and when
    the library already holds another dataset of that name.
    """
    started = time.monotonic()
    dataset = datasets.find(checked_name(request.name, what="a dataset"))
    reader, conventions = _open(dataset, request)
    extra_splits = _splits_file(request.splits)
    signature = _signature(reader, conventions, request, extra_splits)
    known = _known(library, request.name)
    if known is not None:
        return _already_there(known, signature)
    library.make()
    target = library.clips(request.name)
    with folders.building(target, resume_token=signature) as partial:
        if not target.exists():
            _fill(partial, reader, conventions, dataset, progress=progress, workers=workers)
            folders.seal(partial, target, _about(reader, conventions, signature))
    report = _commit(library, dataset, reader, conventions, signature, extra_splits)
    return IngestReport(**{**report, "seconds": {"total": time.monotonic() - started}})


def _open(dataset: Dataset, request: Request) -> tuple[Reader, Conventions]:
    reader = _demo_reader(request) if dataset.name == "demo" else _reader_of(dataset, request)
    layout = request.layout or reader.layout
    return reader, Conventions(layout=layout, fps=request.fps, up=request.up, scale=request.scale)


def _demo_reader(request: Request) -> Reader:
    if request.source is not None:
        raise UmurlError("'demo' names the made-up corpus; give recordings of your own another name")
    from umurl_search.demo import DemoReader

    return DemoReader()


def _reader_of(dataset: Dataset, request: Request) -> Reader:
    if request.source is not None and not request.source.exists():
        raise UmurlError(f"{request.source}: no such file or folder; give --source the recordings")
    roots = (request.source,) if request.source else datasets.sources(dataset, request.data)
    fmt = request.format or detect(roots[0])
    options: dict[str, Any] = {
        "ntu-skeleton": {"max_action": dataset.max_action, "max_setup": dataset.max_setup},
        "pku-mmd": {"slicing": request.slicing},
        "pyskl": {"layout": request.layout},
        "npy": {"layout": request.layout},
    }.get(fmt, {})
    return open_reader(fmt, roots, max_frames=dataset.max_frames, **options)


def _signature(reader: Reader, conventions: Conventions, request: Request, extra_splits: Splits) -> str:
    """Changes when the source's files, the way they are read or the splits given do."""
    stamps = [[str(p), p.stat().st_size, p.stat().st_mtime_ns] for p in reader.files()]
    stated = [_STORE_VERSION, reader.format, request.slicing, vars(conventions), extra_splits, stamps]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def is_ingested(library: Library, name: str) -> bool:
    """Whether the library holds a dataset of that name."""
    return _known(library, name) is not None


def _known(library: Library, name: str) -> dict[str, Any] | None:
    if not library.exists():
        return None
    with library.read() as catalog:
        return catalog.dataset(name)


def _already_there(row: dict[str, Any], signature: str) -> IngestReport:
    if row["signature"] != signature:
        raise UmurlError(
            f"the library holds another '{row['name']}' (from {row['source']}, or its files have changed since); "
            f"run: umurl-search delete {row['name']}, or ingest under another name"
        )
    return IngestReport(**{**row["report"], "already_there": True})


# reading


def _fill(
    partial: Path,
    reader: Reader,
    conventions: Conventions,
    dataset: Dataset,
    *,
    progress: Progress,
    workers: int | None,
) -> None:
    items = reader.items()
    writer = StoreWriter(partial)
    seen = {clip["name"] for clip in writer.clips}
    try:
        with progress(f"Reading {dataset.name}", total=len(items), unit="clips") as advance:
            advance(writer.items_done)
            for outcomes in _chunks(reader, conventions, items[writer.items_done :], workers=workers):
                records, left_out = _sorted_out(outcomes, seen)
                writer.add(len(outcomes), records, left_out)
                advance(len(outcomes))
        if not writer.clips:
            raise UmurlError(_nothing_usable(reader, writer))
        writer.finish()
    finally:
        writer.close()


def _nothing_usable(reader: Reader, writer: StoreWriter) -> str:
    where = next(iter(reader.files()), "the source")
    if not writer.left_out:
        return f"{where}: no recordings found in format {reader.format}; give --source and --format"
    one = writer.left_out[0]
    more = f" and {len(writer.left_out) - 1} others" if len(writer.left_out) > 1 else ""
    return (
        f"no usable clip: {one['name']} is {one['reason']} ({one['detail']}){more} left out; "
        "check --source, --format and --layout"
    )


Outcomes = list[tuple[Record | LeftOut, ...]]


def _chunks(
    reader: Reader, conventions: Conventions, items: Sequence[str], *, workers: int | None
) -> Iterator[Outcomes]:
    """Outcomes of CHUNK items at a time, in order; parallel readers on all cores when it is worth it."""
    n_workers = workers or len(os.sched_getaffinity(0))
    if reader.parallel and n_workers > 1 and len(items) > 2 * CHUNK:
        yield from _in_processes(reader, conventions, items, n_workers)
        return
    chunk: Outcomes = []
    for outcomes in reader.read(items):
        chunk.append(_ready(reader, conventions, outcomes))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _in_processes(
    reader: Reader, conventions: Conventions, items: Sequence[str], n_workers: int
) -> Iterator[Outcomes]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_ignore_interrupts)
    waiting: deque[Future[Outcomes]] = deque()
    try:
        for start in range(0, len(items), CHUNK):
            waiting.append(pool.submit(_read_chunk, reader, conventions, items[start : start + CHUNK]))
            if len(waiting) > 2 * n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_chunk(reader: Reader, conventions: Conventions, items: Sequence[str]) -> Outcomes:
    return [_ready(reader, conventions, outcomes) for outcomes in reader.read(items)]


def _ready(
    reader: Reader, conventions: Conventions, outcomes: tuple[Outcome, ...]
) -> tuple[Record | LeftOut, ...]:
    return tuple(o if isinstance(o, LeftOut) else _record(reader, conventions, o) for o in outcomes)


def _record(reader: Reader, conventions: Conventions, clip: Clip) -> Record | LeftOut:
    if not np.isfinite(clip.frames).all():
        return LeftOut(name=clip.name, reason="non-finite", detail="NaN or infinite", source=clip.source)
    try:
        frames = to_ntu25(clip.frames, conventions)
    except ValueError as error:
        return LeftOut(name=clip.name, reason="malformed", detail=str(error), source=clip.source)
    if frames.shape[0] == 0 or frames.shape[1] == 0:
        return LeftOut(name=clip.name, reason="no body", detail="nobody in any frame", source=clip.source)
    return Record(
        name=clip.name, frames=frames, label=clip.label, subject=clip.subject, camera=clip.camera,
        setup=clip.setup, replication=clip.replication, source=clip.source, cut=clip.cut,
        source_hash=_source_hash(reader, clip, frames),
    )  # fmt: skip


def _source_hash(reader: Reader, clip: Clip, frames: Frames) -> str:
    """sha256 of the clip's own file; where one file holds many clips, of the clip's coordinates."""
    if reader.format in _FILE_FORMATS:
        roots: Sequence[Path] = reader.roots  # type: ignore[attr-defined]
        paths = (root / clip.source if root.is_dir() else root for root in roots)
        return _file_hash(next(path for path in paths if path.is_file()))
    return hashlib.sha256(frames.tobytes()).hexdigest()


@lru_cache(maxsize=4)
def _file_hash(path: Path) -> str:
    return folders.sha256_of(path)


def _sorted_out(outcomes: Outcomes, seen: set[str]) -> tuple[list[Record], list[LeftOut]]:
    records, left_out = [], []
    for outcome in (one for group in outcomes for one in group):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
        elif outcome.name in seen:
            left_out.append(LeftOut(name=outcome.name, reason="duplicate name", source=outcome.source))
        else:
            seen.add(outcome.name)
            records.append(outcome)
    return records, left_out


# committing


def _about(reader: Reader, conventions: Conventions, signature: str) -> dict[str, Any]:
    return {
        "kind": "clips", "version": _STORE_VERSION, "format": reader.format, "state": reader.state,
        "conventions": vars(conventions), "pipeline": vars(PIPELINE), "signature": signature,
    }  # fmt: skip


def _commit(
    library: Library,
    dataset: Dataset,
    reader: Reader,
    conventions: Conventions,
    signature: str,
    extra_splits: Splits,
) -> dict[str, Any]:
    """Enters the sealed store into the catalog, in one transaction, from its own journal."""
    folder = library.clips(dataset.name)
    manifest = folders.read_manifest(folder, remedy=f"delete {folder} and ingest again")
    if manifest["signature"] != signature:
        raise UmurlError(f"{folder}: left by another ingest; delete that folder and run the command again")
    journal = journal_of(folder)
    clips = [clip for entry in journal for clip in entry["clips"]]
    left_out = [one for entry in journal for one in entry["left_out"]]
    splits, notes = _positions(dataset, clips, {**reader.splits(), **extra_splits})
    roots = [str(root) for root in getattr(reader, "roots", ())]
    counts = Counter(one["reason"] for one in left_out)
    report = {
        "dataset": dataset.name, "format": reader.format, "source": ", ".join(roots) or dataset.title,
        "found": len(clips) + len(left_out), "used": len(clips),
        "left_out": {reason: counts[reason] for reason in REASONS if counts[reason]},
        "official": dataset.official.found if dataset.official else None,
        "cut": sum(clip["cut"] > 0 for clip in clips),
        "splits": {p: {part: len(rows) for part, rows in parts.items()} for p, parts in splits.items()},
        "notes": notes + _notes(conventions, reader),
    }  # fmt: skip
    row = {
        "name": dataset.name, "format": reader.format, "state": reader.state, "layout": conventions.layout,
        "fps": conventions.fps, "up": conventions.up, "scale": conventions.scale,
        "source": report["source"], "signature": signature, "report": report,
    }  # fmt: skip
    with library.write() as catalog:
        _enter(catalog, row, _columns(dataset, clips), splits, left_out)
    return report


def _enter(
    catalog: Catalog,
    row: dict[str, Any],
    columns: dict[str, list[Any]],
    splits: dict[str, dict[str, list[int]]],
    left_out: list[dict[str, Any]],
) -> None:
    catalog.add_dataset(
        row,
        clips=columns,
        splits=[(p, part, rows) for p, parts in splits.items() for part, rows in parts.items()],
        left_out=[(one["name"], one["reason"], one["detail"], one["source"]) for one in left_out],
    )


def _columns(dataset: Dataset, clips: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = datasets.action_names(dataset.actions)
    kept = ("name", "label", "subject", "camera", "setup", "replication", "people", "frames", "source", "source_hash")
    columns = {column: [clip[column] for clip in clips] for column in kept}
    columns["action"] = [_action(names, label) for label in columns["label"]]
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
        result[protocol] = {p: [position[n] for n in names if n in position] for p, names in parts.items()}
        unknown = sum(n not in position for names in parts.values() for n in names)
        if unknown:
            notes.append(f"protocol {protocol} names {unknown} clips that are not in the data or were left out")
    for protocol in dataset.rules:
        by_rule = _by_rule(dataset, protocol, clips) if protocol not in result else {}
        if by_rule:
            result[protocol] = by_rule
    return result, notes


def _by_rule(dataset: Dataset, protocol: str, clips: list[dict[str, Any]]) -> dict[str, list[int]]:
    parts: dict[str, list[int]] = {}
    for i, clip in enumerate(clips):
        part = datasets.part_of(dataset, protocol, clip["name"])
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
    return notes


def _splits_file(path: Path | None) -> Splits:
    """JSON: protocol -> {"train": [names], "test": [names]}."""
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for protocol, parts in content.items():
            checked_name(protocol, what="a protocol")
            if not parts or not set(parts) <= {"train", "gallery", "test"}:
                raise ValueError(f"protocol {protocol} has parts {sorted(parts)}, not train and test")
            if not all(isinstance(name, str) for names in parts.values() for name in names):
                raise ValueError(f"protocol {protocol} holds something that is not a name")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UmurlError(
            f'{path}: not a splits file ({error}); it is {{"protocol": {{"train": [names], "test": [names]}}}}'
        ) from error
    return content  # type: ignore[no-any-return]
