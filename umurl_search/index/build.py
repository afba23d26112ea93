"""Builds an index: embeds a dataset, fits its maps, writes its vectors."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from encoder import modality_sets
from encoder.embed import Embedder, pick_device
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.precision import Precision, emulation_note, pick_precision, precision_here
from umurl_search.clips.normalization import PIPELINE
from umurl_search.datasets import protocols as datasets
from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import NO_TRANSFORM, Transform, fit_maps
from umurl_search.index.embed_rows import DONE, embed_units, write_units
from umurl_search.index.faiss_kinds import Kind
from umurl_search.index.faiss_library import converts_half
from umurl_search.index.index import Index, embeddings_file, write_maps
from umurl_search.index.kind_selection import RECALL, Choice, available_memory, choose, write_vectors
from umurl_search.index.open_index import open_index
from umurl_search.index.windows import IndexRows, Window, index_rows_of, long_clips, long_windows
from umurl_search.library import encoder_registry
from umurl_search.library.catalog.open_catalog import copy_if_old
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.encoder_registry import EncoderEntry, overlap_warning
from umurl_search.library.library import Library, checked_name
from umurl_search.progress import Progress, no_progress
from umurl_search.result import Result

INDEX_VERSION = 2
_AS_MADE = (
    "dataset",
    "encoder",
    "encoder_hash",
    "pipeline",
    "transform",
    "metric",
    "modalities",
    "precision",
    "dimension",
    "window_s",
    "stride_s",
)
"""What must be the same for an index to be the one that is asked for."""


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to index and how. None: the encoder that fits best, a name made of dataset, encoder, transform.

    kind: one of `kinds.KINDS`, or auto. recall: at 10, which an approximate kind is to reach; below 1, auto may take
    such a kind. window: cut recordings into windows, a row each. precision: of the products; auto takes bf16 where the
    hardware multiplies it, and an index that is there as it is.
    """

    dataset: str
    encoder: str | None = None
    modalities: str = "base"
    kind: str = "auto"
    recall: float = 1.0
    transform: Transform = NO_TRANSFORM
    name: str | None = None
    window: Window | None = None
    precision: Precision = "auto"
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class BuildReport(Result):
    """The index that was built."""

    index: str
    """its name"""
    dataset: str
    encoder: str
    """the encoder used"""
    clips: int
    windows: int | None
    """rows of an index of windows, else null"""
    window_s: list[float] | None
    """lengths of the windows in seconds, or null"""
    stride_s: float | None
    """seconds from one window's start to the next, or null"""
    dimension: int
    """D, the size of an embedding"""
    modalities: list[str]
    """names"""
    transform: str
    """`none` or `half-whiten:D`"""
    kind: str
    """of index, chosen or asked for (index-kinds.md)"""
    why: str
    """that kind"""
    quality: dict[str, Any] | None
    """on clips left out of the index: `queries`, `recall_at` `1` and `10`, `latency_ms` of one,
    `accuracy_change` of 1-NN against exact (null without labels); null for a handful of clips"""
    precision: str
    """of the products: `float32` or `bf16`"""
    bytes: int
    """size on disk"""
    warnings: list[str]
    """what to know before it is used, a line each"""
    already_there: bool
    """whether the library held it before"""
    seconds: dict[str, float]
    """`embed`, `fit`, `total`"""


def build_index(
    library: Library,
    request: BuildRequest,
    *,
    progress: Progress = no_progress,
    tell: Callable[[str], None] = lambda line: None,
) -> BuildReport:
    """Embeds every clip of a dataset, or every window of its recordings, and fits bridges and transform on all.

    An interrupted build goes on where it stopped. `tell` is given a line before bf16 is emulated. Raises UmurlError for
    an unknown dataset or encoder, when the encoder reads clips prepared in another way, or when another index has the
    name.
    """
    started = time.monotonic()
    columns, protocol, test_names = _dataset(library, request.dataset)
    entry = _encoder(library, request, protocol)
    store = open_clips(library, request.dataset)
    units = index_rows_of(store, np.arange(len(store)), request.window)
    about, why = _about(request, entry, store, len(units))
    name = checked_name(request.name or _default_name(request, entry), what="an index")
    warnings = _warnings(entry, request, protocol, test_names, store)
    frames = columns.columns["frames"]
    warnings += (
        long_windows(request.window, frames, dataset=request.dataset)
        if request.window
        else long_clips(frames, dataset=request.dataset)
    )
    seconds = {"embed": 0.0, "fit": 0.0}
    target = library.index_folder(name)
    there = _already_there(library, name, about, request)
    if there:
        copy_if_old(library.catalog_path)
    else:
        model = entry.load().to(pick_device(request.device))
        library.make()
        with sealed_folder.building(target, resume_token=about["recipe"]) as partial:
            if _already_there(library, name, about, request):  # by another process, since
                shutil.rmtree(partial)
            elif _is_sealed(target, about, columns):
                shutil.rmtree(partial)
                _enter(library, name, about, entry)
            else:
                note = emulation_note(about["precision"], pick_device(request.device))
                if note is not None:
                    tell(note)
                seconds, measured = _make(
                    partial, columns, store, units, model, about, request, progress=progress
                )
                sealed_folder.remove(target)
                sealed_folder.seal(partial, target, {**about, **measured})
                _enter(library, name, about, entry)
    index, _ = open_index(library, name)
    said = index.manifest
    return BuildReport(
        index=name,
        dataset=request.dataset,
        encoder=entry.name,
        clips=len(columns.id),
        kind=said["index_kind"],
        windows=None if request.window is None else len(index.ids),
        window_s=said.get("window_s"),
        stride_s=said.get("stride_s"),
        why=why if said["index_kind"] == about["index_kind"] else "as it was built",
        quality=said.get("quality"),
        dimension=about["dimension"],
        modalities=about["modalities"],
        transform=about["transform"],
        precision=said["precision"],
        bytes=sum(file["size"] for file in index.manifest["files"].values()),
        warnings=warnings,
        already_there=there,
        seconds={**seconds, "total": time.monotonic() - started},
    )


def build_beside(
    library: Library, request: BuildRequest, target: Path, old: Path, *, progress: Progress = no_progress
) -> tuple[int, bool]:
    """Seals an index anew in a folder of its own, without entering it in the catalog.

    Embeddings of the `old` folder are taken over where they are whole and of the same clips. Returns how many rows the
    index has, and whether they were. Raises UmurlError as `build_index` does.
    """
    columns, protocol, _ = _dataset(library, request.dataset)
    entry, store = _encoder(library, request, protocol), open_clips(library, request.dataset)
    units = index_rows_of(store, np.arange(len(store)), request.window)
    about, _ = _about(request, entry, store, len(units))
    with sealed_folder.building(target, resume_token=f"beside-{about['recipe']}") as partial:
        salvaged = _salvage(old, about, partial)
        device = pick_device(request.device)
        if not salvaged:
            about["precision"] = precision_here(about["precision"], device)
        model = entry.load().to(device)
        _, measured = _make(partial, columns, store, units, model, about, request, progress=progress)
        sealed_folder.seal(partial, target, {**about, **measured})
    return len(units), salvaged


def _salvage(old: Path, about: dict[str, Any], partial: Path) -> bool:
    """Copies sound embeddings of the same clips to where a build goes on from them; False where there are none."""
    said = sealed_folder.manifest_or_none(old)
    if said is None or any(said[key] != about[key] for key in ("clips", "dataset_signature", "modalities")):
        return False
    names = [embeddings_file(modality) for modality in about["modalities"]]
    if any(sealed_folder.check_file(old / name, said["files"][name], full=True) for name in names):
        return False
    for name in names:
        shutil.copyfile(old / name, partial / name)
    sealed_folder.write_text(partial / DONE, str(about["clips"]))
    return True


def _dataset(library: Library, name: str) -> tuple[ClipColumns, str | None, list[str]]:
    """The dataset's clips, its first protocol and the names of that protocol's test clips."""
    with library.read() as catalog:
        if catalog.dataset(name) is None:
            raise UmurlError(f"no dataset '{name}' in the library: umurl-search ingest {name} first")
        protocol = datasets.first_protocol(name, catalog.protocols(name))
        test = set(catalog.split(name, protocol).get("test", np.zeros(0)).tolist()) if protocol else set()
        columns = catalog.clips_of(name)
    return columns, protocol, [n for n, i in zip(columns.name, columns.id.tolist(), strict=True) if i in test]


def _encoder(library: Library, request: BuildRequest, protocol: str | None) -> EncoderEntry:
    if request.encoder is not None:
        return encoder_registry.open_encoder(library, request.encoder)
    own = encoder_registry.choose(library, request.dataset, protocol)
    cut_as = datasets.find(request.dataset).cut_as
    return (
        encoder_registry.choose(library, cut_as, protocol)
        if cut_as and own.name == encoder_registry.SHIPPED
        else own
    )


def _about(
    request: BuildRequest, entry: EncoderEntry, store: Clips, n_units: int
) -> tuple[dict[str, Any], str]:
    """What the manifest says before anything is made, and why the index is of its kind."""
    model = ModelConfig(**entry.config["model"])
    every = request.modalities == "all" and model.subsets == modality_sets.SINGLE_AND_FUSED
    chosen = modality_sets.ALL if every else model.subsets
    precision = pick_precision(request.precision, width=model.width, device=pick_device(request.device))
    made_from = {
        "kind": "index",
        "version": INDEX_VERSION,
        "dataset": request.dataset,
        "dataset_signature": store.signature,
        "encoder": entry.name,
        "encoder_hash": entry.hash,
        "pipeline": vars(PIPELINE),
        "transform": str(request.transform),
        "metric": "cosine",
        "modalities": list(chosen),
        "precision": precision,
        "dimension": model.dimension,
        "clips": len(store),
        **(request.window.to_dict() if request.window else {}),
    }
    recipe = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    choice = _kind(request, n_units, model.dimension)
    return {**made_from, "recipe": recipe, "index_kind": choice.kind}, choice.why


def _kind(request: BuildRequest, n: int, dimension: int) -> Choice:
    width = dimension if request.transform.kind == "none" else min(request.transform.dimensions, dimension)
    if request.kind == "auto":
        return choose(
            n=n,
            p=width,
            recall=request.recall,
            memory_bytes=available_memory(),
            converts_half=converts_half(),
        )
    return Choice(kind=cast(Kind, request.kind), why="as asked")


def _default_name(request: BuildRequest, entry: EncoderEntry) -> str:
    parts = [f"{request.dataset}@{entry.name}"]
    if request.transform.kind != "none":
        parts.append(str(request.transform).replace(":", "-"))
    if request.modalities == "all":
        parts.append("all")
    if request.window:
        parts += [f"{length:g}s" for length in request.window.lengths_s]
    return "+".join(parts)


def _already_there(library: Library, name: str, about: dict[str, Any], request: BuildRequest) -> bool:
    """Whether the index is there. Raises UmurlError where another has its name."""
    with library.read() as catalog:
        known = any(row["name"] == name for row in catalog.indexes())
    if not known:
        return False
    said = open_index(library, name)[0].manifest
    same_kind = request.kind in ("auto", said["index_kind"])
    made_from = [key for key in _AS_MADE if key != "precision" or request.precision != "auto"]
    if not same_kind or any(said.get(key) != about.get(key) for key in made_from):
        raise UmurlError(
            f"index '{name}' is there, made from something else: umurl-search delete index:{name}, "
            "or name the new one with --as"
        )
    return True


def _is_sealed(target: Path, about: dict[str, Any], columns: ClipColumns) -> bool:
    """Whether a build that was stopped before it told the catalog has left this very index."""
    if not target.exists() or sealed_folder.check(target, full=False):
        return False
    index = Index(target)
    return bool(index.manifest["recipe"] == about["recipe"]) and np.array_equal(
        np.unique(index.ids), columns.id
    )


def _warnings(
    entry: EncoderEntry, request: BuildRequest, protocol: str | None, test_names: list[str], store: Clips
) -> list[str]:
    found, dataset = [], request.dataset
    if request.encoder is None and entry.name == encoder_registry.SHIPPED:
        found.append(
            f"no encoder was trained to its end on {dataset} or imported for it: using the shipped one, trained on "
            f"made-up motion; umurl-search train {datasets.find(dataset).cut_as or dataset} makes one of its own"
        )
    if protocol is not None:
        found += overlap_warning(entry, dataset, protocol, test_names)
    state = store.manifest["state"]
    if state == "first-frame-centred":
        found.append(
            "the store's coordinates were denoised by their maker: figures differ from raw recordings'"
        )
    return found


def _make(
    partial: Path,
    columns: ClipColumns,
    store: Clips,
    units: IndexRows,
    model: UmURL,
    about: dict[str, Any],
    request: BuildRequest,
    *,
    progress: Progress,
) -> tuple[dict[str, float], dict[str, Any]]:
    """Fills the partial folder; returns seconds by stage, and what is measured of the vectors."""
    begun = time.monotonic()
    n, d, chosen = len(units), about["dimension"], tuple(about["modalities"])
    sealed_folder.need_space(
        partial, 4 * n * d * (len(chosen) + 2) + 4 * d * d * len(chosen) ** 2, what="the index"
    )
    device = pick_device(request.device)
    embedder = Embedder(model, n_clips=n, device=device, precision=about["precision"])
    embed_units(partial, store, units, embedder, modalities=chosen, dimension=d, progress=progress)
    embedded = time.monotonic()
    arrays = {m: np.load(partial / embeddings_file(m), mmap_mode="r", allow_pickle=False) for m in chosen}
    with progress("Fitting bridges", total=len(chosen) + 1, unit="steps") as advance:
        maps = fit_maps(arrays, request.transform, advance=advance)
        write_maps(partial, maps)
        measured = write_vectors(
            partial,
            arrays["fused"],
            maps,
            kind=about["index_kind"],
            labels=columns.label if units.spans is None else None,
            recall=request.recall if request.recall < 1 else RECALL,
        )
        write_units(partial, units, columns.id)
        advance(1)
    (partial / DONE).unlink(missing_ok=True)
    return {"embed": embedded - begun, "fit": time.monotonic() - embedded}, measured


def _enter(library: Library, name: str, about: dict[str, Any], entry: EncoderEntry) -> None:
    ids = np.unique(Index(library.index_folder(name)).ids)
    with library.write() as catalog:
        catalog.add_index(
            clip_ids=ids,
            row={
                "name": name,
                "dataset": about["dataset"],
                "encoder": entry.name,
                "encoder_hash": entry.hash,
                "kind": about["index_kind"],
                "transform": about["transform"],
                "modalities": ",".join(about["modalities"]),
                "clips": about["clips"],
            },
        )
