"""Draws a training history: losses by term, learning rate, the embedding's health, speed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from umurl_search.files.atomic import replace_file, require_place
from umurl_search.report.mpl_style import BLUE, FAINT, INK, LINES, ORANGE, new_figure, picture, quiet_axes
from umurl_search.report.page import Page, Picture, Section, to_html
from umurl_search.training.history import LOSSES, History, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".html")
TITLE = "Training curves"
_COLUMNS = 3
_FEW = 40
Panel = Callable[["Axes", History], None]


def check_drawable(out: Path) -> None:
    """Raises UmurlError when curves could not be drawn to `out`: to be known before a long run."""
    require_place(out, *SUFFIXES)
    new_figure(1, 1)


def draw_curves(history: History, out: Path) -> None:
    """Writes the curves of a run to a .png, .svg or .html file, in one step.

    Raises UmurlError when matplotlib is missing or `out` is no such file in a folder that exists.
    """
    require_place(out, *SUFFIXES)
    figure = curves_figure(history)
    if out.suffix.lower() == ".html":
        drawn = Picture(name="curves", png=picture(figure), caption=summary(history))
        page = Page(title=TITLE, sections=[Section(title="", blocks=[drawn])])
        replace_file(out, to_html(page).encode("utf-8"))
    else:
        replace_file(out, picture(figure, kind=out.suffix.lower()[1:]))


def summary(history: History) -> str:
    """The run in a line."""
    n = int(history.losses.step[-1]) if len(history.losses) else 0
    steps = f"{n:,} step{'s' * (n != 1)}" if len(history.losses) else "no steps"
    times = f", resumed after step {', '.join(f'{s:,}' for s in history.resumed)}" if history.resumed else ""
    epochs = "1 epoch" if history.epochs == 1 else f"{history.epochs:,} epochs"
    return f"{epochs}, {steps}{_describe_tuning(history)}{times}. Thin: every record. Thick: the mean of each epoch."


def _describe_tuning(history: History) -> str:
    """Where contrastive tuning, whose loss has no terms, begins."""
    alone = np.isnan(history.losses.values["intra"]) & np.isfinite(history.losses.values["loss"])
    if not alone.any():
        return ""
    before = history.losses.step[~alone]
    return (
        f", contrastive tuning after step {before[-1]:,}"
        if len(before)
        else ", contrastive tuning throughout"
    )


def curves_figure(history: History) -> "Figure":
    """A panel for each thing that the history tells of."""
    panels = _panels(history)
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(4.2 * columns, 2.9 * rows)
    for i, (title, draw) in enumerate(panels, start=1):
        axes = quiet_axes(figure.add_subplot(rows, columns, i), title)
        draw(axes, history)
        for step in history.resumed:
            axes.axvline(step, color=FAINT, linewidth=0.8, linestyle=":")
        axes.set_xlabel("step", fontsize=8)
    return figure


def _panels(history: History) -> list[tuple[str, Panel]]:
    losses, embedding = history.losses, history.embedding
    offered: list[tuple[bool, str, Panel]] = [
        (True, "loss", lambda axes, h: _plot_curves(axes, h.losses, LOSSES[:1], logarithmic=True)),
        (bool(_find_varying(losses, LOSSES[1:])), "loss by term", _plot_terms),
        (losses.says("learning_rate"), "learning rate", _plot_learning_rate),
        (
            embedding.says("rank") or embedding.says("spread"),
            "rank and spread of the embedding",
            _plot_health,
        ),
        (embedding.says("accuracy"), "1-NN accuracy, held-out clips", _plot_accuracy),
        (losses.says("clips_per_s"), "speed", _plot_speed),
    ]
    return [(title, draw) for shown, title, draw in offered if shown]


def _plot_curves(axes: "Axes", series: Series, names: tuple[str, ...], *, logarithmic: bool = False) -> None:
    """Every record thin, epochs' means thick; on a logarithmic scale, if wanted, where all of it is positive."""
    shown = _find_varying(series, names)
    for name, colour in zip(shown, LINES, strict=False):
        values = series.values[name]
        axes.plot(series.step, values, color=colour, linewidth=0.6, alpha=0.35)
        steps, means = series.by_epoch(name)
        axes.plot(steps, means, color=colour, linewidth=1.8, label=name, marker=_marker(steps), markersize=3)
    drawn = np.concatenate([series.values[name] for name in shown]) if shown else np.ones(0)
    if logarithmic and (drawn[np.isfinite(drawn)] > 0).all():
        _set_logarithmic(axes)
    if len(shown) > 1:
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.03, 0.97),
            ncols=len(shown),
            fontsize=7,
            frameon=False,
            handlelength=0.9,
            columnspacing=0.9,
            handletextpad=0.3,
        )


def _find_varying(series: Series, names: tuple[str, ...]) -> list[str]:
    """Those that some record tells of and that are not zero throughout, as a term that there is no need for."""
    return [name for name in names if np.any(np.nan_to_num(series.values[name]) != 0)]


def _set_logarithmic(axes: "Axes") -> None:
    """A logarithmic scale marked at 1, 2 and 5 of every decade, in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _plot_terms(axes: "Axes", history: History) -> None:
    _plot_curves(axes, history.losses, LOSSES[1:], logarithmic=True)


def _plot_learning_rate(axes: "Axes", history: History) -> None:
    axes.plot(history.losses.step, history.losses.values["learning_rate"], color=BLUE, linewidth=1.4)
    axes.set_ylim(bottom=0)


def _plot_health(axes: "Axes", history: History) -> None:
    """Effective rank on the left, spread on the right."""
    series = history.embedding
    marker = _marker(series.step)
    axes.plot(series.step, series.values["rank"], color=BLUE, linewidth=1.4, marker=marker, markersize=3)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("effective rank", fontsize=8, color=BLUE)
    right = axes.twinx()
    quiet_axes(right).spines["right"].set(visible=True, color=FAINT)
    right.plot(series.step, series.values["spread"], color=ORANGE, linewidth=1.4, marker=marker, markersize=3)
    right.set_ylim(0, 1.05)
    right.set_ylabel("spread (1: as wide as can be)", fontsize=8, color=ORANGE)


def _plot_accuracy(axes: "Axes", history: History) -> None:
    series = history.embedding
    known = np.isfinite(series.values["accuracy"])
    steps, accuracy = series.step[known], series.values["accuracy"][known]
    axes.plot(steps, 100 * accuracy, color=BLUE, linewidth=1.4, marker=_marker(steps), markersize=3)
    axes.set_ylabel("%", fontsize=8)
    axes.text(
        0.98,
        0.04,
        f"last: {100 * accuracy[-1]:.1f} %",
        transform=axes.transAxes,
        ha="right",
        fontsize=8,
        color=INK,
    )


def _plot_speed(axes: "Axes", history: History) -> None:
    """Clips a second on the left; the share of the time that went into preparing data on the right."""
    _plot_curves(axes, history.losses, ("clips_per_s",))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("clips/s", fontsize=8, color=BLUE)
    if not history.losses.says("waiting"):
        return
    right = axes.twinx()
    quiet_axes(right).spines["right"].set(visible=True, color=FAINT)
    steps, waiting = history.losses.by_epoch("waiting")
    right.plot(steps, 100 * waiting, color=ORANGE, linewidth=1.4, marker=_marker(steps), markersize=3)
    right.set_ylim(0, 100)
    right.set_ylabel("% of the time spent preparing data", fontsize=8, color=ORANGE)


def _marker(steps: NDArray[Any]) -> str:
    """Dots where there are few points: a line through one of them shows nothing."""
    return "o" if len(steps) <= _FEW else ""
