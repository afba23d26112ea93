"""What an evaluation cannot say is told by every evaluation: knn, matrix, report, linear, semi, transfer, server."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from serving import Client, finish_job

from umurl_search.evaluation.doubts import TRAINED, doubt_classes, doubt_labels, doubt_votes
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]
NAMES = [f"S001C001P00{p}R001A{a:03d}" for p in (1, 2, 3) for a in (1, 2, 3)]
LACKING = "2 of the 6 test clips are of actions that the gallery lacks: they count as wrong"
UNTRAINED = "2 of the 6 test clips are of actions that are not trained: they count as wrong"
ONE = "the gallery holds one action only: whatever asks is taken for it, so the figures say little"
ONE_TRAINED = (
    "the training part holds one action only: whatever asks is taken for it, so the figures say little"
)
PARTS = {
    "whole": {"train": NAMES[:3], "test": NAMES[3:]},
    "lone": {"train": NAMES[:2], "test": NAMES[3:]},
    "one": {"train": [NAMES[0], NAMES[3]], "test": [NAMES[6]]},
    "part": {"train": [*NAMES[:3], "walk"], "test": [*NAMES[3:], "run"]},
}
UNLABELLED = "2 clips of part have no label: they are left out"


@pytest.fixture(scope="module")
def doubted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine labelled clips and two without a label, an index, and protocols that cannot say everything."""
    from cli.main import run

    root = tmp_path_factory.mktemp("doubted")
    (root / "clips").mkdir()
    for name in NAMES:
        np.save(root / "clips" / f"{name}.npy", make_clip(name))
    for name, of in (("walk", NAMES[0]), ("run", NAMES[1])):
        np.save(root / "clips" / f"{name}.npy", make_clip(of) + 0.01)
    (root / "splits.json").write_text(json.dumps(PARTS))
    shared = ["--library", str(root / "library"), "--device", "cpu", "--quiet"]
    source = ["--source", str(root / "clips"), "--splits", str(root / "splits.json")]
    assert run(["ingest", "doubted", *source, *shared]) == 0
    assert run(["build-index", "doubted", *shared]) == 0
    return root / "library"


@pytest.fixture
def warned(doubted: Path, command: Command) -> Callable[..., list[str]]:
    def call(words: str, protocol: str) -> list[str]:
        asked = (*words.split(), "--protocol", protocol, "--library", doubted, "--device", "cpu")
        told = command(*asked, "--json")
        assert told.code == 0, told.err
        found: list[str] = told.json["warnings"]
        assert [f"note: {line}" for line in found] == told.err.splitlines()
        return found

    return call


Warned = Callable[..., list[str]]

SEARCHING = ("knn-eval", "knn-eval --matrix", "knn-eval --vote weighted")
TRAINING = (
    "linear-eval --epochs 1",
    "semi-eval --epochs 1 --seeds 1 --shares 1",
    "transfer-eval doubted --encoder shipped --epochs 1",
)


@pytest.mark.parametrize("words", [*SEARCHING, *TRAINING])
def test_nothing_is_doubted_where_all_is_said(words: str, warned: Warned) -> None:
    assert warned(words, "whole") == []


@pytest.mark.parametrize("words", [*SEARCHING, *TRAINING])
def test_every_evaluation_says_the_same(words: str, warned: Warned) -> None:
    searched = words in SEARCHING
    assert warned(words, "lone") == [LACKING if searched else UNTRAINED]
    assert warned(words, "one") == [ONE if searched else ONE_TRAINED]
    assert warned(words, "part") == [UNLABELLED]


def test_neighbours_beyond_the_gallery(warned: Warned) -> None:
    (line,) = warned("knn-eval --k 1,20", "whole")
    assert line == "k is 20, and all queries have 3 clips to be compared with at most: all of these vote"
    assert warned("knn-eval --k 1,3", "whole") == []


def test_a_report_says_it(doubted: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "r.md"
    told = command("report", "--protocol", "lone", "--out", out, "--library", doubted, "--device", "cpu")
    assert told.code == 0, told.err
    assert LACKING in out.read_text(encoding="utf-8")


def test_the_server_says_it(doubted: Path) -> None:
    with Client(Library(doubted)) as client:
        _, job = finish_job(client, "evaluations", {"protocol": "lone", "k": [1, 2], "vote": "weighted"})
        _, table = finish_job(client, "matrices", {"protocol": "one"})
    assert job["document"]["warnings"] == [LACKING]
    assert list(job["document"]["accuracy_at"]) == ["1", "2"]
    assert (job["document"]["vote"], job["document"]["temperature"]) == ("weighted", 0.07)
    assert table["document"]["warnings"] == [ONE]


# arrays


def test_classes_of_both_sides() -> None:
    known, asked = np.array([0, 1, 1]), np.array([0, 1, 2, 2])
    assert doubt_classes(known, known) == []
    (line,) = doubt_classes(known, asked, lacking=TRAINED, what="segments", effect="are not ranked")
    assert line == "2 of the 4 segments are of actions that are not trained: they are not ranked"


def test_votes_of_fewer() -> None:
    assert doubt_votes(3, np.array([3, 4])) == []
    (line,) = doubt_votes(3, np.array([1, 2, 9]))
    assert line == (
        "k is 3, and 2 of the 3 queries have 2 clips to be compared with at most: all of these vote"
    )


def test_labels_that_are_not_there() -> None:
    assert doubt_labels(0, "xsub") == []
    assert doubt_labels(1200, "xsub") == ["1,200 clips of xsub have no label: they are left out"]
