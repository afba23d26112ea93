"""Recordings to clip store, with a report of what was found, used and left out."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError, Hint, NotFoundError, UmurlError
from encoder.joint_layouts import find_layout
from umurl_search.clips.normalization import PIPELINE, Conventions
from umurl_search.clips.reading_options import ReadingOptions, stated_of
from umurl_search.clips.types import Up
from umurl_search.datasets import protocols
from umurl_search.datasets.protocols import Dataset
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard, ShardReport
from umurl_search.ingest.annotations import require_whole_recordings
from umurl_search.ingest.parallel_read import fill, stamp
from umurl_search.ingest.recording_shards import items_of, make_share, replay, require_shares
from umurl_search.ingest.registration import register
from umurl_search.ingest.statements import Statements, read_statements
from umurl_search.library.catalog.open_catalog import copy_if_old, require_current
from umurl_search.library.library import Library, check_name
from umurl_search.progress import Progress, no_progress
from umurl_search.readers.base import Reader, follow_state
from umurl_search.readers.format_detection import detect
from umurl_search.readers.formats import FORMATS, SourceOptions, format_of, open_reader, require_axes_heeded
from umurl_search.readers.zip_source import given_roots
from umurl_search.result import Result

_STORE_VERSION = 1
SLICING = "start:end"
"""How PKU-MMD's label files are understood, unless said."""


@dataclass(frozen=True, kw_only=True)
class Request(ReadingOptions):
    """What to ingest and how it is stated. None: found out (format), or the dataset's own (layout).

    splits, segments, labels: files that say more of the clips; the word `folder` as splits or labels: the folders that
    hold the files say it. missing_samples: the list of samples with missing skeletons, where not the one that is found.
    roots: the places that are the source, where there are several. untrimmed: recordings are kept whole, as those of
    some datasets always are. segments: a file that says what happens in them. axes: of arrays, what each axis is (None:
    found out).
    """

    name: str
    source: Path | None = None
    data: Path | None = None
    format: str | None = None
    layout: str | None = None
    splits: Path | None = None
    fps: float = 30.0
    up: Up = "y"
    scale: float = 1.0
    slicing: str = SLICING
    untrimmed: bool = False
    segments: Path | None = None
    axes: str | None = None
    labels: Path | None = None
    missing_samples: Path | None = None
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IngestReport(Result):
    """What a reading found: found = used + the sum of left_out."""

    dataset: str
    """its name"""
    format: str
    """how the recordings were read"""
    source: str
    """where they were read from"""
    found: int
    """recordings found: `used` and those left out"""
    used: int
    """clips in the library"""
    left_out: dict[str, int]
    """reason: count (reasons: data-format.md)"""
    official: int | None
    """published number of recordings, or null"""
    cut: int
    """clips shortened to the longest length kept"""
    splits: dict[str, dict[str, int]]
    """protocol: part: clips"""
    notes: list[str]
    """what to know of the source, a line each"""
    unseen: int = 0
    """joints that their files mark as not seen, frame by frame"""
    segments: int = 0
    """of whole recordings: labelled stretches in them"""
    passed_over: dict[str, int] = field(default_factory=dict)
    """suffix: count of the source's files that are of no use to this format"""
    labelled: int = 0
    """clips with a label"""
    columns: list[str] = field(default_factory=list)
    """of one's own, by name"""
    already_there: bool = False
    """whether the library held it before"""
    seconds: dict[str, float] = field(default_factory=dict)
    """`total`; empty when it was there"""


def ingest(
    library: Library,
    request: Request,
    *,
    gathers: bool = False,
    progress: Progress = no_progress,
    workers: int | None = None,
) -> IngestReport:
    """Reads a dataset into the library; an interrupted run goes on where it stopped.

    gathers: whether what was read is that of shards (`ingest_shard`), which must all be there. Raises UmurlError when
    the source is missing, is not in a known format or holds no usable clip, and when the library already holds another
    dataset of that name.
    """
    started = time.monotonic()
    dataset, reader, conventions = _open(request)
    stated = read_statements(splits=request.splits, segments=request.segments, labels=request.labels)
    signature = _signature(reader, conventions, request, stated)
    of_store = _signature(reader, conventions, request, Statements())
    known = _find_known(library, request.name)
    target = library.clips(request.name)
    if known is not None:
        copy_if_old(library.catalog_path)
        there = _report_already_there(known, signature)
        if gathers:
            shards.sweep(target)
        return there
    shares = _require_shares(target, reader, conventions, request) if gathers else None
    library.make()
    with sealed_folder.building(target, resume_token=of_store) as partial:
        known = _find_known(library, request.name)  # by another process, since
        if known is not None:
            shutil.rmtree(partial)
            return _report_already_there(known, signature)
        if target.exists():
            shutil.rmtree(partial)
        else:
            fill(
                partial,
                reader,
                conventions,
                title=f"Reading {dataset.name}",
                progress=progress,
                workers=workers,
                outcomes_from=None if shares is None else replay(shares),
            )
            sealed_folder.seal(partial, target, about_store(reader, conventions, of_store))
        _require_own_store(target, of_store)
        read_from = origin_of(reader, conventions, request) | stated.origin
        report = register(library, dataset, reader, conventions, signature, stated, read_from)
    if gathers:
        shards.sweep(target)
    return IngestReport(**{**report, "seconds": {"total": time.monotonic() - started}})


def ingest_shard(
    library: Library,
    request: Request,
    shard: Shard,
    *,
    progress: Progress = no_progress,
    workers: int | None = None,
) -> ShardReport:
    """Reads one share of what `ingest` would read, and seals it for the one that gathers; the catalog is only read.

    Raises UmurlError as `ingest` does, and when there are shards of this dataset that were made from something else.
    """
    started = time.monotonic()
    if library.exists():
        require_current(library.catalog_path)
    _, reader, conventions = _open(request)
    made, target = False, library.clips(request.name)
    if _find_known(library, request.name) is None:
        library.make()
        plan = _plan_shards(reader, conventions, request)
        made = make_share(target, reader, conventions, shard, plan=plan, progress=progress, workers=workers)
    if _find_known(library, request.name):  # before, or gathered since of the same share made before
        shards.sweep(target)
    start, stop = items_of(reader, shard)
    return ShardReport(
        name=request.name,
        shard=shard.number,
        shards=shard.of,
        rows=stop - start,
        total=len(reader.items()),
        already_there=not made,
        seconds={"total": time.monotonic() - started},
    )


def _open(request: Request) -> tuple[Dataset, Reader, Conventions]:
    """The dataset that a request names, and its source opened. Raises UmurlError where the request cannot be met."""
    dataset = protocols.find(check_name(request.name, what="a dataset"))
    reader, conventions = open_source(dataset, request)
    _require_untrimmed(dataset, reader, request)
    require_axes_heeded(reader, request.axes)
    return dataset, reader, conventions


def _plan_shards(reader: Reader, conventions: Conventions, request: Request) -> dict[str, Any]:
    signature = _signature(reader, conventions, request, Statements())
    return {"format": reader.format, **conventions.describe(), "state of the source": signature}


def _require_shares(
    target: Path, reader: Reader, conventions: Conventions, request: Request
) -> list[Path] | None:
    """The shares to gather; None where a run that was killed has gathered them into a store."""
    if target.exists():
        return None
    source = ("--source", str(request.source)) if request.source else ()

    def again(shard: str) -> Hint:
        return Hint("{command}", command=("ingest", request.name, *source, "--shard", shard))

    return require_shares(target, plan=_plan_shards(reader, conventions, request), again=again)


def _require_own_store(folder: Path, signature: str) -> None:
    """Raises UmurlError for a store that an ingest of other recordings left, which was killed."""
    manifest = sealed_folder.read_manifest(folder, hint=f"delete {folder} and ingest again")
    if manifest["signature"] != signature:
        raise UmurlError(f"{folder}: left by another ingest", "delete that folder and run the command again")


def open_source(dataset: Dataset, request: Request) -> tuple[Reader, Conventions]:
    """The reader of what a request names, and how its coordinates are stated."""
    made_up = dataset.actions == "demo"
    reader = _demo_reader(dataset, request) if made_up else _reader_of(dataset, request)
    layout = request.layout or reader.layout
    stated = Conventions(
        layout=layout,
        fps=request.fps,
        up=request.up,
        scale=request.scale,
        untrimmed=request.untrimmed and find_layout(layout).axes != "world",
        **stated_of(request),
    )
    return reader, follow_state(stated, reader)


def origin_of(reader: Reader, conventions: Conventions, request: Request) -> dict[str, Any]:
    """Where recordings are read from and how, as the catalog keeps it; `reopen_source` reads them again."""
    dataset = protocols.find(request.name)
    axes = {"axes": request.axes} if request.axes else {}
    return {
        **axes,
        "roots": [str(root) for root in given_roots(reader)],
        "format": reader.format,
        **conventions.describe(),
        "slicing": request.slicing,
        "untrimmed": request.untrimmed and not dataset.untrimmed,
        **(
            {}
            if request.missing_samples is None
            else {"missing_samples": os.path.abspath(request.missing_samples)}
        ),
    }


def reopen_source(name: str, origin: dict[str, Any]) -> tuple[Reader, Conventions]:
    """The reader of what a dataset was read from. Raises UmurlError where it is not there."""
    dataset = protocols.find(name)
    if dataset.actions == "demo":
        return open_source(dataset, Request(name=name))
    roots = tuple(map(Path, origin["roots"]))
    for root in roots:
        if not root.exists():
            raise NotFoundError(
                f"{root}: {name} was read from there, and it is not there now",
                Hint(
                    "put it back, or say where it is with {command}",
                    command=("update", name, "--source", "PATH"),
                ),
            )
    said = {key: value for key, value in origin.items() if key not in ("roots", "labels", "splits")}
    if "missing_samples" in said:
        said["missing_samples"] = Path(said["missing_samples"])
    said["slicing"] = said["slicing"] or SLICING
    return open_source(dataset, Request(name=name, roots=roots, **said))


def _demo_reader(dataset: Dataset, request: Request) -> Reader:
    if request.source is not None:
        raise UmurlError(
            f"'{dataset.name}' names the made-up corpus", "give recordings of your own another name"
        )
    from umurl_search.synthetic.demo_corpus import DemoReader
    from umurl_search.synthetic.long_recordings import DemoLongReader

    return DemoLongReader() if dataset.untrimmed else DemoReader()


def _require_untrimmed(dataset: Dataset, reader: Reader, request: Request) -> None:
    """Raises UmurlError for segments of recordings that are cut, or recordings that are no file of their own."""
    require_whole_recordings(request.segments, untrimmed=request.untrimmed or dataset.untrimmed)
    if request.untrimmed and not dataset.untrimmed and not format_of(reader).has_recording_files:
        kept_whole = ", ".join(name for name, row in FORMATS.items() if row.has_recording_files)
        raise UmurlError(
            f"recordings of format {reader.format} cannot be kept whole, only those of a file each ({kept_whole})",
            Hint("leave out {option}", option="untrimmed"),
        )


def _reader_of(dataset: Dataset, request: Request) -> Reader:
    if request.source is not None and not request.source.exists():
        raise NotFoundError(
            f"{request.source}: no such file or folder", Hint("give {option} the recordings", option="source")
        )
    named = request.roots or ((request.source,) if request.source else ())
    given = named or protocols.sources(dataset, request.data)
    roots = tuple(Path(os.path.abspath(root)) for root in given)
    fmt = request.format or detect(roots[0], axes=request.axes)
    if request.missing_samples is not None and (
        fmt != "ntu-skeleton" or not request.missing_samples.is_file()
    ):
        said = (
            "no such file"
            if not request.missing_samples.is_file()
            else f"recordings of format {fmt} have none"
        )
        hint = Hint("{option} is of NTU's .skeleton files", option="missing_samples")
        raise BadInputError(f"{request.missing_samples}: no list of missing samples ({said})", hint)
    untrimmed = request.untrimmed or dataset.untrimmed
    options = SourceOptions(
        max_frames=None if untrimmed else dataset.max_frames,
        max_action=dataset.max_action,
        max_setup=dataset.max_setup,
        slicing=request.slicing,
        untrimmed=untrimmed,
        layout=request.layout,
        axes=request.axes,
        missing=request.missing_samples,
    )
    return open_reader(fmt, roots, options)


def _signature(reader: Reader, conventions: Conventions, request: Request, stated: Statements) -> str:
    """Changes when the source's files, the way they are read, or what is stated of the clips does."""
    stamps = [[str(path), *stamp(path)] for path in reader.files()]
    said: list[Any] = [
        _STORE_VERSION,
        reader.format,
        request.slicing,
        conventions.describe(),
        stated.splits,
        stamps,
    ]
    if request.axes:
        said.append(request.axes)
    if request.untrimmed or stated.segments:
        said.append({name: [vars(one) for one in segments] for name, segments in stated.segments.items()})
    if stated.digest:
        said.append(stated.digest)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def about_store(reader: Reader, conventions: Conventions, signature: str) -> dict[str, Any]:
    """What a clip store's manifest says."""
    return {
        "kind": "clips",
        "version": _STORE_VERSION,
        "format": reader.format,
        "state": reader.state,
        "conventions": conventions.describe(),
        "pipeline": vars(PIPELINE),
        "signature": signature,
    }


def is_ingested(library: Library, name: str) -> bool:
    """Whether the library holds a dataset of that name."""
    return _find_known(library, name) is not None


def _find_known(library: Library, name: str) -> dict[str, Any] | None:
    if not library.exists():
        return None
    with library.read() as catalog:
        return catalog.dataset(name)


def _report_already_there(row: dict[str, Any], signature: str) -> IngestReport:
    if row["signature"] != signature:
        raise UmurlError(
            f"the library holds another '{row['name']}' (from {row['source']}, or its files have changed since)",
            Hint("run: {command}, or ingest under another name", command=("delete", row["name"])),
        )
    return IngestReport(**{**row["report"], "already_there": True})
