"""``tracksmith evaluate``: finished runs against measured tracks and effects."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksmith.cli.guesses import GuessingGroup
from tracksmith.cli.options import NamedPath, out_option, quiet_option

if TYPE_CHECKING:
    from tracksmith.evaluate.results import Evaluation, NumberRow

__all__ = ["evaluate"]

MOST_LINES = 24
"""Numbers that are printed; the table has all."""

_EXAMPLES = """\b
Examples:
  tracksmith evaluate tracks RUN --measured plus.bw minus.bw --regions peaks.bed -o OUT
  tracksmith evaluate tracks RUN --measured TRACK=file.bw -o OUT
  tracksmith evaluate effects RUN --measured mpra.tsv --value log2fc -o OUT
"""


class ManyFiles(click.Command):
    """A command whose ``--measured`` takes all the words that follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its files."""
        given: list[str] = []
        collecting = False
        for text in args:
            if collecting and not text.startswith("-"):
                given += ["--measured", text]
                continue
            collecting = text == "--measured"
            if not collecting:
                given.append(text)
        return super().parse_args(ctx, given)


@click.group(cls=GuessingGroup)
def evaluate() -> None:
    """Hold a finished run against what was measured."""


@evaluate.command(cls=ManyFiles, epilog=_EXAMPLES)
@click.argument("run", type=NamedPath())
@click.option(
    "--measured",
    "measured",
    multiple=True,
    required=True,
    metavar="FILE...",
    help="Measured bigWigs: one for each track, in its order, or TRACK=FILE. RUN comes before it.",
)
@click.option("--regions", type=NamedPath(), help="BED file: profiles and quantities there.")
@click.option(
    "--missing",
    type=click.Choice(["gap", "zero"]),
    default="gap",
    show_default=True,
    help="What a base without a measured value is.",
)
@click.option(
    "--bins",
    default="1,32,128,1024",
    show_default=True,
    help="Widths in bp of the bins along whole contigs.",
)
@click.option("--alias", type=NamedPath(), help="Table of contig aliases.")
@click.option(
    "--allow-other-lengths",
    is_flag=True,
    help="Contigs may have other lengths (a genome that was cut).",
)
@out_option
@quiet_option
def tracks(
    run: Path,
    measured: tuple[str, ...],
    regions: Path | None,
    missing: str,
    bins: str,
    alias: Path | None,
    out: Path,
    *,
    allow_other_lengths: bool,
    quiet: bool,
) -> None:
    """Compare the predicted tracks of RUN with measured bigWigs."""
    from tracksmith.evaluate.verbs import evaluate_tracks
    from tracksmith.progress import LineProgress

    evaluation = evaluate_tracks(
        run, list(measured), out, regions=regions, missing=missing, bins=_widths(bins),
        alias=alias, allow_other_lengths=allow_other_lengths, progress=LineProgress(quiet=quiet),
    )  # fmt: skip
    if not quiet:
        _say(evaluation)


@evaluate.command()
@click.argument("runs", nargs=-1, required=True, type=NamedPath())
@click.option(
    "--measured",
    required=True,
    type=NamedPath(),
    help="Table with chrom, pos (1-based), ref, alt and what was measured.",
)
@click.option("--value", help="Its column of effects; found by its name where it can be.")
@click.option("--label", help="Its column of 0 and 1.")
@click.option("--score", help="Score to compare; by default the run's first.")
@click.option("--track", "tracks", multiple=True, help="Track or pair; repeatable. Default: all.")
@click.option("--alias", type=NamedPath(), help="Table of contig aliases.")
@click.option("--resamples", type=int, default=1_000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the bootstrap.")
@out_option
@quiet_option
def effects(
    runs: tuple[Path, ...],
    measured: Path,
    value: str | None,
    label: str | None,
    score: str | None,
    tracks: tuple[str, ...],
    alias: Path | None,
    resamples: int,
    seed: int,
    out: Path,
    *,
    quiet: bool,
) -> None:
    """Compare the predicted effects of RUNS with a table of measured ones.

    Several runs are compared with the first one, too.
    """
    from tracksmith.evaluate.verbs import evaluate_effects
    from tracksmith.progress import LineProgress

    evaluation = evaluate_effects(
        list(runs), measured, out, value=value, label=label, score=score, tracks=tracks,
        alias=alias, resamples=resamples, seed=seed, progress=LineProgress(quiet=quiet),
    )  # fmt: skip
    if not quiet:
        _say(evaluation)


def _widths(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and len(part) < 9 for part in parts):
        raise click.BadParameter(f"{text}: give widths in bp, such as 1,32,128,1024.")
    return [int(part) for part in parts]


def _say(evaluation: Evaluation) -> None:
    """Print what to know, the numbers over all contigs, and what each of them is."""
    click.echo(evaluation.title)
    for text in evaluation.findings:
        click.echo(f"  {text}")
    shown = [row for row in evaluation.rows if row.group.kind in ("all", "training")]
    for row in shown[:MOST_LINES]:
        click.echo(_line(row))
    if len(shown) > MOST_LINES:
        click.echo(f"  and {len(shown) - MOST_LINES:,} more")
    click.echo("where")
    for about in {row.definition.key: row.definition for row in shown[:MOST_LINES]}.values():
        click.echo(f"  {about.name}: {about.cited}")
    click.echo(f"Report: {evaluation.folder / 'report.html'}; all numbers: numbers.tsv beside it.")


def _line(row: NumberRow) -> str:
    number, about = row.estimate, row.definition
    value = "not defined" if math.isnan(number.value) else f"{number.value:.4f}"
    if about.interval and not math.isnan(number.low):
        value += f" ({number.low:.4f} to {number.high:.4f})"
    left = f", {row.left_out:,} left out" if row.left_out else ""
    where = "" if row.group.kind == "all" else f" {row.group.name},"
    return (
        f"  {row.model} {row.track}:{where} {about.name} {value}, n = {number.count:,}{left} "
        f"[{row.group.held_out}]"
    )
