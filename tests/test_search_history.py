"""A training history: read, and drawn."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.errors import UmurlError
from umurl_search.report.training_curves import check_drawable, curves_figure, draw_curves, summary
from umurl_search.training.history import HISTORY, LOSSES, History, read_history

PNG = b"\x89PNG\r\n\x1a\n"


def losses(step: int, epoch: int, **values: Any) -> dict[str, Any]:
    terms = {name: 1.0 + i + 1 / step for i, name in enumerate(LOSSES)}
    rest = {"learning_rate": 1e-3, "clips_per_s": 200.0, "waiting": 0.25, "seconds": 0.5 * step}
    return {"kind": "losses", "step": step, "epoch": epoch, **terms, **rest, **values}


def look(step: int, epoch: int, **values: Any) -> dict[str, Any]:
    seen = {"rank": 12.5, "spread": 0.4, "accuracy": 0.5}
    return {"kind": "embedding", "step": step, "epoch": epoch, "seconds": 1.0, **seen, **values}


def written(folder: Path, records: Iterable[dict[str, Any]], *, end: str = "") -> Path:
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / HISTORY).write_text(text + end, encoding="utf-8")
    return folder


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Six steps in two epochs, two looks."""
    records = [losses(step, (step - 1) // 3) for step in range(1, 7)]
    return read_history(written(tmp_path, [*records, look(3, 0), look(6, 1, accuracy=0.75)]))


# reading


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
    read = read_history(written(tmp_path, records))
    assert np.isnan(read.embedding.values["accuracy"]).tolist() == [True, False]
    steps, means = read.embedding.by_epoch("accuracy")
    assert (steps.tolist(), means.tolist()) == ([2], [0.5])
    assert (read.losses.says("loss"), read.losses.says("waiting")) == (True, False)


def test_unknown_kinds_and_keys_are_left_alone(tmp_path: Path) -> None:
    records = [losses(1, 0, gradient=[1, 2]), {"kind": "weather", "rain": True}, {"no": "kind"}]
    read = read_history(written(tmp_path, records))
    assert len(read.losses) == 1
    assert set(read.losses.values) == {*LOSSES, "learning_rate", "clips_per_s", "waiting"}


@pytest.mark.parametrize("torn", ['{"kind": "losses", "step": 3, "lo', "{", '"', "{\udcff"])
def test_a_torn_last_line_is_left_out(torn: str, tmp_path: Path) -> None:
    folder = written(tmp_path, [losses(1, 0), losses(2, 0)])
    with open(folder / HISTORY, "ab") as file:
        file.write(torn.encode("utf-8", "surrogateescape"))
    assert read_history(folder).losses.step.tolist() == [1, 2]


def test_a_whole_last_line_without_an_end_counts(tmp_path: Path) -> None:
    folder = written(tmp_path, [losses(1, 0)], end=json.dumps(losses(2, 0)))
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
    assert why in str(caught.value)


def test_a_missing_history_names_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match="no training history; umurl-search train writes one"):
        read_history(tmp_path)


def test_steps_that_a_resumed_run_repeated_are_what_it_said_last(tmp_path: Path) -> None:
    first = [losses(step, 0, loss=9.0) for step in (1, 2, 3, 4)]
    again = [losses(step, 0, loss=5.0) for step in (3, 4, 5)]
    resumed = {"kind": "resumed", "step": 2, "epoch": 0, "seconds": 1.0}
    read = read_history(written(tmp_path, [*first, look(4, 0), resumed, *again, look(4, 0, accuracy=0.9)]))
    assert read.losses.step.tolist() == [1, 2, 3, 4, 5]
    assert read.losses.values["loss"].tolist() == [9, 9, 5, 5, 5]
    assert read.embedding.values["accuracy"].tolist() == [0.9]
    assert read.resumed == (2,)


# drawing


def test_every_suffix_is_written_whole(history: History, tmp_path: Path) -> None:
    for suffix in (".png", ".svg", ".html"):
        draw_curves(history, tmp_path / f"curves{suffix}")
    assert (tmp_path / "curves.png").read_bytes().startswith(PNG)
    assert "<svg" in (tmp_path / "curves.svg").read_text(encoding="utf-8")
    page = (tmp_path / "curves.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert "2 epochs, 6 steps" in page
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".jsonl", ".png", ".svg"]


def test_the_same_history_gives_the_same_picture(history: History, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw_curves(history, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_panels_show_what_there_is(history: History, tmp_path: Path) -> None:
    def titles(drawn: History) -> list[str]:
        return [
            axes.get_title(loc="left") for axes in curves_figure(drawn).axes if axes.get_title(loc="left")
        ]

    assert titles(history) == [
        "loss",
        "loss by term",
        "learning rate",
        "rank and spread of the embedding",
        "1-NN accuracy, held-out clips",
        "speed",
    ]
    bare = written(tmp_path, [{"kind": "losses", "step": 1, "epoch": 0, "seconds": 0.1, "loss": 3.0}])
    assert titles(read_history(bare)) == ["loss"]
    lines = [
        {"kind": "losses", "step": 1, "epoch": 0, "seconds": 0.1, "loss": 3.0, "intra": 1.0, "inter": 0.0},
        {"kind": "losses", "step": 2, "epoch": 1, "seconds": 0.2, "loss": 2.0},
    ]
    tuned = read_history(written(tmp_path, lines))
    assert titles(tuned) == ["loss", "loss by term"]
    assert len(curves_figure(tuned).axes[1].get_lines()) == 2  # intra's; inter is nothing but zero
    assert summary(tuned).startswith("2 epochs, 2 steps, contrastive tuning after step 1.")


def test_the_lines_drawn_are_the_records_and_their_means(history: History) -> None:
    every, means = curves_figure(history).axes[0].get_lines()
    np.testing.assert_array_equal(every.get_ydata(), history.losses.values["loss"])
    np.testing.assert_array_equal(means.get_xdata(), [2, 5])


def test_an_empty_history_is_drawn_as_no_steps(tmp_path: Path) -> None:
    nothing = read_history(written(tmp_path, []))
    assert summary(nothing).startswith("0 epochs, no steps")
    draw_curves(nothing, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "absent/curves.png"])
def test_a_place_that_cannot_be_drawn_to_is_refused(name: str, history: History, tmp_path: Path) -> None:
    for check in (check_drawable, lambda out: draw_curves(history, out)):
        with pytest.raises(
            UmurlError, match=r"give a file that ends in \.png, \.svg or \.html, in a folder that"
        ):
            check(tmp_path / name)


def test_without_matplotlib_it_says_what_to_install(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for check in (check_drawable, lambda out: draw_curves(history, out)):
        with pytest.raises(UmurlError, match=r'matplotlib.*pip install "umurl-search\[report\]"'):
            check(tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
