"""``tracksmith normalise``: predicted tracks as quantiles."""

from __future__ import annotations

from pathlib import Path

import click

from tracksmith.cli.options import NamedPath, quiet_option

__all__ = ["normalise"]


@click.command()
@click.argument("run", type=NamedPath())
@quiet_option
def normalise(run: Path, *, quiet: bool) -> None:
    """Add the tracks of a finished RUN as genome-wide quantiles, 0 to 1, on one scale for all."""
    from tracksmith.progress import LineProgress
    from tracksmith.runs.normalise import normalise as write

    for written in write(run, progress=LineProgress(quiet=quiet)):
        if not quiet:
            click.echo(f"{run / written.path}")
