"""``tracksmith predict``: prediction tracks along a genome, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracksmith.cli.options import (
    RequestCommand,
    go_options,
    request_from,
    request_options,
    run_options,
)

__all__ = ["predict"]

EXAMPLES = """\b
Examples:
  tracksmith predict -m MODEL -g genome.fa -o run
  tracksmith predict -m MODEL -g genome.fa -r peaks.bed --folds held-out -o run
  tracksmith predict -m A -m B --weights A=a/ --weights B=b/ -g genome.fa -o run
"""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@request_options("predict", "haplotypes")
@run_options
@go_options
def predict(
    out: Path,
    *,
    quiet: bool,
    overwrite: bool,
    force: bool,
    keep_parts: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Write prediction tracks (bigWig) along a genome, or over --peaks.

    Repeated on the same folder, goes on from where it stopped.
    """
    from tracksmith.cli.report import say_estimate, say_files
    from tracksmith.kinds import kind_of_request
    from tracksmith.progress import LineProgress
    from tracksmith.runs import job

    request, progress = request_from(options), LineProgress(quiet=quiet)
    kind = kind_of_request(request)
    if dry_run:
        say_estimate(job.estimate(kind, request, progress))
        return
    run = job.run_all(
        kind, request, out, progress, overwrite=overwrite, force=force, keep_parts=keep_parts
    )
    say_files(run, quiet=quiet)
