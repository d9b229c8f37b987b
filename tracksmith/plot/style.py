"""The one style of all figures, and how they become SVG that follows a page's colours."""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

__all__ = ["INK", "MEASURED", "PREDICTED", "SOFT", "figure_of_style", "inline_svg", "style"]

INK = "#1d1f22"
"""Text and axes; in a page they take the colour of its text."""

SOFT = "#8a8f98"
"""Lines of reference: diagonals, what guessing gives."""

PREDICTED, MEASURED = "#2e6fb0", "#d1782a"
"""Told apart by eyes that see no red and green, on white and on dark grey."""

SERIES = (PREDICTED, MEASURED, "#3a9d78", "#b0559b", "#8a7a2f", "#5b5fc7")

_LONG = re.compile(r"(\d\.\d\d)\d+")
"""Hundredths of a point are finer than any screen."""

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tracksmith",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def style() -> Any:
    """Return a context in which figures are made and saved."""
    return rc_context(_SETTINGS)


def figure_of_style(width: float, height: float, *, clear: bool = False) -> Figure:
    """Return an empty figure, in inches; ``clear`` leaves its background to the page."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if clear:
        figure.patch.set_alpha(0)
    FigureCanvasSVG(figure)
    return figure


def inline_svg(figure: Figure, about: str) -> str:
    """Return a figure as an SVG element whose text has the colour of the page around it.

    ``about`` describes it for those who do not see it. The same figure gives the same text.
    """
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    svg = text[text.index("<svg") :].replace(INK, "currentColor")
    svg = _LONG.sub(r"\1", svg)
    described = about.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg", f'<svg role="img" aria-label="{described}"', 1)
