"""``tracksmith plugin``: begin a plugin, and check one against the contract."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tracksmith.cli.guesses import GuessingGroup
from tracksmith.cli.options import key_values, trust_option
from tracksmith.cli.tables import output_width
from tracksmith.errors import PluginError
from tracksmith.models.registry import load_registry

__all__ = ["plugin"]


@click.group(cls=GuessingGroup)
def plugin() -> None:
    """Write or check a model plugin."""


@plugin.command()
@click.argument("name")
@click.option("--weights", type=click.Path(path_type=Path), help="File or folder of weights.")
@trust_option
@click.option("--option", "options", multiple=True, help="A model's own option: NAME=VALUE.")
@click.option("--input", "inputs", multiple=True, help="A region model's file: NAME=PATH.")
@click.option("--asymmetric", is_flag=True, help="It looks further to one side on purpose.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(
    name: str,
    weights: Path | None,
    options: tuple[str, ...],
    inputs: tuple[str, ...],
    *,
    asymmetric: bool,
    as_json: bool,
) -> None:
    """Check what a model's card and network promise; exit with 1 if anything fails.

    ``open`` marks what cannot be told, with the reason: with untrained weights,
    for instance, nothing says where an output belongs.
    """
    from tracksmith.engine.conformance import CheckRequest, check_model

    model = load_registry().get(name).model
    files = {key: Path(path) for key, path in key_values(inputs, "--input").items()}
    asked = CheckRequest(weights, key_values(options, "--option"), files, asymmetric)
    report = check_model(model, asked)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1, ensure_ascii=False))
    else:
        click.echo(report.text(output_width() or 100))
    if report.failed:
        names = ", ".join(finding.check for finding in report.failed)
        raise PluginError(f"{name} does not keep its contract: {names}.")


@plugin.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write; default tracksmith-NAME."
)
def new(name: str, out: Path | None) -> None:
    """Write an installable plugin with a toy network, whose tests pass."""
    from tracksmith.models.scaffold import write_plugin

    folder = write_plugin(name, out)
    click.echo(
        f"{folder} is a plugin with the model {name}. Next:\n"
        f"  pip install -e {folder}\n"
        f"  tracksmith plugin check {name}\n"
        f"  pytest {folder}\n"
        "Then put your card, network and weights in place of the toy, and choose a licence."
    )
