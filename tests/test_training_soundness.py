"""What is wrong with a training run is told, kept with the encoder, and keeps it from being the default."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from numpy.typing import NDArray

from umurl_search.evaluation.metrics import effective_rank
from umurl_search.library.library import Library
from umurl_search.training.history import HISTORY, History, read_history
from umurl_search.training.soundness import DIVERGED, TrainingLook, describe_embedding, doubt_run

Command = Callable[..., Result]
SOUND = TrainingLook(rank=40.0, spread=0.2, right=None)


def history(folder: Path, losses: list[float]) -> History:
    lines = [
        {"kind": "losses", "step": i + 1, "epoch": 0, "seconds": i, "loss": loss}
        for i, loss in enumerate(losses)
    ]
    (folder / HISTORY).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_history(folder)


@pytest.mark.parametrize("losses", [[30.0], [30.0, 25.0], [30.0, 30.0 * DIVERGED], []])
def test_a_loss_that_stays_is_sound(losses: list[float], tmp_path: Path) -> None:
    assert doubt_run(history(tmp_path, losses), SOUND, None) == []


def test_a_loss_far_above_its_first_value(tmp_path: Path) -> None:
    (line,) = doubt_run(history(tmp_path, [30.0, 2e5, 1e16]), SOUND, None)
    assert line == "it diverged: its loss began at 30 and ended at 1e+16"


@pytest.mark.parametrize(("rank", "spread"), [(40.0, 0.001), (1.0, 0.2), (0.0, 0.0)])
def test_an_embedding_that_collapsed(rank: float, spread: float, tmp_path: Path) -> None:
    (line,) = doubt_run(
        history(tmp_path, [3.0, 2.0]), TrainingLook(rank=rank, spread=spread, right=None), None
    )
    assert line.startswith("it collapsed: embeddings of all clips are alike")


def shares(own: int, shipped: int, n: int = 100) -> list[NDArray[np.bool_]]:
    return [np.arange(n) < own, np.arange(n) < shipped]


@pytest.mark.parametrize(
    ("own", "shipped", "is_worse"),
    [(90, 90, False), (95, 90, False), (88, 90, False), (80, 90, True), (0, 90, True)],
)
def test_a_look_that_is_worse_for_sure(own: int, shipped: int, is_worse: bool, tmp_path: Path) -> None:
    looks = [TrainingLook(rank=40.0, spread=0.2, right=right) for right in shares(own, shipped)]
    found = doubt_run(history(tmp_path, [3.0, 2.0]), *looks)
    said = f"1-NN among training clips {own}.0 %, there {shipped}.0 %"
    assert found == ([f"its look is worse than the shipped encoder's: {said}"] if is_worse else [])


def test_a_look_is_that_of_the_nearest_other_clip() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(50, 8)).astype(np.float32)
    y[10] = y[11]
    labels = rng.integers(-1, 4, 50)
    labels[3] = 9
    look = describe_embedding(y, labels)
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    expected = []
    for i in range(50):
        others = [j for j in range(50) if j != i and labels[j] >= 0]
        if labels[i] >= 0 and labels[i] != 9:
            nearest = max(others, key=lambda j: float(unit[i] @ unit[j]))
            expected.append(labels[nearest] == labels[i])
    assert look.right is not None
    assert look.right.tolist() == expected
    assert look.accuracy == pytest.approx(np.mean(expected))
    assert look.rank == effective_rank(y)


def test_a_look_without_labels_or_numbers_says_nothing_of_them() -> None:
    y = np.ones((4, 3), np.float32)
    assert describe_embedding(y, np.full(4, -1)).accuracy is None
    assert describe_embedding(y, np.zeros(4, np.int64)).accuracy is None
    assert describe_embedding(y, np.arange(4)).accuracy is None
    assert describe_embedding(y * np.nan, np.zeros(4, np.int64)) == TrainingLook(
        rank=0.0, spread=0.0, right=None
    )


TRAIN = (
    "train",
    "mine",
    "--preset",
    "tiny",
    "--epochs",
    3,
    "--batch-size",
    16,
    "--learning-rate",
    10,
    "--as",
    "bad",
)


def test_a_run_that_diverged_is_said_and_is_not_the_default(library: Library, command: Command) -> None:
    assert command("delete", "encoder:e").code == 0
    told = command(*TRAIN, "--json")
    assert told.code == 0, told.err
    (first, *_) = told.json["warnings"]
    assert first.startswith("encoder bad is used only where it is named: it diverged: its loss began at ")
    assert f"note: {first}" in told.err.splitlines()
    built = command("build-index", "mine", "--json")
    assert built.json["encoder"] == "shipped"
    assert built.json["encoder_why"] == "the shipped one, as none that is sound was made for mine"
    assert built.json["warnings"][0].startswith("encoder bad is passed over: it diverged: ")
    asked = command("build-index", "mine", "--encoder", "bad", "--json")
    assert (asked.json["encoder"], asked.json["encoder_why"]) == ("bad", "as asked")
    assert asked.json["warnings"][0].startswith("encoder bad: it diverged: ")
