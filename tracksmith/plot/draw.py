"""A picture of a locus: rows of one width over one scale of positions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Affine2D

from tracksmith.errors import UsageError
from tracksmith.files import aside
from tracksmith.genome.intervals import Interval
from tracksmith.plot.genes import Gene, in_lanes
from tracksmith.plot.locus import Locus, Signal, Variant, steps_of
from tracksmith.plot.style import INK, SOFT, figure_of_style, style

__all__ = ["FORMATS", "draw_locus", "save_figure"]

FORMATS = ("svg", "pdf", "png")
TRACK, VARIANTS, LANE, SCALE = 0.5, 0.5, 0.24, 0.28
"""Heights of rows in inches."""

LABEL = 34
"""Points between a row and its label: room for the numbers of its scale."""

MOST_NAMES = 12
BASES = {"A": "#2c9f45", "C": "#2e6fb0", "G": "#d1882a", "T": "#c0392b", "N": SOFT}
BOLD = FontProperties(family="DejaVu Sans", weight="bold")


def draw_locus(locus: Locus, width: float = 6.9, title: str = "") -> Figure:
    """Return the picture of a locus, ``width`` inches wide."""
    lanes = in_lanes(locus.genes, max(1, len(locus.region) // 8))
    heights = [SCALE, *[TRACK] * len(locus.signals), *[VARIANTS] * len(locus.variants)]
    heights += [len(lanes) * LANE + 0.15] if locus.genes else []
    with style():
        figure = figure_of_style(width, sum(heights) + 0.45 + 0.2 * bool(title))
        grid: Any = figure.subplots(
            len(heights), 1, sharex=True, squeeze=False, height_ratios=heights
        )
        rows = iter(grid[:, 0])
        _draw_scale(next(rows), locus.region)
        limits = _limits(locus.signals)
        for signal in locus.signals:
            _draw_signal(next(rows), signal, locus, limits[signal.group])
        for owner, variants in locus.variants:
            _draw_variants(next(rows), owner, variants)
        if locus.genes:
            _draw_genes(next(rows), lanes, locus.region)
        _finish_axes(grid[:, 0], locus.region)
        if title:
            figure.suptitle(title, fontsize=9)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, PDF or PNG, by the end of its name; whole or not at all.

    Raises
    ------
    UsageError
        The name ends otherwise.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"-o {path}: a picture is an .svg, .pdf or .png.")
    buffer = io.BytesIO()
    nothing = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    with style():
        figure.savefig(buffer, format=kind, dpi=300, metadata=nothing)
    with aside(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _limits(signals: list[Signal]) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return the scale of each group of tracks: from 0, or below it, to the largest value."""
    limits: dict[tuple[str, ...], tuple[float, float]] = {}
    for signal in signals:
        known = signal.values[~np.isnan(signal.values)]
        low, high = limits.get(signal.group, (0.0, 0.0))
        if len(known):
            low, high = min(low, float(known.min())), max(high, float(known.max()))
        limits[signal.group] = (low, high)
    return limits


def _draw_signal(axes: Any, signal: Signal, locus: Locus, limits: tuple[float, float]) -> None:
    colour = tuple(part / 255 for part in signal.colour)
    if signal.letters and locus.bases:
        _draw_letters(axes, signal, locus)
    else:
        edges, heights = steps_of(signal.values, locus.region.start)
        axes.stairs(heights, edges, fill=True, color=colour, linewidth=0)
    low, high = limits
    known = signal.values[~np.isnan(signal.values)]
    # A strand that is stored negative hangs from the top of its own half of the scale.
    if not signal.letters and len(known) and (known <= 0).all():
        low, high = low, 0.0
    elif not signal.letters and len(known) and (known >= 0).all():
        low = 0.0
    if low == high:
        high = low + 1
    axes.set_ylim(low, high)
    axes.set_yticks([low, high] if low == 0 or high == 0 else [low, 0, high])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    _label(axes, signal.label)


def _draw_letters(axes: Any, signal: Signal, locus: Locus) -> None:
    """Draw the letter of each base as tall as its value, upside down where that is negative."""
    for offset, (base, value) in enumerate(zip(locus.bases, signal.values.tolist(), strict=True)):
        if np.isnan(value) or value == 0:
            continue
        path = TextPath((0, 0), base, size=1, prop=BOLD)
        box = path.get_extents()
        place = (
            Affine2D()
            .translate(-box.x0, -box.y0)
            .scale(0.95 / box.width, value / box.height)
            .translate(locus.region.start + offset + 0.025, 0)
        )
        letter = PathPatch(path, facecolor=BASES[base], linewidth=0)
        letter.set_transform(place + axes.transData)
        letter.set_gid(f"{base}:{locus.region.start + offset}:{value:.6g}")
        axes.add_patch(letter)


def _draw_variants(axes: Any, owner: str, variants: list[Variant]) -> None:
    places = [variant.position + 0.5 for variant in variants]
    effects = [variant.effect for variant in variants]
    colours = [tuple(part / 255 for part in variant.colour) for variant in variants]
    axes.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    if variants:
        axes.vlines(places, 0, effects, colors=colours, linewidth=0.8)
        axes.scatter(places, effects, c=colours, s=8, linewidths=0, zorder=3)
        reach = max(map(abs, effects)) or 1.0
        low = -reach if min(effects) < 0 else 0.0
        high = reach if max(effects) > 0 or low == 0 else 0.0
        axes.set_ylim(1.25 * low, 1.25 * high)
        axes.set_yticks(sorted({low, 0.0, high}))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    for variant in variants if len(variants) <= MOST_NAMES else ():
        side = 2 if variant.effect >= 0 else -2
        axes.annotate(
            variant.name, (variant.position + 0.5, variant.effect), (0, side),
            textcoords="offset points", ha="center", fontsize=5,
            va="bottom" if variant.effect >= 0 else "top",
        )  # fmt: skip
    _label(axes, f"{owner}\nvariant effects")


def _draw_genes(axes: Any, lanes: list[list[Gene]], region: Interval) -> None:
    for number, lane in enumerate(lanes):
        level = -number
        for gene in lane:
            start, end = max(gene.start, region.start), min(gene.end, region.end)
            axes.plot([start, end], [level, level], color=INK, linewidth=0.6)
            for first, last in gene.exons:
                if last > region.start and first < region.end:
                    box = Rectangle((first, level - 0.18), last - first, 0.36, color=INK, lw=0)
                    axes.add_patch(box)
            arrow = {"+": " ›", "-": "‹ "}.get(gene.strand, "")
            text = f"{arrow}{gene.name}" if gene.strand == "-" else f"{gene.name}{arrow}"
            axes.annotate(
                text, ((start + end) / 2, level), (0, 5), textcoords="offset points",
                ha="center", va="bottom", fontsize=6, fontstyle="italic", clip_on=True,
            )  # fmt: skip
    axes.set_ylim(-len(lanes) + 0.5, 1.3)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _label(axes, "genes")


def _draw_scale(axes: Any, region: Interval) -> None:
    """Draw a bar of a round length, and say what is shown."""
    length = _round_length(len(region) / 5)
    begin = region.start + len(region) * 0.02
    axes.plot(
        [begin, begin + length], [0.25, 0.25], color=INK, linewidth=1.5, solid_capstyle="butt"
    )
    text = f"{length // 1_000:,} kb" if length >= 1_000 else f"{length} bp"
    axes.annotate(text, (begin + length / 2, 0.25), (0, 3), textcoords="offset points", ha="center",
                  fontsize=6)  # fmt: skip
    axes.annotate(f"{region.contig}:{region.start + 1:,}-{region.end:,}", (1, 0.4),
                  xycoords="axes fraction", ha="right", fontsize=7)  # fmt: skip
    axes.set_ylim(0, 1)
    axes.axis("off")


def _round_length(most: float) -> int:
    """Return the largest of 1, 2, 5, 10 ... that is not above ``most``."""
    power = 10 ** int(np.floor(np.log10(max(most, 1))))
    return int(max(step * power for step in (1, 2, 5) if step * power <= max(most, 1)))


def _label(axes: Any, text: str) -> None:
    axes.annotate(
        text, (0, 0.5), (-LABEL, 0), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="center", fontsize=6, annotation_clip=False,
    )  # fmt: skip


def _finish_axes(rows: Any, region: Interval) -> None:
    for axes in rows:
        axes.set_xlim(region.start, region.end)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
    last = rows[-1]
    last.spines["bottom"].set_visible(True)
    last.tick_params(axis="x", bottom=True, labelbottom=True)
    # Positions are told from 1; base p lies around p - 0.5.
    ticks = MaxNLocator(5, integer=True).tick_values(region.start + 1, region.end)
    inside = [int(tick) for tick in ticks if region.start < tick <= region.end]
    last.set_xticks([tick - 0.5 for tick in inside], [f"{tick:,}" for tick in inside])
