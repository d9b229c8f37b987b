"""What commands print when they are done."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tracksmith.engine.estimate import disk_needed, estimate_model, human_bytes
from tracksmith.engine.plan import Plan
from tracksmith.engine.request import PredictRequest, resolve_request
from tracksmith.models.registry import load_registry
from tracksmith.progress import Progress
from tracksmith.run import Run

__all__ = ["say_estimate", "say_files"]


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
                f"{model}: of {counts['bases']:,} bp read, {counts['unknown']:,} are N and stay "
                f"gaps, {counts['ambiguous']:,} are other ambiguous codes."
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
                f"about {_duration(cost.seconds)} on {request.device}; "
                f"folds: {folds} ({planned.entry['folds']['rule']})"
            )
    click.echo(f"Disk: {human_bytes(disk_needed(resolved))} for the tracks, as much for the parts.")


def _duration(seconds: float) -> str:
    for limit, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * limit:
            return f"{seconds / limit:.1f} {unit}"
    return f"{seconds:.1f} seconds"
