"""Reads tables that users keep: CSV with any delimiter, TSV, JSON records, Parquet."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from encoder.errors import BadInputError, reason_of
from umurl_search.library.catalog.own_columns import quote

MOST_BYTES = 2**30
_SIMPLE = {
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "UUID": "varchar",
    "DATE": "date",
    "DOUBLE": "double",
    "FLOAT": "double",
    "REAL": "double",
    "TIME": "time",
    "VARCHAR": "varchar",
}
_SIMPLE |= dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "timestamp")
_SIMPLE |= dict.fromkeys(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "bigint"
)
_WIDE = ("HUGEINT", "UBIGINT", "UHUGEINT")
"""Whole numbers that may be too large: text then."""
_SIMPLE |= dict.fromkeys(_WIDE, "varchar")
_DECIMAL = re.compile(r"[+-]?(?!0\d)(\d{1,15}|\d*\.\d+(e[+-]?\d+)?|\d+\.)", re.IGNORECASE)
_DECIMAL_TYPE, _MOST_DIGITS = re.compile(r"DECIMAL\((?P<width>\d+),(?P<scale>\d+)\)"), 18
_FAST_BELOW = 2**53
_DELIMITERS = ",;\t|"
_TABLES = (".csv", ".tsv", ".parquet")
"""Endings of files that are tables, whatever they begin with."""
_ENCODINGS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16", b"\xff\xfe"), ("utf-16", b"\xfe\xff"))


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns of equal length, and the SQL type of each: those of simple types. passed_over: the others' names."""

    columns: dict[str, list[Any]]
    types: dict[str, str]
    passed_over: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def find(self, names: Sequence[str]) -> str | None:
        """The column that has the first of these names, in small letters, whatever the case of its own."""
        found = {name.casefold(): name for name in self.columns}
        return next((found[name] for name in names if name in found), None)


def read_text_file(path: Path) -> str:
    """A text file's content: UTF-8 with or without a byte order mark, UTF-16 with one, else Latin-1.

    Raises UmurlError where it cannot be read or is larger than a GiB.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInputError(f"{path}: larger than a GiB, no such file is that long")
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be read ({reason_of(error)})", "give the path of a file"
        ) from error
    for encoding, mark in _ENCODINGS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_document(path: Path) -> Any:
    """What a JSON file says, whatever its ending; None for any other file.

    Raises UmurlError where it cannot be read, ValueError and RecursionError where it is no JSON.
    """
    if path.suffix.lower() in _TABLES:
        return None
    content = read_text_file(path)
    return json.loads(content) if path.suffix.lower() == ".json" or _is_json(content) else None


def _is_json(content: str) -> bool:
    return content.lstrip()[:1] in ("{", "[")


def read_table(path: Path, *, text: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> Table:
    """The table in a file. text: columns, in small letters, that are text whatever they look like, such as names;
    numbers: those that are whole numbers or text, however numbers are written (2.0).

    Raises UmurlError where it is none.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return _read_parquet(path, text, numbers)
        content = read_text_file(path)
        is_json = suffix == ".json" or (suffix not in _TABLES and _is_json(content))
        rows = _read_json(content) if is_json else _read_delimited(content)
    except (OSError, ValueError, TypeError, RecursionError, csv.Error, duckdb.Error) as error:
        raise BadInputError(f"{path}: not a table ({reason_of(error)})") from error
    return _typed(rows, text, numbers)


def _read_parquet(path: Path, text: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    with duckdb.connect(":memory:", config={"threads": "2", "memory_limit": "2GB"}) as con:
        con.execute("set timezone = 'UTC'")
        found = con.from_parquet(str(path))
        types = {name: _simple(str(sql)) for name, sql in zip(found.columns, found.types, strict=True)}
        kept = {name: sql for name, sql in types.items() if sql is not None}
        wide = [name for name, sql in zip(found.columns, found.types, strict=True) if str(sql) in _WIDE]
        casts = ", ".join(f"cast({quote(name)} as {sql}) as {quote(name)}" for name, sql in kept.items())
        rows = found.project(casts).fetchall() if casts else []
        columns = dict(zip(kept, map(list, zip(*rows, strict=True)), strict=False))
    for name in kept:
        if name.casefold() in text:
            kept[name], columns[name] = "varchar", _as_text([_plainly(one) for one in columns.get(name, [])])
        elif name.casefold() in numbers or kept[name] == "double" or name in wide:
            kept[name], columns[name] = _type_of(columns.get(name, []), only_whole=name.casefold() in numbers)
    return Table(
        columns={name: columns.get(name, []) for name in kept},
        types=kept,
        passed_over=tuple(name for name in types if name not in kept),
    )


def _simple(sql: str) -> str | None:
    """The type under which values of a type of Parquet's are kept; None for lists, records and bytes."""
    decimal = _DECIMAL_TYPE.fullmatch(sql)
    if decimal is None:
        return _SIMPLE.get(sql)
    return "bigint" if decimal["scale"] == "0" and int(decimal["width"]) <= _MOST_DIGITS else "double"


def _plainly(value: Any) -> Any:
    """A whole number without its point, as names that were read as numbers have it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_json(content: str) -> dict[str, list[Any]]:
    """Records in a list, or an object of columns, or name -> record (or label)."""
    found = json.loads(content)
    if isinstance(found, dict) and all(isinstance(one, list) for one in found.values()):
        lengths = {len(one) for one in found.values()}
        if len(lengths) > 1:
            raise ValueError(f"its columns are of {len(lengths)} lengths")
        return dict(found)
    if isinstance(found, dict):
        said = ((one if isinstance(one, dict) else {"label": one}) for one in found.values())
        found = [{"name": name, **one} for name, one in zip(found, said, strict=True)]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError("it is a list of records")
    names = dict.fromkeys(name for one in found for name in one)
    return {name: [one.get(name) for one in found] for name in names}


def _read_delimited(content: str) -> dict[str, list[Any]]:
    first = content.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = _open_rows(content, delimiter)
    header = [name.strip() for name in next(rows, [])]
    if len({name.casefold() for name in header}) < len(header) or not all(header):
        raise ValueError("its first line does not name its columns, each once")
    kept = list(rows)
    is_even = set(map(len, kept)) <= {len(header)} and all(row and row[0].strip() for row in kept)
    if not is_even:
        kept = _even_rows(_open_rows(content, delimiter), len(header))
    return {name: [row[i].strip() or None for row in kept] for i, name in enumerate(header)}


def _open_rows(content: str, delimiter: str) -> Any:
    return csv.reader(io.StringIO(content), delimiter=delimiter, strict=True, skipinitialspace=True)


def _even_rows(rows: Any, width: int) -> list[list[str]]:
    """The rows after the first that say anything, as wide as it is. Raises ValueError for one that says more."""
    kept: list[list[str]] = []
    next(rows, None)
    for row in rows:
        if not any(map(str.strip, row)):
            continue
        if any(map(str.strip, row[width:])):
            raise ValueError(f"line {rows.line_num} has {len(row)} fields, the first line {width}")
        kept.append(row[:width] + [""] * (width - len(row)))
    return kept


def _typed(columns: dict[str, list[Any]], text: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    kept: dict[str, list[Any]] = {}
    types: dict[str, str] = {}
    for name, values in columns.items():
        if not {list, dict}.isdisjoint(map(type, values)):
            continue
        if name.casefold() in text:
            types[name], kept[name] = "varchar", _as_text(values)
        else:
            types[name], kept[name] = _type_of(values, only_whole=name.casefold() in numbers)
    return Table(columns=kept, types=types, passed_over=tuple(name for name in columns if name not in kept))


def _type_of(values: list[Any], *, only_whole: bool = False) -> tuple[str, list[Any]]:
    """The narrowest type that all values have, and the values in it; a number that is none says nothing."""
    if (plain := _plain_wholes(values)) is not None:
        return "bigint", plain
    kinds = (("bigint", _whole), ("double", _number), ("boolean", _boolean))
    for sql, parse in (("bigint", _rounded),) if only_whole else kinds:
        try:
            parsed = [None if _says_nothing(value) else parse(value) for value in values]
            return ("varchar" if sql != "bigint" and not any(p is not None for p in parsed) else sql), parsed
        except ValueError:
            continue
    return "varchar", _as_text(values)


def _plain_wholes(values: list[Any]) -> list[Any] | None:
    """Numbers that are text written as Python writes them, as most are; None for any others. It is as `_whole`, and
    faster."""
    if not values or type(values[0]) is not str or type(values[-1]) is not str:
        return None
    try:
        numbers = {value: int(value) for value in set(values)}
    except (TypeError, ValueError):
        return None
    is_so = all(str(number) == value for value, number in numbers.items())
    is_so = is_so and max(map(abs, numbers.values())) < _FAST_BELOW
    return list(map(numbers.__getitem__, values)) if is_so else None


def _as_text(values: list[Any]) -> list[Any]:
    return [None if value is None else str(value) for value in values]


def _whole(value: Any) -> int:
    if isinstance(value, bool | float):
        raise ValueError
    number = int(value)
    if (isinstance(value, str) and str(number) != value.removeprefix("+")) or abs(number) >= 2**63:
        raise ValueError  # 007 is a name, not a number
    return number


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or value in ("nan", "NaN", "NAN")


def _rounded(value: Any) -> int:
    """A whole number, however it is written: 2, 2.0. Raises ValueError for any other."""
    number = float(value) if isinstance(value, float) or "." in str(value) else _whole(value)
    if isinstance(value, bool) or not abs(number) < 2**53 or number != int(number):
        raise ValueError
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and not _DECIMAL.fullmatch(value)):
        raise ValueError  # 1e3 may be a code, and a longer whole number an identifier
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False, "yes": True, "no": False}
    said = str(value).casefold()
    if said not in known:
        raise ValueError
    return known[said]
