"""The demo: the tool at its best on any machine, a short training beside it, and commands that do as they are told."""

import importlib.util
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

from cli.demo import ACTION, ENCODER, is_better
from umurl_search.library.encoder_registry import SHIPPED, open_encoder
from umurl_search.library.library import Library

Command = Callable[..., Result]
AT_LEAST = 0.85
"""What the encoder in the package reaches on any machine."""


@pytest.mark.parametrize(("trained", "better"), [(0.45, False), (0.93, False), (0.931, True)])
def test_the_better_of_the_two_is_the_default(trained: float, better: bool) -> None:
    assert is_better(trained, at_once=0.93) == better


def documented_keys() -> set[str]:
    path = Path(__file__).parents[1] / "docs" / "make_commands.py"
    spec = importlib.util.spec_from_file_location("make_commands", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {key for key, _ in module.JSON_KEYS["demo"]}


def default_index(library: Library) -> str | None:
    with library.read() as catalog:
        return catalog.default_index()


def commands(text: str) -> list[list[str]]:
    """The words of each command that the demo's text shows, without `umurl-search`."""
    lines = re.findall(r"umurl-search (.+)", text)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.slow
def test_a_first_result_does_not_depend_on_the_machine(tmp_path: Path, command: Command) -> None:
    library = Library(tmp_path / "a library")
    at = ("--library", library.root)
    first = command("demo", "--seconds", 0, "--json", *at)
    assert first.code == 0, first.err
    document = first.json
    assert set(document) == documented_keys()
    assert document["evaluation"]["accuracy"] >= AT_LEAST
    assert document["evaluation"]["accuracy"] > document["other"]["evaluation"]["accuracy"] > 0.03
    assert [one["build"]["encoder"] for one in (document, document["other"])] == [SHIPPED, ENCODER]
    assert len(document["queries"]) == 3
    for answer in document["queries"]:
        assert answer["index"]["name"] == document["build"]["index"]
        assert [hit["action"] for hit in answer["hits"]] == [ACTION] * 5
    assert document["train"]["epochs"] == 1 < document["train"]["planned_epochs"]
    assert default_index(library) == document["build"]["index"]

    trained = open_encoder(library, ENCODER).hash
    command("prefer", document["other"]["build"]["index"], *at)
    again = command("demo", *at)
    assert again.code == 0, again.err
    assert open_encoder(library, ENCODER).hash == trained
    assert f"encoder {ENCODER} was trained before: it came to epoch 1 of 16" in again.out
    assert f"take {document['build']['index']} from now on" in again.out
    assert default_index(library) == document["build"]["index"]
    _what_is_shown_works(again.out, library, command)


def _what_is_shown_works(text: str, library: Library, command: Command) -> None:
    shown = [words for words in commands(text) if "FOLDER" not in words]
    assert [words[0] for words in shown] == [
        "query",
        "query",
        "query",
        "knn-eval",
        "knn-eval",
        "train",
        "build-index",
        "query",
        "query",
        "knn-eval",
        "build-index",
        "datasets",
    ]
    for words in shown:
        assert words[-2:] == ["--library", str(library.root)]
        shortened = ["--epochs", "1"] if words[0] == "train" else []
        result = command(*words, *shortened, "--json")
        assert result.code == 0, f"{words}: {result.err}"
        if words[0] == "query":
            hits = result.json["hits"]
            assert {hit["action"] for hit in hits[:3]} == {"kick" if "demo:" in words[1] else ACTION}
        if words[0] == "build-index":
            assert result.json["encoder"] == words[words.index("--encoder") + 1]
            assert result.json["encoder"] in (SHIPPED, "demo-xsub-tiny")
            command("prefer", "demo@shipped", "--library", library.root)
    for index in ("demo@shipped", "demo@shipped+half-whiten-256"):
        told = command("knn-eval", "--index", index, "--library", library.root, "--json")
        assert told.json["accuracy"] >= AT_LEAST, index
