"""A training history as it is read."""

import json
from pathlib import Path

import numpy as np
import pytest
from histories import look, losses, write_history
from refusals import raises_typed

from encoder.errors import UmurlError
from umurl_search.training.history import HISTORY, LOSSES, History, read_history


def test_records_become_columns(history: History) -> None:
    assert history.losses.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert history.losses.epoch.tolist() == [0, 0, 0, 1, 1, 1]
    assert history.losses.seconds.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert history.losses.values["inter"].tolist() == [3 + 1 / s for s in range(1, 7)]
    assert history.embedding.step.tolist() == [3, 6]
    assert history.embedding.values["accuracy"].tolist() == [0.5, 0.75]
    assert (history.epochs, history.resumed) == (2, ())


def test_an_epochs_mean_is_that_of_its_records(history: History) -> None:
    steps, means = history.losses.by_epoch("loss")
    assert steps.tolist() == [2, 5]
    expected = [np.mean([1 + 1 / s for s in chosen]) for chosen in ((1, 2, 3), (4, 5, 6))]
    np.testing.assert_allclose(means, expected, rtol=0, atol=1e-12)


def test_what_a_record_does_not_say_is_no_number_and_counts_nowhere(tmp_path: Path) -> None:
    records = [
        look(1, 0, accuracy=None),
        look(2, 0),
        {"kind": "losses", "step": 3, "epoch": 1, "seconds": 1, "loss": 2},
    ]
    read = read_history(write_history(tmp_path, records))
    assert np.isnan(read.embedding.values["accuracy"]).tolist() == [True, False]
    steps, means = read.embedding.by_epoch("accuracy")
    assert (steps.tolist(), means.tolist()) == ([2], [0.5])
    assert (read.losses.says("loss"), read.losses.says("waiting")) == (True, False)


def test_unknown_kinds_and_keys_are_left_alone(tmp_path: Path) -> None:
    records = [losses(1, 0, gradient=[1, 2]), {"kind": "weather", "rain": True}, {"no": "kind"}]
    read = read_history(write_history(tmp_path, records))
    assert len(read.losses) == 1
    assert set(read.losses.values) == {*LOSSES, "learning_rate", "clips_per_s", "waiting"}


@pytest.mark.parametrize("torn", ['{"kind": "losses", "step": 3, "lo', "{", '"', "{\udcff"])
def test_a_torn_last_line_is_left_out(torn: str, tmp_path: Path) -> None:
    folder = write_history(tmp_path, [losses(1, 0), losses(2, 0)])
    with open(folder / HISTORY, "ab") as file:
        file.write(torn.encode("utf-8", "surrogateescape"))
    assert read_history(folder).losses.step.tolist() == [1, 2]


def test_a_whole_last_line_without_an_end_counts(tmp_path: Path) -> None:
    folder = write_history(tmp_path, [losses(1, 0)], end=json.dumps(losses(2, 0)))
    assert read_history(folder).losses.step.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("loss went up", "not JSON"),
        ('{"kind": "losses", "step": 3, "lo', "not JSON"),
        ("[1, 2]", "not a JSON object"),
        (json.dumps({**losses(2, 0), "loss": "high"}), 'its loss is "high", not a number'),
        (json.dumps({**losses(2, 0), "step": None}), "its step is null, not a number"),
        (json.dumps({**losses(2, 0), "epoch": True}), "its epoch is true, not a number"),
    ],
)
def test_any_other_damaged_line_is_named(line: str, why: str, tmp_path: Path) -> None:
    text = "\n".join([json.dumps(losses(1, 0)), line, json.dumps(losses(3, 0)), ""])
    (tmp_path / HISTORY).write_text(text)
    with pytest.raises(
        UmurlError, match=r"history\.jsonl: line 2 of the training history is damaged"
    ) as caught:
        read_history(tmp_path)
    assert why in caught.value.typed


def test_a_missing_history_names_what_writes_one(tmp_path: Path) -> None:
    with raises_typed("no training history: umurl-search train NAME writes one"):
        read_history(tmp_path)


def test_steps_that_a_resumed_run_repeated_are_what_it_said_last(tmp_path: Path) -> None:
    first = [losses(step, 0, loss=9.0) for step in (1, 2, 3, 4)]
    again = [losses(step, 0, loss=5.0) for step in (3, 4, 5)]
    resumed = {"kind": "resumed", "step": 2, "epoch": 0, "seconds": 1.0}
    read = read_history(
        write_history(tmp_path, [*first, look(4, 0), resumed, *again, look(4, 0, accuracy=0.9)])
    )
    assert read.losses.step.tolist() == [1, 2, 3, 4, 5]
    assert read.losses.values["loss"].tolist() == [9, 9, 5, 5, 5]
    assert read.embedding.values["accuracy"].tolist() == [0.9]
    assert read.resumed == (2,)
