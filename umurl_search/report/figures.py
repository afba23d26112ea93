"""The report's figures: classes, their confusion, a map of the embedding. Letters: C classes, N clips."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.types import Labels
from umurl_search.evaluation.confusion import Confusion
from umurl_search.evaluation.projection import Points
from umurl_search.report.mpl_style import BLUE, FAINT, INK, new_figure, quiet_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 40
"""Classes at most for names along an axis or in a legend; more go by number."""
_GOLDEN = 0.618034
_ROUNDS = 60


@dataclass(frozen=True, kw_only=True)
class Bar:
    name: str
    accuracy: float
    queries: int


def class_bars(bars: Sequence[Bar], *, average: float) -> "Figure":
    """A bar a class, as given from the top down, and a line at the accuracy over all queries."""
    figure = new_figure(8.5, 0.9 + 0.2 * len(bars))
    axes = quiet_axes(figure.add_subplot())
    places = range(len(bars))
    axes.barh(places, [100 * bar.accuracy for bar in bars], height=0.72, color=BLUE)
    axes.axvline(100 * average, color=INK, linewidth=0.9, linestyle="--")
    for place, bar in zip(places, bars, strict=True):
        _write_accuracy(axes, place, 100 * bar.accuracy)
    axes.set_yticks(places, [bar.name for bar in bars], fontsize=8, parse_math=False)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"1-NN accuracy, %   (dashed: {100 * average:.1f} over all queries)", fontsize=8)
    return figure


def _write_accuracy(axes: "Axes", place: int, percent: float) -> None:
    """Inside the end of its bar, or beside a bar too short for it."""
    inside = percent > 8
    x, side, colour = (percent - 0.6, "right", "white") if inside else (percent + 0.6, "left", INK)
    axes.text(x, place, f"{percent:.1f}", va="center_baseline", ha=side, fontsize=7, color=colour)


def confusion_map(found: Confusion, names: Sequence[str]) -> "Figure":
    """Rows: what the clips are; columns: what they were taken for; shades: the share of the row, small ones lifted."""
    from matplotlib.colors import PowerNorm

    n = len(found.classes)
    named = n <= MOST_NAMED
    side = min(13.0, max(4.5, 2.4 + (0.26 if named else 0.1) * n))
    figure = new_figure(side, side)
    axes = figure.add_subplot()
    totals = found.counts.sum(axis=1, keepdims=True)
    shares = found.counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.6, 0, 1), aspect="equal", interpolation="nearest")
    ticks = range(0, n, 1 if named else 5)
    labels = [names[i] if named else str(found.classes[i]) for i in ticks]
    axes.set_xticks(ticks, labels, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(ticks, labels, fontsize=8, parse_math=False)
    axes.set_xlabel("taken for", fontsize=9)
    axes.set_ylabel("is", fontsize=9)
    axes.tick_params(length=2, color=FAINT)
    axes.spines[:].set_color(FAINT)
    if named:
        _write_counts(axes, found.counts, shares)
    return figure


def _write_counts(axes: "Axes", counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.4 else INK
        text = str(counts[row, column])
        axes.text(
            column, row, text, ha="center", va="center", fontsize=7 if len(text) < 4 else 5, color=colour
        )


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """points: (N, 2), labels: (N,), test: (N,) whether a clip is a query (else it is of the gallery)."""

    title: str
    points: Points
    labels: Labels
    test: NDArray[np.bool_]


def embedding_figure(clouds: Sequence[Cloud], names: dict[int, str]) -> "Figure":
    """Test clips by colour of their class over the gallery in grey; each class's number at its middle."""
    classes = sorted(names)
    legend = len(classes) <= MOST_NAMED
    rows = -(-len(classes) // 6) if legend else 0
    figure = new_figure(5.6 * len(clouds) + 0.4, 5.9 + 0.19 * rows)
    colours = _colours(len(classes))
    for i, cloud in enumerate(clouds, start=1):
        axes = quiet_axes(figure.add_subplot(1, len(clouds), i), cloud.title)
        _scatter(axes, cloud, classes, colours)
    if legend:
        drawn = figure.axes[0].collections[1:]
        listed = [f"{label}  {names[label]}" for label in classes]
        box = figure.legend(
            drawn, listed, loc="outside lower center", ncols=6, fontsize=8, frameon=False, markerscale=2
        )
        for text in box.get_texts():
            text.set_parse_math(False)
    return figure


def _scatter(axes: "Axes", cloud: Cloud, classes: list[int], colours: NDArray[np.float64]) -> None:
    from matplotlib.patheffects import withStroke

    small = 14 if len(cloud.points) < 1500 else 5
    x, y = cloud.points[~cloud.test].T
    axes.scatter(x, y, s=small * 0.6, color="#c9ced4", linewidths=0)
    for label, colour in zip(classes, colours, strict=True):
        x, y = cloud.points[cloud.test & (cloud.labels == label)].T
        axes.scatter(x, y, s=small, color=[colour], linewidths=0)
    halo = [withStroke(linewidth=2.2, foreground="white")]
    shown = [label for label in classes if (cloud.test & (cloud.labels == label)).any()]
    middles = np.array([_medoid(cloud.points[cloud.test & (cloud.labels == label)]) for label in shown])
    for label, (x, y) in zip(shown, _push_apart(middles, extent=np.ptp(cloud.points, axis=0)), strict=True):
        axes.text(x, y, str(label), ha="center", va="center", fontsize=9, color=INK, path_effects=halo)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _medoid(points: Points) -> Points:
    """The point nearest to the median of them all: (2,)."""
    return np.asarray(points[np.linalg.norm(points - np.median(points, axis=0), axis=1).argmin()])


def _push_apart(places: Points, *, extent: Points) -> Points:
    """Places of labels (C, 2), pushed up and down until no two of them overlap, or enough has been tried.

    extent: (2,) width and height of all that is drawn.
    """
    width, height = 0.032 * extent[0], 0.027 * extent[1]
    out = places.copy()
    for _ in range(_ROUNDS):
        dx, dy = (out[:, None, axis] - out[None, :, axis] for axis in (0, 1))
        close = (np.abs(dx) < width) & (np.abs(dy) < height) & ~np.eye(len(out), dtype=bool)
        if not close.any():
            break
        order = np.sign(np.arange(len(out))[:, None] - np.arange(len(out)))
        upwards = np.where(dy == 0, order, np.sign(dy))
        out[:, 1] += np.where(close, upwards * (height - np.abs(dy)) * 0.3, 0).sum(axis=1)
    return out


def _colours(n: int) -> NDArray[np.float64]:
    """(n, 3): n hues, those of neighbours in the list far apart, those next to each other in other shades."""
    from matplotlib.colors import hsv_to_rgb

    step = next(k for k in range(max(1, round(n * _GOLDEN)), n + 2) if math.gcd(k, n) == 1)
    place = (np.arange(n) * step) % n
    shade = place % 3
    saturation, value = np.choose(shade, [0.9, 0.5, 0.75]), np.choose(shade, [0.85, 0.95, 0.55])
    return np.asarray(hsv_to_rgb(np.stack([place / n, saturation, value], axis=1)))
