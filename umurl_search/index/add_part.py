"""Further parts of an index: clips that came later, embedded and made searchable as the first ones were."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.embed import Embedder, pick_device
from encoder.precision import precision_here
from umurl_search.files import sealed_folder
from umurl_search.index.embed_rows import DONE, embed_units, write_units
from umurl_search.index.faiss_kinds import EXACT
from umurl_search.index.index import Index, embeddings_file
from umurl_search.index.kind_names import Kind
from umurl_search.index.kind_selection import write_vectors
from umurl_search.index.open_index import index_of
from umurl_search.index.windows import IndexRows, Window, index_rows_of
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import Clips, ClipStore
from umurl_search.library.library import Library
from umurl_search.progress import Progress


def add_index_part(
    library: Library, row: dict[str, Any], clips: Path, token: str, device: str, progress: Progress
) -> tuple[str, str, str, int]:
    """Embeds the new clips for one index; returns its part as the catalog enters it."""
    index, opened = index_of(library, row), ClipStore(clips)
    store = Clips([opened], part=np.ones(len(opened), dtype=np.int64), row=np.arange(len(opened)))
    with library.read() as catalog:
        target = library.index_folder(catalog.next_folder("index", row["name"]))
    first_id = int(store.manifest["first_id"])
    entry = encoder_registry.of_index(library, row)
    said, place = index.manifest, pick_device(device)
    about: dict[str, Any] = {
        "kind": "index",
        "version": said["version"],
        "dataset": row["dataset"],
        "dataset_signature": token,
        "encoder": row["encoder"],
        "encoder_hash": row["encoder_hash"],
        "pipeline": said["pipeline"],
        "transform": said["transform"],
        "metric": said["metric"],
        "modalities": said["modalities"],
        "precision": precision_here(said["precision"], place),
        "dimension": said["dimension"],
        "recipe": said["recipe"],
        "index_kind": _kind_of_part(said.get("index_kind", "flat")),
        "first_id": first_id,
        **{key: said[key] for key in ("window_s", "stride_s") if key in said},
    }
    with sealed_folder.building(target, resume_token=f"{token}-{first_id}") as partial:
        if is_sealed(target, dataset_signature=token, first_id=first_id):
            shutil.rmtree(partial)
            return "index", row["name"], target.name, len(Index(target).ids)
        sealed_folder.remove(target)
        units = index_rows_of(store, np.arange(len(store)), Window.from_manifest(said))
        modalities = tuple(said["modalities"])
        embedder = Embedder(
            entry.load().to(place), n_clips=len(units), device=place, precision=about["precision"]
        )
        embed_units(
            partial,
            store,
            units,
            embedder,
            modalities=modalities,
            dimension=said["dimension"],
            progress=progress,
        )
        measured = _fill_part(partial, index, units, first_id + np.arange(len(store)), about["index_kind"])
        sealed_folder.seal(partial, target, {**about, "clips": len(units), **measured})
    return "index", row["name"], target.name, len(units)


def _fill_part(
    partial: Path, index: Index, units: IndexRows, ids: NDArray[np.int64], kind: Kind
) -> dict[str, Any]:
    """Writes ids and searchable vectors beside a further part's embeddings, by the maps of the first."""
    write_units(partial, units, ids)
    fused = np.load(partial / embeddings_file("fused"), mmap_mode="r", allow_pickle=False)
    measured = write_vectors(partial, fused, index.all_maps(), kind=kind)
    (partial / DONE).unlink(missing_ok=True)
    return measured


def is_sealed(folder: Path, **wanted: Any) -> bool:
    """Whether a folder is sealed and whole, and its manifest says this."""
    if not folder.exists() or sealed_folder.check(folder, full=False):
        return False
    said = sealed_folder.read_manifest(folder)
    return all(said.get(key) == value for key, value in wanted.items())


def _kind_of_part(first: Kind) -> Kind:
    """Additions are few: they are searched exactly, whatever the first part is."""
    return first if first in EXACT else "flat16"
