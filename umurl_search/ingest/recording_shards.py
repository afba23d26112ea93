"""Shares of a source's recordings, read by several processes.

A share is whole chunks of recordings, with every outcome in its order. Which of two clips of a name stays, and whether
a dataset is of pictures, depends on what comes before: that is decided when all shares are gathered, as by one process.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from encoder.errors import Hint
from encoder.skeleton import N_JOINTS
from umurl_search.clips.clip import LeftOut, Segment
from umurl_search.clips.normalization import Conventions
from umurl_search.files import shards
from umurl_search.files.shards import Shard
from umurl_search.ingest.parallel_read import CHUNK, Outcomes, as_text, chunks, need_room
from umurl_search.library.clip_store import FRAMES, Record, StoreWriter, journal_of
from umurl_search.progress import Progress
from umurl_search.readers.base import Reader

Plan = Mapping[str, Any]


def items_of(reader: Reader, shard: Shard) -> tuple[int, int]:
    """The items of a source that are a share's, from and to."""
    n = len(reader.items())
    first, last = shard.share(-(-n // CHUNK))
    return min(first * CHUNK, n), min(last * CHUNK, n)


def make_share(
    target: Path,
    reader: Reader,
    conventions: Conventions,
    shard: Shard,
    *,
    plan: Plan,
    progress: Progress,
    workers: int | None,
) -> bool:
    """Reads the recordings of a share and seals them; False where that was done before. Raises UmurlError as
    `shards.make` does."""

    def fill(partial: Path) -> None:
        _read(partial, reader, conventions, shard, progress=progress, workers=workers)

    return shards.make(target, shard, what=f"dataset {target.name}", plan=plan, fill=fill)


def _read(
    partial: Path,
    reader: Reader,
    conventions: Conventions,
    shard: Shard,
    *,
    progress: Progress,
    workers: int | None,
) -> None:
    start, stop = items_of(reader, shard)
    need_room(partial, reader, part=(stop - start) / max(1, len(reader.items())))
    writer = StoreWriter(partial)
    try:
        items = reader.items()[start + writer.items_done : stop]
        with progress(f"Reading {shard.words}", total=stop - start, unit="clips") as advance:
            advance(writer.items_done)
            for outcomes in chunks(reader, conventions, items, workers=workers):
                _write(writer, outcomes)
                advance(len(outcomes))
    finally:
        writer.close()


def _write(writer: StoreWriter, outcomes: Outcomes) -> None:
    """Appends a chunk, with the order of its clips (c) and of what was left out (l)."""
    all_of_them = [as_text(one) for group in outcomes for one in group]
    records = [one for one in all_of_them if isinstance(one, Record)]
    left_out = [one for one in all_of_them if isinstance(one, LeftOut)]
    order = "".join("c" if isinstance(one, Record) else "l" for one in all_of_them)
    writer.add(len(outcomes), records, left_out, order=order)


def require_shares(target: Path, *, plan: Plan, again: Callable[[str], Hint]) -> list[Path]:
    """All shares of a dataset in order, whole and made as the plan says. Raises UmurlError where they are not."""
    found = shards.require_all(target, what=f"dataset {target.name}", plan=plan, again=again)
    return [folder for _, folder in found]


def replay(folders: list[Path]) -> Callable[[int], Iterator[Outcomes]]:
    """What reads the outcomes of shares as if they were just being read, from an item on: the first of a chunk, or the
    one after the last of all."""

    def read_from(first: int) -> Iterator[Outcomes]:
        yield from islice(_chunks_of(folders), -(-first // CHUNK), None)

    return read_from


def _chunks_of(folders: list[Path]) -> Iterator[Outcomes]:
    for folder in folders:
        values = _values(folder)
        begin = 0
        for entry in journal_of(folder):
            clips, left_out = iter(entry["clips"]), iter(entry["left_out"])
            outcomes: list[Record | LeftOut] = []
            for letter in entry["order"]:
                if letter == "l":
                    outcomes.append(LeftOut(**next(left_out)))
                    continue
                clip = next(clips)
                shape = (clip["frames"], clip["people"], N_JOINTS, 3)
                end = begin + int(np.prod(shape))
                outcomes.append(_record(clip, values[begin:end].reshape(shape)))
                begin = end
            yield [tuple(outcomes), *[()] * (entry["items"] - 1)]


def _values(folder: Path) -> Any:
    """All numbers of a share's clips, mapped from its file."""
    path = folder / FRAMES
    return np.memmap(path, dtype="<f4", mode="r") if path.stat().st_size else np.zeros(0, dtype="<f4")


def _record(clip: dict[str, Any], frames: Any) -> Record:
    """A clip as it was before it was written."""
    said = {key: value for key, value in clip.items() if key not in ("frames", "people")}
    said["segments"] = tuple(Segment(*one) for one in said["segments"])
    said["notes"] = tuple(said.get("notes", ()))
    return Record(frames=np.asarray(frames), **said)
