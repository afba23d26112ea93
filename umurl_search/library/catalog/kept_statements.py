"""What is said of clips outlives them: those that are replaced or taken out have it again when they come back."""

from collections.abc import Sequence

from umurl_search.library.catalog.own_columns import OwnColumns, own_table, quote

_FIELDS = "name, said, label, action, subject, camera, setup, replication"
_TAKE = (
    f"create or replace temp table kept_clips as select {_FIELDS} from clips "
    "where dataset = $dataset and id in (select unnest($ids))",
    "create or replace temp table kept_splits as select c.name, s.protocol, s.part from splits s "
    "join clips c on c.id = s.clip_id where s.dataset = $dataset and s.clip_id in (select unnest($ids))",
    "create or replace temp table kept_segments as "
    "select c.name, s.label, s.action, s.start_frame, s.stop_frame from segments s "
    "join clips c on c.id = s.clip_id where s.dataset = $dataset and s.clip_id in (select unnest($ids))",
)
"""Remember the fields, parts and segments of clips that go, by name."""
_PUT_AWAY = (
    f"insert into removed_clips select $dataset, id, {_FIELDS} from clips "
    "where dataset = $dataset and id in (select unnest($ids))",
    "insert into removed_splits select $dataset, * from kept_splits",
    "insert into removed_segments select $dataset, * from kept_segments",
)
_FETCH = tuple(
    f"insert into kept_{kind} select {columns} from removed_{kind} "
    "where dataset = $dataset and name in (select unnest($names))"
    for kind, columns in (
        ("clips", _FIELDS),
        ("splits", "name, protocol, part"),
        ("segments", "name, label, action, start_frame, stop_frame"),
    )
)
_FORGET = tuple(
    f"delete from removed_{kind} where dataset = $dataset and name in (select unnest($names))"
    for kind in ("clips", "splits", "segments")
)
_GIVE_BACK = (
    "update clips set label = k.label, action = k.action, subject = k.subject, camera = k.camera, "
    "setup = k.setup, replication = k.replication from kept_clips k "
    "where clips.dataset = $dataset and clips.name = k.name and clips.said = k.said",
    "insert into splits select $dataset, k.protocol, k.part, c.id from kept_splits k "
    "join clips c on c.name = k.name and c.dataset = $dataset "
    "where not exists (select 1 from splits s where s.clip_id = c.id and s.protocol = k.protocol)",
    "insert into segments select $dataset, c.id, k.label, k.action, k.start_frame, least(k.stop_frame, c.frames) "
    "from kept_segments k join clips c on c.name = k.name and c.dataset = $dataset and k.start_frame < c.frames "
    "where not exists (select 1 from segments s where s.clip_id = c.id)",
)
"""Give it to the clips that came: fields where their source says what it said, the rest where nothing else is said."""


class KeptStatements(OwnColumns):
    """Keeps what is said of clips that go; each method within a transaction."""

    _kept_columns: tuple[str, ...] = ()

    def _put_away(self, dataset: str, ids: Sequence[int]) -> None:
        """Keeps what is said of clips that are taken out, until they come back. Values of own columns stay where they
        are, under the clips' ids."""
        self._take_along(dataset, ids)
        for statement in _PUT_AWAY:
            given = {"dataset": dataset, "ids": list(ids)}
            self._con.execute(statement, given if "$ids" in statement else {"dataset": dataset})

    def _take_along(self, dataset: str, ids: Sequence[int]) -> None:
        """Remembers what is said of clips that are replaced, for `_give_back`."""
        for statement in _TAKE:
            self._con.execute(statement, {"dataset": dataset, "ids": list(ids)})
        self._kept_columns = tuple(self.own_columns(dataset))
        if self._kept_columns:
            self._con.execute(
                "create or replace temp table kept_own as select c.name, o.* exclude (clip_id) "
                f"from {own_table(dataset)} o join clips c on c.id = o.clip_id where c.id in (select unnest(?))",
                [list(ids)],
            )

    def _fetch(self, dataset: str, names: Sequence[str]) -> None:
        """Adds to that what was put away of clips of these names, which come back."""
        given = {"dataset": dataset, "names": list(names)}
        for statement in _FETCH:
            self._con.execute(statement, given)
        if self._kept_columns:
            back = "(select clip_id from removed_clips where dataset = $dataset and name in (select unnest($names)))"
            table = own_table(dataset)
            self._con.execute(
                f"insert into kept_own select r.name, o.* exclude (clip_id) from {table} o "
                f"join removed_clips r on r.clip_id = o.clip_id where r.clip_id in {back}",
                given,
            )
            self._con.execute(f"delete from {table} where clip_id in {back}", given)
        for statement in _FORGET:
            self._con.execute(statement, given)

    def _give_back(self, dataset: str) -> None:
        """Gives what is remembered to the clips that came."""
        for statement in _GIVE_BACK:
            self._con.execute(statement, {"dataset": dataset})
        if self._kept_columns:
            names = ", ".join(map(quote, self._kept_columns))
            listed = ", ".join(f"k.{quote(name)}" for name in self._kept_columns)
            self._con.execute(
                f"insert into {own_table(dataset)} (clip_id, {names}) select c.id, {listed} from kept_own k "
                "join clips c on c.name = k.name and c.dataset = ?",
                [dataset],
            )
