"""``tracksmith demo``: the whole path on a small synthetic genome, without any download."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracksmith.cli.picture import say_picture

if TYPE_CHECKING:
    from tracksmith.hub.build import HubReport

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
    it with the transparent model core-promoter, scores planted variants, says
    how both stand out, and builds a hub with sessions. Needs no download.
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
    scored = effects.score(wanted, out / "variants", progress=LineProgress(quiet=quiet))
    say_files(scored, quiet)
    hub = _build_hub(out)
    if not quiet:
        say_picture(run, planted)
        _say_contrast(run, planted)
        _say_variants(scored, planted)
        _say_hub(hub, planted, out)


def _build_hub(out: Path) -> HubReport:
    """Build a hub of both runs; the genome is synthetic, so the hub brings it along."""
    from tracksmith.hub.build import OWN_GENOME, build_hub

    return build_hub(
        [out / "run", out / "variants"], out / "hub", "you@example.org", "tracksmith_demo",
        "tracksmith demo", genome=OWN_GENOME,
    )  # fmt: skip


def _say_hub(report: HubReport, planted: Any, out: Path) -> None:
    from tracksmith.hub.server import FIRST_PORT

    folder = out / "hub"
    click.echo(f"Hub of {report.tracks} tracks: {folder / 'hub.txt'}")
    click.echo(f"Session for IGV desktop: {folder / 'session.xml'}")
    click.echo(f"The promoters to load beside them: {planted.promoters_bed}")
    click.echo(f"The page is at http://127.0.0.1:{FIRST_PORT}/ (or the next free port) with:")
    click.echo(f"{_program()} view {shlex.join([str(out / 'run'), str(out / 'variants')])}")


def _program() -> str:
    """Return what to type: the name alone only where the shell finds it."""
    return "tracksmith" if shutil.which("tracksmith") else shlex.quote(sys.argv[0])


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
    """Say which variants come out on top, and whether those that break a promoter do."""
    table = (run.folder / "variants" / "core-promoter.top.tsv").read_text(encoding="utf-8")
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
