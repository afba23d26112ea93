"""Clips of the catalog that come and go, where they lie and where they came from."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BusyError
from umurl_search.library.catalog.kept_statements import KeptStatements
from umurl_search.library.catalog.own_columns import as_objects
from umurl_search.library.catalog.schema_and_migrations import (
    CLEAR_LEFT_OUT,
    LEFT_OUT_ANEW,
)

PART_MARK = "~"
"""Before the number of a further part in its folder's name; no name of a user holds it."""


OF_A_DATASET = (
    "clips",
    "splits",
    "left_out",
    "origins",
    "indexes",
    "segments",
    "own_columns",
    "source_splits",
    "removed_clips",
    "removed_splits",
    "removed_segments",
)


class Changes(KeptStatements):
    """What enters and takes out clips, each in one transaction."""

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
        annotations: Sequence[dict[str, Any]] = (),
        source_splits: dict[str, str] | None = None,
    ) -> NDArray[np.int64]:
        n = len(clips["name"])
        first = self._take_ids(n) if first_id is None else first_id
        ids = np.arange(first, first + n, dtype=np.int64)
        origin = self._origin(name, read_from or {})
        stored = {"part": np.full(n, part), "store_row": np.arange(n), "origin": np.full(n, origin)}
        if n:
            self._bulk("clips", {"id": ids, "dataset": [name] * n, **stored, **clips})
        for protocol, piece, positions in splits:
            self._add_to_part(name, protocol, piece, ids[np.asarray(positions, dtype=np.int64)])
        self._add_left_out(name, left_out, origin)
        if segments is not None:
            self._add_segments(name, ids, segments)
        for one in (said for said in annotations if n and said["types"]):
            chosen = ids[np.asarray(one["positions"], dtype=np.int64)]
            self._annotate(name, chosen.tolist(), **{key: one[key] for key in ("columns", "own", "types")})
        for protocol, digest in (source_splits or {}).items():
            self.note_source_split(name, origin, protocol, digest)
        return ids

    def _add_to_part(self, dataset: str, protocol: str, part: str, ids: NDArray[np.int64]) -> None:
        k = len(ids)
        columns = {"dataset": [dataset] * k, "protocol": [protocol] * k, "part": [part] * k}
        self._bulk("splits", {**columns, "clip_id": ids})

    def _add_left_out(
        self, dataset: str, left_out: Sequence[tuple[str, str, str, str, str]], origin: int
    ) -> None:
        if left_out:
            listed = ("name", "reason", "detail", "source", "source_hash")
            columns = dict(zip(listed, map(list, zip(*left_out, strict=True)), strict=True))
            own = {"dataset": [dataset] * len(left_out), "origin": np.full(len(left_out), origin)}
            self._bulk("left_out", {**own, **columns})

    def _add_segments(self, dataset: str, ids: NDArray[np.int64], columns: dict[str, list[Any]]) -> None:
        """columns: `position` in ids, label, action, start_frame, stop_frame."""
        if columns["position"]:
            rest = {key: values for key, values in columns.items() if key != "position"}
            chosen = ids[np.asarray(columns["position"], dtype=np.int64)]
            self._bulk("segments", {"dataset": [dataset] * len(chosen), "clip_id": chosen, **rest})

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

        Clips that go and for which none come are noted among those left out, as removed; what is said of them is kept.

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
                self._put_away(dataset, gone.tolist())
            if added is not None:
                self._take_along(dataset, gone.tolist())
                self._fetch(dataset, added["clips"]["name"])
            held = (("splits", "clip_id"), ("segments", "clip_id"), ("clips", "id"))
            if len(gone) and added is not None:
                self._forget_own(dataset, gone.tolist())
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
                self._settle(dataset, added["clips"]["name"], added["left_out"])
                ids = self._add_clips(dataset, mine[0] if mine else 1, **added)
                self._give_back(dataset)
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

    def drop_part(self, dataset: str, part: int, *, expected: NDArray[np.int64]) -> None:
        """One transaction: a store none of whose clips is there any more goes; those after it move up.

        Raises UmurlError when the dataset's clips are others than those expected.
        """
        with self._transaction():
            self._require_clips(dataset, expected)
            where = "kind = 'dataset' and name = ? and part"
            self._con.execute(f"delete from parts where {where} = ?", [dataset, part])
            self._con.execute(f"update parts set part = part - 1 where {where} > ?", [dataset, part])
            self._con.execute(
                "update clips set part = part - 1 where dataset = ? and part > ?", [dataset, part]
            )
            self._con.execute("update meta set changes = changes + 1")

    def adopt(self, dataset: str, names: Sequence[str], read_from: dict[str, Any]) -> None:
        """Clips of these names are read from there from now on."""
        with self._transaction():
            sql = "update clips set origin = ? where dataset = ? and name in (select unnest(?))"
            self._con.execute(sql, [self._origin(dataset, read_from), dataset, list(names)])

    def note_left_out(
        self, dataset: str, left_out: Sequence[tuple[str, str, str, str, str]], read_from: dict[str, Any]
    ) -> None:
        """Notes recordings that were found and not used, in place of what was said of them before."""
        with self._transaction():
            self._settle(dataset, [], left_out)
            self._add_left_out(dataset, left_out, self._origin(dataset, read_from))

    def _settle(self, dataset: str, names: Sequence[str], left_out: Sequence[tuple[str, ...]]) -> None:
        """Forgets that recordings were left out which came now, or are left out anew."""
        self._con.execute(CLEAR_LEFT_OUT, [dataset, list(names)])
        self._con.execute(LEFT_OUT_ANEW, [dataset, [one[0] for one in left_out]])

    def assign(
        self, dataset: str, protocol: str, parts: dict[str, list[int]], *, out: Sequence[int] = ()
    ) -> None:
        """Puts clips into parts of a protocol, out of those that they were in. parts: part -> clip ids; out: clips
        that go out, too."""
        with self._transaction():
            every = [*out, *(i for ids in parts.values() for i in ids)]
            sql = "delete from splits where dataset = ? and protocol = ? and clip_id in (select unnest(?))"
            self._con.execute(sql, [dataset, protocol, every])
            for part, ids in parts.items():
                self._add_to_part(dataset, protocol, part, np.array(ids, dtype=np.int64))

    def assign_segments(self, dataset: str, ids: Sequence[int], columns: dict[str, list[Any]]) -> None:
        """Gives recordings their segments, in place of those that they had. columns: as `add_dataset` takes them,
        `position` in ids."""
        with self._transaction():
            sql = "delete from segments where dataset = ? and clip_id in (select unnest(?))"
            self._con.execute(sql, [dataset, list(ids)])
            self._add_segments(dataset, np.array(ids, dtype=np.int64), columns)

    def annotate(self, dataset: str, ids: Sequence[int], **said: Any) -> set[int]:
        """One transaction: what is said of clips, as `_annotate` takes it; returns the clips that it changes."""
        with self._transaction():
            changed = self._annotate(dataset, ids, **said)
            if changed:
                self._con.execute("update meta set changes = changes + 1")
        return changed

    def restate(
        self,
        dataset: str,
        rows: Sequence[dict[str, Any]],
        actions: dict[int, str],
        segments: dict[str, list[Any]],
    ) -> None:
        """One transaction: what sources say of clips now, in place of what is there. rows: id, `said` and the fields;
        actions: label -> name; segments: as `assign_segments` takes them, of the rows' clips."""
        with self._transaction():
            for row in rows:
                action = actions.get(row["label"]) if row["label"] is not None else None
                self._con.execute(
                    "update clips set label = ?, action = ?, subject = ?, camera = ?, setup = ?, replication = ?, "
                    "said = ? where dataset = ? and id = ?",
                    [
                        *(row["label"], row.get("action") or action, row["subject"], row["camera"]),
                        *(row["setup"], row["replication"], row["said"], dataset, row["id"]),
                    ],
                )
            ids = [row["id"] for row in rows]
            sql = "delete from segments where dataset = ? and clip_id in (select unnest(?))"
            self._con.execute(sql, [dataset, ids])
            self._add_segments(dataset, np.array(ids, dtype=np.int64), segments)
            self._con.execute("update meta set changes = changes + 1")

    def settle(self, said: dict[int, str]) -> None:
        """One transaction: what sources say of clips, by id, of which that was not kept so far."""
        with self._transaction():
            self._con.register(
                "incoming", {"id": np.array(list(said)), "said": as_objects(list(said.values()))}
            )
            self._con.execute(
                "update clips set said = incoming.said from incoming where clips.id = incoming.id"
            )
            self._con.unregister("incoming")

    def source_splits(self, dataset: str, origin: int) -> dict[str, str]:
        """Protocol -> its digest, as a source said it last."""
        sql = "select protocol, hash from source_splits where dataset = ? and origin = ?"
        return {row["protocol"]: row["hash"] for row in self._rows(sql, dataset, origin)}

    def note_source_split(self, dataset: str, origin: int, protocol: str, digest: str | None) -> None:
        """Keeps the digest of a protocol as a source says it; None: it says the protocol no more."""
        where = "dataset = ? and origin = ? and protocol = ?"
        self._con.execute(f"delete from source_splits where {where}", [dataset, origin, protocol])
        if digest is not None:
            said = [dataset, origin, protocol, digest]
            self._con.execute("insert into source_splits values (?, ?, ?, ?)", said)

    def rename(self, kind: str, name: str, new: str, folders: dict[str, str]) -> None:
        """One transaction: a dataset, encoder or index is called otherwise. folders: old -> new, of its parts."""
        uses = {
            "dataset": [(table, "dataset") for table in OF_A_DATASET],
            "encoder": [("indexes", "encoder")],
            "index": [],
        }[kind]
        table = {"dataset": "datasets", "encoder": "encoders", "index": "indexes"}[kind]
        with self._transaction():
            self._con.execute(f"update {table} set name = ? where name = ?", [new, name])
            for other, column in uses:
                self._con.execute(f"update {other} set {column} = ? where {column} = ?", [new, name])
            if kind == "dataset":
                self._rename_own(name, new)
            for old, fresh in folders.items():
                sql = "update parts set name = ?, folder = ? where kind = ? and name = ? and folder = ?"
                self._con.execute(sql, [new, fresh, kind, name, old])
            self._con.execute("update meta set changes = changes + 1")

    def _require_clips(self, dataset: str, expected: NDArray[np.int64]) -> None:
        if not np.array_equal(self.clip_ids(dataset), expected):
            raise BusyError(f"{dataset} was changed by another process meanwhile", "run the command again")

    def _place_clips(self, ids: NDArray[np.int64], part: int, rows: NDArray[np.int64]) -> None:
        """Clips lie in these rows of a part's store now."""
        self._con.register("incoming", {"id": ids, "part": np.full(len(ids), part), "store_row": rows})
        self._con.execute(
            "update clips set part = incoming.part, store_row = incoming.store_row from incoming "
            "where clips.id = incoming.id"
        )
        self._con.unregister("incoming")

    def clip_ids(self, dataset: str) -> NDArray[np.int64]:
        """Ids of the dataset's clips, ascending."""
        found = self._con.execute(
            "select id from clips where dataset = ? order by id", [dataset]
        ).fetchnumpy()["id"]
        return np.asarray(found, dtype=np.int64)
