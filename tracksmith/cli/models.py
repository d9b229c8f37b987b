"""``tracksmith models``: what models there are, what they say, and where their weights lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tracksmith.cli.describe import broken_text, card_text, listing, listing_json, show_json
from tracksmith.cli.tables import output_width, table
from tracksmith.errors import ResourceError, TrustError
from tracksmith.models.card import ModelCard
from tracksmith.models.checked import CheckedFile
from tracksmith.models.contract import Model
from tracksmith.models.registry import load_registry
from tracksmith.models.weights import describe, state_of_weights

__all__ = ["models"]

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List models, their cards, tracks and weights."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list")
@_json
def list_models(as_json: bool = False) -> None:
    """List every model, and every plugin that is broken."""
    registry = load_registry()
    if as_json:
        _print_json(listing_json(registry))
        return
    width = output_width()
    click.echo(listing(registry, width))
    if registry.broken:
        click.echo("\n" + broken_text(registry, width))


@models.command()
@click.argument("name")
@_json
def show(name: str, as_json: bool) -> None:
    """Show the card of a model: geometry, folds, weights, licence, citation."""
    registered = load_registry().get(name)
    if as_json:
        _print_json(show_json(registered))
    else:
        click.echo(card_text(registered, output_width()))


@models.command()
@click.argument("name")
@click.option("--grep", default="", metavar="TEXT", help="Only tracks with TEXT in any field.")
@click.option("--weights", type=click.Path(path_type=Path), help="File or folder of weights.")
def tracks(name: str, grep: str, weights: Path | None) -> None:
    """List the tracks of a model; number and id are what --tracks takes."""
    from tracksmith.models.selection import grep_tracks

    card = _described(load_registry().get(name).model, weights)
    numbers = {track.id: number for number, track in enumerate(card.tracks)}
    found = grep_tracks(card, grep)
    rows = [
        (str(numbers[t.id]), t.id, t.label, t.strand, t.assay, t.cell_type, t.ontology, t.units)
        for t in found
    ]
    headers = ("#", "ID", "LABEL", "STRAND", "ASSAY", "CELL TYPE", "ONTOLOGY", "UNITS")
    kept = [i for i, head in enumerate(headers) if i < 4 or any(row[i] for row in rows)]
    shown = [[row[i] for i in kept] for row in rows]
    click.echo(table([headers[i] for i in kept], shown, output_width(), right="#"))
    if grep:
        click.echo(f"{len(found)} of {len(card.tracks)} tracks have {grep!r}.", err=True)


@models.command()
@click.argument("name")
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
def fetch(name: str, source: str | None, only: tuple[str, ...], offline: bool, quiet: bool) -> None:
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
@click.argument("name")
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


def _described(model: Model, weights: Path | None) -> ModelCard:
    """Return the card, refined by what lies beside the weights where these are there."""
    if model.describe is None:
        return model.card
    state = state_of_weights(model, weights)
    return describe(model, state.paths) if state.paths else model.card


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))
