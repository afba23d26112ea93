"""The library's catalog in DuckDB: the only place with SQL."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, BusyError, Hint
from umurl_search.library.catalog import filters
from umurl_search.library.catalog.changes import Changes
from umurl_search.library.catalog.schema_and_migrations import CONSISTENCY_CHECKS, TABLES
from umurl_search.library.clip_columns import CLIP_COLUMNS, COLUMNS, ClipColumn

FILTER_TIMEOUT_S = 10.0
_EXTREMES = {
    "bigint": ("-(2::bigint ** 62)::bigint", "(2::bigint ** 62)::bigint"),
    "varchar": ("''", "chr(1114111)"),
}
"""Values of a column that nobody asks for, one below and one above all others."""
_COLUMNS_ARE = f"the columns are {', '.join(COLUMNS)}"


@dataclass(frozen=True, kw_only=True)
class ClipColumns:
    """A dataset's clips in order of id, a column an array; -1 stands for no label (and no subject, ...).

    part, store_row: which of the dataset's stores holds a clip (from 1), and where in it.
    """

    id: NDArray[np.int64]
    name: list[str]
    label: NDArray[np.int64]
    columns: dict[str, list[Any]]
    part: NDArray[np.int64]
    store_row: NDArray[np.int64]


class StoredSource(NamedTuple):
    """A clip's sha256 of what it was read from, and the number of that source."""

    id: int
    hash: str
    source: int


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
    ) -> None:
        """One transaction: the dataset, its clips (columns of equal length, store order), the splits as
        (protocol, part, positions of clips), what was left out as (name, reason, detail, source, source_hash), the
        labelled segments of untrimmed recordings (`position` of the clip, label, action, start_frame, stop_frame), and
        what all was read from."""
        name, n = row["name"], len(clips["name"])
        with self._transaction():
            self._insert("datasets", {**row, "report": json.dumps(row["report"]), "clips": n})
            self._add_part("dataset", name, name, n)
            self._add_clips(name, 1, clips, splits, left_out, segments, read_from=read_from)

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
        shown = ", ".join(COLUMNS)
        found = self._con.execute(
            f"select {shown}, part, store_row from clips where dataset = ? order by id", [dataset]
        )
        by_column = list(zip(*found.fetchall(), strict=True)) or [()] * (len(COLUMNS) + 2)
        columns = {name: list(values) for name, values in zip(COLUMNS, by_column, strict=False)}
        labels = np.array([-1 if label is None else label for label in columns["label"]], dtype=np.int64)
        part, row = (np.array(values, dtype=np.int64) for values in by_column[-2:])
        return ClipColumns(
            id=np.array(columns["id"], dtype=np.int64),
            name=columns["name"],
            label=labels,
            columns=columns,
            part=part,
            store_row=row,
        )

    def sources(self, dataset: str) -> dict[str, StoredSource]:
        """Name -> what each of the dataset's clips was read from."""
        rows = self._rows(
            "select name, id, source_hash as hash, origin as source from clips where dataset = ?", dataset
        )
        return {row.pop("name"): StoredSource(**row) for row in rows}

    def clip(self, dataset: str, name: str) -> dict[str, Any] | None:
        rows = self._rows("select * from clips where dataset = ? and name = ?", dataset, name)
        return rows[0] if rows else None

    def clips_by_id(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        shown = ", ".join(COLUMNS)
        rows = self._rows(f"select {shown} from clips where id in (select unnest(?))", [int(i) for i in ids])
        return {row["id"]: row for row in rows}

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

    def filter(self, expression: str) -> NDArray[np.int64]:
        """Ids of the clips that satisfy one SQL expression over the clips table, ascending.

        Open the catalog to read for expressions that came from outside. Raises UmurlError for anything but one boolean
        expression over known columns, of what `where` lets pass, or when it takes too long.
        """
        shown = filters.preview(expression)
        try:
            if refused := filters.refusal(expression, parse=self._parse):
                raise BadInputError(f"filter '{shown}': {refused}", _COLUMNS_ARE)
            with filters.interrupt_after(self._con.interrupt, after_s=FILTER_TIMEOUT_S):
                ids = self._con.table("clips").filter(expression).project("id").fetchnumpy()["id"]
        except duckdb.InterruptException as error:
            raise BadInputError(
                f"the filter took over {FILTER_TIMEOUT_S:.0f} s", "give a simpler expression"
            ) from error
        except duckdb.Error as error:
            raise BadInputError(f"filter '{shown}': {filters.cause(error)}", _COLUMNS_ARE) from error
        return np.sort(np.asarray(ids, dtype=np.int64))

    def unknown_to(self, expression: str) -> dict[str, NDArray[np.int64]]:
        """Column -> ids of the clips that a filter leaves out for want of it: they would pass whatever else stood
        there, as those of `camera <> 2` would. The filter is one that `filter` has run."""
        named = [one for one in CLIP_COLUMNS if re.search(rf"\b{one.name}\b", expression, re.IGNORECASE)]
        left_out = np.setdiff1d(self._pass_whatever(expression, named), self.filter(expression))
        found = {}
        for column in named if len(left_out) else ():
            others = [one for one in named if one is not column]
            found[column.name] = np.setdiff1d(left_out, self._pass_whatever(expression, others))
        return {name: ids for name, ids in found.items() if len(ids)}

    def _pass_whatever(self, expression: str, columns: Sequence[ClipColumn]) -> NDArray[np.int64]:
        """Ids of the clips that pass whatever stood in these columns where they are not known."""
        with filters.interrupt_after(self._con.interrupt, after_s=FILTER_TIMEOUT_S):
            low, high = (self._pass_with(expression, columns, at) for at in (0, 1))
        return np.intersect1d(low, high)

    def _pass_with(self, expression: str, columns: Sequence[ClipColumn], at: int) -> NDArray[np.int64]:
        """Ids of the clips that pass where what is not known of these columns is a value that nobody asks for."""
        stated = ", ".join(f"coalesce({one.name}, {_EXTREMES[one.sql][at]}) as {one.name}" for one in columns)
        clips = self._con.table("clips")
        return self._ids((clips.project(f"* replace ({stated})") if stated else clips).filter(expression))

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
                for table in ("splits", "segments", "clips", "left_out", "origins"):
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
