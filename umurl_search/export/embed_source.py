"""Embeds a dataset, a folder or a file into one array."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from encoder.embed import Embedder, pick_device
from encoder.errors import BadInputError, Hint, NotFoundError, UmurlError
from encoder.model import UmURL
from encoder.options import Precision, options_of
from encoder.precision import emulation_note, pick_precision
from umurl_search.clips.clip import Frames, LeftOut
from umurl_search.clips.normalization import Conventions, convert_and_count, normalise
from umurl_search.clips.note_kinds import Told, describe_kinds
from umurl_search.clips.plausibility import MOST_CLIPS, check_clips
from umurl_search.clips.reading_options import ReadingOptions, stated_of
from umurl_search.clips.types import NORMALISED, Up
from umurl_search.clips.unseen_joints import describe_unseen
from umurl_search.datasets import protocols
from umurl_search.files.atomic import require_place, write_file
from umurl_search.index.embed_rows import embed_chunks
from umurl_search.index.windows import IndexRows
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library, can_name
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Progress, no_progress
from umurl_search.readers.base import follow_state
from umurl_search.readers.content_kinds import suggest_format
from umurl_search.readers.format_detection import detect
from umurl_search.readers.formats import SourceOptions, open_reader, require_axes_heeded
from umurl_search.result import Result

CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class EmbedRequest(ReadingOptions):
    """source: a dataset of the library, a folder or a file. encoder None: the one that fits best.

    format, layout, axes, fps, up, scale: how a folder or a file is read; a dataset was read when it was ingested.
    """

    source: str
    out: Path
    encoder: str | None = None
    modality: str = "fused"
    format: str | None = None
    layout: str | None = None
    axes: str | None = None
    fps: float = 30.0
    up: Up = "y"
    scale: float = 1.0
    precision: Precision = "auto"
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class UnusedRecording(Result):
    """A recording that is not embedded."""

    name: str
    reason: str
    """why not (reasons: data-format.md)"""


@dataclass(frozen=True, kw_only=True)
class EmbedReport(Result):
    """The array that was written."""

    names: list[str]
    """the clips' names, a row each"""
    shape: list[int]
    """[N, D]"""
    encoder: str
    """the encoder used"""
    modality: str
    precision: str
    """of the products: `float32` or `bf16`"""
    out: str
    """the file written"""
    left_out: list[UnusedRecording]
    """recordings not used, a list"""
    notes: list[str]
    """what is unlikely of the recordings, a line each"""
    seconds: dict[str, float]
    """`total`"""


@retry_if_library_changed
def embed_source(
    library: Library,
    request: EmbedRequest,
    *,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = lambda line: None,
) -> EmbedReport:
    """Writes y (N, D) float32, rows in order of clip name, to `out`, and says which row is which.

    `tell` is given a line before bf16 is emulated, and where a device's memory does not suffice for the usual batch.
    Raises UmurlError when the source is unknown or holds no usable clip, or `out` cannot be written.
    """
    started = time.monotonic()
    require_place(request.out, ".npy")
    dataset = _dataset_row(library, request.source)
    if dataset:
        _require_unstated(request)
    protocol = _protocol(library, dataset)
    entry = (
        encoder_registry.open_encoder(library, request.encoder)
        if request.encoder
        else encoder_registry.choose(library, request.source if dataset else "", protocol)
    )
    device = pick_device(request.device)
    note = emulation_note(request.precision, device)
    if note is not None:
        tell(note)
    model, notes = entry.load().to(device), list[str]()
    if dataset:
        names, y = _from_store(library, request, model, progress=progress, tell=tell)
        with library.read() as catalog:
            left_out = [
                UnusedRecording(name=row["name"], reason=row["reason"])
                for row in catalog.left_out(request.source)
            ]
    else:
        names, y, left_out, notes = _from_files(request, model, tell=tell)
    write_file(request.out, lambda file: np.save(file, y, allow_pickle=False))
    return EmbedReport(
        names=names,
        shape=list(y.shape),
        encoder=entry.name,
        modality=request.modality,
        precision=pick_precision(request.precision, width=model.config.width, device=device),
        out=str(request.out),
        left_out=left_out,
        notes=notes,
        seconds={"total": time.monotonic() - started},
    )


def _require_unstated(request: EmbedRequest) -> None:
    """Raises UmurlError where it is stated how clips are read that were read long ago."""
    of_files = ("format", "layout", "axes", "fps", "up", "scale", *options_of(ReadingOptions))
    unsaid = {one.name: one.default for one in fields(EmbedRequest)}
    said = next((name for name in of_files if getattr(request, name) != unsaid[name]), None)
    if said is not None:
        raise BadInputError(
            f"{request.source} is a dataset of the library: its clips were read when it was ingested",
            Hint("leave out {option}, or give the path of recordings", option=said),
        )


def _suggest_source(source: str) -> Hint:
    """What to name instead: a word may be a dataset that is to be ingested, a path is none."""
    if can_name(source) and not Path(source).suffix:
        return Hint("{command}, or give a path", command=("ingest", source))
    return Hint("give the path of recordings that are there, or a dataset")


def _dataset_row(library: Library, name: str) -> dict[str, Any] | None:
    if not library.exists():
        return None
    with library.read() as catalog:
        return catalog.dataset(name)


def _protocol(library: Library, dataset: dict[str, Any] | None) -> str | None:
    if dataset is None:
        return None
    with library.read() as catalog:
        return protocols.first_protocol(dataset["name"], catalog.protocols(dataset["name"]))


def _from_store(
    library: Library,
    request: EmbedRequest,
    model: UmURL,
    *,
    progress: Progress,
    tell: Callable[[str], None],
) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float32]]]:
    store = open_clips(library, request.source)
    with library.read() as catalog:
        stored = catalog.clips_of(request.source).name
    order = sorted(range(len(stored)), key=stored.__getitem__)
    y = np.empty((len(order), model.config.dimension), np.float32)
    embedder = _embedder(model, request, n_clips=len(order), tell=tell)
    with progress("Embedding", total=len(order), unit="clips") as advance:
        units = IndexRows(row=np.array(order, dtype=np.int64))
        for start, stop, found in embed_chunks(embedder, store, units, modalities=(request.modality,)):
            y[start:stop] = found[request.modality]
            advance(stop - start)
    return [stored[i] for i in order], y


def _embedder(model: UmURL, request: EmbedRequest, *, n_clips: int, tell: Callable[[str], None]) -> Embedder:
    device = pick_device(request.device)
    return Embedder(model, n_clips=n_clips, device=device, precision=request.precision, tell=tell)


def _nothing_usable(path: Path, fmt: str, left_out: list[UnusedRecording], detail: str) -> UmurlError:
    """detail: the particulars of the first that is left out."""
    if not left_out:
        return BadInputError(f"{path}: no recordings found in format {fmt}", suggest_format(path))
    one, hint = left_out[0], Hint("check its format and its {option}", option="layout")
    why = f"{one.reason}, {detail}" if detail else one.reason
    return BadInputError(f"{path}: no usable clip, {len(left_out)} left out ({one.name}: {why})", hint)


def _describe_notes(told: list[Told], path: Path, *, n_clips: int) -> list[str]:
    """What was assumed of the clips, a line for each kind; of one clip, of each note."""
    return [f"{path}: {note}" for _, note in told] if n_clips == 1 else describe_kinds(told, what=str(path))


def _from_files(
    request: EmbedRequest, model: UmURL, *, tell: Callable[[str], None]
) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float32]], list[UnusedRecording], list[str]]:
    path = Path(request.source)
    if not path.exists():
        raise NotFoundError(
            f"{request.source}: neither a dataset of the library nor a file or folder",
            _suggest_source(request.source),
        )
    reader = open_reader(
        request.format or detect(path, axes=request.axes),
        (path,),
        SourceOptions(layout=request.layout, axes=request.axes),
    )
    require_axes_heeded(reader, request.axes)
    stated = Conventions(
        layout=request.layout or reader.layout,
        fps=request.fps,
        up=request.up,
        scale=request.scale,
        **stated_of(request),
    )
    conventions, is_ready, n_unseen = follow_state(stated, reader), reader.state in NORMALISED, 0
    found: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
    told = list[Told]()
    left_out, raw, standing, detail = [], list[Frames](), list[str](), ""
    batch: dict[str, Frames] = {}
    embedder = _embedder(model, request, n_clips=CHUNK, tell=tell)

    def flush() -> None:
        y = embedder(list(batch.values()), (request.modality,))
        found.update(zip(batch, y[request.modality], strict=True))
        batch.clear()

    for outcome in (one for outcomes in reader.read(reader.items()) for one in outcomes):
        converted = (
            outcome
            if isinstance(outcome, LeftOut)
            else convert_and_count(outcome, conventions, state=reader.state)
        )
        if isinstance(converted, LeftOut):
            left_out.append(UnusedRecording(name=converted.name, reason=converted.reason))
            detail = detail or converted.detail
        elif outcome.name in batch or outcome.name in found:
            left_out.append(UnusedRecording(name=outcome.name, reason="duplicate name"))
        else:
            frames, n_unseen = converted.frames, n_unseen + converted.n_unseen
            told += [(outcome.name, note) for note in converted.notes]
            batch[outcome.name] = frames if is_ready else normalise(frames)
            raw += [frames] * (len(raw) < MOST_CLIPS)
            standing += converted.standing
        if len(batch) == CHUNK:
            flush()
    if batch:
        flush()
    if not found:
        raise _nothing_usable(path, reader.format, left_out, detail)
    names = sorted(found)
    return (
        names,
        np.stack([found[name] for name in names]),
        left_out,
        [
            *getattr(reader, "notes", ()),
            *_describe_notes(told, path, n_clips=len(found)),
            *describe_unseen(n_unseen, what=str(path)),
            *check_clips(raw, conventions, what=str(path), is_turned=is_ready, standing=standing),
        ],
    )
