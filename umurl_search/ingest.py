"""Recordings to clip store, with a report of what was found, used and left out."""

import contextlib
import ctypes
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from encoder.errors import UmurlError
from umurl_search import datasets, folders
from umurl_search.clip import Clip, Frames, LeftOut, Outcome
from umurl_search.clipstore import Record, StoreWriter
from umurl_search.datasets import Dataset
from umurl_search.library import Library, checked_name
from umurl_search.preprocess import PIPELINE, Conventions, Up, usable
from umurl_search.progress import Progress, silent
from umurl_search.readers import detect, open_reader
from umurl_search.readers.base import Reader, Splits
from umurl_search.roster import enter, read_splits

CHUNK = 64
_GROWTH = {"ntu-skeleton": 0.3, "pku-mmd": 0.5, "nw-ucla": 0.6, "pyskl": 2.1, "npy": 2.1}
"""Bytes in the store for a byte of source, at most, by format; 1 for the others."""
_FILE_FORMATS = ("ntu-skeleton", "pku-mmd", "nw-ucla", "npy")
_STORE_VERSION = 1
_SET_SIGNAL_AT_PARENTS_DEATH = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM)


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
    extra_splits = read_splits(request.splits)
    signature = _signature(reader, conventions, request, extra_splits)
    known = _known(library, request.name)
    if known is not None:
        return _already_there(known, signature)
    library.make()
    target = library.clips(request.name)
    with folders.building(target, resume_token=signature) as partial:
        known = _known(library, request.name)  # by another process, since
        if known is not None:
            shutil.rmtree(partial)
            return _already_there(known, signature)
        if target.exists():
            shutil.rmtree(partial)
        else:
            _fill(partial, reader, conventions, dataset, progress=progress, workers=workers)
            folders.seal(partial, target, _about(reader, conventions, signature))
        report = enter(library, dataset, reader, conventions, signature, extra_splits)
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
    given = (request.source,) if request.source else datasets.sources(dataset, request.data)
    roots = tuple(Path(os.path.abspath(root)) for root in given)
    fmt = request.format or detect(roots[0])
    by_format: dict[str, dict[str, Any]] = {
        "ntu-skeleton": {"max_action": dataset.max_action, "max_setup": dataset.max_setup},
        "pku-mmd": {"slicing": request.slicing},
        "pyskl": {"layout": request.layout},
        "npy": {"layout": request.layout},
    }
    return open_reader(fmt, roots, max_frames=dataset.max_frames, **by_format.get(fmt, {}))


def _signature(reader: Reader, conventions: Conventions, request: Request, extra_splits: Splits) -> str:
    """Changes when the source's files, the way they are read or the splits given do."""
    stamps = [[str(path), *_stamp(path)] for path in reader.files()]
    stated = [_STORE_VERSION, reader.format, request.slicing, vars(conventions), extra_splits, stamps]
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; of a link to nowhere, nothing (its reader leaves it out)."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _about(reader: Reader, conventions: Conventions, signature: str) -> dict[str, Any]:
    return {
        "kind": "clips", "version": _STORE_VERSION, "format": reader.format, "state": reader.state,
        "conventions": vars(conventions), "pipeline": vars(PIPELINE), "signature": signature,
    }  # fmt: skip


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
    _file_hash.cache_clear()
    source_bytes = sum(_stamp(path)[0] for path in reader.files())
    folders.need_space(partial, round(source_bytes * _GROWTH.get(reader.format, 1.0)), what="the clip store")
    writer = StoreWriter(partial)
    seen = {clip["name"] for clip in writer.clips}
    try:
        items = reader.items()
        with progress(f"Reading {dataset.name}", total=len(items), unit="clips") as advance:
            advance(writer.items_done)
            for outcomes in _chunks(reader, conventions, items[writer.items_done :], workers=workers):
                records, left_out = _sorted_out(outcomes, seen)
                writer.add(len(outcomes), records, left_out)
                advance(len(outcomes))
        if writer.clips:
            writer.finish()
    finally:
        writer.close()
        if not writer.clips:  # nothing to go on from
            shutil.rmtree(partial)
    if not writer.clips:
        raise UmurlError(_nothing_usable(reader, writer))


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
    n_workers = workers or _n_cores()
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


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(
    reader: Reader, conventions: Conventions, items: Sequence[str], n_workers: int
) -> Iterator[Outcomes]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_follow_parent)
    waiting: deque[Future[Outcomes]] = deque()
    try:
        for start in range(0, len(items), CHUNK):
            with _signals_held():
                waiting.append(pool.submit(_read_chunk, reader, conventions, items[start : start + CHUNK]))
            if len(waiting) > 2 * n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UmurlError(
            "a process that reads recordings was killed, perhaps for want of memory; "
            "run the same command again: it goes on from here"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait: a pool interrupted in `submit` hangs, and a process it starts here inherits the
    hold, so that Ctrl-C does not end it with a traceback before it can ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow_parent() -> None:
    """In a reading process: what stops the whole group is the parent's affair, which stops this one in good
    order (a pool of which one is killed may hang); a parent that is killed ends it too."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)


def _read_chunk(reader: Reader, conventions: Conventions, items: Sequence[str]) -> Outcomes:
    return [_ready(reader, conventions, outcomes) for outcomes in reader.read(items)]


def _ready(
    reader: Reader, conventions: Conventions, outcomes: tuple[Outcome, ...]
) -> tuple[Record | LeftOut, ...]:
    return tuple(o if isinstance(o, LeftOut) else _record(reader, conventions, o) for o in outcomes)


def _record(reader: Reader, conventions: Conventions, clip: Clip) -> Record | LeftOut:
    frames = usable(clip, conventions)
    if isinstance(frames, LeftOut):
        return frames
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


def _text(name: str) -> str:
    """A file name as text: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def _sorted_out(outcomes: Outcomes, seen: set[str]) -> tuple[list[Record], list[LeftOut]]:
    records, left_out = [], []
    for outcome in (one for group in outcomes for one in group):
        if isinstance(outcome, LeftOut):
            left_out.append(replace(outcome, name=_text(outcome.name), source=_text(outcome.source)))
        elif outcome.name != _text(outcome.name):
            detail, shown = "its file name is not UTF-8", _text(outcome.name)
            left_out.append(
                LeftOut(name=shown, reason="malformed", detail=detail, source=_text(outcome.source))
            )
        elif outcome.name in seen:
            left_out.append(LeftOut(name=outcome.name, reason="duplicate name", source=outcome.source))
        else:
            seen.add(outcome.name)
            records.append(outcome)
    return records, left_out
