"""``tracksmith explain``: which bases make up a prediction, as letters."""

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

__all__ = ["explain"]

EXAMPLES = """\b
Examples:
  tracksmith explain -m MODEL -g genome.fa -r peaks.bed -t TRACK -o letters
  tracksmith explain -m MODEL -g genome.fa -r peaks.bed --method gradient -o letters
  tracksmith explain -m MODEL -g genome.fa -r peaks.bed --method deeplift --hypothetical -o shap
  tracksmith explain -m MODEL -g genome.fa --alleles variants.vcf -t TRACK -o letters
"""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@request_options("explain")
@click.option(
    "--target", "targets", multiple=True, metavar="TRACKS", help="Tracks to explain: as -t."
)
@run_options
@go_options
@going_as_one
def explain(
    going: Going,
    *,
    targets: tuple[str, ...],
    **options: Any,
) -> None:
    """Write how much each base of the regions of -r adds to what a model predicts there.

    Or, with --alleles, around variants: of both alleles, and their difference.

    By every substitution (--method ism, the default, for every model), or by gradients:
    gradient, integrated, deeplift. Letters are drawn in UCSC and IGV.

    Repeated on the same folder, goes on from where it stopped.
    """
    options["tracks"] = (*(options.get("tracks") or ()), *targets)
    options["method"] = options.get("method") or "ism"
    going.make(request_from(options))
