"""The library's catalog in DuckDB: the only place with SQL."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, BusyError, Hint
from umurl_search.library.catalog import filters
from umurl_search.library.catalog.changes import OF_A_DATASET, Changes
from umurl_search.library.catalog.own_columns import quote
from umurl_search.library.catalog.schema_and_migrations import CONSISTENCY_CHECKS, TABLES
from umurl_search.library.clip_columns import CLIP_COLUMNS, COLUMNS

FILTER_TIMEOUT_S = 10.0
_EXTREMES = {
    "bigint": ("-(2::bigint ** 62)::bigint", "(2::bigint ** 62)::bigint"),
    "double": ("'-infinity'::double", "'infinity'::double"),
    "varchar": ("''", "chr(1114111)"),
    "date": ("'-infinity'::date", "'infinity'::date"),
    "timestamp": ("'-infinity'::timestamp", "'infinity'::timestamp"),
}
"""Values of a column that nobody asks for, one below and one above all others."""


@dataclass(frozen=True, kw_only=True)
class ClipColumns:
    """A dataset's clips in order of id, a column an array; -1 stands for no label (and no subject, ...).

    part, store_row: which of the dataset's stores holds a clip (from 1), and where in it. own: the SQL types of the
    columns of one's own among `columns`.
    """

    id: NDArray[np.int64]
    name: list[str]
    label: NDArray[np.int64]
    columns: dict[str, list[Any]]
    part: NDArray[np.int64]
    store_row: NDArray[np.int64]
    own: dict[str, str] = field(default_factory=dict)


class StoredSource(NamedTuple):
    """A clip's sha256 of what it was read from, the number of that source, and what it said of the clip beside."""

    id: int
    hash: str
    source: int
    said: str | None = None
    path: str = ""
    label: int | None = None


class Catalog(Changes):
    """An open catalog. Use `open_catalog`."""

    # datasets and clips

    def datasets(self) -> list[dict[str, Any]]:
        rows = self._rows("select * from datasets order by name")
        return [{**row, "report": json.loads(row["report"])} for row in rows]

    def dataset(self, name: str) -> dict[str, Any] | None:
        return next((row for row in self.datasets() if row["name"] == name), None)

    def dataset_as_read(self, name: str) -> dict[str, Any] | None:
        """The same, with what was stated of its coordinates where it was ingested from."""
        row, origins = self.dataset(name), self.origins(name)
        return row and {**(origins[0] if origins else {}), **row}

    def add_dataset(
        self,
        row: dict[str, Any],
        *,
        clips: dict[str, list[Any]],
        splits: Sequence[tuple[str, str, Sequence[int]]],
        left_out: Sequence[tuple[str, str, str, str, str]],
        segments: dict[str, list[Any]] | None = None,
        read_from: dict[str, Any] | None = None,
        annotations: Sequence[dict[str, Any]] = (),
        source_splits: dict[str, str] | None = None,
    ) -> None:
        """One transaction: the dataset, its clips (columns of equal length, store order), the splits as
        (protocol, part, positions of clips), what was left out as (name, reason, detail, source, source_hash), the
        labelled segments of untrimmed recordings (`position` of the clip, label, action, start_frame, stop_frame),
        what all was read from, what a user says of clips (`positions`, `columns`, `own`, `types`), and digests of
        the protocols of the source."""
        name, n = row["name"], len(clips["name"])
        with self._transaction():
            self._insert("datasets", {**row, "report": json.dumps(row["report"]), "clips": n})
            self._add_part("dataset", name, name, n)
            self._add_clips(
                name,
                1,
                clips,
                splits,
                left_out,
                segments,
                read_from=read_from,
                annotations=annotations,
                source_splits=source_splits,
            )

    def segments(self, dataset: str) -> dict[str, NDArray[Any]]:
        """Labelled stretches of untrimmed recordings: clip_id, label, action, start_frame, stop_frame (after the
        last), in order of clip and start."""
        sql = "select * exclude (dataset) from segments where dataset = ? order by clip_id, start_frame, stop_frame"
        return {
            name: np.asarray(column)
            for name, column in self._con.execute(sql, [dataset]).fetchnumpy().items()
        }

    # clips

    def clips_of(self, dataset: str) -> ClipColumns:
        """The dataset's clips in order of id."""
        own = self.own_columns(dataset)
        names = [*COLUMNS, *(name for name in own if name not in COLUMNS)]
        shown = ", ".join(map(quote, names))
        found = self._con.execute(
            f"select {shown}, part, store_row from ({self.with_own(dataset)}) order by id"
        )
        by_column = list(zip(*found.fetchall(), strict=True)) or [()] * (len(names) + 2)
        columns = {name: list(values) for name, values in zip(names, by_column, strict=False)}
        labels = np.array([-1 if label is None else label for label in columns["label"]], dtype=np.int64)
        part, row = (np.array(values, dtype=np.int64) for values in by_column[-2:])
        return ClipColumns(
            id=np.array(columns["id"], dtype=np.int64),
            name=columns["name"],
            label=labels,
            columns=columns,
            part=part,
            store_row=row,
            own=own,
        )

    def sources(self, dataset: str) -> dict[str, StoredSource]:
        """Name -> what each of the dataset's clips was read from."""
        rows = self._rows(
            "select name, id, source_hash as hash, origin as source, said, source as path, label from clips "
            "where dataset = ?",
            dataset,
        )
        return {row.pop("name"): StoredSource(**row) for row in rows}

    def clip(self, dataset: str, name: str) -> dict[str, Any] | None:
        sql = f"select * exclude (said) from ({self.with_own(dataset)}) where name = ?"
        rows = self._rows(sql, name)
        return rows[0] if rows else None

    def clips_by_id(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Id -> what is shown of a clip, its own columns included."""
        wanted = [int(i) for i in ids]
        datasets = self._rows("select distinct dataset from clips where id in (select unnest(?))", wanted)
        found: dict[int, dict[str, Any]] = {}
        for dataset in (row["dataset"] for row in datasets):
            names = dict.fromkeys((*COLUMNS, *self.own_columns(dataset)))
            sql = f"select {', '.join(map(quote, names))} from ({self.with_own(dataset)})"
            rows = self._rows(f"{sql} where id in (select unnest(?))", wanted)
            found |= {row["id"]: row for row in rows}
        return found

    def left_out(self, dataset: str) -> list[dict[str, Any]]:
        return self._rows("select * exclude (dataset) from left_out where dataset = ? order by name", dataset)

    # splits

    def protocols(self, dataset: str) -> list[str]:
        rows = self._rows("select distinct protocol from splits where dataset = ? order by protocol", dataset)
        return [row["protocol"] for row in rows]

    def split(self, dataset: str, protocol: str) -> dict[str, NDArray[np.int64]]:
        """part -> clip ids, ascending."""
        sql = "select part, clip_id from splits where dataset = ? and protocol = ? order by clip_id"
        columns = self._con.execute(sql, [dataset, protocol]).fetchnumpy()
        parts, ids = np.asarray(columns["part"], dtype=str), np.asarray(columns["clip_id"], dtype=np.int64)
        return {str(part): ids[parts == part] for part in np.unique(parts)}

    # filters

    def filter(
        self, expression: str, dataset: str | None = None, *, absent: Mapping[str, str] | None = None
    ) -> NDArray[np.int64]:
        """Ids of the clips that satisfy one SQL expression over the clips table, ascending; of a dataset, whose own
        columns it may name, or of all. absent: further columns, and their types, of which nothing is known here.

        Open the catalog to read for expressions that came from outside. Raises UmurlError for anything but one boolean
        expression over known columns, of what `where` lets pass, or when it takes too long.
        """
        shown = filters.preview(expression)
        known = dict.fromkeys((*self._types(dataset), *(absent or ())))
        listed = ", ".join(known).replace("{", "(").replace("}", ")")
        columns_are = f"the columns are {listed}"
        try:
            if refused := filters.refusal(expression, parse=self._parse):
                raise BadInputError(f"filter '{shown}': {refused}", columns_are)
            with filters.interrupt_after(self._con.interrupt, after_s=FILTER_TIMEOUT_S):
                ids = self._ids(self._clips(dataset, absent).filter(expression))
        except duckdb.InterruptException as error:
            raise BadInputError(
                f"the filter took over {FILTER_TIMEOUT_S:.0f} s", "give a simpler expression"
            ) from error
        except duckdb.Error as error:
            raise BadInputError(f"filter '{shown}': {filters.cause(error)}", columns_are) from error
        return np.sort(np.asarray(ids, dtype=np.int64))

    def _types(self, dataset: str | None) -> dict[str, str]:
        """The columns that a filter may name, and their types."""
        own = {} if dataset is None else self.own_columns(dataset)
        return {one.name: one.sql for one in CLIP_COLUMNS} | own

    def unknown_to(
        self, expression: str, dataset: str | None = None, *, absent: Mapping[str, str] | None = None
    ) -> dict[str, NDArray[np.int64]]:
        """Column -> ids of the clips that a filter leaves out for want of it: they would pass whatever else stood
        there, as those of `camera <> 2` would. The filter is one that `filter` has run."""
        types = self._types(dataset) | dict(absent or {})
        named = {
            name: sql
            for name, sql in types.items()
            if sql in _EXTREMES and re.search(rf"\b{re.escape(name)}\b", expression, re.IGNORECASE)
        }
        try:
            return self._unknown_to(expression, self._clips(dataset, absent), named)
        except duckdb.Error:  # words that stand for what is not known cannot be compared so: nothing is said
            return {}

    def _unknown_to(
        self, expression: str, clips: duckdb.DuckDBPyRelation, named: dict[str, str]
    ) -> dict[str, NDArray[np.int64]]:
        left_out = np.setdiff1d(
            self._pass_whatever(expression, named, clips), self._ids(clips.filter(expression))
        )
        found = {}
        for column in named if len(left_out) else ():
            others = {name: sql for name, sql in named.items() if name != column}
            found[column] = np.setdiff1d(left_out, self._pass_whatever(expression, others, clips))
        return {name: ids for name, ids in found.items() if len(ids)}

    def _pass_whatever(
        self, expression: str, columns: dict[str, str], clips: duckdb.DuckDBPyRelation
    ) -> NDArray[np.int64]:
        """Ids of the clips that pass whatever stood in these columns (name -> type) where they are not known."""
        with filters.interrupt_after(self._con.interrupt, after_s=FILTER_TIMEOUT_S):
            low, high = (self._pass_with(expression, columns, clips, at) for at in (0, 1))
        return np.intersect1d(low, high)

    def _pass_with(
        self, expression: str, columns: dict[str, str], clips: duckdb.DuckDBPyRelation, at: int
    ) -> NDArray[np.int64]:
        """Ids of the clips that pass where what is not known of these columns is a value that nobody asks for."""
        stated = ", ".join(
            f"coalesce({quote(name)}, {_EXTREMES[sql][at]}) as {quote(name)}" for name, sql in columns.items()
        )
        return self._ids((clips.project(f"* replace ({stated})") if stated else clips).filter(expression))

    def _clips(self, dataset: str | None, absent: Mapping[str, str] | None = None) -> duckdb.DuckDBPyRelation:
        """The clips that a filter sees: all, or a dataset's with its own columns. absent: columns without values."""
        clips = self._con.table("clips") if dataset is None else self._con.sql(self.with_own(dataset))
        nulls = ", ".join(f"cast(null as {sql}) as {quote(name)}" for name, sql in (absent or {}).items())
        return clips.project(f"*, {nulls}") if nulls else clips

    @staticmethod
    def _ids(clips: duckdb.DuckDBPyRelation) -> NDArray[np.int64]:
        return np.asarray(clips.project("id").fetchnumpy()["id"], dtype=np.int64)

    def _parse(self, sql: str) -> str:
        return str(self._con.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0])

    # encoders and indexes

    def encoders(self) -> list[dict[str, Any]]:
        return self._rows("select * from encoders order by made desc")

    def add_encoder(self, row: dict[str, Any]) -> None:
        self._insert("encoders", row)

    def indexes(self) -> list[dict[str, Any]]:
        """Newest first; which of them is preferred, `default_index` says."""
        return self._rows("select * exclude (preference) from indexes order by made desc")

    def default_index(self, *, other_than: str | None = None) -> str | None:
        """The index meant where none is named: the one built or preferred last, but for `other_than`."""
        rows = self._rows(
            "select name from indexes where name is distinct from ? order by preference desc limit 1",
            other_than,
        )
        return str(rows[0]["name"]) if rows else None

    def prefer_index(self, name: str) -> None:
        """That index is meant where none is named, until another is built or preferred. No change where it is so."""
        if self.default_index() != name:
            self._con.execute("update indexes set preference = nextval('made') where name = ?", [name])

    def add_index(self, row: dict[str, Any], *, clip_ids: NDArray[np.int64]) -> None:
        """Enters an index if the clips and the encoder that it was made from are still there."""
        with self._transaction():
            if not np.array_equal(self.clips_of(row["dataset"]).id, clip_ids):
                raise BusyError(
                    f"dataset '{row['dataset']}' was deleted or changed while index '{row['name']}' was built",
                    Hint("ingest it, then {command} again", command=("build-index", row["dataset"])),
                )
            hashes = {encoder["name"]: encoder["hash"] for encoder in self.encoders()}
            if row["encoder"] != "shipped" and hashes.get(row["encoder"]) != row["encoder_hash"]:
                raise BusyError(
                    f"encoder '{row['encoder']}' was deleted or changed while index '{row['name']}' was built",
                    Hint("{command} again", command=("build-index", row["dataset"])),
                )
            self._insert("indexes", row)
            self._add_part("index", row["name"], row["name"], row["clips"])

    # deletion

    def delete(self, kind: str, name: str) -> None:
        """kind: dataset, encoder or index."""
        with self._transaction():
            if kind == "dataset":
                self._drop_own(name)
                for table in (one for one in OF_A_DATASET if one != "indexes"):
                    self._con.execute(f"delete from {table} where dataset = ?", [name])
            table = {"dataset": "datasets", "encoder": "encoders", "index": "indexes"}[kind]
            self._con.execute(f"delete from {table} where name = ?", [name])
            self._con.execute("delete from parts where kind = ? and name = ?", [kind, name])
            self._con.execute("update meta set changes = changes + 1")

    # checks

    def problems(self) -> list[str]:
        """Reads every table through and checks that they agree; one phrase each."""
        found = []
        for table in TABLES:
            self._con.execute(f"select count(*), sum(hash(t)) from {table} t").fetchall()
        for row in self._rows("select dataset, name from clips group by all having count(*) > 1"):
            found.append(f"catalog: {row['dataset']} holds several clips named {row['name']}")
        for row in self._rows("select id from clips group by all having count(*) > 1"):
            found.append(f"catalog: several clips have the id {row['id']}")
        for row in self._rows(
            "select d.name, d.clips as said, count(c.id) as there from datasets d "
            "left join clips c on c.dataset = d.name group by all having said <> there"
        ):
            found.append(f"catalog: dataset {row['name']} says {row['said']} clips, holds {row['there']}")
        for text in CONSISTENCY_CHECKS:
            found += [f"catalog: {row['said']}" for row in self._rows(text)]
        return found
