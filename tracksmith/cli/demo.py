"""``tracksmith demo``: the whole path on a small synthetic genome, without any download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["demo"]


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder to write into.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def demo(out: Path, quiet: bool) -> None:
    """Predict a small synthetic genome with the built-in model.

    Writes a seeded genome of two contigs with planted core promoters, predicts
    it with the transparent model core-promoter, scores planted variants, and says
    how both stand out. Needs no download.
    """
    from tracksmith.cli.report import say_files
    from tracksmith.effects import api as effects
    from tracksmith.effects.request import VariantRequest
    from tracksmith.engine import api
    from tracksmith.engine.request import PredictRequest
    from tracksmith.models.demo_genome import write_demo_genome
    from tracksmith.progress import LineProgress

    planted = write_demo_genome(out / "genome")
    asked = PredictRequest(models=("core-promoter",), genome=planted.fasta)
    run = api.predict(asked, out / "run", LineProgress(quiet=quiet))
    say_files(run, quiet)
    wanted = VariantRequest(asked, planted.variants_vcf)
    scored = effects.score(wanted, out / "effects", progress=LineProgress(quiet=quiet))
    say_files(scored, quiet)
    if not quiet:
        _say_picture(run, planted)
        _say_contrast(run, planted)
        _say_variants(scored, planted)
        click.echo(f"Load {planted.promoters_bed} beside the tracks to find them in a browser.")


def _say_contrast(run: Any, planted: Any) -> None:
    """Say how high the planted promoters stand out, read back from the bigWigs."""
    from tracksmith.tracks.reader import read_values

    for strand, track, sign in (("+", "plus", 1), ("-", "minus", -1)):
        path = run.folder / "tracks" / f"core-promoter.{track}.bw"
        sites = [item for item in planted.promoters if item.strand == strand]
        heights = [
            sign * read_values(path, item.contig, item.site, item.site + 1)[0] for item in sites
        ]
        entry = next(entry for entry in run.files if entry.get("track") == track)
        edge = max(abs(entry["quantiles"]["0.999"]), abs(entry["quantiles"]["0.001"]))
        above = sum(height > edge for height in heights)
        click.echo(
            f"{len(sites)} promoters were planted on the {strand} strand: "
            f"their start sites score {min(heights):.2f} to {max(heights):.2f}; "
            f"{above} of them lie above 99.9 % of all positions ({edge:.2f})."
        )


def _say_variants(run: Any, planted: Any) -> None:
    """Say whether the variants that break a promoter come out on top, and which way."""
    table = (run.folder / "variants" / "core-promoter.top.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    neutral = next((n for n, row in enumerate(rows) if row[2].startswith("neutral")), len(rows))
    breaking = [row for row in rows[:neutral] if row[2].startswith("breaks")]
    count = sum(variant.name.startswith("breaks") for variant in planted.variants)
    weaker = sum(float(row[5]) < 0 for row in breaking)
    click.echo(
        f"{len(breaking)} of {count} variants planted to break a promoter have a larger effect "
        f"than every neutral one; {weaker} of them weaken it."
    )


PICTURE = ("demo1", 0, 100_000, 64)
"""Contig, start, end (bp) and columns of the picture."""

BARS = " ▁▂▃▄▅▆▇█"
HANGING = " ▔▀█"


def _say_picture(run: Any, planted: Any) -> None:
    """Draw a stretch of the two tracks as a browser would, from the finished bigWigs."""
    from tracksmith.tracks.reader import read_summary

    contig, start, end, columns = PICTURE
    rows = {}
    for track, sign in (("plus", 1), ("minus", -1)):
        path = run.folder / "tracks" / f"core-promoter.{track}.bw"
        highest: Any = "max" if sign > 0 else "min"
        found = read_summary(path, contig, start, end, columns, highest, exact=True)
        rows[track] = [sign * value for value in found]
    top = max(value for row in rows.values() for value in row if value == value)
    marks = [" "] * columns
    for item in planted.promoters:
        if item.contig == contig and item.site < end:
            marks[item.site * columns // end] = ">" if item.strand == "+" else "<"
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
