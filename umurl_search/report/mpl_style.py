"""Figures as files: the only `import matplotlib`. No window, no global state."""

import io
from typing import TYPE_CHECKING, Any

from encoder.errors import MissingPackageError, reason_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, BLUE, ORANGE, RED, GREEN = "#24292f", "#8c959f", "#2f6db3", "#d9822b", "#c0392b", "#3a8f4d"
LINES = (BLUE, ORANGE, GREEN, RED, "#7d5ba6")
_DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, inches. Raises UmurlError, saying how to install it, when there is no matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError(
            f"figures need matplotlib, which is not installed ({reason_of(error)})",
            'pip install "umurl-search[report]"',
        ) from error
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(
        figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08), facecolor="white"
    )


def quiet_axes(axes: "Axes", title: str = "") -> "Axes":
    """The axes without a box around them, small letters, a title at the left."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=8, colors=INK, length=3, color=FAINT)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    return axes


def picture(figure: "Figure", *, kind: str = "png") -> bytes:
    """The figure as png or svg; the same figure gives the same png."""
    out = io.BytesIO()
    stamp: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(out, format=kind, dpi=_DOTS_PER_INCH, metadata=stamp)
    return out.getvalue()
