"""What commands print when they are done."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracksmith.engine.estimate import disk_needed, estimate_model, human_bytes, human_time
from tracksmith.engine.plan import Plan
from tracksmith.engine.request import PredictRequest, resolve_request
from tracksmith.models.registry import load_registry
from tracksmith.progress import Progress
from tracksmith.run import Run

if TYPE_CHECKING:
    from tracksmith.effects.request import VariantRequest
    from tracksmith.engine.regions import RegionRequest

__all__ = ["say_estimate", "say_files", "say_region_estimate", "say_variant_estimate"]

MOST_FILES = 20
"""Names of files that an estimate lists."""


def say_files(run: Run, quiet: bool) -> None:
    """Print the finished files with size and range of values."""
    if quiet:
        return
    for entry in run.files:
        path = run.folder / entry["path"]
        line = f"{path}  {human_bytes(entry['size'])}"
        if entry.get("values"):
            line += f"  {entry['values']:,} bp, {entry['min']:.4g} to {entry['max']:.4g}"
        click.echo(line)
    for model, counts in run.content.get("bases_read", {}).items():
        if counts["unknown"] or counts["ambiguous"]:
            click.echo(
                f"{model}: of {counts['bases']:,} bp read, {counts['unknown']:,} are N (bins of "
                f"nothing else are gaps), {counts['ambiguous']:,} are other ambiguous codes."
            )


def say_estimate(request: PredictRequest, progress: Progress) -> None:
    """Print windows, time, disk and folds of a run without computing it."""
    registry = load_registry()
    resolved = resolve_request(request, registry, progress.note)
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(resolved.create(Path(folder)), registry)
        for number, planned in enumerate(plan.models):
            cost = estimate_model(plan, number, request.device)
            folds = ", ".join(name for name in planned.fold_names if name) or "none"
            click.echo(
                f"{cost.model}: {cost.bases:,} bp in {cost.windows:,} windows, "
                f"{len(planned.outputs)} files of {human_bytes(cost.bytes)} in all, "
                f"about {human_time(cost.seconds)} on {request.device}; "
                f"folds: {folds} ({planned.entry['folds']['rule']})"
            )
    click.echo(f"Disk: {human_bytes(disk_needed(resolved))} for the tracks, as much for the parts.")


def say_region_estimate(asked: RegionRequest, progress: Progress) -> None:
    """Print regions, windows, time and disk of a run over regions without computing it."""
    from tracksmith.engine.regions import estimate

    found = estimate(asked, progress)
    entry, cost = found.request["models"][0], found.cost
    click.echo(
        f"{cost.model}: {cost.regions:,} regions of {cost.bases:,} bp in all with "
        f"{cost.columns} features each, about {human_time(cost.feature_seconds)}; "
        f"{cost.windows:,} windows of up to {entry['geometry']['context']:,} regions, about "
        f"{human_time(cost.value_seconds)} on {found.request['device']}; {_folds(entry)}"
    )
    _say_files(found.files)
    _say_disk(cost.bytes, found.part_bytes)


def say_variant_estimate(asked: VariantRequest, progress: Progress) -> None:
    """Print alleles, windows, time, disk and folds of a run of variants without computing it."""
    from tracksmith.effects.api import estimate

    found = estimate(asked, progress)
    for entry, cost in zip(found.request["models"], found.models, strict=True):
        seconds = "" if cost.seconds is None else f"about {human_time(cost.seconds)} on "
        click.echo(
            f"{cost.model}: {cost.alleles:,} alleles of {cost.records:,} records, at most "
            f"{cost.windows:,} windows (orientations: {cost.orientations}) and {cost.passes:,} "
            f"forward passes, {seconds}{found.request['device']}; "
            f"scores {', '.join(entry['scores'])} of {len(entry['card']['tracks']):,} tracks; "
            f"{_folds(entry)}"
        )
    _say_files(found.files)
    _say_disk(found.need.files, found.need.parts, found.need.sorting)


def _folds(entry: dict[str, Any]) -> str:
    names = ", ".join(name for name in entry["folds"]["names"] if name) or "none"
    return f"folds: {names} ({entry['folds']['rule']})"


def _say_files(names: Sequence[str]) -> None:
    shown = ", ".join(names[:MOST_FILES])
    more = f" and {len(names) - MOST_FILES:,} more" if len(names) > MOST_FILES else ""
    click.echo(f"{len(names):,} files: {shown}{more}")


def _say_disk(files: int, parts: int, sorting: int = 0) -> None:
    text = f"Disk: at most {human_bytes(files)} for the files, {human_bytes(parts)} for the parts"
    if sorting:
        text += f", {human_bytes(sorting)} while it sorts"
    click.echo(f"{text}.")
