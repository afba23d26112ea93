"""Opens what is asked or evaluated: an index, a protocol's clips as its rows, performances, the GPU to search on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from encoder.errors import BusyError, DamagedError, Hint, UmurlError
from umurl_search.clips.types import Rows
from umurl_search.datasets import protocols
from umurl_search.index.index import Index
from umurl_search.index.windows import require_whole_clips
from umurl_search.library.catalog.queries import ClipColumns
from umurl_search.library.library import Library
from umurl_search.library.missing import no_index_yet, no_such_index, require_dataset
from umurl_search.library.protocol_choice import choose_protocol


@dataclass(frozen=True, kw_only=True)
class Split:
    """A protocol's clips as rows of an index or a clip store: gallery, queries and what maps may be fitted on.

    unlabelled: how many of its clips have no label, and are none of them.
    """

    protocol: str
    gallery: Rows
    queries: Rows
    fitting: Rows
    unlabelled: int = 0


@dataclass(frozen=True, kw_only=True)
class ProtocolView:
    """An index with its row of the catalog, its dataset's clips (a row each) and a protocol's parts."""

    index: Index
    row: dict[str, Any]
    columns: ClipColumns
    split: Split

    @property
    def dataset(self) -> str:
        return str(self.row["dataset"])

    @property
    def name(self) -> str:
        return str(self.row["name"])

    def names(self, rows: Rows) -> list[str]:
        return [self.columns.name[i] for i in rows]


def open_index(
    library: Library, name: str | None, *, other_than: str | None = None
) -> tuple[Index, dict[str, Any]]:
    """The index of that name; when None, the library's default, but for `other_than`.

    Raises UmurlError listing what there is.
    """
    rows, datasets, wanted = [], [], name
    if library.exists():
        with library.read() as catalog:
            rows, wanted = catalog.indexes(), name or catalog.default_index(other_than=other_than)
            datasets = [one["name"] for one in catalog.datasets()]
    if not rows:
        raise no_index_yet(datasets=datasets)
    row = next((row for row in rows if row["name"] == wanted), None)
    if row is None:
        missing = f"no index '{name}'" if name else f"no index but '{other_than}' to search"
        raise no_such_index(missing, rows)
    return index_of(library, row), row


def index_of(library: Library, row: dict[str, Any]) -> Index:
    """The index of a row of the catalog: its parts, without clips that are gone. Raises UmurlError if they disagree."""
    with library.read() as catalog:
        folders = [library.index_folder(folder) for folder in catalog.parts("index", row["name"])]
        live = catalog.clip_ids(row["dataset"])
    first, *added = folders or [library.index_folder(row["name"])]
    on_disk = Index(first, tuple(added))
    for part in on_disk.parts:
        _ = part.manifest  # checks the part
    index = Index(first, tuple(added), frozenset(np.setdiff1d(on_disk.every_id, live).tolist()))
    if not np.array_equal(np.unique(index.ids), live):
        raise DamagedError(
            f"index {row['name']} and the catalog disagree", Hint("{command}", command=("verify",))
        )
    return index


def open_protocol(
    library: Library, name: str | None, protocol: str | None, *, other_than: str | None = None
) -> ProtocolView:
    """An index with the clips of a protocol, its dataset's first when None; a part may be empty.

    Raises UmurlError for an unknown index or protocol, and where the protocol's clips have no labels.
    """
    index, row = open_index(library, name, other_than=other_than)
    require_whole_clips(index)
    columns, split = open_split(library, row["dataset"], protocol, ids=index.ids)
    require_rows(columns, index)
    return ProtocolView(index=index, row=row, columns=columns, split=split)


def require_rows(columns: ClipColumns, index: Index) -> None:
    """Raises UmurlError where clips came or went between the opening of an index and of the catalog."""
    if not np.array_equal(columns.id, np.unique(index.ids)):
        raise BusyError("clips came or went meanwhile, by another process", "run the command again")


def open_split(
    library: Library, dataset: str, protocol: str | None, *, ids: Rows | None = None
) -> tuple[ClipColumns, Split]:
    """A dataset's clips and the labelled ones of a protocol as rows: of `ids`, ascending, else of the clip store.

    Raises UmurlError for an unknown dataset or protocol, and where the protocol's clips have no labels.
    """
    with library.read() as catalog:
        require_dataset(catalog, dataset)
        chosen = choose_protocol(catalog, dataset, protocol)
        parts = catalog.split(dataset, chosen)
        columns = catalog.clips_of(dataset)
    split = _split(chosen, parts, columns.id if ids is None else ids, columns, dataset)
    return columns, split


def _split(protocol: str, parts: dict[str, Rows], ids: Rows, columns: ClipColumns, dataset: str) -> Split:
    """Rows of labelled clips. Without a gallery of its own, a protocol's gallery is its training part."""
    labelled = columns.id[columns.label >= 0]
    asked = np.concatenate([np.zeros(0, dtype=np.int64), *parts.values()])
    if len(labelled) == 0 or (len(asked) and not np.isin(asked, labelled).any()):
        raise UmurlError(
            f"{dataset} {protocol}: its clips have no labels, evaluation needs them",
            Hint("{command} says them", command=("relabel", dataset, "--labels", "FILE")),
        )
    rows = {part: np.searchsorted(ids, wanted[np.isin(wanted, labelled)]) for part, wanted in parts.items()}
    empty = np.zeros(0, dtype=np.int64)
    train, test = rows.get("train", empty), rows.get("test", empty)
    gallery = rows.get("gallery", empty if protocol in protocols.WITH_EXEMPLARS else train)
    return Split(
        protocol=protocol,
        gallery=gallery,
        queries=test,
        fitting=np.union1d(train, gallery),
        unlabelled=int((~np.isin(np.unique(asked), labelled)).sum()),
    )


def group_ids(fields: Rows) -> Rows:
    """(N,) a number for each different row of (N, 4): clips of one performance, whatever the camera."""
    _, numbers = np.unique(fields, axis=0, return_inverse=True)
    return np.asarray(numbers, dtype=np.int64).ravel()


def search_device(device: str) -> torch.device:
    """Where vectors are multiplied."""
    from encoder.embed import pick_device

    return pick_device(device)
