"""``tracksmith demo``: the whole path on a small synthetic genome, without any download."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksmith_demo.picture import say_picture

if TYPE_CHECKING:
    from tracksmith_demo.genome import DemoGenome

__all__ = ["demo"]

AROUND = 3
"""So many of the strongest variants get tracks of reference, alternative and difference."""


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
def demo(out: Path, *, quiet: bool) -> None:
    """Predict and view a small synthetic genome.

    Writes a seeded genome of two contigs with planted core promoters, predicts
    it with the transparent model core-promoter, scores planted variants, says
    how both stand out, and builds a hub with a session. Needs no download.
    """
    # The verbs import torch; the help of this command must not.
    import tracksmith
    from tracksmith.progress import LineProgress
    from tracksmith_demo.genome import write_demo_genome

    progress = LineProgress(quiet=quiet)
    planted = write_demo_genome(out / "genome")
    run, scored = out / "run", out / "variants"
    tracksmith.predict("core-promoter", planted.fasta, run, progress=progress)
    tracksmith.score_variants(
        planted.variants_vcf, "core-promoter", planted.fasta, scored, around=[f"top:{AROUND}"],
        progress=progress,
    )  # fmt: skip
    hub = tracksmith.build_hub(
        [run, scored], out / "hub", email="you@example.org", name="tracksmith_demo",
        title="tracksmith demo", genome="assembly",
        add=[f"{planted.promoters_bed}=Planted promoters"],
    )  # fmt: skip
    if quiet:
        return
    _say_files(run / "tracks", scored / "variants")
    say_picture(run, planted)
    _say_contrast(run, planted)
    _say_variants(scored, planted)
    click.echo(
        f"Around the {AROUND} strongest, hub and page show reference, alternative and difference."
    )
    click.echo(f"Hub of {hub.tracks} tracks: {out / 'hub' / 'hub.txt'}")
    _say_next(out, planted)


def _say_files(*folders: Path) -> None:
    for folder in folders:
        for path in sorted(folder.iterdir()):
            click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _say_contrast(run: Path, planted: DemoGenome) -> None:
    """Say how high the planted promoters stand out, read back from the bigWigs."""
    import numpy as np

    from tracksmith.tracks.reader import read_contigs, read_values

    for strand, track in (("+", "plus"), ("-", "minus")):
        path = run / "tracks" / f"core-promoter.{track}.bw"
        # The minus strand is stored negative.
        heights = {
            contig: np.abs(read_values(path, contig, 0, length))
            for contig, length in read_contigs(path).items()
        }
        edge = np.nanquantile(np.concatenate(list(heights.values())), 0.999)
        sites = [
            float(heights[promoter.contig][promoter.site])
            for promoter in planted.promoters
            if promoter.strand == strand
        ]
        above = sum(height > edge for height in sites)
        click.echo(
            f"{len(sites)} promoters were planted on the {strand} strand: "
            f"their start sites score {min(sites):.2f} to {max(sites):.2f}; "
            f"{above} of them lie above 99.9 % of all positions ({edge:.2f})."
        )


def _say_variants(scored: Path, planted: DemoGenome) -> None:
    """Say which variants come out on top, and whether those that break a promoter do."""
    table = (scored / "variants" / "core-promoter.top.tsv").read_text(encoding="utf-8")
    columns, *lines = [line.split("\t") for line in table.splitlines()]
    rows = [dict(zip(columns, line, strict=True)) for line in lines]
    top = ", ".join(f"{row['id']} {float(row['effect']):+.4g}" for row in rows[:3])
    click.echo(f"Strongest variants, alternative minus reference: {top}.")
    names = [row["id"] for row in rows]
    neutral = next((n for n, name in enumerate(names) if name.startswith("neutral")), len(names))
    breaking = [row for row in rows[:neutral] if row["id"].startswith("breaks")]
    count = sum(variant.name.startswith("breaks") for variant in planted.variants)
    weaker = sum(float(row["effect"]) < 0 for row in breaking)
    click.echo(
        f"{len(breaking)} of {count} variants planted to break a promoter have a larger effect "
        f"than every neutral one; {weaker} of them weaken it."
    )


def _say_next(out: Path, planted: DemoGenome) -> None:
    folder = out / "hub"
    click.echo(f"Session for IGV desktop: {folder / 'session.xml'}")
    person = f"-g {shlex.quote(str(planted.fasta))} --vcf {shlex.quote(str(planted.person_vcf))}"
    click.echo("Both haplotypes of a planted person:")
    click.echo(
        f"{_program()} predict -m core-promoter {person} -o {shlex.quote(str(out / 'person'))}"
    )
    click.echo("A page with both runs and the planted promoters, on this machine:")
    shown = [out / "run", out / "variants", "--add", f"{planted.promoters_bed}=Planted promoters"]
    click.echo(f"{_program()} view {shlex.join(map(str, shown))}")


def _program() -> str:
    """Return what to type: the name alone only where the shell finds it."""
    return "tracksmith" if shutil.which("tracksmith") else shlex.quote(sys.argv[0])
