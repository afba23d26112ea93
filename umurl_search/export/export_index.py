"""Writes an index's embeddings and what the catalog says of its clips for other programs: Parquet or numpy.

Rows are the index's own, in order of clip id. Letters: N rows, D embedding.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from encoder.errors import Hint, StorageError, UmurlError
from umurl_search.clips.types import Rows
from umurl_search.files import sealed_folder
from umurl_search.index.index import Index, Part, embeddings_file
from umurl_search.index.open_index import open_index, require_rows
from umurl_search.library.catalog.tables import table_file
from umurl_search.library.clip_columns import sql_types
from umurl_search.library.library import Library
from umurl_search.library.retry import retry_if_library_changed
from umurl_search.progress import Advance, Progress, no_progress
from umurl_search.result import Result
from umurl_search.timing import Clock

Format = Literal["parquet", "npy"]
CHUNK = 1024
TABLE = "embeddings.parquet"
"""Catalog columns and a float[] column a modality."""
CATALOG = "catalog.csv"
ABOUT = "about.json"
_SPAN_TYPES = {"start_frame": "bigint", "stop_frame": "bigint"}
_SAID = (
    "dataset",
    "encoder",
    "encoder_hash",
    "dimension",
    "modalities",
    "transform",
    "pipeline",
    "window_s",
    "stride_s",
)
"""Of an index's manifest: what its embeddings are."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """out: a folder that is new or empty. index None: the library's default."""

    out: Path
    index: str | None = None
    format: Format = "parquet"


@dataclass(frozen=True, kw_only=True)
class ExportReport(Result):
    """The folder that was written."""

    index: str
    dataset: str
    encoder: str
    out: str
    """the folder"""
    format: Format
    """`parquet` or `npy`"""
    rows: int
    """of the index, in order of clip id: clips, or windows of them"""
    clips: int
    dimension: int
    """D, the size of an embedding"""
    modalities: list[str]
    """names; a `float[]` column or an array (rows, D) float32 each, as the encoder gave them"""
    files: list[str]
    """their names"""
    bytes: int
    """in all"""
    seconds: dict[str, float]
    """`write`, `total`"""


@retry_if_library_changed
def export_index(
    library: Library, request: ExportRequest, *, progress: Progress = no_progress
) -> ExportReport:
    """Writes every modality's embeddings as the encoder gave them, and the clips' columns of the catalog.

    Memory does not grow with the index. The folder is there at the end, whole, or not at all. Raises UmurlError for an
    unknown index, and where the folder holds files or has no room.
    """
    clock = Clock()
    _require_new(request.out)
    index, row = open_index(library, request.index)
    n, dimension = len(index.ids), index.parts[0].embeddings(index.modalities[0]).shape[1]
    copies = 3 if request.format == "parquet" else 1
    n_bytes = copies * n * dimension * 4 * len(index.modalities)
    sealed_folder.need_space(request.out.parent, n_bytes, what=f"exporting {row['name']}")
    clips = _Clips.of(library, row["dataset"], index)
    aside = Path(tempfile.mkdtemp(prefix=f".{request.out.name}.", dir=request.out.parent))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, aside, ignore_errors=True)
        with progress("Exporting", total=n, unit="rows") as advance:
            write = _write_parquet if request.format == "parquet" else _write_npy
            write(aside, index, clips, advance)
        said = {key: index.manifest.get(key) for key in _SAID}
        (aside / ABOUT).write_text(json.dumps({"index": row["name"], "rows": n, **said}, indent=1) + "\n")
        aside.chmod(0o755)
        os.replace(aside, request.out)
    clock.lap("write")
    files = sorted(request.out.iterdir())
    return ExportReport(
        index=row["name"],
        dataset=row["dataset"],
        encoder=row["encoder"],
        out=str(request.out),
        format=request.format,
        rows=n,
        clips=len(np.unique(index.ids)),
        dimension=dimension,
        modalities=list(index.modalities),
        files=[path.name for path in files],
        bytes=sum(path.stat().st_size for path in files),
        seconds=clock.seconds,
    )


def _require_new(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise UmurlError(
            f"{out}: holds something already",
            Hint("give {option} a folder that is new or empty", option="out"),
        )
    if not out.parent.is_dir():
        raise StorageError(
            f"{out}: no folder {out.parent}", Hint("give {option} a folder in one that exists", option="out")
        )


@dataclass(frozen=True, kw_only=True)
class _Clips:
    """What is said of each row of an index beside its embeddings."""

    columns: dict[str, list[Any]]
    own: dict[str, str]
    """SQL types of columns of one's own"""
    row: Rows
    """(N,) which clip a row of the index is of."""
    spans: Rows | None

    @classmethod
    def of(cls, library: Library, dataset: str, index: Index) -> "_Clips":
        with library.read() as catalog:
            clips = catalog.clips_of(dataset)
            splits = {name: catalog.split(dataset, name) for name in catalog.protocols(dataset)}
        require_rows(clips, index)
        columns = {name: list(values) for name, values in clips.columns.items()}
        for protocol, parts in splits.items():
            part_of = {i: part for part, ids in parts.items() for i in ids.tolist()}
            columns[f"split_{protocol}"] = [part_of.get(i) for i in clips.id.tolist()]
        return cls(
            columns=columns, own=dict(clips.own), row=np.searchsorted(clips.id, index.ids), spans=index.spans
        )

    @property
    def types(self) -> dict[str, str]:
        spans = {} if self.spans is None else _SPAN_TYPES
        types = sql_types() | self.own
        return {**{name: types.get(name, "varchar") for name in self.columns}, **spans}

    def chunk(self, rows: slice) -> dict[str, Any]:
        chosen = self.row[rows].tolist()
        told: dict[str, Any] = {name: [values[i] for i in chosen] for name, values in self.columns.items()}
        if self.spans is not None:
            told |= {name: self.spans[rows, i] for i, name in enumerate(_SPAN_TYPES)}
        return told


def _chunks(index: Index) -> Iterator[tuple[slice, Part, Rows]]:
    """Rows of the index, a chunk at a time: which they are, and the part's rows that hold them."""
    ends = np.cumsum([0, *(len(part.ids) for part in index.parts)])
    for part, (a, b) in zip(index.parts, pairwise(ends.tolist()), strict=True):
        first, last = np.searchsorted(index.slots, [a, b]).tolist()
        for start in range(first, last, CHUNK):
            rows = slice(start, min(start + CHUNK, last))
            yield rows, part, index.slots[rows] - a


def _write_parquet(folder: Path, index: Index, clips: _Clips, advance: Advance) -> None:
    types = {**clips.types, **dict.fromkeys(index.modalities, "float[]")}
    with table_file(folder / TABLE, types) as add:
        for rows, part, mine in _chunks(index):
            y = {modality: np.asarray(part.embeddings(modality)[mine]) for modality in index.modalities}
            add({**clips.chunk(rows), **y})
            advance(len(mine))


def _write_npy(folder: Path, index: Index, clips: _Clips, advance: Advance) -> None:
    arrays = {m: _new_array(folder / embeddings_file(m), index, m) for m in index.modalities}
    with table_file(folder / CATALOG, clips.types) as add:
        for rows, part, mine in _chunks(index):
            for modality, array in arrays.items():
                array[rows] = part.embeddings(modality)[mine]
            add(clips.chunk(rows))
            advance(len(mine))
    for array in arrays.values():
        array.flush()


def _new_array(path: Path, index: Index, modality: str) -> np.memmap[Any, np.dtype[np.float32]]:
    shape = (len(index.ids), index.parts[0].embeddings(modality).shape[1])
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
