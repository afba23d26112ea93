"""Columns of one's own: what a user says of clips beyond what the catalog knows, a table a dataset.

A known column whose values are words (a subject's name) lies here too, and is shown in place of the catalog's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encoder.errors import BadInputError
from umurl_search.library.catalog.base import Tables
from umurl_search.library.clip_columns import COLUMNS

MOST_COLUMNS = 200
RELABELLED = ""
"""What a source said of a clip of a library of the version before, which did not keep it, once a user said more."""
_KNOWN = {"label": "bigint", "action": "varchar"} | dict.fromkeys(
    ("subject", "camera", "setup", "replication"), "bigint"
)
_OF_THE_CATALOG = (
    *COLUMNS,
    "source",
    "source_hash",
    "store_row",
    "part",
    "origin",
    "said",
    "clip_id",
    "rank",
    "score",
)


class OwnColumns(Tables):
    """Reads and writes columns of one's own."""

    def own_columns(self, dataset: str) -> dict[str, str]:
        """Name -> SQL type, in the order in which they came."""
        rows = self._rows("select name, type from own_columns where dataset = ? order by position", dataset)
        return {row["name"]: row["type"] for row in rows}

    def set_own(
        self, dataset: str, types: Mapping[str, str], ids: Sequence[int], columns: Mapping[str, Any]
    ) -> None:
        """Gives clips their values; None leaves what is there. types: SQL type of each column; within a transaction.

        A column that is there with another type becomes one that holds both: of numbers, else of text.
        """
        table, known = own_table(dataset), self.own_columns(dataset)
        spelled = {name.casefold(): name for name in known}  # DuckDB's names are the same in any letters
        columns = {spelled.get(name.casefold(), name): values for name, values in columns.items()}
        types = {spelled.get(name.casefold(), name): sql for name, sql in types.items()}
        if not known:
            self._con.execute(f"create table if not exists {table} (clip_id bigint not null)")
        if len(known) + len(types) > MOST_COLUMNS:
            raise BadInputError(
                f"{dataset} would have over {MOST_COLUMNS} columns of its own", "leave some out"
            )
        for name, sql in types.items():
            self._declare(dataset, name, sql, known)
        self._con.execute(
            f"insert into {table} (clip_id) select id from (select unnest(?) as id) "
            f"where id not in (select clip_id from {table})",
            [list(map(int, ids))],
        )
        incoming = {"clip_id": np.asarray(ids, dtype=np.int64)}
        incoming |= {f"c{i}": as_objects(columns[name]) for i, name in enumerate(types)}
        self._con.register("incoming", incoming)
        sets = ", ".join(
            f"{quote(name)} = coalesce(cast(incoming.c{i} as {self.own_columns(dataset)[name]}), {table}.{quote(name)})"
            for i, name in enumerate(types)
        )
        if sets:
            self._con.execute(
                f"update {table} set {sets} from incoming where {table}.clip_id = incoming.clip_id"
            )
        self._con.unregister("incoming")

    def _annotate(
        self,
        dataset: str,
        ids: Sequence[int],
        columns: Mapping[str, Sequence[Any]],
        own: Mapping[str, Sequence[Any]],
        types: Mapping[str, str],
    ) -> set[int]:
        """Gives clips labels, fields and values of own columns, None leaving what is there; within a transaction.

        Returns the clips of which something else is said now. A known field that the dataset holds as words stays so.
        """
        words = {name: "varchar" for name in columns if name in self.own_columns(dataset)}
        plain = {name: values for name, values in columns.items() if name not in words}
        own, types = {**own, **{name: columns[name] for name in words}}, {**types, **words}
        before = self._states(dataset, ids, [*plain, *types])
        if plain:
            incoming = {"clip_id": np.asarray(ids, dtype=np.int64)}
            incoming |= {f"c{i}": as_objects(values) for i, values in enumerate(plain.values())}
            self._con.register("incoming", incoming)
            sets = ", ".join(
                f"{name} = coalesce(cast(incoming.c{i} as {_KNOWN[name]}), clips.{name})"
                if name != "action"
                else f"action = nullif(coalesce(cast(incoming.c{i} as varchar), clips.action), '')"
                for i, name in enumerate(plain)
            )
            self._con.execute(
                f"update clips set said = coalesce(said, '{RELABELLED}'), {sets} from incoming "
                "where clips.id = incoming.clip_id"
            )
            self._con.unregister("incoming")
        if types:
            self.set_own(dataset, types, ids, own)
        after = self._states(dataset, ids, [*plain, *types])
        return {i for i in after if after[i] != before[i]}

    def _states(self, dataset: str, ids: Sequence[int], names: Sequence[str]) -> dict[int, tuple[Any, ...]]:
        """Id -> the values of columns; of a column that is not there, nothing."""
        there = {*COLUMNS, *self.own_columns(dataset)}
        shown = ", ".join(quote(name) if name in there else "null" for name in names)
        sql = f"select id, {shown} from ({self.with_own(dataset)}) where id in (select unnest(?))"
        rows = self._con.execute(sql, [list(map(int, ids))]).fetchall()
        return {row[0]: row[1:] for row in rows}

    def _declare(self, dataset: str, name: str, sql: str, known: dict[str, str]) -> None:
        table = own_table(dataset)
        before = known.get(name)
        if before is None:
            self._con.execute(f"alter table {table} add column {quote(name)} {sql}")
            self._con.execute(
                "insert into own_columns values (?, ?, ?, ?)", [dataset, len(known) + 1, name, sql]
            )
            known[name] = sql
        elif before != sql:
            both = "double" if {before, sql} == {"bigint", "double"} else "varchar"
            if both != before:
                self._con.execute(f"alter table {table} alter column {quote(name)} type {both}")
                change = "update own_columns set type = ? where dataset = ? and name = ?"
                self._con.execute(change, [both, dataset, name])
                known[name] = both

    def with_own(self, dataset: str) -> str:
        """SQL of the dataset's clips with their own columns, words in place of numbers; a filter sees it."""
        own = self.own_columns(dataset)
        name = dataset.replace("'", "''")
        if not own:
            return f"select * from clips where dataset = '{name}'"
        words = [f"coalesce(o.{one}, cast(c.{one} as varchar)) as {one}" for one in own if one in COLUMNS]
        replaced = f" replace ({', '.join(words)})" if words else ""
        further = "".join(f", o.{quote(one)}" for one in own if one not in COLUMNS)
        table = own_table(dataset)
        return (
            f"select c.*{replaced}{further} from clips c left join {table} o on o.clip_id = c.id "
            f"where c.dataset = '{name}'"
        )

    def _rename_own(self, dataset: str, new: str) -> None:
        """Moves the values to a dataset's new name, which `own_columns` has already."""
        if self.own_columns(new):
            self._con.execute(f"alter table {own_table(dataset)} rename to {own_table(new)}")

    def _drop_own(self, dataset: str) -> None:
        self._con.execute(f"drop table if exists {own_table(dataset)}")
        self._con.execute("delete from own_columns where dataset = ?", [dataset])

    def _forget_own(self, dataset: str, ids: Sequence[int]) -> None:
        """The values of clips that go."""
        if self.own_columns(dataset):
            self._con.execute(
                f"delete from {own_table(dataset)} where clip_id in (select unnest(?))", [list(ids)]
            )


def own_name(name: str) -> str:
    """The name under which a column of a user's is kept: the catalog's own names get a prefix."""
    return f"own_{name}" if name.casefold() in _OF_THE_CATALOG else name


def quote(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def own_table(dataset: str) -> str:
    """The name of the table that holds a dataset's own columns, as SQL has it."""
    return quote(f"own columns of {dataset}")


def as_objects(values: Sequence[Any]) -> Any:
    out = np.empty(len(values), dtype=object)
    out[:] = [None if value is None else str(value) for value in values]
    return out
