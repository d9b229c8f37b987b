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
    request_from,
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
  tracksmith plan -m MODEL -g genome.fa -o run --template slurm > run.sh
  tracksmith plan variants.vcf.gz -m MODEL -g genome.fa -o effects
"""


MOST_SHOWN = 20
"""Different reasons for parts that are not done."""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@click.argument("source", metavar="[IN]", required=False, type=NamedPath())
@request_options("predict", "variants", "haplotypes", "perturb", "explain")
@run_options
@click.option(
    "--template", type=click.Choice(["slurm", "snakemake", "nextflow"]),
    help="Also print a script that runs the parts on a cluster.",
)  # fmt: skip
@click.option(
    "--tasks", type=int, help="Tasks of that script; default: one a part, on a GPU one for 128."
)
@click.option("--dry-run", is_flag=True, help="Say what it would cost; fix nothing.")
def plan(
    source: Path | None,
    out: Path,
    *,
    quiet: bool,
    overwrite: bool,
    force: bool,
    template: str | None,
    tasks: int | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Fix a run and its parts without computing anything.

    With IN (a VCF, BCF or table) or --saturate it is a run of variants, with
    --readouts one of perturbations, whose edits IN holds, with --peaks one over regions.
    With --method it explains regions.
    """
    from tracksmith.cli.report import say_estimate, say_plan
    from tracksmith.kinds import kind_of_request
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.runs.templates import cluster_script

    if tasks is not None and not template:
        raise UsageError("--tasks says how a script is cut: give --template as well.")
    request = variants_request(source, options)
    if request.readouts is not None:
        request = request_from({**options, "edits": source})
    progress, kind = LineProgress(quiet=quiet), kind_of_request(request)
    if dry_run:
        say_estimate(job.estimate(kind, request, progress))
        return
    run = job.plan(kind, request, out, progress, overwrite=overwrite, force=force)
    if template:
        script = cluster_script(template, run, kind.finishes_on(run), tasks)
        click.echo(script, nl=False)
    else:
        say_plan(run, quiet=quiet)


@click.command()
@_FOLDER
@click.option(
    "--part", help="One part I, or the I-th (from 0) of N shares: I/N. Default: all missing parts; "
    "inside a SLURM array, the share of the task.",
)  # fmt: skip
@click.option("-d", "--device", default="auto", show_default=True, help="As in predict.")
@click.option("--dask", help="As in predict.")
@trust_option
@quiet_option
def work(run: Path, part: str | None, device: str, dask: str | None, *, quiet: bool) -> None:
    """Compute parts of a planned run. Any number may run at once."""
    from tracksmith.kinds import kind_of_run
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.runs.run import Run
    from tracksmith.runs.values import read_scheduler

    one, share = _read_part(part)
    opened = Run.open(run)
    done = job.work(
        kind_of_run(opened), opened, LineProgress(quiet=quiet), device=device,
        dask="" if dask is None else read_scheduler(dask), part=one, of=share,
    )  # fmt: skip
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
    """Say how far a run is, why parts failed, what to do. Exit code 3 while parts are missing."""
    from tracksmith.runs import job
    from tracksmith.runs.run import Run

    state = job.status(Run.open(run), deep=deep)
    if state.finished:
        click.echo(f"{run} is finished: {len(state.files)} files.")
        return
    click.echo(f"{run}: {state.done} of {state.parts} parts are done.")
    plain = {part: said for part, said in state.problems.items() if part not in state.reasons}
    for problem, parts in _together(plain):
        click.echo(f"  {parts}: {problem}")
    for reason, parts in _together(state.reasons):
        click.echo(f"  {parts} failed: {_indented(reason)}")
    click.echo(f"Next: {state.next}")
    if state.problems:
        sys.exit(3)


def _together(said: dict[int, str]) -> list[tuple[str, str]]:
    """Return each text once, with the parts of which it is said: ``part 3``, ``parts 0-2, 7``."""
    parts: dict[str, list[int]] = {}
    for part, text in said.items():
        parts.setdefault(text, []).append(part)
    shown = [
        (text, f"{'part' if len(numbers) == 1 else 'parts'} {ranges(numbers)}")
        for text, numbers in parts.items()
    ]
    more = len(shown) - MOST_SHOWN
    return shown[:MOST_SHOWN] + ([("and more", f"{more} other reasons")] if more > 0 else [])


def ranges(numbers: list[int]) -> str:
    """Return ascending numbers as text, those that follow one another as ``3-9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def _indented(text: str) -> str:
    """Return the first lines of a text below one another."""
    return "\n    ".join(text.splitlines()[:4])
