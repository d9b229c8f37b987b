"""``tracksmith run`` and ``tracksmith study``: a study from a file, and back into one."""

from __future__ import annotations

from pathlib import Path

import click

from tracksmith.cli.options import NamedPath, go_options, run_switches, trust_option

__all__ = ["run", "study"]


@click.command()
@click.argument("file", type=NamedPath())
@trust_option
@run_switches
@go_options
def run(
    file: Path, *, quiet: bool, overwrite: bool, force: bool, keep_parts: bool, dry_run: bool
) -> None:
    """Run a study: the [predict], [variants] and [hub] of a TOML FILE.

    Repeated, goes on from where it stopped. The runs are those of the long
    commands, and so are the options; `tracksmith study RUN...` writes such a file.
    """
    from tracksmith.api import build_hub
    from tracksmith.cli.report import say_counts, say_estimate, say_files
    from tracksmith.kinds import kind_of_request
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job
    from tracksmith.study import read_study

    content, progress = read_study(file), LineProgress(quiet=quiet)
    for step in content.steps:
        kind = kind_of_request(step.request)
        if dry_run:
            click.echo(f"[{step.request.kind}] {step.out}")
            say_estimate(job.estimate(kind, step.request, progress))
            continue
        done = job.run_all(
            kind, step.request, step.out, progress,
            overwrite=overwrite, force=force, keep_parts=keep_parts,
        )  # fmt: skip
        say_counts(done, quiet=quiet)
        say_files(done, quiet=quiet)
    if content.hub is not None and not dry_run:
        report = build_hub([step.out for step in content.steps], **content.hub)
        if not quiet:
            click.echo(f"Hub of {report.tracks} tracks: {report.hub}")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=NamedPath())
def study(runs: tuple[Path, ...]) -> None:
    """Print the study that would make RUNS again, for `tracksmith run`."""
    from tracksmith.runs.run import Run
    from tracksmith.study_of_runs import study_text

    click.echo(study_text([Run.open(folder) for folder in runs]), nl=False)
