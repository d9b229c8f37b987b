"""``plan``, ``work``, ``finish``, ``status``: a run in steps, for clusters and after a kill."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from tracksmith.cli.options import run_options, trust_option
from tracksmith.cli.predict import request_from, request_options
from tracksmith.errors import UsageError
from tracksmith.models.trust import consent

__all__ = ["finish", "plan", "status", "work"]

_FOLDER = click.argument("run", type=click.Path(path_type=Path))
_QUIET = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")


@click.command()
@request_options
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder.")
@run_options
@click.option(
    "--template", type=click.Choice(["slurm", "snakemake", "nextflow"]),
    help="Also print a script that runs the parts on a cluster.",
)  # fmt: skip
def plan(
    out: Path, quiet: bool, overwrite: bool, force: bool, template: str | None, **asked: Any
) -> None:
    """Fix a run and its parts without computing anything."""
    from tracksmith.engine import api
    from tracksmith.engine.templates import cluster_script
    from tracksmith.progress import LineProgress

    run = api.plan(
        request_from(asked), out, LineProgress(quiet=quiet or bool(template)), overwrite, force
    )
    parts = sum(len(starts) for starts in run.parts)
    if template:
        click.echo(cluster_script(template, run, parts), nl=False)
    elif not quiet:
        click.echo(
            f"{out} has {parts} parts.\n"
            f"Next: `tracksmith work {out}{consent().options}` (or --part I/N on many machines), "
            f"then `tracksmith finish {out}`."
        )


@click.command()
@_FOLDER
@click.option(
    "--part", help="One part I, or the I-th (from 0) of N shares: I/N. Default: all missing parts; "
    "inside a SLURM array, the share of the task.",
)  # fmt: skip
@click.option("-d", "--device", default="auto", show_default=True, help="As in predict.")
@trust_option
@_QUIET
def work(run: Path, part: str | None, device: str, quiet: bool) -> None:
    """Compute parts of a planned run. Any number may run at once."""
    from tracksmith.progress import LineProgress

    one, share = _read_part(part)
    done = _verbs(run).work(run, device, one, share, LineProgress(quiet=quiet))
    if not quiet:
        click.echo(f"{len(done)} parts computed. `tracksmith status {run}` tells what is left.")


def _verbs(folder: Path) -> Any:
    """Return the module whose ``work`` and ``finish`` fit the run in a folder."""
    from tracksmith.effects import api as effects
    from tracksmith.engine import api as engine
    from tracksmith.engine import regions
    from tracksmith.run import Run

    run = Run.open(folder)
    if effects.is_variant_run(run):
        return effects
    return regions if regions.is_region_run(run) else engine


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
@_QUIET
def finish(run: Path, keep_parts: bool, quiet: bool) -> None:
    """Join the parts of a run into its tracks."""
    from tracksmith.cli.report import say_files
    from tracksmith.progress import LineProgress

    say_files(_verbs(run).finish(run, LineProgress(quiet=quiet), keep_parts), quiet)


@click.command()
@_FOLDER
@click.option("--deep", is_flag=True, help="Check every byte, not only sizes.")
def status(run: Path, deep: bool) -> None:
    """Say how far a run is. Exit code 3 while parts are missing."""
    from tracksmith.engine import api

    found = api.status(run, deep)
    if found.finished:
        click.echo(f"{run} is finished: {len(found.files)} files.")
        return
    click.echo(f"{run}: {found.done} of {found.parts} parts are done.")
    for part, problem in list(found.problems.items())[:20]:
        click.echo(f"  part {part}: {problem}")
    if found.problems:
        click.echo(f"Next: `tracksmith work {run}`")
        sys.exit(3)
    click.echo(f"Next: `tracksmith finish {run}`")
