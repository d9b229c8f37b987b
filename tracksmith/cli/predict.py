"""``tracksmith predict``: prediction tracks along a genome, in one go."""

from __future__ import annotations

from typing import Any

import click

from tracksmith.cli.going import Going, going_as_one
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
@going_as_one
def predict(going: Going, **options: Any) -> None:
    """Write prediction tracks (bigWig) along a genome, or over --peaks.

    Repeated on the same folder, goes on from where it stopped.
    """
    going.make(request_from(options))
