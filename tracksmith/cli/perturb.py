"""``tracksmith perturb``: edit the genome in places, read a model in others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracksmith.cli.going import Going, going_as_one
from tracksmith.cli.options import (
    NamedPath,
    RequestCommand,
    go_options,
    request_from,
    request_options,
    run_options,
)
from tracksmith.errors import UsageError

__all__ = ["perturb"]

EXAMPLES = """\b
Examples:
  tracksmith perturb enhancers.bed --op mask --readouts genes.gtf -m MODEL -g genome.fa -o out
  tracksmith perturb --tile 2000 --op shuffle -r chr1:1,000,000-1,100,000 \\
      --readouts sites.bed --around 150 -m MODEL -g genome.fa -o out
  tracksmith perturb --local 1000,3000,6000 --readouts genes.gtf -m MODEL -g genome.fa -o out
"""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@click.argument("source", metavar="[EDITS]", required=False, type=NamedPath())
@request_options("perturb")
@run_options
@go_options
@click.option("--plan-only", is_flag=True, help="As `tracksmith plan`: compute nothing.")
@going_as_one
def perturb(going: Going, *, source: Path | None, **options: Any) -> None:
    """Edit the genome in places, and say what that changes where a model is read.

    EDITS is a table with titles (chrom, start, end, name, op, bases, to, readout),
    a BED file with --op, a VCF or BCF, or - for standard input. Every effect is
    with the edit minus without it.

    Repeated on the same folder, goes on from where it stopped.
    """
    request = request_from({**options, "edits": source})
    if request.kind != "perturb":
        raise UsageError("Say where the model is read: --readouts, a BED file or a GTF.")
    going.make(request)
