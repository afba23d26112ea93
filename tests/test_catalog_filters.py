"""Filters made to do harm: refused before they are run."""

from pathlib import Path

import pytest
from fuzz import seeds
from fuzz.guard import watch
from refusals import Refused, has

from encoder.errors import UmurlError
from umurl_search.library.library import Library

QUERY = "mine:S001C001P001R001A001"


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "where",
    [
        "len(repeat('x', 2000000000)) > 0",
        "len(range(200000000)) > 0",
        "list_sum(list_sort(range(30000000))) > 0",
        "length(lpad('x', 1000000000, 'y')) > 0",
        "length(bar(1, 0, 1, 999999999)) > 0",
        "label::integer[100000] is null",
        "exists(select * from read_csv('/etc/passwd'))",
        "exists(select * from glob('/*'))",
        "getenv('HOME') is not null",
        "current_setting('threads') is not null",
        "exists(select * from query('select 1'))",
        "exists(from duckdb_settings())",
        "(select count(*) from range(100000000000)) > 0",
        "set_config('threads', '9') is null",
        "error('x')",
        "sleep_ms(99999)",
        "(with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t) > 0",
        "nextval('made') > 0",
        "list_transform([1], lambda x: x) = [1]",
        "getvariable('x') is null",
        "count(*) over () > 1",
        "columns(*) = 1",
        "* = 1",
        "write_log('x') is null",
        "json_serialize_sql('select 1') is null",
        "1=1) union select (1=1",
        "1=1) from clips where (1=1",
        "1), (2",
        "(" * 200 + "true" + ")" * 200,
        "not " * 3000 + "true",
        "x" * 200_000,
        " or ".join(["true"] * 50_000),
        "\0",
        ";",
        "?",
    ],
)
def test_filters_that_are_refused(where: str, tmp_path: Path) -> None:
    catalog = seeds.catalog()
    with pytest.raises(UmurlError, match=r"^filter '") as raised, watch(tmp_path, n_bytes=len(where)):
        catalog.filter(where)
    assert len(raised.value.typed) < 1_000


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "where",
    [
        "subject = 1 and camera = 2",
        "name like 'S001%' or name ilike '%x' or name glob 'S*'",
        "lower(name) similar to 's00.*'",
        "name ~ '" + "(a|b)*" * 500 + "'",
        "name like '" + "%0" * 9 + "%'",
        "regexp_matches(name, '(S*)*R')",
        "label in (" + ", ".join(map(str, range(5_000))) + ")",
        "label between 0 and 2 and action is null -- all",
        "case when label is null then false else true end",
        "cast(label as varchar) = '1' or label::int = 3",
        "coalesce(action, 'x') || 'y' = 'xy'",
        "abs(label) % 2 = 1 and round(label / 3, 1) >= 0",
        "'(((' <> name",
        "list_contains(['S001', 'own'], dataset) and dataset collate nocase = 'OWN'",
        "label is not distinct from 1",
    ],
)
def test_filters_that_pass(where: str, tmp_path: Path) -> None:
    catalog = seeds.catalog()
    with watch(tmp_path, n_bytes=len(where)):
        ids = catalog.filter(where).tolist()
    assert ids == [1, 2, 3]


def test_a_filter_that_takes_too_long(
    indexed: Library, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("umurl_search.library.catalog.queries.FILTER_TIMEOUT_S", 0.2)
    endless = " and ".join(["label = 1"] * 9_000)  # of which planning takes long
    has(refused("query", QUERY, "--where", endless), "the filter took over", "simpler")
