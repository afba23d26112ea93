"""Prints what is in a library, one thing of it, and checks."""

import sys
from collections.abc import Mapping
from typing import Any

from cli.print_tables import new_console, new_table, size
from umurl_search.maintenance.results import (
    Checks,
    DefaultIndex,
    Deleted,
    KnownDatasets,
    LibraryContents,
    Renamed,
    Verification,
)


def print_known_datasets(known: KnownDatasets) -> None:
    headers = ("name", "what", "protocols", "official clips", "in library", "found under the data folder")
    table = new_table(*headers, right=("official clips", "in library"))
    for row in known.datasets:
        official = f"{row.official.used:,}" if row.official else ""
        held = "" if row.in_library is None else f"{row.in_library:,}"
        table.add_row(row.name, row.title, " ".join(row.protocols), official, held, " ".join(row.under_data))
    console = new_console()
    console.print(table)
    console.print(f"\nlibrary {known.library}   data folder {known.data or 'not set (UMURL_DATA)'}")
    console.print("next: umurl-search ingest NAME [--source PATH], or umurl-search demo")


def print_contents(found: LibraryContents) -> None:
    console = new_console()
    console.print(f"library {found.library}")
    for title, columns in (
        ("datasets", ("name", "clips", "format", "state", "protocols")),
        ("encoders", ("name", "origin", "preset", "dataset", "protocol", "dimension")),
        ("indexes", ("name", "dataset", "encoder", "kind", "transform", "modalities", "clips")),
    ):
        rows = found[title]
        table = new_table(*columns, title=f"\n{title}")
        for row in rows:
            table.add_row(*(_cell(row[column]) for column in columns))
        console.print(table if rows else f"\n{title}: none")
    if found.default_index and len(found.indexes) > 1:
        console.print(
            f"\nwhere no index is named: {found.default_index}   (umurl-search prefer INDEX changes it)"
        )
    if not found.datasets:
        console.print("\nnext: umurl-search demo, or umurl-search ingest NAME --source PATH")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def print_facts(found: Mapping[str, Any]) -> None:
    console = new_console()
    for key, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            table = new_table(*value[0], title=f"\n{key}")
            for row in value:
                table.add_row(*(_cell(x) for x in row.values()))
            console.print(table)
        elif key == "bytes":
            console.print(f"{'size':<18} {size(value)}")
        elif isinstance(value, Mapping):
            console.print(f"{key:<18} {_pairs(value)}")
        else:
            console.print(f"{key:<18} {_cell(value)}")


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{k} ({_pairs(v)})" if isinstance(v, Mapping) else f"{k} {_cell(v)}" for k, v in value.items()
    )


def print_verified(found: Verification) -> None:
    console = new_console()
    if found.ok:
        console.print("every file is as its manifest says, and the catalog agrees")
    for problem in found.problems:
        console.print(problem)


def print_problem_line(problems: list[str]) -> None:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    remedy = "umurl-search repair rebuilds what it can"
    print(f"umurl-search: {problems[0]}{more}; {remedy}", file=sys.stderr)


def print_preferred(found: DefaultIndex) -> None:
    new_console().print(f"where no index is named: {found.default_index}")


def print_deleted(found: Deleted) -> None:
    new_console().print(f"{found.kind} {found.deleted} deleted, {size(found.bytes)} freed")


def print_checks(found: Checks) -> None:
    table = new_table("", "check", "")
    for check in found.checks:
        table.add_row("ok" if check.ok else "NOT OK", check.name, check.detail)
    new_console().print(table)


def print_failed_check_line(found: Checks) -> None:
    first, *others = (check for check in found.checks if not check.ok)
    more = f" (and {len(others)} more)" if others else ""
    print(f"umurl-search: {first.name} is not as it should be: {first.detail}{more}", file=sys.stderr)


def print_renamed(found: Renamed) -> None:
    new_console().print(f"{found.kind} {found.before} is called {found.name} from now on")
