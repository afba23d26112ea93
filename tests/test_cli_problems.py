"""What a command that failed says: a line for people, with --json one document with a stable code."""

import builtins
import errno
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Result
from documents import problem

from cli.problems import CODES
from encoder import errors
from encoder.errors import UmurlError
from umurl_search.evaluation import linear_eval, retrieval
from umurl_search.index import all_pairs
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


# a device that fails

OUT_OF_MEMORY = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.2 GiB free"
)
LOST = torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with `TORCH_USE_CUDA_DSA`")
CLIP = "mine:S001C001P001R001A001"


def fail_in(monkeypatch: pytest.MonkeyPatch, error: Exception, *, after: int = 0) -> None:
    """Every linear map after so many raises this: a network that is run, trained or embedded with."""
    multiply, calls = torch.nn.functional.linear, iter(range(10**9))

    def fail(*given: torch.Tensor, **how: torch.Tensor) -> torch.Tensor:
        if next(calls) >= after:
            raise error
        return multiply(*given, **how)

    monkeypatch.setattr(torch.nn.functional, "linear", fail)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (f"query {CLIP}", "give --device cpu"),
        ("build-index mine --as other --encoder e", "give --precision bf16 or --device cpu"),
        (
            "train mine --as new --preset tiny --epochs 1",
            "give a smaller --batch-size or --precision bf16 or --device cpu",
        ),
        ("embed mine --encoder e --out {folder}/y.npy", "give --precision bf16 or --device cpu"),
    ],
)
def test_full_memory_is_one_line_with_the_commands_own_remedies(
    words: str, remedy: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = words.format(folder=tmp_path).split()
    with monkeypatch.context() as patch:
        fail_in(patch, OUT_OF_MEMORY)
        line = problem(command(*typed), 1)
        assert line == f"umurl-search: the GPU's memory is full: 2.00 GiB more were asked for; {remedy}\n"
        said = document(command(*typed, "--json"), 1)
        assert (said["code"], said["hint"]) == ("device", remedy)
    assert command("verify").code == 0
    again = [*typed, "--anew"] if typed[0] == "train" else typed
    assert command(*again).code == 0


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize("after", [3, 40])
def test_a_gpu_that_fails_half_way_leaves_the_library_whole(
    after: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "mine", "--as", "new", "--preset", "tiny", "--epochs", "1"]
    with monkeypatch.context() as patch:
        fail_in(patch, LOST, after=after)
        line = problem(command(*words), 1)
    assert (
        line == "umurl-search: the GPU failed (CUDA error: unspecified launch failure); give --device cpu\n"
    )
    assert command("verify").code == 0
    assert command(*words, "--anew").code == 0


@pytest.mark.usefixtures("indexed")
def test_evaluation_that_fails_on_a_device_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **how: object) -> None:
        raise OUT_OF_MEMORY

    for words, where, name in (
        ("knn-eval", retrieval, "nearest"),
        ("duplicates", all_pairs, "nearest"),
        ("leaks", all_pairs, "nearest"),
        ("linear-eval --epochs 1", linear_eval, "linear_run"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, fail)
            assert "the GPU's memory is full" in problem(command(*words.split()), 1), words


@pytest.mark.usefixtures("indexed")
def test_a_faiss_that_does_not_load_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    really = builtins.__import__

    def load(name: str, *given: Any, **how: Any) -> Any:
        if name == "faiss":
            raise RuntimeError("faiss-gpu installed but nvidia-cublas-cu12 is missing")
        return really(name, *given, **how)

    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "faiss", raising=False)
        patch.setattr(builtins, "__import__", load)
        for words in (f"query {CLIP}", "build-index mine --as other --encoder e"):
            said = document(command(*words.split(), "--json"), 1)
            assert said["code"] == "missing-package"
            assert said["error"] == (
                "FAISS is installed and does not load (faiss-gpu installed but nvidia-cublas-cu12 is missing)"
            )
    assert command("verify").code == 0


def test_a_bug_is_still_shown_whole(
    command: Command, monkeypatch: pytest.MonkeyPatch, library: Library
) -> None:
    fail_in(monkeypatch, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        command("build-index", "mine")


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(("device", "there"), [("cuda", 0), ("cuda:1", 1), ("cuda:99", 4)])
def test_a_device_that_is_not_there_is_one_line(
    device: str, there: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CUDA_VISIBLE_DEVICES leaves it, or a build of torch for the CPU."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    for words in (f"query {CLIP}", "knn-eval", "build-index mine --as other", "train mine --preset tiny"):
        line = problem(command(*words.split(), "--device", device), 1)
        assert f"no device '{device}': {there} CUDA devices here" in line
        assert line.endswith("use --device cpu\n")
    assert command("verify").code == 0


@pytest.mark.parametrize(
    "device", ["cuda:128", "cuda:300", "cuda:01", "cuda:", "cuda:-1", "mps", "cuda:9999999999"]
)
def test_a_device_that_torch_would_take_for_another_is_wrong_usage(device: str, command: Command) -> None:
    line = problem(command("doctor", "--device", device), 2)
    assert f"device is auto, cpu, cuda or cuda:i, got '{device}'" in line
