"""Guards every error: it says what is wrong apart from what mends it, and what it says to type is taken."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import LONG_INDEX, Result, spoil
from rooms import MODULES, ROOT, name_of
from typer.main import get_command

from cli.main import app
from encoder.errors import UmurlError
from umurl_search import Library
from umurl_search.library.missing import no_dataset
from umurl_search.synthetic.demo_corpus import make_clip

KINDS = {one.__name__ for one in UmurlError.__subclasses__() if one.__module__ == "encoder.errors"}
ERRORS = {
    "UmurlError",
    "BadRecordingError",
    "DamagedCatalogError",
    "DeviceMemoryError",
    "HostMemoryError",
    "NonFiniteLossError",
    "OlderCatalogError",
    "TooLongError",
    *KINDS,
}
MESSAGE_AT = {**dict.fromkeys(ERRORS, 0), "BadRecordingError": 1, "HttpError": 1}
"""Which argument of an error is its message."""
TYPED = re.compile(r"umurl-search (?!serve`)|(?<![\w-])--[a-z]")
OPTIONS = {
    name: {
        flag for one in command.params for flag in (*one.opts, *one.secondary_opts) if flag.startswith("--")
    }
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
}
"""command -> its options, with their dashes."""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Calls of these, by whatever module they are reached."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            yield node


def texts(node: ast.AST) -> str:
    """The literal text in an expression."""
    parts = [
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    ]
    return "".join(parts)


def find_typed(tree: ast.Module) -> list[str]:
    """The messages of errors that name an option or a command."""
    messages = [
        call.args[MESSAGE_AT[name]]
        for name in MESSAGE_AT
        for call in calls(tree, name)
        if len(call.args) > MESSAGE_AT[name]
    ]
    return [ast.unparse(one) for one in messages if TYPED.search(texts(one))]


def argument(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def values(node: ast.expr, tree: ast.Module) -> list[ast.expr]:
    """What an argument may be: itself, or what its name is given in the module, or its function gives back."""
    if isinstance(node, ast.IfExp):
        return [*values(node.body, tree), *values(node.orelse, tree)]
    if isinstance(node, ast.Name):
        given = [
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and node.id in map(ast.unparse, one.targets)
        ]
        return [value for one in given for value in values(one, tree)]
    if isinstance(node, ast.Call):
        functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
        returned = [
            one.value
            for function in functions
            if function.name == ast.unparse(node.func)
            for one in ast.walk(function)
            if isinstance(one, ast.Return) and one.value
        ]
        return [value for one in returned for value in values(one, tree)]
    return [node]


def find_wrong(tree: ast.Module) -> list[str]:
    """Commands that there are not, options that they have not."""
    wrong = []
    for call in calls(tree, "Hint"):
        command, option = argument(call, "command"), argument(call, "option")
        given = [] if command is None else values(command, tree)
        if command is not None and not given:
            wrong.append(f"not known what it is: {ast.unparse(command)}")
        for one in given:
            words = [str(w.value) for w in getattr(one, "elts", []) if isinstance(w, ast.Constant)]
            flags = {word for word in words if word.startswith("--")}
            if not words or words[0] not in OPTIONS or not flags <= OPTIONS[words[0]]:
                wrong.append(ast.unparse(one))
        for said in [] if option is None else values(option, tree):
            if isinstance(said, ast.Constant) and not is_option(str(said.value)):
                wrong.append(ast.unparse(said))
    return wrong


def is_option(name: str) -> bool:
    return name == name.strip("-") and any(
        f"--{name.replace('_', '-')}" in flags for flags in OPTIONS.values()
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_message_names_what_to_type(path: Path) -> None:
    assert find_typed(parse(path)) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_hint_names_commands_and_options_that_there_are(path: Path) -> None:
    assert find_wrong(parse(path)) == []


def test_there_are_errors_and_hints_to_look_at() -> None:
    trees = [parse(path) for path in MODULES]
    assert sum(len(list(calls(tree, *ERRORS))) for tree in trees) > 200
    hints = [call for tree in trees for call in calls(tree, "Hint")]
    assert sum(argument(call, "command") is not None for call in hints) > 30
    assert sum(argument(call, "option") is not None for call in hints) > 40


def test_every_kind_of_error_is_looked_at() -> None:
    defined = {
        one.name
        for path in MODULES
        for one in ast.walk(parse(path))
        if isinstance(one, ast.ClassDef) and {"UmurlError", *KINDS} & set(map(ast.unparse, one.bases))
    }
    assert defined | {"UmurlError"} == ERRORS


def test_what_is_wrong_is_found() -> None:
    source = (ROOT / "umurl_search/library/missing.py").read_text(encoding="utf-8")
    assert find_wrong(ast.parse(source.replace('"build-index"', '"build"'))) != []
    assert find_wrong(ast.parse('Hint("{command}", command=("add", name, "--where", "x"))')) != []
    assert find_wrong(ast.parse('Hint("{option}", option="--layout")')) != []
    assert find_wrong(ast.parse('Hint("{command}", command=nowhere)')) != []
    for message in ('f"{x}: give --layout"', '"run: umurl-search list"'):
        assert find_typed(ast.parse(f"raise UmurlError({message})")) != []
    assert find_typed(ast.parse('BadRecordingError("malformed", f"{x} --fps")')) != []


# the commands that hints name


def catch_error(*words: object) -> UmurlError:
    with pytest.raises(UmurlError) as error:
        app(args=[str(word) for word in words], prog_name="umurl-search", standalone_mode=False)
    return error.value


def follow(error: UmurlError, command: Callable[..., Result]) -> Result:
    """Types what an error's hint says: it is no wrong usage, and does not fail in the same way."""
    assert error.hint is not None, error
    assert error.hint.command is not None, error
    assert not TYPED.search(error.message)
    result = command(*error.hint.command)
    assert result.code != 2, result.err
    assert error.message not in result.err
    return result


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("words", "hinted"),
    [
        ("knn-eval", "build-index mine"),
        ("query mine:nobody --index x", "build-index mine"),
        ("info mine:nobody", "info mine"),
        ("remove mine --where true", "delete mine"),
        ("train mine --as e --preset tiny", "delete encoder:e"),
        ("embed e --out e.npy", "ingest e"),
    ],
)
def test_a_hint_for_a_library_is_taken(words: str, hinted: str, command: Callable[..., Result]) -> None:
    error = catch_error(*words.split())
    assert error.hint is not None
    assert error.hint.command == tuple(hinted.split())
    result = follow(error, command)
    assert (result.code == 0) == (hinted != "ingest e")


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("words", "hinted"),
    [
        ("query mine:nobody", "info mine"),
        ("knn-eval --index x", "build-index mine"),
        ("delete encoder:e", "delete index:mine@e"),
        ("build-index mine --as mine@e --encoder shipped", "delete index:mine@e"),
        ("localize-eval", "build-index mine --window SECONDS"),
    ],
)
def test_a_hint_for_an_index_is_taken(words: str, hinted: str, command: Callable[..., Result]) -> None:
    error = catch_error(*words.split())
    assert error.hint is not None
    assert error.hint.command == tuple(hinted.split())
    if "SECONDS" not in hinted:
        assert follow(error, command).code == 0


def test_a_hint_for_what_is_damaged_is_taken(indexed: Library, command: Callable[..., Result]) -> None:
    spoil(indexed.index_folder("mine@e") / "ids.npy")
    assert follow(catch_error("knn-eval"), command).code == 0
    assert command("knn-eval").code == 0


def test_a_hint_for_another_source_is_taken(
    library: Library, source: Path, command: Callable[..., Result]
) -> None:
    for name in ("S001C001P001R001A001", "S001C001P002R001A001"):
        np.save(source / f"{name}.npy", make_clip(name))
    assert follow(catch_error("ingest", "mine", "--source", source), command).code == 0
    assert command("ingest", "mine", "--source", source).code == 0


@pytest.mark.usefixtures("long")
def test_a_hint_for_an_index_of_windows_is_taken(command: Callable[..., Result]) -> None:
    error = catch_error("knn-eval", "--index", LONG_INDEX)
    assert follow(error, command).code == 0


@pytest.mark.parametrize("source", ["missing/file.npy", "file.npy", "no such"])
def test_a_path_is_not_to_be_ingested_as_a_dataset(source: str, library: Library) -> None:
    error = catch_error("embed", source, "--out", library.root / "e.npy")
    assert error.typed == (
        f"{source}: neither a dataset of the library nor a file or folder; give the path of recordings that are "
        "there, or a dataset"
    )
    hint = no_dataset("missing/file.npy", known=["mine"]).hint
    assert hint is not None
    assert hint.command is None


def test_the_app_has_commands() -> None:
    assert isinstance(app, typer.Typer)
    assert set(OPTIONS) == {one.name for one in app.registered_commands}
