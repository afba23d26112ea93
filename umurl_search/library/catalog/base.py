"""Rows, transactions and columns on a DuckDB connection: what the catalog's statements stand on."""

import contextlib
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np

from encoder.errors import BusyError, Hint


class Tables:
    """A connection to the catalog's tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        result = self._con.execute(sql, list(values))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("begin")
        try:
            yield
        except BaseException:
            self._con.execute("rollback")
            raise
        self._con.execute("commit")

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        if self._rows(f"select name from {table} where name = ?", row["name"]):
            raise BusyError(
                f"'{row['name']}' was made by another process meanwhile",
                Hint("see {command}", command=("list",)),
            )
        marks = ", ".join("?" * len(row))
        self._con.execute(
            f"insert into {table} ({', '.join(row)}, created) values ({marks}, now() at time zone 'utc')",
            list(row.values()),
        )

    def _bulk(self, table: str, columns: dict[str, Any]) -> None:
        """Columns are arrays, or lists of str | None or int | None."""
        arrays = {name: _column(values) for name, values in columns.items()}
        self._con.register("incoming", arrays)
        names = ", ".join(columns)
        self._con.execute(f"insert into {table} ({names}) select {names} from incoming")
        self._con.unregister("incoming")


def _column(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    absent = np.array([value is None for value in values], dtype=bool)
    numbers = np.array([0 if value is None else value for value in values], dtype=np.int64)
    return np.ma.masked_array(numbers, mask=absent)
