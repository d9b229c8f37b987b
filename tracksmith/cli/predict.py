"""``tracksmith predict``: prediction tracks along a genome, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracksmith.cli.options import (
    add_options,
    key_values,
    model_options,
    numbers,
    require_devices,
    run_options,
    weights,
    whole_number,
)
from tracksmith.cli.regions import region_options, region_request, take_region_options

__all__ = ["predict", "request_from", "request_options"]

_REGIONS = (
    click.option(
        "-r", "--regions", multiple=True,
        help="BED file or region such as chr1:1,000-2,000; repeatable. Default: all.",
    ),
    click.option("--chroms", multiple=True, help="Contig name or pattern; repeatable."),
    click.option("--alias", type=click.Path(path_type=Path), help="Table of contig aliases."),
    click.option("--clip", is_flag=True, help="Clip regions that pass a contig's end."),
    click.option("--stride", type=int, help="Distance between windows in bp; default by model."),
    click.option("--precision", help="Round values: 10bits (mantissa) or 2decimals."),
    click.option("--compressor", help="zlib, isal or deflate; default: the fastest installed."),
    click.option("--parts", type=int, help="Parts per model; default: about 4 Mb each."),
)  # fmt: skip

request_options = add_options(model_options, *_REGIONS)


def request_from(values: dict[str, Any]) -> Any:
    """Return the request that the options of :func:`request_options` describe."""
    from tracksmith.engine.request import PredictRequest

    given = dict(values)
    given["shifts"] = numbers(given["shifts"], "--shifts")
    given["weights"] = weights(given["weights"])
    given["options"] = key_values(given["options"], "--option")
    given["batch_size"] = whole_number(given["batch_size"], "--batch-size")
    return PredictRequest(**given)


@click.command()
@request_options
@region_options
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Run folder.")
@run_options
@click.option("--keep-parts", is_flag=True, help="Keep the parts after finishing.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost; compute nothing.")
def predict(
    out: Path,
    quiet: bool,
    overwrite: bool,
    force: bool,
    keep_parts: bool,
    dry_run: bool,
    **asked: Any,
) -> None:
    """Write prediction tracks (bigWig) along a genome, or over --peaks.

    Repeated on the same folder, goes on from where it stopped.
    """
    from tracksmith.cli.report import say_estimate, say_files, say_region_estimate
    from tracksmith.engine import api
    from tracksmith.progress import LineProgress

    progress = LineProgress(quiet=quiet)
    regions = take_region_options(asked)
    if not dry_run:
        require_devices(asked["device"])
    if regions["peaks"] is not None:
        from tracksmith.engine.regions import predict_regions

        over = region_request(regions, asked)
        if dry_run:
            say_region_estimate(over, progress)
            return
        run = predict_regions(over, out, progress, overwrite, force, keep_parts)
        say_files(run, quiet)
        return
    request = request_from(asked)
    if dry_run:
        say_estimate(request, progress)
        return
    run = api.predict(request, out, progress, overwrite, force, keep_parts)
    say_files(run, quiet)
