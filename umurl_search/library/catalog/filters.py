"""Which filters are run: those whose work is bounded by the clips and by their own length.

DuckDB can be kept from files and settings and interrupted between batches of rows, but within one call of a function
neither: `len(range(200000000)) > 0` takes gigabytes, and tens of seconds whatever the timeout. So a filter is looked
over as DuckDB parses it, and only what is named here passes.
"""

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from encoder.errors import one_line, reason_of, shorten

LONGEST = 131_072
"""Characters of an expression; a shell gives a command no longer argument."""
_DEEPEST, _SHOWN = 100, 500
_AGAIN_S = 0.05
_BRACKETS = re.compile(r"[()\[\]{}]")

_CLASSES = (
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "OPERATOR",
    "TYPE",
)
_FUNCTIONS = frozenset(
    (
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "^",
        "**",
        "||",
        "~~",
        "!~~",
        "~~*",
        "!~~*",
        "~~~",
        "like_escape",
        "not_like_escape",
        "ilike_escape",
        "not_ilike_escape",
        "^@",
        "regexp_matches",
        "regexp_full_match",
        "abs",
        "sign",
        "ceil",
        "ceiling",
        "floor",
        "round",
        "trunc",
        "mod",
        "add",
        "subtract",
        "multiply",
        "divide",
        "pow",
        "power",
        "sqrt",
        "greatest",
        "least",
        "lower",
        "lcase",
        "upper",
        "ucase",
        "length",
        "len",
        "strlen",
        "contains",
        "starts_with",
        "prefix",
        "ends_with",
        "suffix",
        "substring",
        "substr",
        "left",
        "right",
        "trim",
        "ltrim",
        "rtrim",
        "strpos",
        "instr",
        "position",
        "list_value",
        "list_contains",
        "array_contains",
        "list_has",
        "in",
        "ifnull",
        "nullif",
        "isnan",
        "concat",
        "regexp_extract",
        "split_part",
        "random",
        "hash",
        "array_extract",
        "array_slice",
    )
)
"""Each takes a time and gives a value that grow no faster than what it is given."""
_TYPES = frozenset(
    (
        "bigint",
        "boolean",
        "bool",
        "date",
        "double",
        "float",
        "float4",
        "float8",
        "hugeint",
        "int",
        "int1",
        "int2",
        "int4",
        "int8",
        "integer",
        "real",
        "short",
        "smallint",
        "text",
        "time",
        "timestamp",
        "tinyint",
        "varchar",
        "string",
        "char",
        "ubigint",
        "uinteger",
        "usmallint",
        "utinyint",
    )
)


def preview(expression: str) -> str:
    return expression if len(expression) <= _SHOWN else expression[:_SHOWN] + "..."


def cause(error: Exception) -> str:
    """What DuckDB says of an expression, without the picture of where in it."""
    return reason_of(error)


@contextlib.contextmanager
def interrupt_after(interrupt: Callable[[], None], *, after_s: float) -> Iterator[None]:
    """Interrupts what runs inside when it takes longer, again and again: between two calls nobody listens."""
    done, late = threading.Event(), list[bool]()

    def watch() -> None:
        while not done.wait(_AGAIN_S if late else after_s):
            late.append(True)
            interrupt()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def refusal(expression: str, *, parse: Callable[[str], str]) -> str | None:
    """Why a filter is not run, or None; parse: SQL -> what DuckDB's json_serialize_sql gives of it."""
    return _explain_unparsed(expression) or _explain_unknown(parse(f"select (\n{expression}\n)"))


def _explain_unparsed(expression: str) -> str | None:
    """Why an expression is not so much as parsed, or None."""
    if not expression.strip():
        return "nothing is asked; leave it out for all clips"
    if len(expression) > LONGEST:
        return f"{len(expression):,} characters, at most {LONGEST:,} can be"
    depth = deepest = 0
    for bracket in _BRACKETS.findall(expression):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    return f"brackets in brackets, {deepest} deep, at most {_DEEPEST} can be" if deepest > _DEEPEST else None


def _explain_unknown(parsed: str) -> str | None:
    """What a filter holds beyond what passes, or None; parsed: `select (FILTER)`."""
    try:
        document = json.loads(parsed)
    except RecursionError:
        return "it is nested too deep"
    if document["error"]:
        return shorten(one_line(str(document["error_message"])))
    if len(document["statements"]) != 1:
        return "it is several statements"
    query = document["statements"][0]["node"]
    if (
        query["type"] != "SELECT_NODE"
        or query["from_table"]["type"] != "EMPTY"
        or len(query["select_list"]) != 1
    ):
        return "it is not one expression"
    for node in _nodes(query["select_list"][0]):
        if said := _explain_refused(node):
            return said
    return None


def _nodes(root: Any) -> Iterator[dict[str, Any]]:
    """The parts of an expression, without what constants hold."""
    left = [root]
    while left:
        node = left.pop()
        if isinstance(node, list):
            left += node
        elif isinstance(node, dict):
            if "class" in node:
                yield node
            if node.get("class") != "CONSTANT":
                left += node.values()


def _explain_refused(node: dict[str, Any]) -> str | None:
    kind = node["class"]
    if kind not in _CLASSES:
        return f"a filter has no {kind.lower()}, only columns, constants, operators and simple functions"
    if kind == "FUNCTION" and node["function_name"] not in _FUNCTIONS:
        return f"function {node['function_name'][:40]} is not one of a filter's"
    if kind == "TYPE" and node.get("type_name", "").lower() not in _TYPES:
        return f"type {node.get('type_name', '')[:40]} is not one of a filter's"
    return None
