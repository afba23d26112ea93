"""What a command that failed says: a line for people, with --json one document with a stable code."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from documents import problem

from cli.problems import CODES
from encoder import errors
from encoder.errors import UmurlError
from umurl_search.library.library import Library

Command = Callable[..., Result]


def document(result: Result, code: int) -> dict[str, str | None]:
    """The last line on stderr of a command that failed with --json."""
    assert (result.code, result.out) == (code, "")
    found: dict[str, str | None] = json.loads(result.err.splitlines()[-1])
    assert list(found) == ["error", "hint", "code"]
    assert found["code"] in CODES
    return found


def test_every_class_of_errors_has_a_code_of_the_table() -> None:
    def classes(base: type[UmurlError]) -> set[type[UmurlError]]:
        return {base}.union(*(classes(one) for one in base.__subclasses__()))

    codes = {one.code for one in classes(UmurlError)}
    assert codes | {"usage", "interrupted"} == set(CODES)


def test_the_docs_list_every_code() -> None:
    page = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in page, code


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("query nosuch:clip", "not-found", "no dataset 'nosuch'"),
        ("query mine:nosuch", "not-found", "no clip 'nosuch'"),
        ("query gone.npy", "not-found", "no such file"),
        ("query mine:S001C001P001R001A001 --index gone", "not-found", "no index 'gone'"),
        ("build-index mine --encoder gone", "not-found", "no encoder 'gone'"),
        ("knn-eval --protocol gone", "not-found", "gone"),
        ("ingest x --source gone", "not-found", "no such file or folder"),
        ("train mine --protocol gone", "not-found", "gone"),
        ("info gone", "not-found", "gone"),
        ("delete gone", "not-found", "gone"),
        ("query {bad}", "bad-input", "bad.npy"),
        ("query mine:S001C001P001R001A001 --where colour=3", "bad-input", "colour"),
        ("ingest x --source {bad}", "bad-input", "bad"),
        ("embed mine --out {folder}/none/y.npy", "storage", "no folder"),
        ("build-index mine --as mine@e --modalities all", "refused", "mine@e"),
    ],
)
def test_a_failure_says_its_kind(
    words: str, code: str, says: str, indexed: Library, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "bad.npy").write_bytes(b"no array")
    typed = words.format(bad=tmp_path / "bad.npy", folder=tmp_path).split()
    found = document(command(*typed, "--json"), 1)
    assert found["code"] == code
    assert says in str(found["error"])
    line = problem(command(*typed), 1)
    assert str(found["error"]) in line
    assert found["hint"] is None or str(found["hint"]) in line


def test_the_hint_is_what_to_type(command: Command, library: Library) -> None:
    assert document(command("query", "other:x", "--json"), 1)["hint"] == "umurl-search build-index mine"
    assert document(command("build-index", "x y", "--json"), 1)["hint"] is not None


@pytest.mark.parametrize(
    "words", ["query x.npy --k 0", "sniff", "query", "list --k 3", "list --library a --library b"]
)
def test_wrong_usage_is_a_document_too(words: str, command: Command) -> None:
    for typed in (["--json", *words.split()], [*words.split(), "--json"]):
        found = document(command(*typed), 2)
        assert found["code"] == "usage"
        assert str(found["hint"]).endswith("--help")


def test_an_interrupt_is_a_document_too(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("umurl_search.evaluation.knn_eval.evaluate_index", interrupted)
    assert document(command("knn-eval", "--json"), 130)["code"] == "interrupted"
    assert "interrupted" in problem(command("knn-eval"), 130)


def test_a_disk_that_fails_is_a_document_too(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/some/file")

    monkeypatch.setattr("umurl_search.evaluation.knn_eval.evaluate_index", full)
    found = document(command("knn-eval", "--json"), 1)
    assert (found["code"], found["error"]) == ("storage", "/some/file: No space left on device")


def test_an_error_in_other_words_keeps_its_kind() -> None:
    found = errors.NotFoundError("a", "b").with_message("c")
    assert (found.code, found.message, found.typed) == ("not-found", "c", "c; b")
