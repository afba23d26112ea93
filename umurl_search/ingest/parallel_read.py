"""Reads a source into a clip store, on all cores, a chunk on disk before the next is taken."""

import contextlib
import ctypes
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from encoder.errors import BadInputError, Hint, UmurlError
from umurl_search.clips.clip import Clip, Frames, LeftOut, Outcome
from umurl_search.clips.crop import to_store_rate
from umurl_search.clips.normalization import Conventions, convert_and_count, is_flat
from umurl_search.files import sealed_folder
from umurl_search.library.clip_store import Record, StoreWriter
from umurl_search.progress import Progress
from umurl_search.readers.base import Reader
from umurl_search.readers.content_kinds import suggest_format
from umurl_search.readers.formats import format_of

CHUNK = 64
_SET_SIGNAL_AT_PARENTS_DEATH = 1
_STOPPING = (signal.SIGINT, signal.SIGTERM)


def stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; of a link to nowhere, nothing (its reader leaves it out)."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


Keep = Callable[[Record | LeftOut], bool]


def keep_all(outcome: Record | LeftOut) -> bool:
    """A `Keep` that keeps all."""
    return True


def fill(
    partial: Path,
    reader: Reader,
    conventions: Conventions,
    *,
    title: str,
    progress: Progress,
    workers: int | None,
    items: Sequence[str] | None = None,
    keep: Keep = keep_all,
    may_be_empty: bool = False,
    flat: bool | None = None,
    outcomes_from: Callable[[int], Iterator["Outcomes"]] | None = None,
) -> int:
    """Reads items (all unless given) of a source into a partial store, going on where an interrupted run stopped.

    keep: what to keep of what is read; the rest is passed over as if it were not there. flat: whether the dataset's
    clips are of pictures (None: the first clip says it); others are left out. outcomes_from: gives what was read
    before, from an item on, instead of reading now. Returns the number of clips. Raises UmurlError when the disk is
    too full, and when there is no usable clip to keep, unless there may be none.
    """
    need_room(partial, reader)
    writer = StoreWriter(partial)
    seen = {clip["name"] for clip in writer.clips}
    try:
        items = reader.items() if items is None else items
        with progress(title, total=len(items), unit="clips") as advance:
            advance(writer.items_done)
            done = writer.items_done
            read = outcomes_from(done) if outcomes_from else None
            for outcomes in read or chunks(reader, conventions, items[done:], workers=workers):
                records, left_out = _sort_out([tuple(filter(keep, one)) for one in outcomes], seen)
                if flat is None and records:
                    flat = is_flat(records[0].frames)
                records, others = _part_by_flatness(records, bool(flat), seen)
                left_out += others
                writer.add(len(outcomes), records, left_out)
                advance(len(outcomes))
        if writer.clips:
            writer.finish()
    finally:
        writer.close()
        if not writer.clips:  # nothing to go on from
            shutil.rmtree(partial)
    if not writer.clips and not may_be_empty:
        raise _nothing_usable_error(reader, writer)
    return len(writer.clips)


def need_room(partial: Path, reader: Reader, *, part: float = 1.0) -> None:
    """Raises UmurlError when the disk cannot take this part of a source as a store."""
    source_bytes = sum(stamp(path)[0] for path in reader.files())
    growth = format_of(reader).store_bytes
    sealed_folder.need_space(partial, round(source_bytes * growth * part), what="the clip store")


def nothing_found_error(where: Path, fmt: str) -> UmurlError:
    """The error where nothing is of a format."""
    return BadInputError(f"{where}: no recordings found in format {fmt}", suggest_format(where))


def _nothing_usable_error(reader: Reader, writer: StoreWriter) -> UmurlError:
    if not writer.left_out:
        return nothing_found_error(next(iter(reader.roots), Path("the source")), reader.format)
    one = writer.left_out[0]
    more = f" and {len(writer.left_out) - 1} others" if len(writer.left_out) > 1 else ""
    return BadInputError(
        f"no usable clip: {one['name']} is {one['reason']} ({one['detail']}){more} left out",
        Hint("check the source, its format and its {option}", option="layout"),
    )


Outcomes = list[tuple[Record | LeftOut, ...]]


def chunks(
    reader: Reader, conventions: Conventions, items: Sequence[str], *, workers: int | None
) -> Iterator[Outcomes]:
    """Outcomes of CHUNK items at a time, in order; parallel readers on all cores when it is worth it."""
    n_workers = workers or _n_cores()
    if reader.parallel and n_workers > 1 and len(items) > 2 * CHUNK:
        yield from _read_in_processes(reader, conventions, items, n_workers)
        return
    chunk: Outcomes = []
    for outcomes in reader.read(items):
        chunk.append(_make_records(reader, conventions, outcomes))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_in_processes(
    reader: Reader, conventions: Conventions, items: Sequence[str], n_workers: int
) -> Iterator[Outcomes]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_workers, mp_context=context, initializer=_follow_parent)
    waiting: deque[Future[Outcomes]] = deque()
    try:
        for start in range(0, len(items), CHUNK):
            with _hold_signals():
                waiting.append(pool.submit(_read_chunk, reader, conventions, items[start : start + CHUNK]))
            if len(waiting) > 2 * n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UmurlError(
            "a process that reads recordings was killed, perhaps for want of memory",
            "run the same command again: it goes on from here",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _hold_signals() -> Iterator[None]:
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
    return [_make_records(reader, conventions, outcomes) for outcomes in reader.read(items)]


def _make_records(
    reader: Reader, conventions: Conventions, outcomes: tuple[Outcome, ...]
) -> tuple[Record | LeftOut, ...]:
    return tuple(
        _add_hash(reader, o) if isinstance(o, LeftOut) else _record(reader, conventions, o) for o in outcomes
    )


def _add_hash(reader: Reader, left_out: LeftOut) -> LeftOut:
    """With the hash of its file, by which a recording that was mended is known."""
    if not format_of(reader).is_clip_a_file:
        return left_out
    paths = [path for path in _places(reader, left_out.source) if path.is_file() and os.access(path, os.R_OK)]
    return replace(left_out, source_hash=sealed_folder.sha256_of(paths[0])) if paths else left_out


def _places(reader: Reader, source: str) -> list[Path]:
    return [root / source if root.is_dir() else root for root in reader.roots]


def _record(reader: Reader, conventions: Conventions, clip: Clip) -> Record | LeftOut:
    converted = convert_and_count(clip, conventions, state=reader.state)
    if isinstance(converted, LeftOut):
        return _add_hash(reader, converted)
    frames = converted.frames
    return Record(
        name=clip.name,
        frames=frames,
        label=clip.label,
        action=clip.action,
        subject=clip.subject,
        camera=clip.camera,
        setup=clip.setup,
        replication=clip.replication,
        source=clip.source,
        cut=clip.cut,
        source_hash=_source_hash(reader, clip, frames),
        older_hash=_older_hash(reader, clip, frames),
        segments=to_store_rate(clip.segments, n_source=len(clip.frames), n_store=len(frames)),
        unseen=converted.n_unseen,
        notes=converted.notes,
        stands_along=converted.stands_along,
    )


def _source_hash(reader: Reader, clip: Clip, frames: Frames) -> str:
    """sha256 of the clip's own file; where a clip is not a file, of its coordinates."""
    if format_of(reader).is_clip_a_file:
        return sealed_folder.sha256_of(next(path for path in _places(reader, clip.source) if path.is_file()))
    return hashlib.sha256(frames.tobytes()).hexdigest()


def _older_hash(reader: Reader, clip: Clip, frames: Frames) -> str:
    """Of recordings that hold several clips: the hash as versions before made it."""
    row = format_of(reader)
    if row.is_clip_a_file or not row.has_recording_files:
        return ""
    found = hashlib.sha256(frames.tobytes())
    found.update(repr((clip.label, clip.segments)).encode())
    return found.hexdigest()


def _text(name: str) -> str:
    """A file name as text: bytes that are not UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


def as_text(outcome: Record | LeftOut) -> Record | LeftOut:
    """The outcome with names that are text; a clip whose file's name is not is left out."""
    name, source = _text(outcome.name), _text(outcome.source)
    if isinstance(outcome, LeftOut):
        return replace(outcome, name=name, source=source)
    if outcome.name == name:
        return outcome
    return LeftOut(name=name, reason="malformed", detail="its file name is not UTF-8", source=source)


def _sort_out(outcomes: Outcomes, seen: set[str]) -> tuple[list[Record], list[LeftOut]]:
    records, left_out = [], []
    for outcome in (as_text(one) for group in outcomes for one in group):
        if isinstance(outcome, LeftOut):
            left_out.append(outcome)
        elif outcome.name in seen:
            left_out.append(LeftOut(name=outcome.name, reason="duplicate name", source=outcome.source))
        else:
            seen.add(outcome.name)
            records.append(outcome)
    return records, left_out


def _part_by_flatness(
    records: list[Record], flat: bool, seen: set[str]
) -> tuple[list[Record], list[LeftOut]]:
    """Those that are of pictures, or of space, as the dataset is, and the others."""
    fitting, others = [], []
    for record in records:
        if is_flat(record.frames) == flat:
            fitting.append(record)
            continue
        seen.discard(record.name)
        one, all_ = ("space", "pictures") if flat else ("a picture, without depth", "space")
        detail = f"it is of {one}, the dataset's clips are of {all_}: ingest it under a name of its own"
        others.append(LeftOut(name=record.name, reason="malformed", detail=detail, source=record.source))
    return fitting, others
