"""Answers as rows of a file: a row a hit, `.jsonl`, `.parquet` or `.csv`."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from umurl_search.files.atomic import replacing
from umurl_search.library.catalog.tables import AddRows, table_file
from umurl_search.library.clip_columns import sql_types
from umurl_search.search.options import SearchOptions
from umurl_search.search.results import Answer
from umurl_search.search.searcher import Searcher

_HIT_TYPES = {
    "query": "varchar",
    "source": "varchar",
    "query_label": "bigint",
    "query_action": "varchar",
    "rank": "bigint",
    "score": "double",
    "clip_id": "bigint",
    **sql_types(only_hits=True),
    "index": "varchar",
    "is_query": "boolean",
}
_MOMENT_TYPES = {"start_frame": "bigint", "stop_frame": "bigint", "start_s": "double", "end_s": "double"}


class AskedOfFile(Protocol):
    """What a row says of the clip that asked."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def label(self) -> int | None: ...
    @property
    def action(self) -> str | None: ...


@contextlib.contextmanager
def rows_file(path: Path, searcher: Searcher, how: SearchOptions) -> Iterator[AddRows]:
    types = _HIT_TYPES | (_MOMENT_TYPES if searcher.windows is not None else {}) | _own_types(searcher, how)
    opened = _jsonl_file(path) if path.suffix.lower() == ".jsonl" else table_file(path, types)
    with opened as add:
        yield add


def _own_types(searcher: Searcher, how: SearchOptions) -> dict[str, str]:
    """SQL types of the columns of one's own that are shown, and of known ones that hold words."""
    types = searcher.columns
    words = {name: sql for name, sql in types.items() if name in _HIT_TYPES and sql != _HIT_TYPES[name]}
    return words | {name: types[name] for name in searcher.find_shown(how) if name not in _HIT_TYPES}


@contextlib.contextmanager
def _jsonl_file(path: Path) -> Iterator[AddRows]:
    """A line a row; the file is there at the end, whole, or not at all."""
    with replacing(path, aside=path.with_name(f".{path.name}.tmp")) as file:
        yield lambda columns: file.writelines(
            (
                json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str) + "\n"
            ).encode()
            for row in zip(*columns.values(), strict=True)
        )


def add_rows(
    add: AddRows,
    queries: Sequence[AskedOfFile],
    answers: Sequence[Answer],
    searcher: Searcher,
    how: SearchOptions,
) -> None:
    moments = _MOMENT_TYPES if searcher.windows is not None else {}
    names = list(_HIT_TYPES | moments | _own_types(searcher, how))
    rows = [
        {
            "query": query.name,
            "source": query.source,
            "query_label": query.label,
            "query_action": query.action,
            **hit,
        }
        for query, answer in zip(queries, answers, strict=True)
        for hit in answer.hits
    ]
    add({name: [row[name] for row in rows] for name in names})
