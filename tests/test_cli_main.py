"""The command line as a whole: help, wrong usage, interrupts."""

import re
from collections.abc import Callable

import pytest
from conftest import Result
from documents import CONTRACT, problem

from umurl_search.library.library import Library

Command = Callable[..., Result]


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
        ("query x.npy --axes VCT", "--axes"),
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
        ("ingest mine --format bvh", "bvh"),
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
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("umurl_search.evaluation.knn_eval.evaluate_index", interrupted)
    assert "interrupted" in problem(command("knn-eval", "--json"), 130)
