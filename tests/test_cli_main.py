"""The command line as a whole: version, help in groups, completion, wrong usage, interrupts."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from conftest import Result
from documents import CONTRACT, problem

import umurl_search
from cli.main import GROUPS, app, run
from umurl_search.library.library import Library

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]
WIDEST = 80


def test_no_arguments_print_help(command: Command) -> None:
    bare = command()
    assert (bare.code, bare.err) == (0, "")
    assert bare.out == command("--help").out
    assert set(CONTRACT) <= set(re.findall(r"^  ([a-z-]+) ", bare.out, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("query x.npy --modality smell", "smell"),
        ("query x.npy --modality joint+joint", "joint+joint"),
        ("query x.npy --against taste", "taste"),
        ("query x.npy --k 0", "--k"),
        ("query x.npy --k two", "--k"),
        ("query x.npy --axes XYZ", "--axes"),
        ("query x.npy --sideways", "--sideways"),
        ("query", "clip"),
        ("knn-eval --k 0", "--k"),
        ("knn-eval --query-modality smell", "smell"),
        ("knn-eval --gallery-modality smell", "smell"),
        ("build-index mine --kind tree", "tree"),
        ("build-index mine --transform whiten", "whiten"),
        ("build-index mine --transform half-whiten:0", "half-whiten:0"),
        ("build-index mine --modalities some", "some"),
        ("train mine --preset huge", "huge"),
        ("train mine --epochs 0", "--epochs"),
        ("train mine --batch-size 1", "--batch-size"),
        ("ingest mine --format fbx", "fbx"),
        ("ingest mine --layout coco", "coco"),
        ("ingest mine --up w", "--up"),
        ("ingest mine --fps 0", "--fps"),
        ("ingest mine --fps nan", "--fps"),
        ("ingest mine --scale -1", "--scale"),
        ("list --device tpu", "tpu"),
        ("embed mine", "--out"),
        ("import-encoder x.pth", "--as"),
        ("sniff mine", "sniff"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str, names: str, command: Command) -> None:
    line = problem(command(*arguments.split()), 2)
    assert names in line
    assert "--help" in line


def test_an_interrupt_is_exit_code_130(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("umurl_search.evaluation.knn_eval.evaluate_index", interrupt)
    assert "interrupted" in problem(command("knn-eval"), 130)


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
    asked = {
        "_UMURL_SEARCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "umurl-search knn",
        "COMP_CWORD": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "cli"], capture_output=True, text=True, cwd=ROOT, env=os.environ | asked
    )
    assert (ran.returncode, ran.stdout.split()) == (0, ["knn-eval"]), ran.stderr
