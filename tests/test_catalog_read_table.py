"""Tables that users keep: delimiters, encodings, types, JSON and Parquet."""

import json
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from refusals import raises_typed

from umurl_search.library.catalog.read_table import read_table

ROWS = {"name": ["a", "b"], "label": [0, 1], "emotion": ["happy", None]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    lines = [["name", " label", "émotion"], ["a", " 0 ", "fröhlich"], [], ["b", "1", ""]]
    (tmp_path / "x.csv").write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(encoding))
    found = read_table(tmp_path / "x.csv")
    assert found.columns == {"name": ["a", "b"], "label": [0, 1], "émotion": ["fröhlich", None]}
    assert found.types == {"name": "varchar", "label": "bigint", "émotion": "varchar"}


@pytest.mark.parametrize(
    ("cells", "sql", "values"),
    [
        (["1", "2"], "bigint", [1, 2]),
        (["1", "2.5"], "double", [1.0, 2.5]),
        (["001", "002"], "varchar", ["001", "002"]),
        (["true", "No"], "boolean", [True, False]),
        (["1", "x"], "varchar", ["1", "x"]),
        (["99999999999999999999", ""], "varchar", ["99999999999999999999", None]),
        (["", ""], "bigint", [None, None]),
    ],
)
def test_a_column_has_the_narrowest_type_of_all_its_values(
    tmp_path: Path, cells: list[str], sql: str, values: list[object]
) -> None:
    (tmp_path / "x.csv").write_text("name,c\n" + "".join(f"n,{cell}\n" for cell in cells))
    found = read_table(tmp_path / "x.csv")
    assert (found.types["c"], found.columns["c"]) == (sql, values)
    assert read_table(tmp_path / "x.csv", text=("c",)).types["c"] == "varchar"


@pytest.mark.parametrize(
    "content",
    [
        [{"name": "a", "label": 0, "emotion": "happy"}, {"name": "b", "label": 1}],
        ROWS,
        {"a": {"label": 0, "emotion": "happy"}, "b": {"label": 1}},
    ],
    ids=["records", "columns", "by name"],
)
def test_json_in_the_forms_that_people_have(tmp_path: Path, content: object) -> None:
    (tmp_path / "x.json").write_text(json.dumps(content))
    assert read_table(tmp_path / "x.json").columns == ROWS


def test_decimals_of_parquet_are_numbers(tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(
            f"copy (select 1.5 as a, 2.00::decimal(4, 2) as b) to '{tmp_path / 'x.parquet'}' (format parquet)"
        )
    found = read_table(tmp_path / "x.parquet")
    assert found.columns == {"a": [1.5], "b": [2.0]}
    assert (found.types["a"], found.passed_over) == ("double", ())


def test_parquet_and_columns_that_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with duckdb.connect() as con:
        con.execute(f"copy (select 7 as name, 1 as label, [1, 2] as list) to '{path}'")
    found = read_table(path, text=("name",))
    assert (found.columns, found.passed_over) == ({"name": ["7"], "label": [1]}, ("list",))


@pytest.mark.parametrize(
    ("value", "sql", "found"),
    [
        ("2.50::decimal(6, 2)", "double", 2.5),
        ("7::decimal(9, 0)", "bigint", 7),
        ("7::decimal(38, 0)", "double", 7.0),
        ("7::ubigint", "bigint", 7),
        ("18446744073709551615::ubigint", "varchar", "18446744073709551615"),
        ("3::utinyint", "bigint", 3),
        ("1.5::float", "double", 1.5),
        ("true", "boolean", True),
        ("date '2026-01-02'", "date", date(2026, 1, 2)),
        ("timestamptz '2026-01-02 03:04:05+00'", "timestamp", datetime(2026, 1, 2, 3, 4, 5)),
        ("timestamp_ns '2026-01-02 03:04:05'", "timestamp", datetime(2026, 1, 2, 3, 4, 5)),
        ("'a'::enum('a', 'b')", "varchar", "a"),
    ],
)
def test_simple_types_of_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, sql: str, found: object
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    path = tmp_path / "x.parquet"
    with duckdb.connect() as con:
        con.execute(f"set timezone = 'UTC'; copy (select 'a' as name, {value} as c) to '{path}'")
    table = read_table(path)
    assert (table.types["c"], table.columns["c"], table.passed_over) == (sql, [found], ())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", "{", "not a table"),
        ("x.json", "[1]", "list of records"),
        ("x.csv", "name,name\na,b\n", "name its columns, each once"),
        ("x.csv", "name,label\na,b,c\n", "line 2 has 3 fields"),
        ("x.parquet", "PAR1", "not a table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with raises_typed(said):
        read_table(tmp_path / name)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with raises_typed("cannot be read"):
        read_table(tmp_path / "x.csv")


def test_infinity_is_no_whole_number(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"name": "a", "label": Infinity}, {"name": "b", "label": 1e400}]')
    assert read_table(tmp_path / "x.json", numbers=("label",)).types["label"] == "varchar"
