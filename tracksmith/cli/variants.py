"""``tracksmith variants``: what the alleles of a VCF change in a model's tracks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tracksmith.cli.options import add_options, model_options, require_devices, run_options
from tracksmith.cli.predict import request_from
from tracksmith.cli.regions import region_request, take_region_options, variant_region_options
from tracksmith.errors import UsageError
from tracksmith.models.trust import consent

__all__ = ["variants"]

_AROUND = re.compile(r"top:.*|[^=*]+:[0-9][0-9,]*(-[0-9][0-9,]*)?")

_WHAT = (
    click.option(
        "-r", "--regions", multiple=True,
        help="Only variants in this BED file or region, such as chr1:1,000-2,000; repeatable.",
    ),
    click.option("--chroms", multiple=True, help="Contig name or pattern; repeatable."),
    click.option("--alias", type=click.Path(path_type=Path), help="Table of contig aliases."),
    click.option(
        "--saturate", metavar="REGION",
        help="Instead of a file: every substitution of a region, as tracks.",
    ),
    click.option(
        "--score", "scores", multiple=True,
        help="log2fc, diff, l2, shift, maxabs, or a model's own; repeatable. Default by model.",
    ),
    click.option(
        "--background", type=int, default=0, metavar="N",
        help="Rank among N random SNVs of the genome (kept for later runs).",
    ),
    click.option(
        "--ref-mismatch", type=click.Choice(["skip", "error", "use-alt-as-ref"]), default="skip",
        show_default=True, help="What becomes of a REF that the genome does not have.",
    ),
    click.option(
        "--max-n", type=float, default=0.5, show_default=True,
        help="Largest share of N in a window.",
    ),
    click.option(
        "--max-skipped", "most_skipped", type=float, default=0.05, show_default=True,
        help="Largest share of alleles that may be skipped.",
    ),
    click.option("--strict", is_flag=True, help="Fail when any allele cannot be scored."),
    click.option(
        "--allow-truncated", is_flag=True, help="Read a bgzip file without its end marker."
    ),
    click.option(
        "--allow-other-lengths", is_flag=True,
        help="Contigs may have other lengths than the file declares (a genome that was cut).",
    ),
    click.option(
        "--region-mode", type=click.Choice(["ratio", "recompute"]), default="ratio",
        show_default=True, help="How a model over regions gets an allele's features.",
    ),
    click.option("--compressor", help="zlib, isal or deflate; default: the fastest installed."),
)  # fmt: skip


@click.command()
@click.argument("source", metavar="[IN]", required=False, type=click.Path(path_type=Path))
@model_options
@add_options(*_WHAT)
@variant_region_options
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder.")
@run_options
@click.option("--keep-parts", is_flag=True, help="Keep the parts after finishing.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost; compute nothing.")
@click.option("--plan-only", is_flag=True, help="Fix the run and its parts; compute nothing.")
def variants(
    source: Path | None,
    out: Path,
    quiet: bool,
    overwrite: bool,
    force: bool,
    keep_parts: bool,
    dry_run: bool,
    plan_only: bool,
    **options: Any,
) -> None:
    """Score the variants of IN: a VCF, BCF, table (.tsv), or - for standard input.

    Every effect is alternative minus reference. -t chooses tracks of the model;
    -t top:N or -t REGION instead writes reference, alternative and difference
    as tracks around the strongest variants, or those of a region.

    Repeated on the same folder, goes on from where it stopped.
    """
    from tracksmith.cli.report import say_files, say_variant_estimate
    from tracksmith.effects import api
    from tracksmith.effects.finish import Limits
    from tracksmith.progress import LineProgress

    progress = LineProgress(quiet=quiet)
    limits = Limits(options.pop("strict"), options.pop("most_skipped"))
    if not 0 <= limits.most_skipped <= 1:
        raise UsageError(
            f"--max-skipped {limits.most_skipped}: give a share of the alleles, 0 to 1."
        )
    asked = _request(source, options)
    if plan_only and keep_parts:
        raise UsageError("--plan-only makes no parts: give --keep-parts to `tracksmith finish`.")
    if dry_run:
        say_variant_estimate(asked, progress)
        return
    if plan_only:
        run = api.plan(asked, out, progress, overwrite, force, limits)
        if not quiet:
            parts, trust = sum(len(starts) for starts in run.parts), consent().options
            click.echo(
                f"{out} has {parts} parts.\nNext: `tracksmith work {out}{trust}` (or --part I/N on "
                f"many machines), then `tracksmith finish {out}{trust}`."
            )
        return
    require_devices(options["device"])
    run = api.score(asked, out, limits, progress, overwrite, keep_parts, force)
    if not quiet:
        for line in count_lines(run.content.get("counts", {})):
            click.echo(line)
    say_files(run, quiet)


def _request(source: Path | None, options: dict[str, Any]) -> Any:
    """Return the request that the options describe."""
    from tracksmith.effects.request import VariantRequest

    names = [
        "saturate", "scores", "background", "ref_mismatch", "max_n", "allow_truncated",
        "allow_other_lengths", "region_mode",
    ]  # fmt: skip
    own = {name: options.pop(name) for name in names}
    around = tuple(text for text in options["tracks"] if _AROUND.fullmatch(text))
    options["tracks"] = tuple(text for text in options["tracks"] if text not in around)
    regions = take_region_options(options)
    if regions["peaks"] is not None:
        own["over"] = region_request(regions, options)
    return VariantRequest(request_from(options), source, around=around, **own)


def count_lines(counts: dict[str, dict[str, Any]]) -> list[str]:
    """Return what became of the records, in words; the numbers add up."""
    lines = []
    for model, found in counts.items():
        line = (
            f"{model}: {found['records']:,} records = {found['records_scored']:,} scored"
            f" + {found['records_skipped']:,} skipped"
        )
        if found["records_outside_regions"]:
            line += f" + {found['records_outside_regions']:,} outside the regions"
        lines.append(
            f"{line}; {found['alleles_scored']:,} alleles scored, "
            f"{found['alleles_skipped']:,} skipped"
        )
        lines += [f"  {number:,} {reason}" for reason, number in found["reasons"].items()]
    return lines
