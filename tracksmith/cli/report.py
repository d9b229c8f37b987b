"""What commands print when they are done."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tracksmith.models.trust import consent
from tracksmith.runs.estimate import Estimate, human_bytes
from tracksmith.runs.record import FileEntry
from tracksmith.runs.run import Run

__all__ = ["say_counts", "say_estimate", "say_files", "say_note", "say_plan"]

MOST_TRACKS = 10
"""Tracks of a model that are told one by one."""


def say_note(text: str) -> None:
    """Print what a user should know beside the result."""
    click.echo(f"NOTE: {text}", err=True)


def say_files(run: Run, *, quiet: bool) -> None:
    """Print the finished files with size and range of values, and the next step."""
    if quiet or run.results is None:
        return
    for model in dict.fromkeys(file.model for file in run.files):
        mine = [file for file in run.files if file.model == model]
        tracks = [file for file in mine if file.kind == "bigwig"]
        if len(tracks) > MOST_TRACKS:
            click.echo(_sum_line(run, model, tracks))
            mine = [file for file in mine if file.kind != "bigwig"]
        for file in mine:
            click.echo(_line(run, file))
    for model, counts in run.results.bases_read.items():
        if counts.unknown or counts.ambiguous:
            click.echo(
                f"{model}: of {counts.bases:,} bp read, {counts.unknown:,} are N (bins of "
                f"nothing else are gaps), {counts.ambiguous:,} are other ambiguous codes."
            )
    click.echo(
        f"Next: `tracksmith view {run.folder}` opens it here; `tracksmith hub build {run.folder}` "
        "makes a hub for UCSC and IGV."
    )


def _line(run: Run, file: FileEntry) -> str:
    line = f"{run.folder / file.path}  {human_bytes(file.size)}"
    if file.values and file.min is not None and file.max is not None:
        line += f"  {file.values:,} bp, {file.min + 0.0:.4g} to {file.max + 0.0:.4g}"
    return line


def _sum_line(run: Run, model: str, tracks: Sequence[FileEntry]) -> str:
    size = human_bytes(sum(file.size for file in tracks))
    lows = [file.min for file in tracks if file.min is not None]
    highs = [file.max for file in tracks if file.max is not None]
    line = f"{model}: {len(tracks):,} tracks in {(run.folder / tracks[0].path).parent}, {size}"
    if lows and highs:
        line += f"  {min(lows) + 0.0:.4g} to {max(highs) + 0.0:.4g}"
    return line


def say_counts(run: Run, *, quiet: bool) -> None:
    """Print what became of the records of a run of variants; the numbers add up."""
    if quiet or run.results is None:
        return
    for model, counts in run.results.counts.items():
        line = (
            f"{model}: {counts.records:,} records = {counts.records_scored:,} scored"
            f" + {counts.records_skipped:,} skipped"
        )
        if counts.records_outside_regions:
            line += f" + {counts.records_outside_regions:,} outside the regions"
        click.echo(
            f"{line}; {counts.alleles_scored:,} alleles scored, {counts.alleles_skipped:,} skipped"
        )
        for reason, number in counts.reasons.items():
            click.echo(f"  {number:,} {reason}")


def say_plan(run: Run, *, quiet: bool) -> None:
    """Print how many parts a planned run has, and what comes next."""
    if quiet:
        return
    out, trust = run.folder, consent().options
    click.echo(
        f"{out} has {run.parts} parts.\nNext: `tracksmith work {out}{trust}` (or --part I/N on "
        f"many machines), then `tracksmith finish {out}{trust}`."
    )


def say_estimate(estimate: Estimate) -> None:
    """Print models, windows, files, disk and time of a run that was not made."""
    for line in estimate.lines:
        click.echo(line)
