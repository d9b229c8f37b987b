"""``tracksmith plugin``: begin a plugin, check one against the contract, freeze its outputs."""

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
    """Write, check or freeze a model plugin."""


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
    request = CheckRequest(weights, key_values(options, "--option"), files, asymmetric)
    report = check_model(model, request)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=1, ensure_ascii=False))
    else:
        click.echo(report.text(output_width() or 100))
    if report.failed:
        names = ", ".join(finding.check for finding in report.failed)
        raise PluginError(f"{name} does not keep its contract: {names}.")


@plugin.command()
@click.argument("name")
@click.option("--weights", type=click.Path(path_type=Path), help="File or folder of weights.")
@trust_option
@click.option("--option", "options", multiple=True, help="A model's own option: NAME=VALUE.")
@click.option("--input", "inputs", multiple=True, help="A region model's file: NAME=PATH.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File; default NAME.golden.json")
def freeze(
    name: str,
    weights: Path | None,
    options: tuple[str, ...],
    inputs: tuple[str, ...],
    out: Path | None,
) -> None:
    """Write what a model gives for a few made-up windows, for later comparison.

    Ship the file with your plugin, ``Model(..., golden=PATH)``: `plugin check` and
    `doctor --self-test` compare with it where the weights are the same files.
    """
    from tracksmith.engine.golden import write_golden
    from tracksmith.engine.selftest import SelfTestRequest, freeze

    model = load_registry().get(name).model
    files = {key: Path(path) for key, path in key_values(inputs, "--input").items()}
    golden = freeze(model, SelfTestRequest(weights, key_values(options, "--option"), files))
    path = out or Path(f"{name}.golden.json")
    write_golden(path, golden)
    count = len(golden.tracks) * golden.windows * len(golden.bins)
    click.echo(
        f"{path} holds {count} values of {name}: {len(golden.tracks)} tracks, {golden.windows} "
        f"windows, {len(golden.bins)} bins of each. Ship it: Model(..., golden=PATH)."
    )


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
        "Then put your card, network and weights in place of the toy, choose a licence, and freeze "
        f"what the model gives: tracksmith plugin freeze {name}"
    )
