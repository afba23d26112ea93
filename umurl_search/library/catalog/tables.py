"""Writes tables of rows to Parquet and CSV files, a chunk at a time."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, StorageError, reason_of

SUFFIXES = (".parquet", ".csv")
_BOUNDS = {"memory_limit": "1GB", "threads": "1"}
"""Each thread holds whole groups of rows: with two, a wide table takes more than the limit."""
_ROWS_A_GROUP = 2048
Columns = Mapping[str, Sequence[Any] | NDArray[Any]]
AddRows = Callable[[Columns], None]


@contextlib.contextmanager
def table_file(path: Path, types: dict[str, str]) -> Iterator[AddRows]:
    """Gives a function that appends rows, columns of equal length; at the end the file is there, whole, or not at all.

    types: SQL types of the columns, in order; a `float[]` column takes an array (n, D). Rows keep their order. What is
    too much for memory waits in a file beside `path`. Raises UmurlError when it cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"a table is a {' or '.join(SUFFIXES)} file, got '{path.name}'")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        try:
            with contextlib.closing(_connect(Path(folder) / "rows.duckdb")) as connection:
                declared = ", ".join(f"{_quote(name)} {sql_type}" for name, sql_type in types.items())
                connection.execute(f"create table rows ({declared})")
                yield lambda columns: _append(connection, columns, types)
                _write(connection, Path(folder) / path.name)
        except duckdb.Error as error:
            raise StorageError(
                f"{path}: cannot be written ({reason_of(error)})",
                Hint("make room or give another {option}", option="out"),
            ) from error
        os.replace(Path(folder) / path.name, path)


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    every_value = str(2**31 - 1)  # a column's type is found by looking at all its values, not at the first
    return duckdb.connect(str(path), config={**_BOUNDS, "pandas_analyze_sample": every_value})


def _append(connection: duckdb.DuckDBPyConnection, columns: Columns, types: dict[str, str]) -> None:
    if list(columns) != list(types):
        raise ValueError(f"columns are {', '.join(types)}, got {', '.join(columns)}")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns are of one length, got {sorted(lengths)}")
    if lengths == {0}:
        return
    connection.register("incoming", {name: _objects(values) for name, values in columns.items()})
    names = ", ".join(map(_quote, types))
    connection.execute(f"insert into rows ({names}) select {names} from incoming")
    connection.unregister("incoming")


def _quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _objects(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return values
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def _write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    table = connection.table("rows")
    if path.suffix.lower() == ".csv":
        table.write_csv(str(path), header=True)
    else:
        table.write_parquet(str(path), row_group_size=_ROWS_A_GROUP)
