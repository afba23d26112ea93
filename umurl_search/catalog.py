"""The library's catalog in DuckDB: the only place with SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search import where
from umurl_search.catalog_base import Tables
from umurl_search.catalog_schema import GIVE_BACK, KEEP, SETTLE, TABLES

FILTER_TIMEOUT_S = 10.0
PART_MARK = "~"
"""Before the number of a further part in its folder's name; no name of a user holds it."""

COLUMNS = (
    "id", "name", "dataset", "label", "action", "subject", "camera", "setup", "replication", "people", "frames",
)  # fmt: skip
"""What a filter and a hit show of a clip."""


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


class Known(NamedTuple):
    """A clip's sha256 of what it was read from, and the number of that source."""

    id: int
    hash: str
    origin: int


class Catalog(Tables):
    """An open catalog. Use `open_catalog`."""

    # datasets and clips

    def datasets(self) -> list[dict[str, Any]]:
        rows = self._rows("select * from datasets order by name")
        return [{**row, "report": json.loads(row["report"])} for row in rows]

    def dataset(self, name: str) -> dict[str, Any] | None:
        return next((row for row in self.datasets() if row["name"] == name), None)

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

    def _add_clips(
        self,
        name: str,
        part: int,
        clips: dict[str, list[Any]],
        splits: Sequence[tuple[str, str, Sequence[int]]],
        left_out: Sequence[tuple[str, str, str, str, str]],
        segments: dict[str, list[Any]] | None,
        read_from: dict[str, Any] | None = None,
        first_id: int | None = None,
    ) -> NDArray[np.int64]:
        n = len(clips["name"])
        first = self._take_ids(n) if first_id is None else first_id
        ids = np.arange(first, first + n, dtype=np.int64)
        origin = self._origin(name, read_from or {})
        stored = {"part": np.full(n, part), "store_row": np.arange(n), "origin": np.full(n, origin)}
        if n:
            self._bulk("clips", {"id": ids, "dataset": [name] * n, **stored, **clips})
        for protocol, piece, positions in splits:
            chosen = ids[np.asarray(positions, dtype=np.int64)]
            k = len(chosen)
            columns = {"dataset": [name] * k, "protocol": [protocol] * k, "part": [piece] * k}
            self._bulk("splits", {**columns, "clip_id": chosen})
        if left_out:
            listed = ("name", "reason", "detail", "source", "source_hash")
            columns = dict(zip(listed, map(list, zip(*left_out, strict=True)), strict=True))
            own = {"dataset": [name] * len(left_out), "origin": np.full(len(left_out), origin)}
            self._bulk("left_out", {**own, **columns})
        if segments is not None and segments["position"]:
            rest = {key: values for key, values in segments.items() if key != "position"}
            chosen = ids[np.asarray(segments["position"], dtype=np.int64)]
            self._bulk("segments", {"dataset": [name] * len(chosen), "clip_id": chosen, **rest})
        return ids

    def _origin(self, dataset: str, said: dict[str, Any]) -> int:
        """The number of a source, which it gets if it is not known yet."""
        known = self.origins(dataset)
        if said not in known:
            known.append(said)
            self._con.execute("insert into origins values (?, ?, ?)", [dataset, len(known), json.dumps(said)])
        return known.index(said) + 1

    def origins(self, dataset: str) -> list[dict[str, Any]]:
        """What the dataset was read from, and how: where it was ingested from, then the sources of what was added.
        Clips name them by number, from 1."""
        rows = self._rows("select said from origins where dataset = ? order by origin", dataset)
        return [json.loads(row["said"]) for row in rows]

    def segments(self, dataset: str) -> dict[str, NDArray[Any]]:
        """Labelled stretches of untrimmed recordings: clip_id, label, action, start_frame, stop_frame (after the
        last), in order of clip and start."""
        sql = "select * exclude (dataset) from segments where dataset = ? order by clip_id, start_frame, stop_frame"
        return {
            name: np.asarray(column)
            for name, column in self._con.execute(sql, [dataset]).fetchnumpy().items()
        }

    # parts and changes

    def _add_part(self, kind: str, name: str, folder: str, n: int) -> int:
        part = len(self.parts(kind, name)) + 1
        self._con.execute("insert into parts values (?, ?, ?, ?, ?)", [kind, name, part, folder, n])
        return part

    def parts(self, kind: str, name: str) -> list[str]:
        """Folders of a dataset's clips or of an index, the first the one it was made with."""
        sql = "select folder from parts where kind = ? and name = ? order by part"
        return [row["folder"] for row in self._rows(sql, kind, name)]

    def next_folder(self, kind: str, name: str) -> str:
        """The folder of the next part of a dataset or index: `NAME~2` and so on, none that is in use."""
        numbers = [
            int(folder.rpartition(PART_MARK)[2]) for folder in self.parts(kind, name) if PART_MARK in folder
        ]
        return f"{name}{PART_MARK}{max(numbers, default=1) + 1}"

    def reserve_ids(self, n: int) -> int:
        """The first of n clip ids that nobody else gets."""
        with self._transaction():
            return self._take_ids(n)

    def _take_ids(self, n: int) -> int:
        first = int(self._rows("select next_clip_id from meta")[0]["next_clip_id"])
        self._con.execute("update meta set next_clip_id = next_clip_id + ?", [n])
        return first

    def changes(self) -> int:
        """A number that every change of clips raises."""
        return int(self._con.execute("select max(changes) from meta").fetchall()[0][0])

    def change_clips(
        self,
        dataset: str,
        *,
        removed: Sequence[int] = (),
        added: dict[str, Any] | None = None,
        parts: Sequence[tuple[str, str, str, int]] = (),
        replaced: Sequence[tuple[str, str]] = (),
        expected: NDArray[np.int64] | None = None,
        stored: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """One transaction: clips that go, clips that come, and the folders that hold them; returns the new ids.

        Clips that go and for which none come are noted among those left out, as removed.

        added: `clips`, `splits`, `left_out`, `segments`, `read_from` as `add_dataset` takes them, and the `first_id`
        reserved.
        parts: (kind, name, folder, clips) to enter after those that are there; replaced: (kind, name) whose folders
        so far are dropped first.
        stored: the row of each clip, in order of id, in the one store that there is now.
        expected: the dataset's clip ids as they were when the change was prepared. Raises UmurlError when they are
        others now.
        """
        with self._transaction():
            if expected is not None:
                self._require_clips(dataset, expected)
            gone = np.asarray(removed, dtype=np.int64)
            if len(gone) and added is None:
                self._con.execute(
                    "insert into left_out select dataset, name, 'removed', '', source, source_hash, origin from clips "
                    "where dataset = ? and id in (select unnest(?))",
                    [dataset, gone.tolist()],
                )
            for statement in KEEP if len(gone) and added is not None else ():
                self._con.execute(statement, [dataset, gone.tolist()])
            held = (("splits", "clip_id"), ("segments", "clip_id"), ("clips", "id"))
            for table, column in held if len(gone) else ():
                sql = f"delete from {table} where dataset = ? and {column} in (select unnest(?))"
                self._con.execute(sql, [dataset, gone.tolist()])
            for kind, name in replaced:
                self._con.execute("delete from parts where kind = ? and name = ?", [kind, name])
            numbers = [self._add_part(kind, name, folder, n) for kind, name, folder, n in parts]
            if stored is not None:
                self._place_clips(self.clip_ids(dataset), 1, stored)
            ids = np.zeros(0, dtype=np.int64)
            if added is not None:
                mine = [number for number, part in zip(numbers, parts, strict=True) if part[0] == "dataset"]
                settled = added["clips"]["name"] + [one[0] for one in added["left_out"]]
                self._con.execute(SETTLE, [dataset, settled])
                ids = self._add_clips(dataset, mine[0] if mine else 1, **added)
                for statement in GIVE_BACK if len(gone) else ():
                    self._con.execute(statement, [dataset] * 2)
            n_clips = len(self.clip_ids(dataset))
            self._con.execute("update datasets set clips = ? where name = ?", [n_clips, dataset])
            self._con.execute("update indexes set clips = ? where dataset = ?", [n_clips, dataset])
            self._con.execute("update meta set changes = changes + 1")
        return ids

    def replace_store(
        self, dataset: str, part: int, folder: str, rows: dict[int, int], *, expected: NDArray[np.int64]
    ) -> None:
        """One transaction: another folder holds a part's clips now. rows: clip id -> row in it.

        Raises UmurlError when the dataset's clips are others than those expected.
        """
        with self._transaction():
            self._require_clips(dataset, expected)
            self._con.execute(
                "update parts set folder = ?, clips = ? where kind = 'dataset' and name = ? and part = ?",
                [folder, len(rows), dataset, part],
            )
            self._place_clips(np.array(list(rows)), part, np.array(list(rows.values())))
            self._con.execute("update meta set changes = changes + 1")

    def _require_clips(self, dataset: str, expected: NDArray[np.int64]) -> None:
        if not np.array_equal(self.clip_ids(dataset), expected):
            raise UmurlError(f"{dataset} was changed by another process meanwhile: run the command again")

    def _place_clips(self, ids: NDArray[np.int64], part: int, rows: NDArray[np.int64]) -> None:
        """Clips lie in these rows of a part's store now."""
        self._con.register("incoming", {"id": ids, "part": np.full(len(ids), part), "store_row": rows})
        self._con.execute(
            "update clips set part = incoming.part, store_row = incoming.store_row from incoming "
            "where clips.id = incoming.id"
        )
        self._con.unregister("incoming")

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
            id=np.array(columns["id"], dtype=np.int64), name=columns["name"], label=labels, columns=columns,
            part=part, store_row=row,
        )  # fmt: skip

    def clip_ids(self, dataset: str) -> NDArray[np.int64]:
        """Ids of the dataset's clips, ascending."""
        found = self._con.execute(
            "select id from clips where dataset = ? order by id", [dataset]
        ).fetchnumpy()["id"]
        return np.asarray(found, dtype=np.int64)

    def sources(self, dataset: str) -> dict[str, Known]:
        """Name -> what each of the dataset's clips was read from."""
        rows = self._rows(
            "select name, id, source_hash as hash, origin from clips where dataset = ?", dataset
        )
        return {row.pop("name"): Known(**row) for row in rows}

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

        Open the catalog with `locked=True` for expressions that came from outside. Raises UmurlError for
        anything but one boolean expression over known columns, of what `where` lets pass, or when it takes too long.
        """
        shown = where.shown(expression)
        try:
            if refused := where.refusal(expression, parse=self._parsed):
                raise UmurlError(f"--where '{shown}': {refused} (columns: {', '.join(COLUMNS)})")
            with where.interrupted(self._con.interrupt, after_s=FILTER_TIMEOUT_S):
                ids = self._con.table("clips").filter(expression).project("id").fetchnumpy()["id"]
        except duckdb.InterruptException as error:
            raise UmurlError(
                f"--where took over {FILTER_TIMEOUT_S:.0f} s: give a simpler expression"
            ) from error
        except duckdb.Error as error:
            cause = where.cause(error)
            raise UmurlError(f"--where '{shown}': {cause} (columns: {', '.join(COLUMNS)})") from error
        return np.sort(np.asarray(ids, dtype=np.int64))

    def _parsed(self, sql: str) -> str:
        return str(self._con.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0])

    # encoders and indexes

    def encoders(self) -> list[dict[str, Any]]:
        return self._rows("select * from encoders order by made desc")

    def add_encoder(self, row: dict[str, Any]) -> None:
        self._insert("encoders", row)

    def indexes(self) -> list[dict[str, Any]]:
        return self._rows("select * from indexes order by made desc")

    def add_index(self, row: dict[str, Any], *, clip_ids: NDArray[np.int64]) -> None:
        """Enters an index if the clips and the encoder that it was made from are still there."""
        with self._transaction():
            if not np.array_equal(self.clips_of(row["dataset"]).id, clip_ids):
                raise UmurlError(
                    f"dataset '{row['dataset']}' was deleted or changed while index '{row['name']}' was built: "
                    f"ingest it, then umurl-search build-index {row['dataset']} again"
                )
            hashes = {encoder["name"]: encoder["hash"] for encoder in self.encoders()}
            if row["encoder"] != "shipped" and hashes.get(row["encoder"]) != row["encoder_hash"]:
                raise UmurlError(
                    f"encoder '{row['encoder']}' was deleted or changed while index '{row['name']}' was built: "
                    f"umurl-search build-index {row['dataset']} again"
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
        for row in self._rows(
            "select dataset, count(*) as n from splits where clip_id not in (select id from clips) group by all"
        ):
            found.append(f"catalog: {row['n']} split entries of {row['dataset']} name no clip")
        return found
