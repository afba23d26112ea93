"""The front door: the version, `python -m cli`, help in groups, completion."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import umurl_search
from cli.main import GROUPS, app, run

ROOT = Path(__file__).parents[1]
WIDEST = 80


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"umurl-search {declared}\n"
    assert umurl_search.__version__ == declared


def test_the_room_runs_as_a_module() -> None:
    ran = subprocess.run([sys.executable, "-m", "cli", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (ran.returncode, ran.stdout) == (0, f"umurl-search {umurl_search.__version__}\n")


def test_every_command_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(str(command.name) for command in app.registered_commands)


def test_no_summary_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    told = capsys.readouterr().out
    assert "..." not in told.split("\n", 1)[1]
    assert max(map(len, told.splitlines())) <= WIDEST
    for title, names in GROUPS.items():
        assert f"\n{title}:\n" in told
        for name in names:
            assert re.search(rf"^  {name} +[A-Z][^.]+\.$", told, re.MULTILINE), name


def test_a_summary_is_one_sentence_with_a_verb() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        summary = command.help.split("\n\n")[0]
        assert re.fullmatch(r"[A-Z]\w+s [^\n]+\.", summary), name


def test_a_shell_can_complete() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "--show-completion", "bash"], capture_output=True, text=True, cwd=ROOT
    )
    assert ran.returncode == 0
    assert "complete" in ran.stdout
