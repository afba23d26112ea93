"""What a training run tells of itself, and that looking changes nothing."""

import json

import numpy as np
import pytest
from small_trainings import STEPS, TINY, TWELVE_EPOCHS, interrupt, like_tiny, weights

from encoder.errors import UmurlError
from umurl_search.library.library import Library
from umurl_search.training import monitor
from umurl_search.training.history import read_history
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings


# a loss that is no number


@pytest.mark.parametrize("looks", [0, 1000])
def test_a_look_does_not_hide_a_loss_that_is_no_number(library: Library, looks: int) -> None:
    request = like_tiny(learning_rate=1e30, looks=looks, save_every_s=60.0)
    with pytest.raises(UmurlError) as error:
        train_encoder(library, request)
    assert "at step" in error.value.typed
    assert error.value.typed.endswith("give a lower learning rate or --precision float32")
    train_encoder(library, TINY)  # nothing was kept that it would discard


# what it says of itself


@pytest.mark.parametrize("stop", [11, 17, 21])
def test_a_resumed_history_of_means_is_that_of_one_run(
    library: Library, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr(monitor, "MOST_LINES", 6)  # 24 steps, 4 a line, tuning after step 18
    few = {
        "epochs": 6,
        "tune_epochs": 2,
        "batch_size": 8,
        "width": 4,
        "projection": 4,
        "modalities": ("joint",),
    }
    told = []
    for name in ("whole", "torn"):
        request = like_tiny(**few, name=name)
        if name == "torn":
            interrupt(library, request, after=stop)
        train_encoder(library, request, resume=name == "torn")
        text = (library.encoder(name) / "history.jsonl").read_text()
        lines = [line for line in map(json.loads, text.splitlines()) if line["kind"] == "losses"]
        told.append([(line["step"], line["epoch"], line["learning_rate"], line["loss"]) for line in lines])
    assert told[1] == told[0]
    assert [step for step, *_ in told[0]] == [4, 8, 12, 16, 18, 20, 24]


def test_looking_changes_nothing(library: Library) -> None:
    for name, looks in (("unseen", 0), ("seen", 1000)):
        train_encoder(library, like_tiny(name=name, looks=looks))
    assert weights(library, "seen") == weights(library, "unseen")
    assert len(read_history(library.encoder("seen")).embedding) == STEPS


def test_as_many_looks_as_asked_for_at_most(library: Library) -> None:
    train_encoder(library, like_tiny(looks=10))
    assert read_history(library.encoder("slow")).embedding.step.tolist() == list(range(2, STEPS + 1, 2))


def test_the_history(library: Library) -> None:
    request = TrainRequest(**{**vars(TWELVE_EPOCHS), "looks": 4, "epochs": 8})
    report = train_encoder(library, request)
    history = read_history(library.encoder("slow"))
    assert history.losses.step.tolist() == list(range(1, 9))
    assert history.losses.values["loss"][-1] == pytest.approx(report.losses["loss"])
    assert history.embedding.step.tolist() == [2, 4, 6, 8]
    assert history.embedding.values["rank"][-1] == report.embedding["rank"]
    assert all(1 < rank < 30 for rank in history.embedding.values["rank"])
    assert all(0 <= accuracy <= 1 for accuracy in history.embedding.values["accuracy"])


def test_a_long_history_holds_means_over_steps(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"looks": 0, "epochs": 2, "batch_size": 2, "width": 4, "projection": 4, "modalities": ("joint",)}
    train_encoder(library, TrainRequest(**{**vars(TWELVE_EPOCHS), **few, "name": "every"}))
    monkeypatch.setattr(monitor, "MOST_LINES", 7)
    train_encoder(library, TrainRequest(**{**vars(TWELVE_EPOCHS), **few}))
    every, history = (read_history(library.encoder(name)) for name in ("every", "slow"))
    assert every.losses.step.tolist() == list(range(1, 31))
    assert history.losses.step.tolist() == [4, 8, 12, 16, 20, 24, 28, 30]
    means = [every.losses.values["loss"][i : i + 4].mean() for i in range(0, 30, 4)]
    np.testing.assert_allclose(history.losses.values["loss"], means)
    assert len(history.embedding) == 0
