"""``tracksmith models``: what models there are, what they say, and where their weights lie."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tracksmith.cli.completion import complete_models
from tracksmith.cli.describe import (
    broken_text,
    card_text,
    listing,
    listing_json,
    show_json,
    track_table,
)
from tracksmith.cli.guesses import GuessingGroup
from tracksmith.cli.tables import output_width, table
from tracksmith.errors import ResourceError, TrustError
from tracksmith.models.card import ModelCard
from tracksmith.models.checked import CheckedFile
from tracksmith.models.contract import Model, WeightPaths
from tracksmith.models.registry import NONE_INSTALLED, load_registry
from tracksmith.models.weights import describe, state_of_weights, tables_there

__all__ = ["models"]

_name = click.argument("name", shell_complete=complete_models)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group(cls=GuessingGroup, invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List models, their cards, tracks and weights."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@_json
def list_models(*, as_json: bool = False) -> None:
    """List every model, and every plugin that is broken."""
    registry = load_registry()
    if as_json:
        _print_json(listing_json(registry))
        return
    width = output_width()
    click.echo(listing(registry, width) if registry.models else NONE_INSTALLED)
    if registry.broken:
        click.echo("\n" + broken_text(registry, width))


@models.command()
@_name
@_json
def show(name: str, *, as_json: bool) -> None:
    """Show the card of a model: geometry, folds, weights, licence, citation."""
    registered = load_registry().get(name)
    if as_json:
        _print_json(show_json(registered))
    else:
        click.echo(card_text(registered, output_width()))


@models.command()
@_name
@click.option("--grep", default="", metavar="TEXT", help="Only tracks with TEXT in any field.")
@click.option("--weights", type=click.Path(path_type=Path), help="File or folder of weights.")
@_json
def tracks(name: str, grep: str, weights: Path | None, *, as_json: bool) -> None:
    """List the tracks of a model; number and id are what --tracks takes."""
    from tracksmith.models.selection import grep_tracks

    model = load_registry().get(name).model
    card, nameless = _described(model, weights)
    matching = grep_tracks(card, grep)
    if as_json:
        numbers = {track.id: number for number, track in enumerate(card.tracks)}
        _print_json([{"number": numbers[track.id]} | asdict(track) for track in matching])
        return
    listed, alike = track_table(card, matching, output_width())
    click.echo(listed)
    if alike:
        click.echo(alike, err=True)
    if grep:
        click.echo(f"{len(matching)} of {len(card.tracks)} tracks have {grep!r}.", err=True)
    if nameless:
        click.echo(nameless, err=True)


@models.command()
@_name
@click.option("--from", "source", metavar="FOLDER|URL", help="Take the files from here.")
@click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    help="Only files whose name fits, as 'fold_1.h5' or 'K562/*'; repeatable.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Use the cache and --from FOLDER alone, never the network; as TRACKSMITH_OFFLINE=1.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but licence and errors.")
def fetch(
    name: str, source: str | None, only: tuple[str, ...], *, offline: bool, quiet: bool
) -> None:
    """Bring a model's weights into the cache. Nothing else ever downloads."""
    from tracksmith.models.fetch import fetch as fetch_weights
    from tracksmith.models.fetch import licence_notice
    from tracksmith.progress import LineProgress

    model = load_registry().get(name).model
    progress = LineProgress(quiet=quiet)
    if quiet:
        click.echo(licence_notice(model.card), err=True)
    files = fetch_weights(model, source, progress.note, progress, offline=offline, only=only)
    if files and not quiet:
        click.echo(_how_far(model), err=True)


def _how_far(model: Model) -> str:
    """Say whether a model can be used with the weights that are there."""
    name, state = model.card.name, state_of_weights(model)
    if not state.paths:
        return f"{name} cannot be used yet: other files of it are missing."
    there, folds = len(state.paths), len(describe(model, state.paths).folds)
    if there < folds:
        return f"{there} of {folds} folds of {name} are there."
    return f"The weights are ready: {name} can be used."


@models.command()
@_name
@click.option("--weights", type=click.Path(path_type=Path), help="File or folder of weights.")
def verify(name: str, weights: Path | None) -> None:
    """Compare a model's weights with what is published, and with what was once fetched."""
    from tracksmith.models.fetch import verify as verify_weights

    model = load_registry().get(name).model
    files = verify_weights(model, weights)
    rows = [
        (
            file.fold or "-",
            str(file.path),
            f"{file.size:,}",
            file.sha256,
            _verdict(file),
        )
        for file in files
    ]
    if not rows:
        click.echo(f"{name} needs no weights.")
        return
    click.echo(table(("FOLD", "FILE", "BYTES", "SHA256", "DIGEST"), rows, None, right="BYTES"))
    wrong = [file for file in files if file.wrong]
    if wrong:
        raise TrustError(
            f"{len(wrong)} of {len(files)} files are not as they were published or fetched, first "
            f"{wrong[0].path}. Fetch them again: `tracksmith models fetch {name}`."
        )
    present = {file.fold for file in files}
    missing = [fold.name for fold in model.card.folds if fold.name not in present]
    if missing and not (weights and weights.is_file()):
        shown = ", ".join(missing[:9]) + (" ..." if len(missing) > 9 else "")
        raise ResourceError(
            f"{name} has {len(model.card.folds)} folds, and the weights of {len(missing)} are not "
            f"there: {shown}. Fetch them: `tracksmith models fetch {name}`."
        )


def _verdict(file: CheckedFile) -> str:
    """Say what a file's digest was compared with, and how that went."""
    if file.wrong:
        return "WRONG"
    if file.confirmed:
        return "as published"
    return "as fetched" if file.fetched else "nothing to compare with"


def _described(model: Model, weights: Path | None) -> tuple[ModelCard, str]:
    """Return the card, refined by what lies beside the weights, and what would refine it more."""
    if model.describe is None:
        return model.card, ""
    paths = state_of_weights(model, weights).paths
    tables = [file for file in model.card.weights if file.names_tracks]
    there = paths or tables_there(model.card)
    missing = [file for file in tables if Path(file.name).name not in _names(there)]
    nameless = "".join(
        f"{file.name} ({file.size or 0:,} bytes) has the names of all tracks: "
        f"`tracksmith models fetch {model.card.name} --only {file.name}`."
        for file in missing
    )
    return (describe(model, there) if there else model.card), nameless


def _names(paths: WeightPaths) -> set[str]:
    return {path.name for files in paths.values() for path in files}


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))
