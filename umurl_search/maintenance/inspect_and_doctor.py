"""Looks after a library: what is in it, taking things out, whether this installation can do its work."""

import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from encoder.errors import Hint, NotFoundError, UmurlError
from encoder.joint_layouts import layout_name
from umurl_search.datasets import protocols
from umurl_search.files import sealed_folder
from umurl_search.library.bridge_files import FOLDER, drop_orphans
from umurl_search.library.catalog.queries import Catalog
from umurl_search.library.encoder_registry import SHIPPED, open_shipped
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.maintenance import device_checks
from umurl_search.maintenance.device_checks import check_device, check_faiss, check_search
from umurl_search.maintenance.results import (
    Check,
    Checks,
    ClipInfo,
    DatasetInfo,
    DatasetRow,
    DefaultIndex,
    Deleted,
    Details,
    EncoderInfo,
    EncoderRow,
    IndexInfo,
    IndexRow,
    KnownDataset,
    KnownDatasets,
    LeftOutClip,
    LibraryContents,
    LibraryInfo,
    OfficialCounts,
    StoredEncoderInfo,
)
from umurl_search.maintenance.unfinished_shards import find_shards
from umurl_search.result import open_result

OBJECT_TYPES = ("dataset", "encoder", "index")
_OF_THE_FOLDER = {"files", "checksum", "kind"}
"""Keys of a manifest that say what the folder is, not what is in it."""
_NAMES = ("name", "dataset", "encoder")
"""Which may have changed since the manifest was written."""


def contents(library: Library) -> LibraryContents:
    """Every dataset, encoder and index with its main facts; empty where there is no library."""
    if not library.exists():
        nothing: list[Any] = []
        return LibraryContents(
            library=str(library.root), datasets=nothing, encoders=nothing, indexes=nothing, default_index=None
        )
    with library.read() as catalog:
        return LibraryContents(
            library=str(library.root),
            datasets=[_dataset_row(row, catalog.protocols(row["name"])) for row in catalog.datasets()],
            encoders=[EncoderRow(**_to_plain(row)) for row in catalog.encoders()],
            indexes=[IndexRow(**_to_plain(row)) for row in catalog.indexes()],
            default_index=catalog.default_index(),
        )


def _dataset_row(row: dict[str, Any], protocols: list[str]) -> DatasetRow:
    kept = {name: row[name] for name in ("name", "clips", "format", "state", "source")}
    return DatasetRow(**kept, protocols=protocols)


def known_datasets(library: Library, data: Path | None) -> KnownDatasets:
    """The datasets known by name and those of the library: protocols, official counts, where they are."""
    clips: dict[str, int] = {}
    own: dict[str, list[str]] = {}
    if library.exists():
        with library.read() as catalog:
            clips = {row["name"]: row["clips"] for row in catalog.datasets()}
            own = {name: catalog.protocols(name) for name in clips}
    names = [*protocols.DATASETS, *(name for name in clips if name not in protocols.DATASETS)]
    return KnownDatasets(
        datasets=[_describe_dataset(name, own.get(name, []), clips.get(name), data) for name in names],
        library=str(library.root),
        data=None if data is None else str(data),
    )


def _describe_dataset(name: str, own: list[str], n_clips: int | None, data: Path | None) -> KnownDataset:
    dataset = protocols.find(name)
    official = dataset.official
    return KnownDataset(
        name=name,
        title=dataset.title,
        protocols=list(dataset.protocols) or own,
        official=None if official is None else OfficialCounts(**vars(official)),
        in_library=n_clips,
        under_data=_under_data(dataset, data),
    )


def _under_data(dataset: protocols.Dataset, data: Path | None) -> list[str]:
    if data is None or dataset.name == "demo":
        return []
    try:
        return [str(path) for path in protocols.sources(dataset, data)]
    except UmurlError:
        return []


@retry_if_library_changed
def info(library: Library, what: str | None) -> LibraryInfo | Details:
    """Everything known of a dataset, encoder, index or clip (`DATASET:CLIPNAME`), or of the library."""
    if what is None:
        return LibraryInfo(**vars(contents(library)), bytes=_size(library.root))
    if what == SHIPPED:
        entry = open_shipped()
        return open_result(EncoderInfo, {"name": SHIPPED, "hash": entry.hash, **entry.config})
    with library.read() as catalog:
        prefix, colon, rest = what.partition(":")
        if colon and prefix not in OBJECT_TYPES:
            return _clip_info(catalog, prefix, rest)
        kind, name = resolve(catalog, what)
        if kind == "dataset":
            return _dataset_info(catalog, name, library)
        rows = catalog.encoders() if kind == "encoder" else catalog.indexes()
        row = next(row for row in rows if row["name"] == name)
        places = _places(library, catalog, kind, name)
        is_default = catalog.default_index() == name
    hint = Hint("{command}, then make it again", command=("delete", f"{kind}:{name}"))
    manifest = sealed_folder.read_manifest(places[0], hint=hint)
    about = {**_to_plain(row), "bytes": sum(map(_size, places))}
    about = {key: value for key, value in manifest.items() if key not in _OF_THE_FOLDER} | {
        key: value for key, value in about.items() if key in _NAMES or key not in manifest
    }
    if kind == "encoder":
        return open_result(
            StoredEncoderInfo, {k: v for k, v in about.items() if k not in ("recipe", "token")}
        )
    about |= {"clips": row["clips"], "parts": len(places), "default": is_default}
    return open_result(IndexInfo, {key: value for key, value in about.items() if key != "kind"})


def _clip_info(catalog: Catalog, dataset: str, name: str) -> ClipInfo:
    clip = catalog.clip(dataset, name)
    if clip is None:
        hint = Hint("{command} shows names", command=("info", dataset))
        raise NotFoundError(f"no clip '{name}' in dataset '{dataset}'", hint)
    return open_result(ClipInfo, clip)


def _places(library: Library, catalog: Catalog, kind: str, name: str) -> list[Path]:
    """The folders of a dataset, encoder or index, the first the one it was made with."""
    if kind == "encoder":
        return [library.encoder(name)]
    place = library.clips if kind == "dataset" else library.index_folder
    return [place(folder) for folder in catalog.parts(kind, name)]


def _dataset_info(catalog: Catalog, name: str, library: Library) -> DatasetInfo:
    row = catalog.dataset(name)
    assert row is not None, name
    parts = _places(library, catalog, "dataset", name)
    about = {
        **_to_plain(row),
        "bytes": sum(map(_size, parts)),
        "parts": len(parts),
        "segments": len(catalog.segments(name)["clip_id"]),
        "splits": {
            p: {k: len(v) for k, v in catalog.split(name, p).items()} for p in catalog.protocols(name)
        },
        "first_clips": catalog.clips_of(name).name[:5],
        "left_out": [LeftOutClip(**one) for one in catalog.left_out(name)],
        "sources": catalog.origins(name),
    }
    return open_result(DatasetInfo, {**about, "layout": layout_name(about["layout"])})


def resolve(catalog: Catalog, what: str) -> tuple[str, str]:
    """`NAME` or `dataset:NAME`, `encoder:NAME`, `index:NAME` to kind and name. Raises UmurlError."""
    known = {
        "dataset": [row["name"] for row in catalog.datasets()],
        "encoder": [row["name"] for row in catalog.encoders()],
        "index": [row["name"] for row in catalog.indexes()],
    }
    prefix, colon, rest = what.partition(":")
    kinds, name = ((prefix,), rest) if colon and prefix in OBJECT_TYPES else (OBJECT_TYPES, what)
    found = [kind for kind in kinds if name in known[kind]]
    if not found:
        everything = ", ".join(f"{kind}:{n}" for kind, names in known.items() for n in names) or "nothing"
        raise NotFoundError(f"the library holds no '{what}'; it holds {everything}")
    if len(found) > 1:
        choices = " or ".join(f"{kind}:{name}" for kind in found)
        raise UmurlError(f"'{what}' names several things", f"say {choices}")
    return found[0], name


def prefer(library: Library, name: str) -> DefaultIndex:
    """Makes an index the one that is meant where none is named. Raises UmurlError for an unknown one."""
    what = f"index:{name.removeprefix('index:')}"
    with library.read() as catalog:
        resolve(catalog, what)
    with library.write() as catalog:
        before = catalog.default_index()
        _, preferred = resolve(catalog, what)
        catalog.prefer_index(preferred)
    return DefaultIndex(default_index=preferred, before=before)


def delete(library: Library, what: str) -> Deleted:
    """Takes a dataset, encoder or index out of the library. Raises UmurlError while an index needs it."""
    if what == SHIPPED:
        raise UmurlError(f"'{SHIPPED}' is the encoder in the package: it cannot be deleted")
    with library.read() as catalog:
        resolve(catalog, what)
    with library.write_lock(), library.write() as catalog:
        kind, name = resolve(catalog, what)
        needing = [r["name"] for r in catalog.indexes() if kind != "index" and r[kind] == name]
        if needing:
            raise UmurlError(
                f"{kind} '{name}' is needed by index {', '.join(needing)}",
                Hint("{command} first", command=("delete", f"index:{needing[0]}")),
            )
        places = _places(library, catalog, kind, name)
        catalog.delete(kind, name)
        left = [library.index_folder(row["name"]) for row in catalog.indexes()]
    freed = sum(map(_size, places))
    for folder in places:
        sealed_folder.remove(folder)
    said = [sealed_folder.manifest_or_none(folder) for folder in left]
    freed += drop_orphans(library.root / FOLDER, [one["recipe"] for one in said if one is not None])
    return Deleted(deleted=name, kind=kind, bytes=freed)


def doctor(library: Library, data: Path | None) -> Checks:
    """Whether this installation can do its work."""
    here = device_checks.look()
    devices = [check_faiss(here), check_device(here), check_search(here)]
    found = [
        _python(),
        *_packages(),
        *devices,
        _library(library),
        *_shards(library),
        _disk(library),
        _data(data),
    ]
    return Checks(ok=all(check.ok for check in found), checks=found)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(name="python", ok=sys.version_info >= (3, 11), detail=f"{version} (3.11 or newer is needed)")


def _packages() -> list[Check]:
    return [
        Check(name=name, ok=True, detail=importlib.metadata.version(name))
        for name in ("umurl-search", "torch", "duckdb", "numpy", "safetensors")
    ]


def _library(library: Library) -> Check:
    if not library.exists():
        return Check(
            name="library", ok=True, detail=f"{library.root} (not made yet: umurl-search demo makes one)"
        )
    try:
        there = _contents_up_to_date(library)
    except UmurlError as error:
        return Check(name="library", ok=False, detail=error.typed)
    counts = ", ".join(f"{len(there[kind])} {kind}" for kind in ("datasets", "encoders", "indexes"))
    return Check(name="library", ok=True, detail=f"{library.root}: {counts}")


def _contents_up_to_date(library: Library) -> LibraryContents:
    """The library's contents; where it may be written, its catalog is brought up to date first."""
    if os.access(library.root, os.W_OK) and os.access(library.catalog_path, os.W_OK):
        with library.write():
            pass
    return contents(library)


def _shards(library: Library) -> list[Check]:
    """A line on bulk work that was not finished, where there is any."""
    try:
        found = find_shards(library)
    except UmurlError:  # which `_library` tells
        return []
    said = [one.words if one.why_useless is None else f"{one.folder}: {one.why_useless}" for one in found]
    useless = [one for one in found if one.why_useless is not None]
    cure = "; umurl-search repair deletes what is of no use" if useless else ""
    return [Check(name="shards", ok=not useless, detail=f"{', '.join(said)}{cure}")] if said else []


def _disk(library: Library) -> Check:
    place = next(folder for folder in (library.root, *library.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    return Check(
        name="disk", ok=free > 2**30, detail=f"{sealed_folder.write_size(free)} free at {place} (1 is needed)"
    )


def _data(data: Path | None) -> Check:
    if data is None:
        return Check(name="data", ok=True, detail="UMURL_DATA is not set: ingest needs --source or --data")
    if not data.is_dir():
        return Check(
            name="data", ok=False, detail=f"{data}: no such folder; set UMURL_DATA to the one with recordings"
        )
    found = [d.name for d in protocols.DATASETS.values() if _under_data(d, data)]
    return Check(name="data", ok=True, detail=f"{data}: {', '.join(found) or 'no dataset known by name'}")


def _to_plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if k == "created" else v for k, v in row.items() if k != "made"}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
