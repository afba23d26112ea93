"""The catalog's tables, and how those of older versions become them."""

SCHEMA_VERSION = 6

# No primary keys: DuckDB keeps them in blocks of their own, 256 KiB each, that no query can be made to read
# and check. `Catalog._insert` refuses a name that is taken, and writers are alone.
SCHEMA = """
create sequence made;
create table meta (schema_version integer not null, next_clip_id bigint not null, changes bigint default 0);
create table datasets (
  name varchar not null, format varchar, state varchar, layout varchar, fps double, up varchar,
  scale double, source varchar, signature varchar, clips bigint, report json,
  created timestamp, made bigint default nextval('made'));
create table clips (
  id bigint not null, name varchar not null, dataset varchar not null, label bigint, action varchar,
  subject bigint, camera bigint, setup bigint, replication bigint, people integer, frames integer,
  source varchar, source_hash varchar, store_row bigint not null, part integer default 1, origin integer default 1,
  said varchar);
create table splits (
  dataset varchar not null, protocol varchar not null, part varchar not null, clip_id bigint not null);
create table left_out (
  dataset varchar not null, name varchar, reason varchar, detail varchar, source varchar,
  source_hash varchar default '', origin integer default 1);
create table origins (dataset varchar not null, origin integer not null, said json);
create table encoders (
  name varchar not null, origin varchar, preset varchar, dataset varchar, protocol varchar,
  dimension integer, hash varchar, created timestamp, made bigint default nextval('made'));
create table indexes (
  name varchar not null, dataset varchar, encoder varchar, encoder_hash varchar, kind varchar,
  transform varchar, modalities varchar, clips bigint, created timestamp, made bigint default nextval('made'),
  preference bigint default nextval('made'));
create table parts (
  kind varchar not null, name varchar not null, part integer not null, folder varchar not null, clips bigint);
create table segments (
  dataset varchar not null, clip_id bigint not null, label bigint, action varchar, start_frame bigint not null,
  stop_frame bigint not null);
create table own_columns (dataset varchar not null, position integer not null, name varchar not null, type varchar);
create table source_splits (dataset varchar not null, origin integer not null, protocol varchar, hash varchar);
create table removed_clips (
  dataset varchar not null, clip_id bigint not null, name varchar not null, said varchar, label bigint, action varchar,
  subject bigint, camera bigint, setup bigint, replication bigint);
create table removed_splits (dataset varchar not null, name varchar not null, protocol varchar, part varchar);
create table removed_segments (
  dataset varchar not null, name varchar not null, label bigint, action varchar, start_frame bigint,
  stop_frame bigint);
"""

MIGRATIONS: dict[int, str] = {
    1: """
alter table meta add column changes bigint default 0;
alter table clips add column part integer default 1;
create table parts (
  kind varchar not null, name varchar not null, part integer not null, folder varchar not null, clips bigint);
insert into parts select 'dataset', name, 1, name, clips from datasets;
insert into parts select 'index', name, 1, name, clips from indexes;
create table segments (
  dataset varchar not null, clip_id bigint not null, label bigint, action varchar, start_frame bigint not null,
  stop_frame bigint not null);
""",
    2: """
alter table clips add column origin integer default 1;
alter table left_out add column source_hash varchar default '';
alter table left_out add column origin integer default 1;
create table origins (dataset varchar not null, origin integer not null, said json);
insert into origins select name, 1, json_object(
  'roots', string_split(replace(source, ', /', chr(10) || '/'), chr(10)), 'format', format, 'layout', layout,
  'fps', fps, 'up', up, 'scale', scale, 'slicing', case when format <> 'pku-mmd' then 'start:end' end,
  'untrimmed', name in (select dataset from segments)) from datasets;
""",
    3: """
alter table indexes add column preference bigint;
update indexes set preference = made;
alter table indexes alter column preference set default nextval('made');
""",
    4: """
alter table clips add column said varchar;
create table own_columns (dataset varchar not null, position integer not null, name varchar not null, type varchar);
create table source_splits (dataset varchar not null, origin integer not null, protocol varchar, hash varchar);
""",
    5: """
create table removed_clips (
  dataset varchar not null, clip_id bigint not null, name varchar not null, said varchar, label bigint, action varchar,
  subject bigint, camera bigint, setup bigint, replication bigint);
create table removed_splits (dataset varchar not null, name varchar not null, protocol varchar, part varchar);
create table removed_segments (
  dataset varchar not null, name varchar not null, label bigint, action varchar, start_frame bigint,
  stop_frame bigint);
""",
}
"""Schema version -> the statements that make it the next one; run in one transaction."""

TABLES = (
    "meta",
    "datasets",
    "clips",
    "splits",
    "left_out",
    "encoders",
    "indexes",
    "parts",
    "segments",
    "origins",
    "own_columns",
    "source_splits",
    "removed_clips",
    "removed_splits",
    "removed_segments",
)

CLEAR_LEFT_OUT = (
    "delete from left_out where dataset = ? and reason <> 'duplicate name' and name in (select unnest(?))"
)
LEFT_OUT_ANEW = (
    "delete from left_out where dataset = ? and reason not in ('duplicate name', 'removed') "
    "and name in (select unnest(?))"
)
"""Forget what was said of recordings that came, or are left out anew; who was taken out stays so."""

CONSISTENCY_CHECKS = (
    "select n || ' split entries of ' || dataset || ' name no clip' as said from (select dataset, count(*) as n "
    "from splits where clip_id not in (select id from clips) group by dataset)",
    "select n || ' segments of ' || dataset || ' are of no clip' as said from (select dataset, count(*) as n "
    "from segments where clip_id not in (select id from clips) group by dataset)",
    "select dataset || ' ' || protocol || ' holds clip ' || clip_id || ' more than once' as said from splits "
    "group by dataset, protocol, clip_id having count(*) > 1 limit 5",
    "select 'several clips of ' || dataset || ' lie in row ' || store_row || ' of part ' || part as said from clips "
    "group by dataset, part, store_row having count(*) > 1 limit 5",
    "select n || ' clips of ' || dataset || ' come from a source that is not known' as said from (select dataset, "
    "count(*) as n from clips c where not exists (select 1 from origins o where o.dataset = c.dataset and "
    "o.origin = c.origin) group by dataset)",
    "select 'the next clip would be number ' || next_clip_id || ', which is in use' as said from meta "
    "where next_clip_id <= (select max(id) from clips)",
    "select 'index ' || name || ' is of dataset ' || dataset || ', which is not there' as said from indexes "
    "where dataset not in (select name from datasets)",
)
"""What must not be: each gives a line for every case."""
