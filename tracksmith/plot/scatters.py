"""Figures of an evaluation: two numbers against each other, distributions, curves, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from tracksmith.plot.style import (
    MEASURED,
    PREDICTED,
    SERIES,
    SOFT,
    figure_of_style,
    inline_svg,
    style,
)

__all__ = ["curves_svg", "histogram_svg", "profiles_svg", "scatter_svg"]

Values = NDArray[np.float64]
BINS = np.linspace(-1, 1, 41).tolist()
COLUMNS = 250
"""Columns of a profile: a longer one is drawn by the means of even pieces."""

MANY = 400
"""More points than this are drawn as a density."""

_DENSITY = LinearSegmentedColormap.from_list("density", ["#b9cfe4", PREDICTED, "#12304f"])


def scatter_svg(x: Values, y: Values, labels: tuple[str, str], title: str) -> str:
    """Return one number against another; hexagons by count where there are many."""
    with style():
        figure = figure_of_style(3.2, 3.0, clear=True)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        if len(x) > MANY:
            drawn = axes.hexbin(
                x, y, gridsize=36, mincnt=1, bins="log", cmap=_DENSITY, linewidths=0.1
            )
            figure.colorbar(drawn, ax=axes, label="count", shrink=0.7).outline.set_visible(False)
        else:
            axes.scatter(x, y, s=9, color=PREDICTED, alpha=0.6, linewidths=0)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=title)
        return inline_svg(figure, f"{title}: {labels[1]} against {labels[0]}, {len(x)} points")


def histogram_svg(series: dict[str, Values], label: str, title: str) -> str:
    """Return distributions of correlations as steps, one for each name; NaN is left out."""
    with style():
        figure = figure_of_style(3.2, 2.4, clear=True)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        for (name, values), colour in zip(series.items(), SERIES, strict=False):
            known = values[~np.isnan(values)]
            if len(known):
                axes.hist(known, BINS, histtype="step", color=colour, label=name, linewidth=1.2)
        axes.set(xlabel=label, ylabel="regions", title=title)
        if len(series) > 1:
            axes.legend()
        return inline_svg(figure, f"{title}: distribution of {label}")


def curves_svg(
    curves: dict[str, tuple[Values, Values]], labels: tuple[str, str], level: float | None
) -> str:
    """Return curves within the unit square; ``level`` is what guessing gives, None a diagonal."""
    with style():
        figure = figure_of_style(3.2, 3.0, clear=True)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        ends = (0, 1) if level is None else (level, level)
        axes.plot((0, 1), ends, color=SOFT, linewidth=0.8, linestyle="--", label="guessing")
        for (name, (x, y)), colour in zip(curves.items(), SERIES, strict=False):
            axes.plot(x, y, color=colour, linewidth=1.2, label=name, drawstyle="steps-post")
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(loc="best")
        return inline_svg(figure, f"{labels[1]} against {labels[0]}")


def profiles_svg(panels: Sequence[tuple[str, Sequence[tuple[Values, Values, Values]]]]) -> str:
    """Return examples of profiles: predicted above, measured below, each on a scale of its own.

    A panel is a title and, for each strand, places (bp), predicted and measured values, NaN where
    there is none; a second strand is drawn downwards.
    """
    with style():
        figure = figure_of_style(6.6, 1.55 * len(panels), clear=True)
        grid: Any = figure.subplots(len(panels), 2, squeeze=False)
        for row, (title, strands) in zip(grid, panels, strict=True):
            for axes, which, colour in zip(row, (1, 2), (PREDICTED, MEASURED), strict=True):
                axes.patch.set_alpha(0)
                for down, strand in enumerate(strands):
                    edges, values = _columns(strand[0], strand[which])
                    axes.stairs(-values if down else values, edges, fill=True, color=colour)
                axes.axhline(0, color=SOFT, linewidth=0.5)
                axes.margins(x=0)
                axes.ticklabel_format(style="plain", useOffset=False)
                axes.locator_params(axis="x", nbins=4)
            row[0].set_title(title, loc="left")
        grid[0][0].annotate(
            "predicted", (1, 1), xycoords="axes fraction", ha="right", va="top", color=PREDICTED
        )
        grid[0][1].annotate(
            "measured", (1, 1), xycoords="axes fraction", ha="right", va="top", color=MEASURED
        )
        return inline_svg(figure, "predicted and measured profiles of single regions")


def _columns(places: Values, values: Values) -> tuple[Values, Values]:
    """Return the edges of columns and their means, 0 where there is no value."""
    pieces = np.array_split(np.arange(len(values)), min(COLUMNS, len(values)))
    means = [np.nanmean(values[piece]) if _known(values[piece]) else 0.0 for piece in pieces]
    edges = [places[0], *(places[piece[-1]] + 1 for piece in pieces)]
    return np.array(edges, float), np.array(means)


def _known(values: Values) -> bool:
    """Say whether any value is there."""
    return bool((~np.isnan(values)).any())
