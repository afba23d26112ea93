"""A dataset as a change finds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BusyError
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


def require_same_indexes(now: Sequence[dict[str, Any]], before: DatasetBefore) -> None:
    made = {(row["name"], row["made"]) for row in now if row["dataset"] == before.row["name"]}
    if made != {(row["name"], row["made"]) for row in before.indexes}:
        raise BusyError(
            f"an index of {before.row['name']} was made or deleted meanwhile", "run the command again"
        )
