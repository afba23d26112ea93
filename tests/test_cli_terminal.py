"""What every command has in common: one document on stdout, notes on stderr unless quiet."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer
from conftest import Result
from documents import QUERY, read_document

from cli.main import app
from umurl_search.library.library import Library

Command = Callable[..., Result]


# commands, options, exit codes


@pytest.mark.slow
def test_the_installed_command_prints_one_document_and_no_warning(indexed: Library) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "cli.main",
            "query",
            f"mine:{QUERY}",
            "--json",
            "--library",
            str(indexed.root),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert len(json.loads(run.stdout)["hits"]) == 10


# documents


def test_notes_are_on_stderr_unless_quiet(library: Library, command: Command) -> None:
    assert command("delete", "encoder:e").code == 0
    loud = command("build-index", "mine", "--json")
    assert "no encoder was trained to its end on mine or imported for it: using the shipped one" in loud.err
    assert read_document(loud)["encoder"] == "shipped"
    assert command("build-index", "mine", "--json", "--quiet").err == ""
    assert command("build-index", "mine", "--encoder", "shipped", "--json").err == ""  # as asked for


def test_no_command_has_two_options_of_one_name() -> None:
    for name, one in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        flags = [flag for parameter in one.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        assert len(set(flags)) == len(flags), name
