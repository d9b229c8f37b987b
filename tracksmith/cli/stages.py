"""``plan``, ``work``, ``finish``, ``status``: a run in steps, for clusters and after a kill."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from tracksmith.cli.options import (
    NamedPath,
    RequestCommand,
    quiet_option,
    request_options,
    run_options,
    trust_option,
)
from tracksmith.cli.variants import variants_request
from tracksmith.errors import UsageError

__all__ = ["finish", "plan", "status", "work"]

_FOLDER = click.argument("run", type=NamedPath())

EXAMPLES = """\b
Examples:
  tracksmith plan -m MODEL -g genome.fa -o run --template slurm > run.sbatch
  tracksmith plan variants.vcf.gz -m MODEL -g genome.fa -o effects
"""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@click.argument("source", metavar="[IN]", required=False, type=NamedPath())
@request_options("predict", "variants")
@run_options
@click.option(
    "--template", type=click.Choice(["slurm", "snakemake", "nextflow"]),
    help="Also print a script that runs the parts on a cluster.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what it would cost; fix nothing.")
def plan(
    source: Path | None,
    out: Path,
    *,
    quiet: bool,
    overwrite: bool,
    force: bool,
    template: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Fix a run and its parts without computing anything.

    With IN (a VCF, BCF or table) or --saturate it is a run of variants, with
    --peaks one over regions.
    """
    from tracksmith.cli.report import say_estimate, say_plan
    from tracksmith.kinds import kind_of_request
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.runs.templates import cluster_script

    request = variants_request(source, options)
    progress, kind = LineProgress(quiet=quiet or bool(template)), kind_of_request(request)
    if dry_run:
        say_estimate(job.estimate(kind, request, progress))
        return
    run = job.plan(kind, request, out, progress, overwrite=overwrite, force=force)
    if template:
        click.echo(cluster_script(template, run), nl=False)
    else:
        say_plan(run, quiet=quiet)


@click.command()
@_FOLDER
@click.option(
    "--part", help="One part I, or the I-th (from 0) of N shares: I/N. Default: all missing parts; "
    "inside a SLURM array, the share of the task.",
)  # fmt: skip
@click.option("-d", "--device", default="auto", show_default=True, help="As in predict.")
@trust_option
@quiet_option
def work(run: Path, part: str | None, device: str, *, quiet: bool) -> None:
    """Compute parts of a planned run. Any number may run at once."""
    from tracksmith.kinds import kind_of_run
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.runs.run import Run

    one, share = _read_part(part)
    opened = Run.open(run)
    done = job.work(
        kind_of_run(opened), opened, LineProgress(quiet=quiet), device=device, part=one, of=share
    )
    if not quiet:
        click.echo(f"{len(done)} parts computed. `tracksmith status {run}` tells what is left.")


def _read_part(text: str | None) -> tuple[int | None, tuple[int, int] | None]:
    """Read ``I`` or ``I/N``; inside a SLURM array default to the task's share."""
    if text is None:
        return None, _slurm_share()
    first, slash, second = text.partition("/")
    try:
        if slash:
            return None, (int(first), int(second))
        return int(first), None
    except ValueError:
        raise UsageError(f"--part {text}: give a number, or I/N such as 3/10.") from None


def _slurm_share() -> tuple[int, int] | None:
    """Return the task's share of a SLURM array, whose ids must follow one another.

    Raises
    ------
    UsageError
        Ids are left out (``--array=0,7`` or ``0-9:3``): a share cannot be told.
    """
    array = {
        name: os.environ.get(f"SLURM_ARRAY_TASK_{name}")
        for name in ("ID", "COUNT", "MIN", "MAX", "STEP")
    }
    if not array["ID"] or not array["COUNT"]:
        return None
    try:
        task, count, first = int(array["ID"]), int(array["COUNT"]), int(array["MIN"] or 0)
        last, step = int(array["MAX"] or first + count - 1), int(array["STEP"] or 1)
    except ValueError:
        raise UsageError(f"SLURM_ARRAY_TASK_* hold no numbers: {array}. Give --part I/N.") from None
    if (step != 1 and count > 1) or last - first + 1 != count or not first <= task <= last:
        raise UsageError(
            f"The SLURM array leaves ids out: task {task} of {count} with ids {first} to {last}, "
            f"step {step}. Use --array={first}-{first + count - 1}, or give --part I or --part I/N."
        )
    return task - first, count


@click.command()
@_FOLDER
@click.option("--keep-parts", is_flag=True, help="Keep the parts after finishing.")
@trust_option
@quiet_option
def finish(run: Path, *, keep_parts: bool, quiet: bool) -> None:
    """Join the parts of a run into its tracks."""
    from tracksmith.cli.report import say_counts, say_files
    from tracksmith.kinds import kind_of_run
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.runs.run import Run

    opened = Run.open(run)
    done = job.finish(kind_of_run(opened), opened, LineProgress(quiet=quiet), keep_parts=keep_parts)
    say_counts(done, quiet=quiet)
    say_files(done, quiet=quiet)


@click.command()
@_FOLDER
@click.option("--deep", is_flag=True, help="Check every byte, not only sizes.")
def status(run: Path, *, deep: bool) -> None:
    """Say how far a run is. Exit code 3 while parts are missing."""
    from tracksmith.runs import job
    from tracksmith.runs.run import Run

    state = job.status(Run.open(run), deep=deep)
    if state.finished:
        click.echo(f"{run} is finished: {len(state.files)} files.")
        return
    click.echo(f"{run}: {state.done} of {state.parts} parts are done.")
    for part, problem in list(state.problems.items())[:20]:
        click.echo(f"  part {part}: {problem}")
    if state.problems:
        click.echo(f"Next: `tracksmith work {run}`")
        sys.exit(3)
    click.echo(f"Next: `tracksmith finish {run}`")
