"""A dataset as a change finds it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BusyError, NotFoundError
from umurl_search.ingest.parallel_read import stamp
from umurl_search.library.catalog.open_catalog import copy_if_old
from umurl_search.library.catalog.queries import StoredSource
from umurl_search.library.library import Library
from umurl_search.library.missing import require_dataset


@dataclass(frozen=True, kw_only=True)
class DatasetBefore:
    """The dataset as the change finds it."""

    row: dict[str, Any]
    ids: NDArray[np.int64]
    sources: dict[str, StoredSource]
    left_out: tuple[dict[str, Any], ...]
    origins: tuple[dict[str, Any], ...]
    indexes: tuple[dict[str, Any], ...]
    folder: str


def read_dataset(library: Library, dataset: str) -> DatasetBefore:
    copy_if_old(library.catalog_path)
    with library.read() as catalog:
        return DatasetBefore(
            row=require_dataset(catalog, dataset),
            ids=catalog.clip_ids(dataset),
            sources=catalog.sources(dataset),
            left_out=tuple(catalog.left_out(dataset)),
            origins=tuple(catalog.origins(dataset)),
            indexes=tuple(one for one in catalog.indexes() if one["dataset"] == dataset),
            folder=catalog.next_folder("dataset", dataset),
        )


def token_of(before: DatasetBefore, files: Sequence[Path], given: Sequence[Any]) -> str:
    """Names one change of one state of the dataset, so that a run cut short goes on and no other does."""
    stamps = [[str(path), *stamp(path)] for path in files]
    said = [before.row["signature"], before.folder, before.ids.tolist(), list(given), stamps]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def require_same_indexes(now: Sequence[dict[str, Any]], before: DatasetBefore) -> None:
    made = {(row["name"], row["made"]) for row in now if row["dataset"] == before.row["name"]}
    if made != {(row["name"], row["made"]) for row in before.indexes}:
        raise BusyError(
            f"an index of {before.row['name']} was made or deleted meanwhile", "run the command again"
        )


def find_named(before: DatasetBefore, names: Sequence[str]) -> set[int]:
    """Ids of the clips of these names. Raises UmurlError for one that is not there."""
    unknown = [name for name in names if name not in before.sources]
    if unknown:
        raise NotFoundError(f"no clip '{unknown[0]}' in {before.row['name']}: nothing was removed")
    return {before.sources[name].id for name in names}


def find_passing(library: Library, before: DatasetBefore, where: str | None) -> set[int]:
    """Ids of the clips that pass a filter; none without a filter. Raises UmurlError for a bad one."""
    if where is None:
        return set()
    with library.read() as catalog:
        return set(np.intersect1d(catalog.filter(where, before.row["name"]), before.ids).tolist())
