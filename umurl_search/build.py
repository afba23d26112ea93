"""Builds an index: embeds a dataset, fits its maps, writes its vectors."""

import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from encoder import subsets
from encoder.embed import Embedder, Precision, pick_device, pick_precision
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from umurl_search import datasets, encoders, folders
from umurl_search.catalog import ClipColumns
from umurl_search.clipstore import ClipStore
from umurl_search.encoders import EncoderEntry
from umurl_search.index import IDS, Index, embeddings_file, write_maps, write_vectors
from umurl_search.library import Library, checked_name
from umurl_search.maps import NO_TRANSFORM, Transform, fit_maps
from umurl_search.preprocess import PIPELINE, check_pipeline
from umurl_search.progress import Progress, silent

CHUNK = 256
_DONE = "done"
INDEX_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to index and how. None: the encoder that fits best, a name made of dataset, encoder, transform."""

    dataset: str
    encoder: str | None = None
    modalities: str = "base"
    kind: str = "flat"
    transform: Transform = NO_TRANSFORM
    name: str | None = None
    precision: Precision = "auto"
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """`warnings`: each one line; seconds by stage."""

    index: str
    dataset: str
    encoder: str
    clips: int
    dimension: int
    modalities: list[str]
    transform: str
    precision: str
    bytes: int
    warnings: list[str]
    already_there: bool
    seconds: dict[str, float]


def build_index(library: Library, request: BuildRequest, *, progress: Progress = silent) -> BuildReport:
    """Embeds every clip of a dataset in the library and fits bridges and transform on all of them.

    An interrupted build goes on where it stopped. Raises UmurlError for an unknown dataset or encoder, when
    the encoder reads clips prepared in another way, or when another index has the name.
    """
    started = time.monotonic()
    columns, protocol, test_names = _dataset(library, request.dataset)
    entry = _encoder(library, request, protocol)
    store = ClipStore(library.clips(request.dataset))
    what = f"the clip store of {request.dataset}"
    again = f"umurl-search delete {request.dataset}, then ingest it with this version"
    check_pipeline(store.manifest["pipeline"], what=what, remedy=again)
    about = _about(request, entry, store)
    name = checked_name(request.name or _default_name(request, entry), what="an index")
    warnings = _warnings(entry, request, protocol, test_names, store)
    seconds = {"embed": 0.0, "fit": 0.0}
    target = library.index(name)
    there = _already_there(library, name, about)
    if not there:
        model = entry.load().to(pick_device(request.device))
        library.make()
        with folders.building(target, resume_token=about["recipe"]) as partial:
            if _already_there(library, name, about):  # by another process, since
                shutil.rmtree(partial)
            elif _is_sealed(target, about, columns):
                shutil.rmtree(partial)
                _enter(library, name, about, entry)
            else:
                seconds = _make(partial, columns, store, model, about, request, progress=progress)
                folders.remove(target)
                folders.seal(partial, target, about)
                _enter(library, name, about, entry)
    index = Index(target)
    return BuildReport(
        index=name, dataset=request.dataset, encoder=entry.name, clips=len(index.ids),
        dimension=about["dimension"], modalities=about["modalities"], transform=about["transform"],
        precision=about["precision"], bytes=sum(file["size"] for file in index.manifest["files"].values()),
        warnings=warnings, already_there=there, seconds={**seconds, "total": time.monotonic() - started},
    )  # fmt: skip


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
        return encoders.open_encoder(library, request.encoder)
    return encoders.choose(library, request.dataset, protocol)


def _about(request: BuildRequest, entry: EncoderEntry, store: ClipStore) -> dict[str, Any]:
    model = ModelConfig(**entry.config["model"])
    every = request.modalities == "all" and model.subsets == subsets.SINGLE_AND_FUSED
    chosen = subsets.ALL if every else model.subsets
    precision = pick_precision(request.precision, width=model.width, device=pick_device(request.device))
    made_from = {
        "kind": "index", "version": INDEX_VERSION, "dataset": request.dataset,
        "dataset_signature": store.manifest["signature"], "encoder": entry.name, "encoder_hash": entry.hash,
        "pipeline": vars(PIPELINE), "transform": str(request.transform), "metric": "cosine",
        "index_kind": request.kind, "modalities": list(chosen), "precision": precision,
        "dimension": model.dimension, "clips": len(store),
    }  # fmt: skip
    recipe = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
    return {**made_from, "recipe": recipe}


def _default_name(request: BuildRequest, entry: EncoderEntry) -> str:
    parts = [f"{request.dataset}@{entry.name}"]
    if request.transform.kind != "none":
        parts.append(str(request.transform).replace(":", "-"))
    if request.modalities == "all":
        parts.append("all")
    return "+".join(parts)


def _already_there(library: Library, name: str, about: dict[str, Any]) -> bool:
    with library.read() as catalog:
        known = any(row["name"] == name for row in catalog.indexes())
    if known and Index(library.index(name)).manifest["recipe"] != about["recipe"]:
        raise UmurlError(
            f"index '{name}' is there, made from something else: umurl-search delete index:{name}, "
            "or name the new one with --as"
        )
    return known


def _is_sealed(target: Path, about: dict[str, Any], columns: ClipColumns) -> bool:
    """Whether a build that was stopped before it told the catalog has left this very index."""
    if not target.exists() or folders.check(target, full=False):
        return False
    index = Index(target)
    return index.manifest["recipe"] == about["recipe"] and np.array_equal(index.ids, columns.id)


def _warnings(
    entry: EncoderEntry, request: BuildRequest, protocol: str | None, test_names: list[str], store: ClipStore
) -> list[str]:
    found, dataset = [], request.dataset
    if request.encoder is None and entry.name == encoders.SHIPPED:
        found.append(
            f"no encoder was trained on or imported for {dataset}: using the shipped one, trained on made-up "
            f"motion; umurl-search train {dataset} makes one of its own"
        )
    if protocol is not None:
        found += overlap_warning(entry, dataset, protocol, test_names)
    state = store.manifest["state"]
    if state == "first-frame-centred":
        found.append(
            "the store's coordinates were denoised by their maker: figures differ from raw recordings'"
        )
    return found


def overlap_warning(entry: EncoderEntry, dataset: str, protocol: str, test_names: list[str]) -> list[str]:
    """A line when the encoder was trained on clips that the protocol tests, or when that is not known."""
    if dataset in entry.config.get("shares_actions_with", ()):
        return [
            f"encoder {entry.name} was trained on the very actions of {dataset}, made up by the same means: its "
            "figures there say little about real recordings"
        ]
    shared = encoders.overlap(entry, dataset, test_names)
    if shared is None:
        return [
            f"it is not known what encoder {entry.name} was trained on: figures on {dataset} {protocol} may "
            "include clips it has seen"
        ]
    if shared == 0:
        alike = encoders.namesakes(entry, dataset, test_names)
        return (
            []
            if alike == 0
            else [
                f"{alike:,} of the {len(test_names):,} test clips of {dataset} {protocol} have names that encoder "
                f"{entry.name} was trained on: where they are the same recordings, figures flatter it"
            ]
        )
    return [
        f"encoder {entry.name} was trained on {shared:,} of the {len(test_names):,} test clips of "
        f"{dataset} {protocol}: figures there flatter it"
    ]


def _make(
    partial: Path,
    columns: ClipColumns,
    store: ClipStore,
    model: UmURL,
    about: dict[str, Any],
    request: BuildRequest,
    *,
    progress: Progress,
) -> dict[str, float]:
    begun = time.monotonic()
    n, d, chosen = len(store), about["dimension"], tuple(about["modalities"])
    folders.need_space(
        partial, 4 * n * d * (len(chosen) + 2) + 4 * d * d * len(chosen) ** 2, what="the index"
    )
    device = pick_device(request.device)
    embedder = Embedder(model, n_clips=n, device=device, precision=about["precision"])
    _embed_all(partial, store, embedder, chosen, (n, d), progress=progress)
    embedded = time.monotonic()
    arrays = {m: np.load(partial / embeddings_file(m), mmap_mode="r", allow_pickle=False) for m in chosen}
    with progress("Fitting bridges", total=len(chosen) + 1, unit="steps") as advance:
        maps = fit_maps(arrays, request.transform, advance=advance)
        write_maps(partial, maps)
        write_vectors(partial, arrays["fused"], maps)
        np.save(partial / IDS, columns.id, allow_pickle=False)
        advance(1)
    (partial / _DONE).unlink(missing_ok=True)
    return {"embed": embedded - begun, "fit": time.monotonic() - embedded}


def _embed_all(
    partial: Path,
    store: ClipStore,
    embedder: Embedder,
    chosen: tuple[str, ...],
    shape: tuple[int, int],
    *,
    progress: Progress,
) -> None:
    n = shape[0]
    done_file = partial / _DONE
    done = int(done_file.read_text()) if done_file.exists() else 0
    mode: Any = "r+" if done else "w+"
    out = {
        m: np.lib.format.open_memmap(partial / embeddings_file(m), mode=mode, dtype=np.float32, shape=shape)
        for m in chosen
    }
    with progress("Embedding", total=n, unit="clips") as advance:
        advance(done)
        for start in range(done, n, CHUNK):
            stop = min(start + CHUNK, n)
            clips = [store.normalised(row) for row in range(start, stop)]
            for m, y in embedder(clips, chosen).items():
                if not np.isfinite(y).all():
                    row = start + int(np.flatnonzero(~np.isfinite(y).all(axis=1))[0])
                    raise UmurlError(
                        f"the encoder gave NaN or infinite {m} embeddings, first of clip {row + 1} of the dataset: "
                        "train or import it again"
                    )
                out[m][start:stop] = y
                out[m].flush()
            folders.write_text(done_file, str(stop))
            advance(stop - start)


def _enter(library: Library, name: str, about: dict[str, Any], entry: EncoderEntry) -> None:
    ids = Index(library.index(name)).ids
    with library.write() as catalog:
        catalog.add_index(clip_ids=ids, row={
            "name": name, "dataset": about["dataset"], "encoder": entry.name, "encoder_hash": entry.hash,
            "kind": about["index_kind"], "transform": about["transform"],
            "modalities": ",".join(about["modalities"]), "clips": about["clips"],
        })  # fmt: skip
