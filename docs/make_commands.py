"""Writes docs/commands.md from the commands themselves.

    python docs/make_commands.py            writes it
    python docs/make_commands.py --check    exit code 1 when it is stale

Usage, options, defaults and help come from the app; what the JSON keys mean is said here, and
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

from cli.main import app
from umurl_search.evaluation.classifier_results import LateFusedFigures, LinearFigures
from umurl_search.evaluation.localization import LocalizeFigures
from umurl_search.evaluation.model_cost import CostTable
from umurl_search.evaluation.retrieval_results import KnnFigures, KnnFiguresAcross, MatrixFigures
from umurl_search.evaluation.semi_supervised import SemiFigures
from umurl_search.evaluation.transfer import TransferFigures
from umurl_search.evaluation.twin_results import Duplicates, Leaks
from umurl_search.export.embed_source import EmbedReport
from umurl_search.export.export_index import ExportReport
from umurl_search.index.build import BuildReport
from umurl_search.ingest.add_update_remove import ChangeReport
from umurl_search.ingest.ingest import IngestReport
from umurl_search.maintenance.compact import CompactReport
from umurl_search.maintenance.repair import RepairReport
from umurl_search.maintenance.results import (
    Checks,
    DefaultIndex,
    Deleted,
    KnownDatasets,
    LibraryContents,
    LibraryInfo,
    Verification,
)
from umurl_search.pictures.render import RenderResult
from umurl_search.report.report import WrittenReport
from umurl_search.result import Result
from umurl_search.search.results import BatchFile, BatchResult, MomentQueryResult, QueryResult
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

Modalities are `joint`, `bone`, `motion`, any `+` of them such as `joint+bone`, or `fused` (all three).
"""


def _bare(names: str) -> Rows:
    """Keys that need no words."""
    return tuple((name, "") for name in names.split())


def _under(parent: str, rows: Rows) -> Rows:
    """The keys of an object within another."""
    return tuple((f"{parent}.{key}", meaning) for key, meaning in rows)


_ENCODER_ROW = (
    ("name", ""),
    ("origin", "`trained` or `imported`"),
    ("preset", "null when imported"),
    ("dataset", "what it was trained on or imported for, null if not said"),
    ("protocol", "the same"),
    ("dimension", "D, the size of an embedding"),
    ("hash", "sha256 of its weights"),
    ("created", "UTC"),
)
_INDEX_ROW = (
    *_bare("name dataset encoder"),
    ("encoder_hash", "sha256 of the encoder's weights"),
    ("kind", "`flat`"),
    ("transform", "`none` or `half-whiten:D`"),
    ("modalities", "their names, joined by commas"),
    ("clips", ""),
    ("created", "UTC"),
)


_QUALITY = (
    "quality",
    "on clips left out of the index: `queries`, `recall_at` `1` and `10`, `latency_ms` of one, `accuracy_change` of "
    "1-NN against exact (null without labels); null for a handful of clips",
)

_OTHER_KEYS: dict[str, Rows] = {
    "demo": (
        ("ingest", "what `ingest` prints"),
        (
            "train",
            "what `train` prints, and `already_there`; when it was trained before `encoder`, `epochs` and "
            "`planned_epochs` alone",
        ),
        ("build", "what `build-index` prints, of the better index, the default from now on"),
        ("queries", "a list of what `query` prints, of that index"),
        ("evaluation", "what `knn-eval` prints, of that index"),
        ("matrix", "what `knn-eval --matrix` prints, of that index"),
        (
            "other",
            "`build` and `evaluation` of the other index: one is of the encoder in the package, one of the new",
        ),
        ("seconds", "`answers`: until those of the encoder in the package were there; `total`"),
    ),
    "serve": (
        ("url", "to open in a browser, its token included"),
        ("host", "the address served on"),
        ("port", "its port"),
        ("token", "what clients must know, null where none is needed"),
        ("library", "the library's folder"),
        ("index", "the one meant where none is named, null where there is none"),
    ),
    "info DATASET": (
        ("kind", "`dataset`"),
        *_bare("name format state layout fps up scale source"),
        ("signature", "changes when the source or the way it is read does"),
        ("clips", ""),
        ("report", "what `ingest` printed"),
        ("created", "UTC"),
        ("bytes", "size of its clip store"),
        ("parts", "folders: the first, and one for every `add` and `update` since"),
        ("segments", "labelled stretches of its recordings"),
        ("splits", "protocol: part: clips"),
        ("first_clips", "up to five names"),
        (
            "left_out",
            "every recording not used: `name`, `reason`, `detail`, `source`, `source_hash`, `origin` (its "
            "place in `sources`, from 1)",
        ),
        (
            "sources",
            "where its clips were read from, first to last: `roots`, `format` and how they were stated",
        ),
    ),
    "info ENCODER": (("kind", "`encoder`"), *_ENCODER_ROW, ("bytes", "size on disk")),
    "info INDEX": (
        ("kind", "`index`"),
        *(row for row in _INDEX_ROW if row[0] not in ("kind", "modalities")),
        ("modalities", "names"),
        ("bytes", "size on disk"),
        ("version", "of the index's format"),
        ("dataset_signature", ""),
        ("pipeline", "how the encoder's input is made"),
        ("metric", "`cosine`"),
        ("precision", "of the products: `float32` or `bf16`"),
        ("index_kind", "of index (index-kinds.md)"),
        ("parts", "folders: the first, and one for every `add` and `update` since"),
        ("default", "whether it is meant where no index is named"),
        (
            "rounding",
            "file: the largest distance of a stored vector to the true one, null for approximate kinds",
        ),
        ("search", "`effort` of an approximate kind"),
        _QUALITY,
        ("dimension", "D"),
        ("recipe", "a hash of all that it is made from"),
    ),
    "info DATASET:CLIPNAME": (
        ("kind", "`clip`"),
        ("id", "the clip's number in the library"),
        *_bare("name dataset"),
        ("label", "0-based class, or null"),
        *_bare("action subject camera setup replication people frames"),
        ("source", "its file, below the dataset's source"),
        ("source_hash", "sha256"),
        ("store_row", "its row in the clip store"),
        ("part", "which of the dataset's stores, from 1"),
        ("origin", "which of the dataset's `sources`, from 1"),
    ),
}

RESULTS: dict[str, type[Result]] = {
    "list": LibraryContents,
    "info": LibraryInfo,
    "verify": Verification,
    "prefer": DefaultIndex,
    "delete": Deleted,
    "doctor": Checks,
    "datasets": KnownDatasets,
    "train": DrawnTrainReport,
    "query": QueryResult,
    "query for moments": MomentQueryResult,
    "query for many clips": BatchResult,
    "query into a file": BatchFile,
    "render": RenderResult,
    "ingest": IngestReport,
    "build-index": BuildReport,
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
    "compact": CompactReport,
    "repair": RepairReport,
}
"""What a command gives, by the title of its table of keys."""

JSON_KEYS: dict[str, Rows] = _OTHER_KEYS | {title: keys_of(result) for title, result in RESULTS.items()}
"""What a command prints with --json."""


def page() -> str:
    """The whole page."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    functions = {one.name: one.callback for one in app.registered_commands}
    shared = _shared_options(commands)
    first = next(iter(commands))
    parts = [_HEAD, "## Options of every command\n", _options(commands[first], functions[first], only=shared)]
    for name, command in commands.items():
        parts += [f"## {name}\n", _command(name, command, functions[name], shared)]
    return "\n".join(parts)


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
