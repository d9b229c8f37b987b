"""``tracksmith variants``: what the alleles of a VCF change in a model's tracks."""

from __future__ import annotations

import re
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

__all__ = ["variants", "variants_request"]

_AROUND = re.compile(r"top:.*|[^=*]+:[0-9][0-9,]*(-[0-9][0-9,]*)?")

EXAMPLES = """\b
Examples:
  tracksmith variants variants.vcf.gz -m MODEL -g genome.fa -o effects
  tracksmith variants variants.vcf.gz -m MODEL -g genome.fa -t top:20 -o effects
  tracksmith variants --saturate chr1:1,000-1,200 -m MODEL -g genome.fa -o ism
"""


@click.command(cls=RequestCommand, epilog=EXAMPLES)
@click.argument("source", metavar="[IN]", required=False, type=NamedPath())
@request_options("variants")
@run_options
@go_options
@click.option("--plan-only", is_flag=True, help="As `tracksmith plan IN`: compute nothing.")
@going_as_one
def variants(going: Going, *, source: Path | None, **options: Any) -> None:
    """Score the variants of IN: a VCF, BCF, table (.tsv), or - for standard input.

    Every effect is alternative minus reference. -t chooses tracks of the model;
    -t top:N or -t REGION instead writes reference, alternative and difference
    as tracks around the strongest variants, or those of a region.

    Repeated on the same folder, goes on from where it stopped.
    """
    from tracksmith.cli.report import say_counts

    request = variants_request(source, options)
    if request.kind != "variants":
        raise UsageError("Give a file of variants, or --saturate REGION instead of it.")
    going.make(request, say_counts)


def variants_request(source: Path | None, options: dict[str, Any]) -> Any:
    """Return the request that a file of variants and options describe.

    What -t names as top:N or a region asks for tracks around variants.
    """
    texts: tuple[str, ...] = options.get("tracks", ())
    around = tuple(text for text in texts if _AROUND.fullmatch(text))
    chosen = tuple(text for text in texts if text not in around)
    both = (*(options.get("around") or ()), *around)
    return request_from({**options, "tracks": chosen, "around": both, "variants": source})
