"""Writes docs/commands.md from the commands themselves.

    python docs/make_commands.py            writes it
    python docs/make_commands.py --check    exit code 1 when it is stale

Usage, options, defaults and help come from the app, JSON keys from the results of the commands;
tests/test_docs.py compares these keys with what the commands print.
"""

import argparse
import inspect
import re
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from cli.demo_results import DemoReport
from cli.main import app
from cli.problems import CODES
from umurl_search.evaluation.classifier_results import LateFusedFigures, LinearFigures
from umurl_search.evaluation.localization import LocalizeFigures
from umurl_search.evaluation.model_cost import CostTable
from umurl_search.evaluation.retrieval_results import KnnFigures, KnnFiguresAcross, MatrixFigures
from umurl_search.evaluation.semi_supervised import SemiFigures
from umurl_search.evaluation.transfer import TransferFigures
from umurl_search.evaluation.twin_results import Duplicates, Leaks
from umurl_search.export.embed_source import EmbedReport
from umurl_search.export.export_index import ExportReport
from umurl_search.files.shards import ShardReport
from umurl_search.index.build import BuildReport
from umurl_search.ingest.add_update_remove import ChangeReport
from umurl_search.ingest.ingest import IngestReport
from umurl_search.ingest.relabel import RelabelReport
from umurl_search.maintenance.compact import CompactReport
from umurl_search.maintenance.repair import RepairReport
from umurl_search.maintenance.results import (
    Checks,
    ClipInfo,
    DatasetInfo,
    DefaultIndex,
    Deleted,
    IndexInfo,
    KnownDatasets,
    LibraryContents,
    LibraryInfo,
    Renamed,
    StoredEncoderInfo,
    Verification,
)
from umurl_search.pictures.layout_list import LayoutList
from umurl_search.pictures.render import RenderResult
from umurl_search.report.report import WrittenReport
from umurl_search.result import Result
from umurl_search.search.results import BatchFile, BatchResult, MomentQueryResult, QueryResult
from umurl_search.serve.documents import Served
from umurl_search.training.import_encoder import ImportReport
from umurl_search.training.run import DrawnTrainReport

sys.path.insert(0, str(Path(__file__).parent))
from result_keys import Rows, keys_of

PAGE = Path(__file__).parent / "commands.md"
_TYPES = {str: "TEXT", int: "INTEGER", float: "NUMBER", Path: "PATH"}
_STATED_DEFAULT = re.compile(r"\s*\[default: (?P<text>.*)\]$")

_HEAD = """\
# Commands

Written by `docs/make_commands.py` from the commands themselves; do not edit. Every command prints its result
on stdout and everything else (progress, notes, problems) on stderr.

Exit codes: 0 done; 1 a problem that you can mend, told in one line; 2 wrong usage; 130 interrupted.

An option that takes one value is given once, except `--where`: several conditions are joined by AND.

Modalities are `joint`, `bone`, `motion`, any `+` of them such as `joint+bone`, or `fused` (all three).
"""


_BEFORE = "They stand before the command's name or after it."
_ERRORS = """\
With `--json` an error is one JSON document, the last line on stderr: `{"error": MESSAGE, "hint": REMEDY or null,
"code": WORD}`. The codes are stable; messages and remedies are for people, and may change."""


RESULTS: dict[str, type[Result]] = {
    "demo": DemoReport,
    "serve": Served,
    "info DATASET": DatasetInfo,
    "info ENCODER": StoredEncoderInfo,
    "info INDEX": IndexInfo,
    "info DATASET:CLIPNAME": ClipInfo,
    "list": LibraryContents,
    "info": LibraryInfo,
    "verify": Verification,
    "prefer": DefaultIndex,
    "delete": Deleted,
    "doctor": Checks,
    "datasets": KnownDatasets,
    "layouts": LayoutList,
    "train": DrawnTrainReport,
    "query": QueryResult,
    "query for moments": MomentQueryResult,
    "query for many clips": BatchResult,
    "query into a file": BatchFile,
    "render": RenderResult,
    "ingest": IngestReport,
    "ingest a shard": ShardReport,
    "build-index": BuildReport,
    "build-index a shard": ShardReport,
    "costs": CostTable,
    "knn-eval": KnnFigures,
    "knn-eval across datasets": KnnFiguresAcross,
    "knn-eval --matrix": MatrixFigures,
    "linear-eval": LinearFigures,
    "linear-eval late-fused": LateFusedFigures,
    "semi-eval": SemiFigures,
    "transfer-eval": TransferFigures,
    "localize-eval": LocalizeFigures,
    "duplicates": Duplicates,
    "leaks": Leaks,
    "export": ExportReport,
    "embed": EmbedReport,
    "import-encoder": ImportReport,
    "report": WrittenReport,
    "add": ChangeReport,
    "update": ChangeReport,
    "remove": ChangeReport,
    "relabel": RelabelReport,
    "rename": Renamed,
    "compact": CompactReport,
    "repair": RepairReport,
}
"""What a command gives, by the title of its table of keys."""

JSON_KEYS: dict[str, Rows] = {title: keys_of(result) for title, result in RESULTS.items()}
"""What a command prints with --json."""


def page() -> str:
    """The whole page."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    functions = {one.name: one.callback for one in app.registered_commands}
    shared = _shared_options(commands)
    first = next(iter(commands))
    options = _options(commands[first], functions[first], only=shared)
    parts = [
        _HEAD,
        f"## Options of every command\n\n{_BEFORE}\n",
        options,
        f"## Errors as JSON\n\n{_ERRORS}\n",
        _list_codes(),
    ]
    for name, command in commands.items():
        parts += [f"## {name}\n", _command(name, command, functions[name], shared)]
    return "\n".join(parts)


def _list_codes() -> str:
    """The table of the codes of errors."""
    rows = [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(["| code | what it says |", "| --- | --- |", *rows, ""])


def _shared_options(commands: dict[str, Any]) -> set[str]:
    """The names of the parameters that every command has."""
    return set.intersection(*({p.name for p in command.params} for command in commands.values()))


def _command(name: str, command: Any, function: Any, shared: set[str]) -> str:
    own = {p.name for p in command.params} - shared
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(["umurl-search", name, *map(_placeholder, arguments), "[OPTIONS]"])
    parts = [f"{command.help}\n", f"```text\n{usage}\n```\n"]
    if arguments:
        rows = [(f"`{p.name.upper()}`", _help(p)[0]) for p in arguments]
        parts.append(_table(("argument", "what"), rows))
    options = _options(command, function, only=own)
    parts += [options] if options else []
    parts += [_json(title) for title in JSON_KEYS if title.split()[0] == name]
    return "\n".join(parts)


def _placeholder(argument: Any) -> str:
    name: str = argument.name.upper()
    name += "..." if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _options(command: Any, function: Any, *, only: set[str]) -> str:
    """The table of options; empty where the command has none of its own."""
    signature = inspect.signature(function)
    rows = []
    for p in command.params:
        if p.param_type_name != "option" or p.name not in only:
            continue
        text, default = _help(p)
        annotation = signature.parameters[p.name].annotation
        values = "" if p.is_flag else f" {_values(annotation)}"
        more = [text, _limits(annotation), f"Environment: `{p.envvar}`." if p.envvar else ""]
        rows.append((f"`{p.opts[0]}{values}`", default, " ".join(part for part in more if part)))
    return _table(("option", "default", "what"), rows) if rows else ""


def _help(p: Any) -> tuple[str, str]:
    """What a parameter is, as a sentence, and its default in words."""
    text = p.help or ""
    stated = _STATED_DEFAULT.search(text)
    text = _STATED_DEFAULT.sub("", text).replace("|", r"\|")
    sentence = f"{text}." if text and text[-1] not in ".!?" else text
    if stated:
        return sentence, stated["text"]
    if p.required:
        return sentence, "required" if p.param_type_name == "option" else ""
    flag = p.param_type_name == "option" and p.is_flag
    return sentence, "" if p.default is None or flag else f"`{p.default}`"


def _values(annotation: Any) -> str:
    """The set of values in words: the choices, or what kind of value it is."""
    if get_origin(annotation) is Annotated:
        return _values(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return r"\|".join(map(str, get_args(annotation)))
    if get_origin(annotation) is list:  # an option that may be repeated
        return _values(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = (one for one in get_args(annotation) if one is not types.NoneType)
        return _values(inner)
    return _TYPES[annotation]


def _limits(annotation: Any) -> str:
    option = next(one for one in get_args(annotation)[1:] if isinstance(one, typer.models.OptionInfo))
    low, high = option.min, option.max
    if low is None and high is None:
        return ""
    if high is None:
        return f"At least {low:g}."
    return f"From {low:g} to {high:g}." if low is not None else f"At most {high:g}."


def _json(title: str) -> str:
    rows = [(f"`{key}`", meaning) for key, meaning in JSON_KEYS[title]]
    return f"`{title} --json` prints:\n\n{_table(('key', 'what'), rows)}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="say whether the page is fresh, write nothing")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.name} is stale: python docs/make_commands.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
