"""A training history as it is drawn."""

import sys
from pathlib import Path

import numpy as np
import pytest
from histories import write_history
from refusals import raises_typed

from umurl_search.report.training_curves import check_drawable, curves_figure, draw_curves, summary
from umurl_search.training.history import History, read_history

PNG = b"\x89PNG\r\n\x1a\n"


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
    bare = write_history(tmp_path, [{"kind": "losses", "step": 1, "epoch": 0, "seconds": 0.1, "loss": 3.0}])
    assert titles(read_history(bare)) == ["loss"]
    lines = [
        {"kind": "losses", "step": 1, "epoch": 0, "seconds": 0.1, "loss": 3.0, "intra": 1.0, "inter": 0.0},
        {"kind": "losses", "step": 2, "epoch": 1, "seconds": 0.2, "loss": 2.0},
    ]
    tuned = read_history(write_history(tmp_path, lines))
    assert titles(tuned) == ["loss", "loss by term"]
    assert len(curves_figure(tuned).axes[1].get_lines()) == 2  # intra's; inter is nothing but zero
    assert summary(tuned).startswith("2 epochs, 2 steps, contrastive tuning after step 1.")


def test_the_lines_drawn_are_the_records_and_their_means(history: History) -> None:
    every, means = curves_figure(history).axes[0].get_lines()
    np.testing.assert_array_equal(every.get_ydata(), history.losses.values["loss"])
    np.testing.assert_array_equal(means.get_xdata(), [2, 5])


def test_an_empty_history_is_drawn_as_no_steps(tmp_path: Path) -> None:
    nothing = read_history(write_history(tmp_path, []))
    assert summary(nothing).startswith("0 epochs, no steps")
    draw_curves(nothing, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "absent/curves.png"])
def test_a_place_that_cannot_be_drawn_to_is_refused(name: str, history: History, tmp_path: Path) -> None:
    for check in (check_drawable, lambda out: draw_curves(history, out)):
        with raises_typed(r"give a file that ends in \.png, \.svg or \.html, in a folder that"):
            check(tmp_path / name)


def test_without_matplotlib_it_says_what_to_install(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for check in (check_drawable, lambda out: draw_curves(history, out)):
        with raises_typed(r'matplotlib.*pip install "umurl-search\[report\]"'):
            check(tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
