"""A stretch of two tracks drawn in characters, as a browser would draw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from tracksmith_demo.genome import DemoGenome

__all__ = ["say_picture"]

PICTURE = ("demo1", 0, 100_000, 64)
"""Contig, start, end (bp) and columns of the picture."""

BARS = " ▁▂▃▄▅▆▇█"
HANGING = " ▔▀█"


def say_picture(run: Path, planted: DemoGenome) -> None:
    """Draw a stretch of the two tracks as a browser would, from the finished bigWigs."""
    from tracksmith.tracks.reader import read_summary

    contig, start, end, columns = PICTURE
    rows = {}
    for track, sign in (("plus", 1), ("minus", -1)):
        path = run / "tracks" / f"core-promoter.{track}.bw"
        highest: Literal["max", "min"] = "max" if sign > 0 else "min"
        heights = read_summary(path, contig, start, end, columns, highest, exact=True)
        rows[track] = [sign * height for height in heights]
    top = max(value for row in rows.values() for value in row if value == value)
    marks = [" "] * columns
    for promoter in planted.promoters:
        if promoter.contig == contig and promoter.site < end:
            marks[promoter.site * columns // end] = ">" if promoter.strand == "+" else "<"
    click.echo(f"{contig}:{start + 1:,}-{end:,}, up to {top:g}; N is left blank, . is 0")
    click.echo(f"plus      {_bars(rows['plus'], top, BARS)}")
    click.echo(f"minus     {_bars(rows['minus'], top, HANGING)}")
    click.echo(f"promoters {''.join(marks).rstrip()}")


def _bars(values: list[float], top: float, glyphs: str) -> str:
    """Return one character a value: blank for a gap, a dot for nothing, else a bar."""
    drawn = []
    for value in values:
        if value != value:
            drawn.append(" ")
        else:
            level = round(value / top * (len(glyphs) - 1))
            drawn.append(glyphs[level] if level else ".")
    return "".join(drawn).rstrip()
