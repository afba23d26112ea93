"""What is typed before a command is parsed: an option of one value given twice, shared options before the command."""

from collections.abc import Callable

import pytest
import typer
from conftest import Result
from documents import QUERY, names_of, problem
from typer.core import TyperOption

from cli.arguments import JOINED, move_shared, wants_json
from cli.main import app
from umurl_search.library.library import Library

Command = Callable[..., Result]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ONE_VALUE = [
    (name, option.opts[0])
    for name, one in COMMANDS.items()
    for option in one.params
    if isinstance(option, TyperOption) and not option.is_flag and not option.multiple
]


# given twice


def test_there_are_options_to_try() -> None:
    assert len(ONE_VALUE) > 100
    assert {"--library", "--k", "--as", "--where"} <= {option for _, option in ONE_VALUE}


@pytest.mark.parametrize(("name", "option"), [one for one in ONE_VALUE if one[1] not in JOINED])
def test_one_value_given_twice_is_refused_with_both(name: str, option: str, command: Command) -> None:
    for typed in ([option, "1", option, "2"], [f"{option}=1", "thing", f"{option}=2"]):
        line = problem(command(name, *typed), 2)
        assert f"Invalid value for {option}: takes one value, got '1' and '2'" in line
        assert f"umurl-search {name} --help" in line


def test_the_same_value_twice_is_two_values(command: Command) -> None:
    assert "got '5', '5' and '6'" in problem(
        command("query", "x.npy", "--k", "5", "--k", "5", "--k", "6"), 2
    ).replace("'5' and '5' and", "'5', '5' and")


def test_a_value_that_looks_like_an_option_is_a_value(command: Command) -> None:
    line = problem(command("query", "x.npy", "--index", "--k", "--k", "3"), 1)
    assert "given" not in line
    assert "takes one value" not in line


def test_what_stands_behind_two_dashes_is_no_option(indexed: Library, command: Command) -> None:
    assert "takes one value" not in command("query", "--k", "1", "--", "--k", "2").err


def test_options_that_may_be_repeated_stay_so(long: Library, command: Command) -> None:
    assert command("build-index", "long", "--window", "2", "--window", "4", "--as", "two").code == 0
    assert command("info", "two", "--json").json["window_s"] == [2.0, 4.0]


def test_flags_may_be_repeated(library: Library, command: Command) -> None:
    assert command("list", "--json", "--json", "--quiet", "--quiet").code == 0


# filters


def test_filters_given_twice_are_joined_by_and(indexed: Library, command: Command) -> None:
    ask = ("query", f"mine:{QUERY}", "--k", 50, "--json")
    both = command(*ask, "--where", "subject = 1 or subject = 2", "--where=label = 0").json
    whole = command(*ask, "--where", "(subject = 1 or subject = 2) and label = 0").json
    alone = command(*ask, "--where", "label = 0").json
    assert names_of(both) == names_of(whole)
    assert 0 < len(both["hits"]) < len(alone["hits"])
    assert both["query"]["where"] == "(subject = 1 or subject = 2) and (label = 0)"


def test_remove_takes_what_passes_all_filters(library: Library, command: Command) -> None:
    clips = command("info", "mine", "--json").json["clips"]
    told = command("remove", "mine", "--where", "subject = 1", "--where", "label = 0", "--json").json
    left = command("info", "mine", "--json").json["clips"]
    assert told["removed"] == clips - left == 3


def test_a_part_that_is_no_condition_is_refused(command: Command) -> None:
    line = problem(
        command("query", "x.npy", "--where", "label = 0) or (label = 2", "--where", "camera = 1"), 2
    )
    assert "--where" in line
    assert "label = 0) or (label = 2" in line


# shared options before the command


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--library X list", "list --library X"),
        ("--library=X --json list mine", "list --library=X --json mine"),
        ("--quiet --device cpu query a --k 3", "query --quiet --device cpu a --k 3"),
        ("list --library X", "list --library X"),
        ("--json --version", "--version"),
        ("--library X", ""),
        ("--library", ""),
        ("--sideways list", "--sideways list"),
        ("--json --sideways list", "--sideways list"),
        ("", ""),
    ],
)
def test_shared_options_go_behind_the_command(typed: str, meant: str) -> None:
    assert move_shared(typed.split()) == meant.split()


def test_a_library_named_before_the_command_is_taken(library: Library, command: Command) -> None:
    elsewhere = command("--library", library.root.parent / "none", "--json", "list")
    assert elsewhere.json["datasets"] == []
    assert command("--library", library.root, "--json", "list").json == command("list", "--json").json


def test_before_and_behind_is_twice(command: Command) -> None:
    line = problem(command("--library", "a", "list", "--library", "b"), 2)
    assert "--library: takes one value, got 'a' and 'b'" in line


def test_shared_options_alone_are_no_command(command: Command) -> None:
    assert "command" in problem(command("--quiet"), 2)


def test_a_document_is_asked_for_before_two_dashes() -> None:
    assert wants_json(["--json", "list"])
    assert wants_json(["list", "--json", "--", "x"])
    assert not wants_json(["query", "--", "--json"])
    assert not wants_json([])
