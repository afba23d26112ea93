"""The library's catalog in DuckDB: the only place with SQL."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError

SCHEMA_VERSION = 1
FILTER_TIMEOUT_S = 10.0
LOCK_WAIT_S = 5.0

# No primary keys: DuckDB keeps them in blocks of their own, 256 KiB each, that no query can be made to read
# and check. `_insert` refuses a name that is taken, and writers are alone.
_SCHEMA = """
create sequence made;
create table meta (schema_version integer not null, next_clip_id bigint not null);
create table datasets (
  name varchar not null, format varchar, state varchar, layout varchar, fps double, up varchar,
  scale double, source varchar, signature varchar, clips bigint, report json,
  created timestamp, made bigint default nextval('made'));
create table clips (
  id bigint not null, name varchar not null, dataset varchar not null, label bigint, action varchar,
  subject bigint, camera bigint, setup bigint, replication bigint, people integer, frames integer,
  source varchar, source_hash varchar, store_row bigint not null);
create table splits (
  dataset varchar not null, protocol varchar not null, part varchar not null, clip_id bigint not null);
create table left_out (
  dataset varchar not null, name varchar, reason varchar, detail varchar, source varchar);
create table encoders (
  name varchar not null, origin varchar, preset varchar, dataset varchar, protocol varchar,
  dimension integer, hash varchar, created timestamp, made bigint default nextval('made'));
create table indexes (
  name varchar not null, dataset varchar, encoder varchar, encoder_hash varchar, kind varchar,
  transform varchar, modalities varchar, clips bigint, created timestamp, made bigint default nextval('made'));
"""

_MIGRATIONS: dict[int, str] = {}
"""Schema version -> the statements that make it the next one; run in one transaction."""

_TABLES = ("meta", "datasets", "clips", "splits", "left_out", "encoders", "indexes")

COLUMNS = (
    "id", "name", "dataset", "label", "action", "subject", "camera", "setup", "replication", "people", "frames",
)  # fmt: skip
"""What a filter and a hit show of a clip."""


@dataclass(frozen=True, kw_only=True)
class ClipColumns:
    """A dataset's clips in store order, a column an array; -1 stands for no label (and no subject, ...)."""

    id: NDArray[np.int64]
    name: list[str]
    label: NDArray[np.int64]
    columns: dict[str, list[Any]]


class DamagedCatalogError(UmurlError):
    """The catalog's file cannot be read or written as it should."""


class Catalog:
    """An open catalog. Use `open_catalog`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        result = self._con.execute(sql, list(values))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

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
        left_out: Sequence[tuple[str, str, str, str]],
    ) -> None:
        """One transaction: the dataset, its clips (columns of equal length, store order), the splits as
        (protocol, part, positions of clips) and what was left out as (name, reason, detail, source)."""
        name, n = row["name"], len(clips["name"])
        with self._transaction():
            first = int(self._con.execute("select next_clip_id from meta").fetchall()[0][0])
            self._con.execute("update meta set next_clip_id = next_clip_id + ?", [n])
            ids = np.arange(first, first + n, dtype=np.int64)
            self._bulk("clips", {"id": ids, "dataset": [name] * n, "store_row": np.arange(n), **clips})
            for protocol, part, positions in splits:
                chosen = ids[np.asarray(positions, dtype=np.int64)]
                k = len(chosen)
                columns = {"dataset": [name] * k, "protocol": [protocol] * k, "part": [part] * k}
                self._bulk("splits", {**columns, "clip_id": chosen})
            if left_out:
                names, reasons, details, sources = (list(column) for column in zip(*left_out, strict=True))
                columns = {"name": names, "reason": reasons, "detail": details, "source": sources}
                self._bulk("left_out", {"dataset": [name] * len(left_out), **columns})
            self._insert("datasets", {**row, "report": json.dumps(row["report"]), "clips": n})

    def clips_of(self, dataset: str) -> ClipColumns:
        """The dataset's clips in store order."""
        shown = ", ".join(COLUMNS)
        found = self._con.execute(
            f"select {shown} from clips where dataset = ? order by store_row", [dataset]
        )
        by_column = list(zip(*found.fetchall(), strict=True)) or [()] * len(COLUMNS)
        columns = {name: list(values) for name, values in zip(COLUMNS, by_column, strict=True)}
        labels = np.array([-1 if label is None else label for label in columns["label"]], dtype=np.int64)
        return ClipColumns(
            id=np.array(columns["id"], dtype=np.int64), name=columns["name"], label=labels, columns=columns
        )

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
        anything but one boolean expression over known columns, or when it takes too long.
        """
        timer = threading.Timer(FILTER_TIMEOUT_S, self._con.interrupt)
        timer.start()
        try:
            # One expression: a parenthesis that closes early or a second statement is refused by the parser.
            relation = self._con.table("clips").filter(expression).project("id")
            ids = relation.fetchnumpy()["id"]
        except duckdb.InterruptException as error:
            raise UmurlError(
                f"--where took over {FILTER_TIMEOUT_S:.0f} s: give a simpler expression"
            ) from error
        except duckdb.Error as error:
            cause = " ".join(str(error).split())[:160]
            raise UmurlError(f"--where '{expression}': {cause} (columns: {', '.join(COLUMNS)})") from error
        finally:
            timer.cancel()
        return np.sort(np.asarray(ids, dtype=np.int64))

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

    # deletion

    def delete(self, kind: str, name: str) -> None:
        """kind: dataset, encoder or index."""
        with self._transaction():
            if kind == "dataset":
                for table in ("splits", "clips", "left_out"):
                    self._con.execute(f"delete from {table} where dataset = ?", [name])
            table = {"dataset": "datasets", "encoder": "encoders", "index": "indexes"}[kind]
            self._con.execute(f"delete from {table} where name = ?", [name])

    # checks

    def problems(self) -> list[str]:
        """Reads every table through and checks that they agree; one phrase each."""
        found = []
        for table in _TABLES:
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

    # plumbing

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
            raise UmurlError(f"'{row['name']}' was made by another process meanwhile: see umurl-search list")
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


@contextlib.contextmanager
def open_catalog(path: Path, *, write: bool = False, locked: bool = False) -> Iterator[Catalog]:
    """The catalog, made or migrated first when opened to write.

    `locked` forbids files and settings to whatever SQL runs: for filters given by a user. Raises UmurlError
    when it is missing, held by another process for more than a few seconds, too new or too old, and
    DamagedCatalogError, then or at any use of it, when its file cannot be read or written.
    """
    if not write and not path.exists():
        raise UmurlError(f"{path.parent}: no library here yet; make one with: umurl-search demo")
    config = {"enable_external_access": "false", "lock_configuration": "true"} if locked else {}
    connection = _connect(path, write=write, config=config)
    try:
        _check_version(connection, path, write=write)
        yield Catalog(connection)
    except duckdb.Error as error:
        raise _unusable(path, error) from error
    finally:
        connection.close()


def _connect(path: Path, *, write: bool, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return duckdb.connect(str(path), read_only=not write, config=config)
        except (duckdb.Error, RuntimeError) as error:
            text = " ".join(str(error).split())
            held = "lock" in text.lower() and "conflict" in text.lower()
            if not held:
                raise _unusable(path, error) from error
            if time.monotonic() > deadline:
                doing = "using" if write else "writing to"
                raise UmurlError(f"{path}: another process is {doing} the library; try again") from error
            time.sleep(0.1)


def _unusable(path: Path, error: Exception) -> DamagedCatalogError:
    text = " ".join(str(error).split())[:160]
    if "permission denied" in text.lower() or "read-only" in text.lower():
        remedy = "change its permissions or give another --library"
    else:
        remedy = "restore it from a backup or delete the library"
    return DamagedCatalogError(f"{path}: the catalog cannot be used ({text}); {remedy}")


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, *, write: bool) -> None:
    tables = connection.execute("select table_name from information_schema.tables").fetchall()
    if ("meta",) not in tables:
        if tables or not write:
            raise UmurlError(f"{path}: not a catalog of this program; give another --library")
        connection.execute(f"begin; {_SCHEMA} insert into meta values ({SCHEMA_VERSION}, 1); commit;")
        return
    version = int((connection.execute("select max(schema_version) from meta").fetchall()[0][0]) or 0)
    if version > SCHEMA_VERSION:
        raise UmurlError(f"{path}: made by a newer version (schema {version}); upgrade umurl-search")
    missing = [old for old in range(version, SCHEMA_VERSION) if old not in _MIGRATIONS]
    if missing:
        raise UmurlError(f"{path}: schema {version} is too old for this version; make the library again")
    if version < SCHEMA_VERSION and not write:
        raise UmurlError(f"{path}: made by an older version (schema {version}); run: umurl-search doctor")
    for old in range(version, SCHEMA_VERSION):
        connection.execute(f"begin; {_MIGRATIONS[old]} update meta set schema_version = {old + 1}; commit;")
