"""The command `report`: its document, its words, its refusals."""

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]


def test_the_document_has_its_keys(indexed: Library, command: Command, tmp_path: Path) -> None:
    result = command("report", "--out", tmp_path / "r.html", "--map", "pca", "--json")
    assert (result.code, result.err) == (0, "")
    assert set(result.json) == {
        "out",
        "dataset",
        "protocol",
        "encoder",
        "index",
        "accuracy",
        "sections",
        "warnings",
        "seconds",
    }
    assert (result.json["dataset"], result.json["protocol"]) == ("mine", "xsub")
    assert (result.json["encoder"], result.json["index"]) == ("e", "mine@e")
    assert set(result.json["seconds"]) == {"evaluate", "draw", "total"}
    assert result.json["accuracy"] == command("knn-eval", "--json").json["accuracy"]


def test_it_says_what_it_wrote(indexed: Library, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "r.md"
    result = command("report", "--out", out, "--map", "pca", "--index", "mine@e", "--protocol", "xsub")
    assert (result.code, result.err) == (0, "")
    first, second = result.out.splitlines()
    assert re.fullmatch(
        rf"{re.escape(str(out))}: mine xsub, encoder e, index mine@e, 1-NN accuracy [\d.]+ %, [\d.]+ s", first
    )
    assert second.startswith("sections: What was evaluated, Retrieval, Classes, ")


def test_the_page_is_written_where_one_is(
    indexed: Library, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("before")
    assert command("report", "--map", "pca").code == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.html"]


def test_linear_figures_are_those_of_linear_eval(indexed: Library, command: Command, tmp_path: Path) -> None:
    result = command("report", "--out", tmp_path / "r.md", "--map", "pca", "--linear", "--json")
    assert result.code == 0, result.err
    assert result.json["sections"][2] == "Linear evaluation"
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    section = text.partition("## Linear evaluation")[2].partition("## ")[0]
    figure = command("linear-eval", "--modality", "bone", "--json").json
    assert f"| bone | {100 * figure['accuracy']:.1f} % |" in section


@pytest.mark.slow
def test_the_commands_on_the_page_run(
    indexed: Library, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("report", "--out", "r.md", "--map", "pca").code == 0
    block = (tmp_path / "r.md").read_text(encoding="utf-8").partition("```sh\n")[2].partition("```")[0]
    lines = [words for line in block.splitlines() if (words := shlex.split(line, comments=True))]
    monkeypatch.setenv(*lines[0][1].split("=", 1))
    ran = []
    for words in lines[1:]:
        if words[1] in ("ingest", "train"):
            continue  # the splits file is not known; the encoder is there
        result = command(*words[1:])
        assert result.code == 0, f"{shlex.join(words)}: {result.err}"
        ran.append(words[1])
    assert ran == ["build-index", *["knn-eval"] * 5, "report"]


@pytest.mark.parametrize("name", ["r.pdf", "r", "absent/r.html"])
def test_a_place_that_cannot_be_written_is_refused(
    name: str, indexed: Library, command: Command, tmp_path: Path
) -> None:
    result = command("report", "--out", tmp_path / name)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"umurl-search: {tmp_path / name}: no ")
    assert result.err.endswith("; give a file that ends in .html or .md, in a folder that exists\n")


def test_without_matplotlib_nothing_is_evaluated(
    indexed: Library, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = command("report", "--out", tmp_path / "r.html")
    assert (result.code, result.out) == (1, "")
    assert "matplotlib" in result.err
    assert 'pip install "umurl-search[report]"' in result.err
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "names"),
    [
        ("--map mds", 2, "mds"),
        ("--index absent", 1, "no index 'absent'"),
        ("--protocol xview", 1, "mine has no protocol 'xview': it has xsub"),
    ],
)
def test_what_is_wrong_is_named(
    arguments: str, code: int, names: str, indexed: Library, command: Command, tmp_path: Path
) -> None:
    result = command("report", "--out", tmp_path / "r.html", *arguments.split())
    assert (result.code, result.out) == (code, "")
    assert names in result.err
    assert len(result.err.splitlines()) == 1


def test_an_empty_library_names_the_first_step(command: Command, tmp_path: Path) -> None:
    result = command("report", "--out", tmp_path / "r.html")
    assert result.code == 1
    assert "the library holds no index yet: umurl-search demo" in result.err


@pytest.mark.slow
@pytest.mark.data
def test_a_report_on_real_recordings_names_their_actions(
    real: Path, command: Command, tmp_path: Path
) -> None:
    source = real / "data" / "utd_mhad" / "utd_mhad.pkl"
    for arguments in (("ingest", "utd-mhad", "--source", source), ("build-index", "utd-mhad")):
        assert command(*arguments).code == 0
    result = command("report", "--out", tmp_path / "r.html", "--map", "pca", "--json")
    assert result.code == 0, result.err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "All 27 classes" in page
    assert "swipe left" in page.lower()
