"""What a build needs, resolved once before anything is made: dataset, encoder, rows, kind, name."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from encoder import modality_sets
from encoder.embed import pick_device
from encoder.model import ModelConfig
from encoder.options import Precision
from encoder.precision import pick_precision
from umurl_search.clips.normalization import PIPELINE
from umurl_search.datasets import protocols
from umurl_search.index.bridges_and_whitening import NO_TRANSFORM, Transform
from umurl_search.index.faiss_library import converts_half
from umurl_search.index.kind_names import KindOrAuto
from umurl_search.index.kind_selection import Choice, available_memory, choose
from umurl_search.index.windows import IndexRows, Window, index_rows_of, long_clips, long_windows
from umurl_search.library import encoder_registry
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.library.clip_store import Clips, open_clips
from umurl_search.library.encoder_registry import EncoderChoice, EncoderEntry, overlap_warning
from umurl_search.library.library import Library, check_name
from umurl_search.library.missing import require_dataset

INDEX_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to index and how. None: the encoder that fits best, a name made of dataset, encoder, transform.

    recall: at 10, which an approximate kind is to reach; below 1, auto may take
    such a kind. window: cut recordings into windows, a row each. precision: of the products; auto takes bf16 where the
    hardware multiplies it, and an index that is there as it is.
    """

    dataset: str
    encoder: str | None = None
    modalities: str = "base"
    kind: KindOrAuto = "auto"
    recall: float = 1.0
    transform: Transform = NO_TRANSFORM
    name: str | None = None
    window: Window | None = None
    precision: Precision = "auto"
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class BuildPlan:
    """A build, resolved. about: what the index's manifest says before anything is made; why: it is of its kind."""

    request: BuildRequest
    name: str
    entry: EncoderEntry
    columns: ClipColumns
    store: Clips
    rows: IndexRows
    about: dict[str, Any]
    why: str
    encoder_why: str
    warnings: list[str]


def plan_build(library: Library, request: BuildRequest) -> BuildPlan:
    """Raises UmurlError for an unknown dataset or encoder, recordings too short for windows, or a bad name."""
    columns, protocol, test_names = _dataset(library, request.dataset)
    choice = _choose_encoder(library, request, protocol)
    entry = choice.entry
    store = open_clips(library, request.dataset)
    rows = index_rows_of(store, np.arange(len(store)), request.window)
    about, why = _describe(request, entry, store, len(rows))
    warnings = _warnings(request, entry, store, columns, protocol=protocol, test_names=test_names)
    name = check_name(request.name or _default_name(request, entry), what="an index")
    return BuildPlan(
        request=request,
        name=name,
        entry=entry,
        columns=columns,
        store=store,
        rows=rows,
        about=about,
        why=why,
        warnings=[*choice.passed_over, *warnings],
        encoder_why=choice.why,
    )


def _dataset(library: Library, name: str) -> tuple[ClipColumns, str | None, list[str]]:
    """The dataset's clips, its first protocol and the names of that protocol's test clips."""
    with library.read() as catalog:
        require_dataset(catalog, name)
        protocol = protocols.first_protocol(name, catalog.protocols(name))
        test = set(catalog.split(name, protocol).get("test", np.zeros(0)).tolist()) if protocol else set()
        columns = catalog.clips_of(name)
    return columns, protocol, [n for n, i in zip(columns.name, columns.id.tolist(), strict=True) if i in test]


def _choose_encoder(library: Library, request: BuildRequest, protocol: str | None) -> EncoderChoice:
    if request.encoder is not None:
        entry = encoder_registry.open_encoder(library, request.encoder)
        doubts = tuple(f"encoder {entry.name}: {doubt}" for doubt in entry.doubts)
        return EncoderChoice(entry=entry, why="as asked", passed_over=doubts)
    own = encoder_registry.choose_with_reason(library, request.dataset, protocol)
    cut_as = protocols.find(request.dataset).cut_as
    if not cut_as or own.entry.name != encoder_registry.SHIPPED:
        return own
    other = encoder_registry.choose_with_reason(library, cut_as, protocol)
    return replace(other, passed_over=(*own.passed_over, *other.passed_over))


def _describe(
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
    return Choice(kind=request.kind, why="as asked")


def _default_name(request: BuildRequest, entry: EncoderEntry) -> str:
    parts = [f"{request.dataset}@{entry.name}"]
    if request.transform.kind != "none":
        parts.append(str(request.transform).replace(":", "-"))
    if request.modalities == "all":
        parts.append("all")
    if request.window:
        parts += [f"{length:g}s" for length in request.window.lengths_s]
    return "+".join(parts)


def _warnings(
    request: BuildRequest,
    entry: EncoderEntry,
    store: Clips,
    columns: ClipColumns,
    *,
    protocol: str | None,
    test_names: list[str],
) -> list[str]:
    found, dataset = [], request.dataset
    if request.encoder is None and entry.name == encoder_registry.SHIPPED:
        found.append(
            f"no encoder was trained to its end on {dataset} or imported for it: using the shipped one, trained on "
            f"made-up motion; umurl-search train {protocols.find(dataset).cut_as or dataset} makes one of its own"
        )
    if protocol is not None:
        found += overlap_warning(entry, dataset, protocol, test_names)
    state = store.manifest["state"]
    if state == "first-frame-centred":
        found.append(
            "the store's coordinates were denoised by their maker: figures differ from raw recordings'"
        )
    frames = columns.columns["frames"]
    if request.window:
        return found + long_windows(request.window, frames, dataset=dataset)
    return found + long_clips(frames, dataset=dataset)
