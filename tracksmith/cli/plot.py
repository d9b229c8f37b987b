"""``tracksmith plot``: a picture of a locus, for a paper."""

from __future__ import annotations

from pathlib import Path

import click

from tracksmith.cli.options import NamedPath

__all__ = ["plot"]


@click.command()
@click.argument("runs", nargs=-1, required=True, type=NamedPath())
@click.option("-r", "--region", required=True, help="Region, such as chr1:1,000-2,000.")
@click.option("-o", "--out", required=True, type=NamedPath(), help="Picture: .svg, .pdf or .png.")
@click.option("-t", "--track", "tracks", multiple=True, help="Track or pattern. Default: all.")
@click.option("--genes", type=NamedPath(), help="Genes to show: GTF, GFF3 or BED.")
@click.option("--width", type=float, default=6.9, show_default=True, help="Width in inches.")
@click.option("--title", default="", help="Title above it.")
def plot(
    runs: tuple[Path, ...],
    region: str,
    out: Path,
    tracks: tuple[str, ...],
    genes: Path | None,
    width: float,
    title: str,
) -> None:
    """Draw a region of finished RUNS: tracks, letters, variants, genes, a scale bar."""
    from tracksmith.plot.verbs import plot_locus

    plot_locus(
        list(runs), region, out, tracks=tracks, genes=genes, width=width, title=title
    )  # fmt: skip
    click.echo(f"{out}: {region}")
